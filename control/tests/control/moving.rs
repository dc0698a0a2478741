//! Moving somebody to another room.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::EndReason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn give(by: &Client, room: &str, who: &Client, role: &str) {
    let path = format!("/v1/rooms/{room}/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

async fn shift(by: &Client, participant_id: &str, to: &str) -> Answer {
    let path = format!("/v1/rooms/talk/participants/{participant_id}/move");
    by.post(&path, json!({ "room": to })).await
}

async fn count(by: &Client, room: &str) -> Value {
    by.get(&format!("/v1/rooms/{room}")).await.expect(200)["participantCount"].clone()
}

#[tokio::test]
async fn who_is_moved_leaves_the_call_and_is_told_where_to_go() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    make_room(&owner, "other", "video").await;
    let ann = server.user("Ann").await;
    let (mut socket, participant_id) = ann.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let (mut other, _) = owner.in_room("other").await;
    let before = Instant::now();
    assert_eq!(shift(&owner, &participant_id, "other").await.status, 204);
    let (at, order) =
        node.hear(|message| matches!(message, ControlMessage::Revoke { reason: EndReason::Kicked, .. })).await;
    assert!(at - before < Duration::from_millis(200), "{:?}", at - before);
    assert!(matches!(order, ControlMessage::Revoke { participant_id: of, .. } if of.to_string() == participant_id));
    assert_eq!(socket.expect("room.moved").await, json!({ "from": "talk", "to": "other" }));
    assert_eq!(socket.expect("call.ended").await, json!({ "room": "talk", "reason": "kicked" }));
    assert_eq!((count(&owner, "talk").await, count(&owner, "other").await), (json!(0), json!(2)));
    // The seat that was kept is the one that it gets.
    let seen =
        other.presence(|update| update["joined"].as_array().unwrap().iter().any(|it| it["displayName"] == "Ann"));
    let seen = seen.await;
    let kept = seen["joined"].as_array().unwrap().iter().find(|it| it["displayName"] == "Ann").unwrap();
    let joined = socket.ack("room.join", json!({ "room": "other" })).await;
    assert_eq!(joined["participantId"], kept["participantId"]);
    shift(&owner, &participant_id, "other").await.expect_problem(404, "not_found");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'rooms.participant.move'").await, 1);
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'rooms.participant.kick'").await, 0, "once");
}

#[tokio::test]
async fn nobody_ends_in_neither_room() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    for (slug, more) in [("full", json!({ "capacity": 1 })), ("back", json!({ "hidden": true })), ("shut", json!({}))] {
        let mut body = json!({ "slug": slug, "title": slug, "kind": "video" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        owner.post("/v1/rooms", body).await.expect(201);
    }
    owner.in_room("full").await;
    let ann = server.user("Ann").await;
    let (_socket, stay) = ann.in_room("shut").await;
    assert_eq!(owner.act(&format!("/v1/rooms/shut/participants/{stay}/ban")).await.status, 204);
    let (mut socket, participant_id) = ann.in_room("talk").await;
    shift(&owner, &participant_id, "full").await.expect_problem(429, "room_full");
    shift(&owner, &participant_id, "shut").await.expect_problem(403, "banned");
    shift(&owner, &participant_id, "back").await.expect_problem(403, "forbidden");
    shift(&owner, &participant_id, "nowhere").await.expect_problem(404, "not_found");
    shift(&owner, &participant_id, "talk").await.expect_problem(400, "malformed");
    let again = socket.ack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(again["participantId"], participant_id.as_str(), "it is where it was");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'rooms.participant.move'").await, 0);
    // A token opens one room.
    let visitor = server.api_key().await.join_token("talk", "visitor", Value::Null).await;
    let (_visitor, id) = visitor.in_room("talk").await;
    make_room(&owner, "open", "video").await;
    shift(&owner, &id, "open").await.expect_problem(403, "forbidden");
    assert_eq!((count(&owner, "talk").await, count(&owner, "open").await), (json!(2), json!(0)));
}

#[tokio::test]
async fn it_takes_a_moderator_of_both_rooms() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    make_room(&owner, "other", "video").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let (mut socket, participant_id) = ann.in_room("talk").await;
    give(&owner, "talk", &bob, "moderator").await;
    shift(&bob, &participant_id, "other").await.expect_problem(403, "forbidden");
    owner.send(Method::DELETE, &format!("/v1/rooms/talk/members/{}", bob.id), None).await;
    give(&owner, "other", &bob, "moderator").await;
    shift(&bob, &participant_id, "other").await.expect_problem(403, "forbidden");
    give(&owner, "talk", &bob, "moderator").await;
    give(&owner, "talk", &ann, "moderator").await;
    shift(&bob, &participant_id, "other").await.expect_problem(403, "forbidden");
    give(&owner, "talk", &ann, "member").await;
    assert_eq!(shift(&bob, &participant_id, "other").await.status, 204);
    socket.expect("room.moved").await;
}
