//! API keys, join tokens, tickets.

use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Socket, TestServer};

#[tokio::test]
async fn a_join_token_opens_one_room_for_one_identity() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    make_room(&key, "other", "video").await;
    let guest = key.join_token("talk", "ann-7", Value::Null).await;
    let (mut socket, _) = guest.in_room("talk").await;
    assert_eq!(socket.nack("room.join", json!({ "room": "other" })).await["code"], "not_found");
    let me = key.get("/v1/rooms/talk/participants").await.expect(200)["items"][0].clone();
    assert_eq!(me["displayName"], "ann-7");

    // The same identity is the same user, under another name too.
    let body = json!({ "room": "other", "identity": "ann-7", "displayName": "Ann" });
    let token = key.post("/v1/join-tokens", body).await.expect(201)["token"].as_str().unwrap().to_owned();
    let (_socket, _) = key.with_bearer(&token).in_room("other").await;
    let same = key.get("/v1/rooms/other/participants").await.expect(200)["items"][0].clone();
    assert_eq!((&same["userId"], &same["displayName"]), (&me["userId"], &json!("Ann")));

    // The same identity of another key is somebody else.
    let other_key = server.api_key().await;
    let (_socket, _) = other_key.join_token("talk", "ann-7", Value::Null).await.in_room("talk").await;
    assert_eq!(key.get("/v1/rooms/talk").await.expect(200)["participantCount"], 2);
}

#[tokio::test]
async fn a_join_token_opens_nothing_else() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let guest = key.join_token("talk", "ann", Value::Null).await;
    for path in ["/v1/rooms", "/v1/rooms/talk/messages", "/v1/admin/users"] {
        guest.get(path).await.expect_problem(403, "forbidden");
    }
    guest.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn join_tokens_are_checked_when_issued() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let body = |room: &str, identity: &str, ttl: u32| json!({ "room": room, "identity": identity, "displayName": "Ann", "ttlS": ttl });
    let path = "/v1/join-tokens";
    server.anybody().post(path, body("talk", "ann", 60)).await.expect_problem(401, "unauthenticated");
    server
        .anybody()
        .with_bearer("bk_unknown")
        .post(path, body("talk", "ann", 60))
        .await
        .expect_problem(401, "invalid_token");
    owner.post(path, body("talk", "ann", 60)).await.expect_problem(403, "forbidden");
    key.post(path, body("nowhere", "ann", 60)).await.expect_problem(404, "not_found");
    key.post(path, body("talk", " ", 60)).await.expect_problem(422, "invalid");
    key.post(path, body("talk", &"a".repeat(129), 60)).await.expect_problem(422, "invalid");
    key.post(path, body("talk", "ann", 0)).await.expect_problem(422, "invalid");
    key.post(path, body("talk", "ann", 86_401)).await.expect_problem(422, "invalid");
    key.post(path, json!({ "room": "talk" })).await.expect_problem(400, "malformed");
    key.post(path, body("talk", &"я".repeat(128), 86_400)).await.expect(201);
}

#[tokio::test]
async fn a_join_token_expires_and_cannot_be_forged() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let guest = key.join_token("talk", "ann", Value::Null).await;
    guest.ticket().await;
    server.clock.advance_ms(3_600_000);
    guest.act("/v1/auth/ws-ticket").await.expect_problem(401, "invalid_token");
    for forged in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."] {
        key.with_bearer(forged).act("/v1/auth/ws-ticket").await.expect_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn a_room_made_anew_under_the_same_name_is_another_room() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let guest = key.join_token("talk", "ann", Value::Null).await;
    assert_eq!(key.send(reqwest::Method::DELETE, "/v1/rooms/talk", None).await.status, 204);
    make_room(&key, "talk", "video").await;
    guest.act("/v1/auth/ws-ticket").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_api_key_is_no_person() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    key.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    key.act("/v1/auth/ws-ticket").await.expect_problem(403, "forbidden");
    key.get("/v1/admin/users").await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_ticket_opens_one_socket_within_45_seconds() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let ticket = ann.ticket().await;
    let mut socket = Socket::open(server.address, &ticket).await;
    let ready = socket.expect("server.ready").await;
    assert_eq!(ready["user"]["id"], ann.id);
    assert!(ready["heartbeatMs"].is_u64() && ready["sessionId"].is_string());
    assert_eq!(Socket::open(server.address, &ticket).await.close_code().await, 4002);

    let late = ann.act("/v1/auth/ws-ticket").await.expect(201);
    let expires_at = late["expiresAt"].as_str().unwrap();
    assert!(expires_at.ends_with('Z') && expires_at.len() == 24, "{expires_at}");
    server.clock.advance_ms(45_000);
    assert_eq!(Socket::open(server.address, late["ticket"].as_str().unwrap()).await.close_code().await, 4002);
}

#[tokio::test]
async fn one_ticket_used_twice_at_once_opens_one_socket() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let ticket = ann.ticket().await;
    let opened = futures_util::future::join_all((0..8).map(|_| Socket::open(server.address, &ticket))).await;
    let mut ready = 0;
    for mut socket in opened {
        ready += usize::from(socket.first_is("server.ready").await);
    }
    assert_eq!(ready, 1);
}
