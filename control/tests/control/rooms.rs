//! Rooms: making, reading, changing, deleting, entering.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

#[tokio::test]
async fn a_room_is_made_read_changed_and_deleted() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let body = json!({ "slug": "stand-up", "title": "Stand-up", "kind": "voice", "capacity": 5 });
    let room = owner.post("/v1/rooms", body.clone()).await.expect(201);
    assert_eq!((&room["slug"], &room["kind"], &room["capacity"]), (&json!("stand-up"), &json!("voice"), &json!(5)));
    assert_eq!((&room["myRole"], &room["participantCount"]), (&json!("owner"), &json!(0)));
    owner.post("/v1/rooms", body).await.expect_problem(409, "conflict");
    assert_eq!(owner.get("/v1/rooms/stand-up").await.expect(200), room);

    let change = json!({ "title": "Daily", "capacity": 2 });
    let changed = owner.send(Method::PATCH, "/v1/rooms/stand-up", Some(change)).await.expect(200);
    assert_eq!((&changed["title"], &changed["capacity"]), (&json!("Daily"), &json!(2)));
    let bad = json!({ "capacity": 0 });
    owner.send(Method::PATCH, "/v1/rooms/stand-up", Some(bad)).await.expect_problem(400, "malformed");

    assert_eq!(owner.send(Method::DELETE, "/v1/rooms/stand-up", None).await.status, 204);
    owner.get("/v1/rooms/stand-up").await.expect_problem(404, "not_found");
    owner.send(Method::DELETE, "/v1/rooms/stand-up", None).await.expect_problem(404, "not_found");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.room.%'").await, 3);
    assert_eq!(
        server.count("SELECT count(*) FROM audit WHERE address = '127.0.0.1' AND actor_id IS NOT NULL").await,
        3
    );
}

#[tokio::test]
async fn a_bad_room_is_refused_with_the_reason() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let make = async |slug: &str, title: &str, kind: &str, capacity: Value| {
        let body = json!({ "slug": slug, "title": title, "kind": kind, "capacity": capacity });
        owner.post("/v1/rooms", body).await
    };
    for (slug, title, kind, capacity, names) in [
        ("ab", "Title", "text", Value::Null, "slug"),
        ("Upper", "Title", "text", Value::Null, "slug"),
        ("fine", " ", "text", Value::Null, "title"),
        ("fine", "Title", "opera", Value::Null, "opera"),
        ("fine", "Title", "text", json!(0), "capacity"),
        ("fine", "Title", "text", json!(10_001), "capacity"),
    ] {
        let answer = make(slug, title, kind, capacity).await;
        let detail = answer.body["detail"].as_str().unwrap_or_default().to_owned();
        answer.expect_problem(400, "malformed");
        assert!(detail.contains(names), "{detail}");
    }
    server.anybody().get("/v1/rooms").await.expect_problem(401, "unauthenticated");
    server.user("Ann").await.get("/v1/rooms/No%20Slug").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_number_of_rooms_is_limited() {
    let server = TestServer::start_with(|config| config.limits.rooms_total = Some(1)).await;
    let owner = server.owner().await;
    make_room(&owner, "one", "text").await;
    let body = json!({ "slug": "two", "title": "Two", "kind": "text" });
    owner.post("/v1/rooms", body).await.expect_problem(403, "forbidden");
}

async fn pages(client: &Client, path: &str, limit: u32, key: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}?limit={limit}{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit as usize);
        keys.extend(items.iter().map(|item| item[key].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return keys,
        }
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    for number in 0..7 {
        make_room(&owner, &format!("room-{number}"), "text").await;
        server.user(&format!("User{number}")).await;
    }
    let slugs: Vec<String> = (0..7).map(|number| format!("room-{number}")).collect();
    for limit in [1, 3, 7, 100] {
        assert_eq!(pages(&owner, "/v1/rooms", limit, "slug").await, slugs);
        let users = pages(&owner, "/v1/admin/users", limit, "displayName").await;
        assert_eq!(users.len(), 8);
        assert_eq!((users[0].as_str(), users[7].as_str()), ("Owner", "User6"));
    }
    for bad in ["limit=0", "limit=101", "limit=x"] {
        owner.get(&format!("/v1/rooms?{bad}")).await.expect_problem(400, "malformed");
    }
    owner.get("/v1/rooms/room-1/messages?cursor=x").await.expect_problem(400, "malformed");
    owner.get("/v1/admin/users?cursor=x").await.expect_problem(400, "malformed");
}

#[tokio::test]
async fn members_are_kept_with_their_roles() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let ann = server.user("Ann").await;
    make_room(&owner, "talk", "video").await;
    assert_eq!(ann.get("/v1/rooms/talk").await.expect(200)["myRole"], "member");
    let path = format!("/v1/rooms/talk/members/{}", ann.id);
    let member = owner.send(Method::PUT, &path, Some(json!({ "role": "moderator" }))).await.expect(200);
    assert_eq!(member, json!({ "userId": ann.id, "displayName": "Ann", "role": "moderator" }));
    assert_eq!(ann.get("/v1/rooms/talk").await.expect(200)["myRole"], "moderator");
    assert_eq!(ann.get("/v1/rooms").await.expect(200)["items"][0]["myRole"], "moderator");
    assert_eq!(pages(&owner, "/v1/rooms/talk/members", 1, "displayName").await, ["Owner", "Ann"]);

    owner.send(Method::PUT, &path, Some(json!({ "role": "king" }))).await.expect_problem(400, "malformed");
    let nobody = "/v1/rooms/talk/members/01890000-0000-7000-8000-000000000000";
    owner.send(Method::PUT, nobody, Some(json!({ "role": "member" }))).await.expect_problem(404, "not_found");
    owner.send(Method::PUT, "/v1/rooms/talk/members/x", Some(json!({ "role": "member" }))).await.expect(404);
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, 204);
    owner.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    assert_eq!(ann.get("/v1/rooms/talk").await.expect(200)["myRole"], "member");
}

#[tokio::test]
async fn a_room_never_has_more_than_its_seats() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    let body = json!({ "slug": "small", "title": "Small", "kind": "video", "capacity": 7 });
    key.post("/v1/rooms", body).await.expect(201);
    let joins = (0..50).map(|number| {
        let key = key.clone();
        async move {
            let guest = key.join_token("small", &format!("guest-{number}"), Value::Null).await;
            let mut socket = guest.socket().await;
            let id = socket.request("room.join", json!({ "room": "small" })).await;
            (socket.answer(&id).await, socket)
        }
    });
    let mut answers = join_all(joins).await;
    let (full, joined): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer["type"] == "nack");
    assert_eq!((joined.len(), full.len()), (7, 43));
    assert!(full.iter().all(|(answer, _)| answer["code"] == "room_full"));
    assert_eq!(key.get("/v1/rooms/small").await.expect(200)["participantCount"], 7);
    assert_eq!(pages(&key, "/v1/rooms/small/participants", 3, "participantId").await.len(), 7);

    // A seat that is left is free at once, and who is in may join again.
    let inside = answers.iter_mut().find(|(answer, _)| answer["type"] == "ack").unwrap();
    inside.1.ack("room.join", json!({ "room": "small" })).await;
    inside.1.ack("room.leave", json!({ "room": "small" })).await;
    let outside = answers.iter_mut().find(|(answer, _)| answer["type"] == "nack").unwrap();
    outside.1.ack("room.join", json!({ "room": "small" })).await;
    assert_eq!(key.get("/v1/rooms/small").await.expect(200)["participantCount"], 7);
}
