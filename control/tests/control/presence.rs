//! Who is in a room.

use std::time::Duration;

use boltorezka_proto::admission::{ConnectionState, MediaMessage};
use boltorezka_proto::call::EndReason;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn names(client: &Client) -> Vec<String> {
    let page = client.get("/v1/rooms/talk/participants").await.expect(200);
    page["items"].as_array().unwrap().iter().map(|item| item["displayName"].as_str().unwrap().to_owned()).collect()
}

async fn eventually(client: &Client, expected: &[&str]) {
    for _ in 0..400 {
        if names(client).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still {:?}, not {expected:?}", names(client).await);
}

#[tokio::test]
async fn a_list_and_then_numbered_changes() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let mut of_owner = owner.socket().await;
    let joined = of_owner.ack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(joined["participants"][0]["displayName"], "Owner");
    assert_eq!(joined["participants"][0]["participantId"], joined["participantId"]);
    let me = &joined["participants"][0];
    assert_eq!((&me["role"], &me["call"], &me["publishing"]), (&json!("owner"), &json!("none"), &json!([])));
    let first = of_owner.expect("presence.update").await;
    assert_eq!((&first["snapshot"], &first["joined"]), (&json!(true), &joined["participants"]));

    let ann = server.user("Ann").await;
    let (mut of_ann, ann_id) = ann.in_room("talk").await;
    let second = of_owner.expect("presence.update").await;
    assert_eq!(second["seq"].as_u64().unwrap(), first["seq"].as_u64().unwrap() + 1);
    assert_eq!(second["joined"][0]["participantId"], ann_id.as_str());
    assert_eq!((&second["snapshot"], &second["left"], &second["changed"]), (&json!(false), &json!([]), &json!([])));
    of_ann.ack("room.leave", json!({ "room": "talk" })).await;
    let third = of_owner.expect("presence.update").await;
    assert_eq!((&third["left"], &third["joined"]), (&json!([ann_id]), &json!([])));
    assert_eq!(third["seq"].as_u64().unwrap(), first["seq"].as_u64().unwrap() + 2);
    // A stay that is over is over: coming back is a new one.
    assert_ne!(ann.in_room("talk").await.1, ann_id);
}

#[tokio::test]
async fn changes_within_a_tenth_of_a_second_come_together() {
    let server = TestServer::start().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let watcher = key.join_token("talk", "watcher", Value::Null).await;
    let (mut socket, _) = watcher.in_room("talk").await;
    socket.expect("presence.update").await;
    let mut guests = Vec::new();
    for number in 0..30 {
        let guest = key.join_token("talk", &format!("guest-{number}"), Value::Null).await;
        guests.push(guest.socket().await);
    }
    for guest in &mut guests {
        guest.request("room.join", json!({ "room": "talk" })).await;
    }
    let mut joined = 0;
    let mut updates = 0;
    let mut seq = None;
    while joined < 30 {
        let update = socket.expect("presence.update").await;
        let this = update["seq"].as_u64().unwrap();
        assert!(seq.is_none_or(|before| this == before + 1), "no number is left out");
        seq = Some(this);
        joined += update["joined"].as_array().unwrap().len();
        updates += 1;
    }
    assert!(updates <= 15, "{updates} updates for 30 joins");
}

#[tokio::test]
async fn a_reload_keeps_the_seat() {
    let server = TestServer::start_with(|config| config.limits.participant_grace_ms = Some(30_000)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (mut watcher, _) = owner.in_room("talk").await;
    let (socket, participant_id) = ann.in_room("talk").await;
    watcher.sees(&participant_id, |_| true).await;
    socket.vanish();
    let (_socket, again) = ann.in_room("talk").await;
    assert_eq!(again, participant_id);
    assert_eq!(owner.get("/v1/rooms/talk").await.expect(200)["participantCount"], 2);
    let frames = watcher.drain(Duration::from_millis(300)).await;
    let noticed = |frame: &Value| !frame["payload"]["snapshot"].as_bool().unwrap_or(true);
    assert!(!frames.iter().any(noticed), "nobody noticed: {frames:?}");
}

#[tokio::test]
async fn who_vanished_loses_the_seat_after_a_while() {
    let server = TestServer::start_with(|config| config.limits.participant_grace_ms = Some(30_000)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (_watcher, _) = owner.in_room("talk").await;
    let (socket, _) = server.user("Ann").await.in_room("talk").await;
    socket.vanish();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(names(&owner).await, ["Owner", "Ann"]);
    server.clock.advance_ms(30_000);
    eventually(&owner, &["Owner"]).await;
    assert_eq!(server.count("SELECT count(*) FROM participants").await, 1);
}

#[tokio::test]
async fn a_running_call_keeps_the_seat_of_a_vanished_socket() {
    let server = TestServer::start_with(|config| config.limits.participant_grace_ms = Some(30_000)).await;
    let mut node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (mut socket, participant_id) = ann.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    node.say_status(&participant_id, ConnectionState::Connected, vec![]);
    socket.sees(&participant_id, |seen| seen["call"] == "connected").await;
    socket.vanish();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.clock.advance_ms(60_000);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(names(&owner).await, ["Ann"]);
    // The same seat for the new socket, and the call goes on.
    let (again, same) = ann.in_room("talk").await;
    assert_eq!(same, participant_id);
    again.vanish();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.clock.advance_ms(60_000);
    let admitted = node.served(&participant_id).unwrap();
    let participant_id = admitted.participant_id;
    node.say(MediaMessage::Left { participant_id, room: admitted.room, reason: EndReason::Timeout });
    eventually(&owner, &[]).await;
    assert!(
        node.heard()
            .iter()
            .all(|(_, message)| { !matches!(message, boltorezka_proto::admission::ControlMessage::Revoke { .. }) })
    );
    node.hear(|message| matches!(message, boltorezka_proto::admission::ControlMessage::Snapshot { .. })).await;
}

#[tokio::test]
async fn two_tabs_share_a_seat() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (mut one, id) = owner.in_room("talk").await;
    let (mut two, same) = owner.in_room("talk").await;
    assert_eq!(id, same);
    one.ack("room.leave", json!({ "room": "talk" })).await;
    assert_eq!(names(&owner).await, ["Owner"]);
    assert_eq!(one.nack("room.leave", json!({ "room": "talk" })).await["code"], "not_joined");
    two.ack("room.leave", json!({ "room": "talk" })).await;
    assert!(names(&owner).await.is_empty());
}

#[tokio::test]
async fn after_a_restart_seats_are_kept_for_a_while() {
    let server = TestServer::start_with(|config| config.limits.participant_grace_ms = Some(30_000)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (_of_owner, id) = owner.in_room("talk").await;
    let (_of_ann, _) = ann.in_room("talk").await;
    let server = server.restart().await;
    let owner = owner.at(server.address);
    assert_eq!(names(&owner).await, ["Owner", "Ann"]);
    let (_socket, again) = owner.in_room("talk").await;
    assert_eq!(again, id);
    server.clock.advance_ms(30_000);
    eventually(&owner, &["Owner"]).await;
}

#[tokio::test]
async fn a_changed_role_is_seen() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (mut socket, id) = ann.in_room("talk").await;
    socket.expect("presence.update").await;
    let path = format!("/v1/rooms/talk/members/{}", ann.id);
    owner.send(reqwest::Method::PUT, &path, Some(json!({ "role": "moderator" }))).await.expect(200);
    let update = socket.expect("presence.update").await;
    assert_eq!(
        (&update["changed"][0]["participantId"], &update["changed"][0]["role"]),
        (&json!(id), &json!("moderator"))
    );
    owner.post(&format!("/v1/admin/users/{}/promote", ann.id), json!({ "role": "admin" })).await.expect(200);
    assert_eq!(socket.expect("presence.update").await["changed"][0]["role"], "owner");
}
