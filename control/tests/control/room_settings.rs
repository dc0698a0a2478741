//! How a room is: where it is listed, who finds it, who may speak in it and how often, how long it keeps what was said.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::EndReason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::workspaces::{make_workspace, take_in};
use crate::common::{Client, Socket, TestServer};

const DAY_MS: i64 = 24 * 3_600_000;

async fn set(by: &Client, room: &str, settings: Value) -> Value {
    by.send(Method::PATCH, &format!("/v1/rooms/{room}"), Some(settings)).await.expect(200)
}

async fn give(by: &Client, room: &str, who: &Client, role: &str) {
    let path = format!("/v1/rooms/{room}/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

async fn send(socket: &mut Socket, room: &str, key: &str) -> Value {
    let id = socket.request_with_key("message.send", json!({ "room": room, "text": "hello" }), Some(key)).await;
    socket.answer(&id).await
}

#[tokio::test]
async fn settings_are_made_shown_changed_and_checked() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let body = json!({
        "slug": "news", "title": "News", "kind": "text", "category": " Company ", "position": 3, "hidden": true,
        "readOnly": true, "slowModeS": 30, "retentionDays": 7
    });
    let made = owner.post("/v1/rooms", body).await.expect(201);
    let shown = |room: &Value| {
        ["category", "position", "hidden", "readOnly", "slowModeS", "retentionDays"].map(|key| room[key].clone())
    };
    assert_eq!(shown(&made), [json!("Company"), json!(3), json!(true), json!(true), json!(30), json!(7)]);
    assert_eq!(set(&owner, "news", json!({ "title": "N" })).await["slowModeS"], 30, "what is absent stays");
    let nothing = json!({
        "category": "", "position": 0, "hidden": false, "readOnly": false, "slowModeS": 0, "retentionDays": 0
    });
    let off = [Value::Null, json!(0), json!(false), json!(false), Value::Null, Value::Null];
    assert_eq!(shown(&set(&owner, "news", nothing).await), off);
    assert_eq!(shown(&make_room(&owner, "plain", "text").await), off);
    for (key, value) in [
        ("position", json!(1_000_001)),
        ("slowModeS", json!(21_601)),
        ("retentionDays", json!(3_651)),
        ("position", json!(-1)),
        ("category", json!("x".repeat(61))),
        ("hidden", json!("yes")),
    ] {
        let answer = owner.send(Method::PATCH, "/v1/rooms/news", Some(json!({ key: value }))).await;
        answer.expect_problem(400, "malformed");
        let body = json!({ "slug": "bad", "title": "B", "kind": "text", key: value });
        owner.post("/v1/rooms", body).await.expect_problem(400, "malformed");
    }
    assert_eq!(shown(&owner.get("/v1/rooms/news").await.expect(200)), off);
}

#[tokio::test]
async fn rooms_are_listed_by_category_position_and_title() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    for (slug, title, category, position) in [
        ("delta", "Zeta", "Teams", 0),
        ("alpha", "Beta", "Teams", 1),
        ("beta", "Alpha", "Teams", 1),
        ("gamma", "Z", "", 9),
    ] {
        let body = json!({ "slug": slug, "title": title, "kind": "text", "category": category, "position": position });
        owner.post("/v1/rooms", body).await.expect(201);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("/v1/rooms?limit=1{cursor}")).await.expect(200);
        seen.push(page["items"][0]["slug"].as_str().unwrap().to_owned());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["gamma", "delta", "beta", "alpha"]);
    owner.get("/v1/rooms?cursor=x").await.expect_problem(400, "malformed");
}

#[tokio::test]
async fn a_hidden_room_is_as_one_that_does_not_exist() {
    let server = TestServer::start().await;
    let _node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "back", "video").await;
    set(&owner, "back", json!({ "hidden": true })).await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    give(&owner, "back", &bob, "listener").await;
    let id = "01890000-0000-7000-8000-000000000000";
    for (method, rest) in [
        (Method::GET, ""),
        (Method::PATCH, ""),
        (Method::DELETE, ""),
        (Method::GET, "/messages"),
        (Method::GET, "/pins"),
        (Method::GET, "/members"),
        (Method::PUT, &format!("/members/{id}") as &str),
        (Method::DELETE, &format!("/members/{id}") as &str),
        (Method::GET, "/participants"),
        (Method::POST, &format!("/participants/{id}/kick") as &str),
        (Method::POST, &format!("/participants/{id}/ban") as &str),
        (Method::POST, &format!("/participants/{id}/mute") as &str),
    ] {
        let body = match (&method, rest) {
            (&Method::PATCH, _) => Some(json!({ "title": "T" })),
            (&Method::PUT, _) => Some(json!({ "role": "member" })),
            _ => None,
        };
        let hidden = ann.send(method.clone(), &format!("/v1/rooms/back{rest}"), body.clone()).await;
        let nowhere = ann.send(method.clone(), &format!("/v1/rooms/nowhere{rest}"), body).await;
        assert_eq!((hidden.status, &hidden.body), (404, &nowhere.body), "{method} {rest}");
    }
    assert_eq!(ann.get("/v1/rooms").await.expect(200)["items"], json!([]));
    let mut socket = ann.socket().await;
    let hidden = socket.nack("room.join", json!({ "room": "back" })).await;
    let nowhere = socket.nack("room.join", json!({ "room": "nowhere" })).await;
    assert_eq!((&hidden["code"], &hidden["message"]), (&json!("not_found"), &nowhere["message"]));

    // Who belongs there finds it: members, admins, and whom the operator sends with a token.
    assert_eq!(bob.get("/v1/rooms").await.expect(200)["items"][0]["slug"], "back");
    bob.get("/v1/rooms/back/messages").await.expect(200);
    bob.in_room("back").await;
    owner.in_room("back").await;
    let key = server.api_key().await;
    let visitor = key.join_token("back", "visitor", Value::Null).await;
    let (_socket, _) = visitor.in_room("back").await;
    let offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
        c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:11\r\n\
        a=setup:actpass\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n";
    let encoder = key.join_token("back", "encoder", Value::Null).await;
    let request = encoder.request(Method::POST, "/v1/whip/back").header("content-type", "application/sdp");
    assert_eq!(encoder.finish(request.body(offer)).await.status, 201);
}

#[tokio::test]
async fn who_loses_sight_of_a_room_is_out_of_it_at_once() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    give(&owner, "talk", &bob, "member").await;
    let (mut anns, ann_id) = ann.in_room("talk").await;
    let (mut bobs, bob_id) = bob.in_room("talk").await;
    for socket in [&mut anns, &mut bobs] {
        socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    }
    bobs.sees(&ann_id, |_| true).await;
    let revoked = |id: &str| {
        let id = id.to_owned();
        move |message: &ControlMessage| matches!(message, ControlMessage::Revoke { participant_id, reason: EndReason::Revoked, .. } if participant_id.to_string() == id)
    };
    let before = Instant::now();
    set(&owner, "talk", json!({ "hidden": true })).await;
    let (at, _) = node.hear(revoked(&ann_id)).await;
    assert!(at - before < Duration::from_millis(200), "{:?}", at - before);
    assert_eq!(anns.expect("call.ended").await, json!({ "room": "talk", "reason": "revoked" }));
    assert_eq!(anns.nack("room.join", json!({ "room": "talk" })).await["code"], "not_found");
    assert_eq!(send(&mut anns, "talk", "k").await["code"], "not_joined");
    bobs.presence(|update| update["left"].as_array().unwrap().iter().any(|id| *id == ann_id.as_str())).await;
    assert!(node.serves(&bob_id));
    // So does the role that showed it.
    let member = format!("/v1/rooms/talk/members/{}", bob.id);
    assert_eq!(owner.send(Method::DELETE, &member, None).await.status, 204);
    node.hear(revoked(&bob_id)).await;
    assert_eq!(bobs.expect("call.ended").await["reason"], "revoked");
    assert_eq!(owner.get("/v1/rooms/talk").await.expect(200)["participantCount"], 0);
}

#[tokio::test]
async fn a_lost_role_in_the_workspace_takes_out_of_hidden_rooms() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    make_workspace(&admin, "acme").await;
    let ann = server.user("Ann").await;
    take_in(&admin, "acme", &ann, "admin").await;
    let (of_admin, of_ann) = (admin.within("acme"), ann.within("acme"));
    make_room(&of_admin, "back", "video").await;
    set(&of_admin, "back", json!({ "hidden": true })).await;
    let (mut socket, _) = of_ann.in_room("back").await;
    take_in(&admin, "acme", &ann, "member").await;
    assert_eq!(socket.expect("call.ended").await["reason"], "revoked");
    of_ann.get("/v1/rooms/back").await.expect_problem(404, "not_found");
}

/// The server ended between the change and what follows from it.
#[tokio::test]
async fn who_was_left_in_a_hidden_room_is_taken_out_after_a_restart() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (socket, _) = server.user("Ann").await.in_room("talk").await;
    socket.vanish();
    let parts = server.stop().await;
    let server = TestServer::resume(parts, "UPDATE rooms SET hidden = TRUE").await;
    for _ in 0..500 {
        if server.count("SELECT count(*) FROM participants").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still inside after 5 s");
}

#[tokio::test]
async fn where_it_is_read_only_moderators_speak() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "news", "text").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    give(&owner, "news", &bob, "moderator").await;
    let (mut anns, _) = ann.in_room("news").await;
    let (mut bobs, _) = bob.in_room("news").await;
    let said = send(&mut anns, "news", "before").await;
    set(&owner, "news", json!({ "readOnly": true })).await;
    assert_eq!(send(&mut anns, "news", "after").await["code"], "read_only");
    assert_eq!(send(&mut anns, "news", "before").await["payload"]["duplicate"], true);
    assert_eq!(send(&mut bobs, "news", "after").await["type"], "ack");
    let edit = json!({ "room": "news", "messageId": said["payload"]["message"]["id"], "text": "other" });
    let id = anns.request_with_key("message.edit", edit, Some("edit")).await;
    assert_eq!(anns.answer(&id).await["code"], "read_only");
    set(&owner, "news", json!({ "readOnly": false })).await;
    assert_eq!(send(&mut anns, "news", "after").await["type"], "ack");
}

#[tokio::test]
async fn slow_mode_tells_how_long_to_wait() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    set(&owner, "talk", json!({ "slowModeS": 60 })).await;
    let ann = server.user("Ann").await;
    // Two sockets of one sender pass no more than one.
    let (mut one, _) = ann.in_room("talk").await;
    let (mut two, _) = ann.in_room("talk").await;
    let (a, b) = tokio::join!(send(&mut one, "talk", "1"), send(&mut two, "talk", "2"));
    let (stored, refused, key) = if a["type"] == "ack" { (a, b, "1") } else { (b, a, "2") };
    assert_eq!((&stored["type"], &refused["code"]), (&json!("ack"), &json!("slow_mode")));
    let wait_ms = refused["retryAfterMs"].as_u64().unwrap();
    assert!((50_000..=60_000).contains(&wait_ms), "{wait_ms}");
    let again = send(&mut two, "talk", key).await;
    assert_eq!(again["payload"]["duplicate"], true, "what was stored is answered: {again}");
    server.clock.advance_ms(60_000);
    assert_eq!(send(&mut one, "talk", "3").await["type"], "ack");
    let (mut moderators, _) = owner.in_room("talk").await;
    for key in ["1", "2", "3"] {
        assert_eq!(send(&mut moderators, "talk", key).await["type"], "ack");
    }
}

#[tokio::test]
async fn old_messages_go_and_those_inside_are_told() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    make_room(&owner, "kept", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    socket.ack("room.join", json!({ "room": "kept" })).await;
    for key in ["1", "2"] {
        send(&mut socket, "talk", key).await;
    }
    send(&mut socket, "kept", "3").await;
    server.clock.advance_ms(DAY_MS);
    send(&mut socket, "talk", "4").await;
    set(&owner, "talk", json!({ "retentionDays": 1 })).await;
    let trimmed = socket.expect("history.trimmed").await;
    assert_eq!(trimmed, json!({ "room": "talk", "firstSeq": 3 }));
    let messages = |room: &str| format!("/v1/rooms/{room}/messages");
    let items = owner.get(&messages("talk")).await.expect(200)["items"].clone();
    assert_eq!((items.as_array().unwrap().len(), &items[0]["seq"]), (1, &json!(3)));
    assert_eq!(owner.get(&messages("kept")).await.expect(200)["items"].as_array().unwrap().len(), 1);
    let delta = socket.ack("sync.resume", json!({ "room": "talk", "seq": 1 })).await;
    assert_eq!((&delta["firstSeq"], &delta["seq"], &delta["snapshot"]), (&json!(3), &json!(3), &json!(false)));
    assert_eq!(delta["messages"].as_array().unwrap().len(), 1);
}
