//! Offers, and what the media node says.

use std::time::Duration;

use boltorezka_proto::admission::{ConnectionState, ControlMessage, MediaMessage, NodeLoad, PublishedTrack, VERSION};
use boltorezka_proto::call::{EndReason, MediaPermissions, TrackSource};
use boltorezka_proto::{ErrorCode, TrackNumber};
use serde_json::{Value, json};

use crate::common::node::Manner;
use crate::common::server::make_room;
use crate::common::{Client, Socket, TestNode, TestServer};

/// A server with its node, and a room to talk in.
async fn talking() -> (TestServer, TestNode, Client) {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    (server, node, owner)
}

async fn offer(socket: &mut Socket, room: &str, sdp: &str) -> Value {
    socket.ack("call.offer", json!({ "room": room, "sdp": sdp })).await;
    socket.expect("call.answer").await
}

#[tokio::test]
async fn an_offer_is_acked_and_then_answered() {
    let (_server, mut node, owner) = talking().await;
    let (mut socket, participant_id) = owner.in_room("talk").await;
    let id = socket.request("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let frames = socket.drain(Duration::from_millis(400)).await;
    let of_call: Vec<&Value> = frames.iter().filter(|frame| frame["type"] != "presence.update").collect();
    assert_eq!(of_call.len(), 2, "{frames:?}");
    assert_eq!((&of_call[0]["type"], &of_call[0]["requestId"]), (&json!("ack"), &json!(id)));
    assert_eq!(of_call[1], &json!({ "type": "call.answer", "payload": { "room": "talk", "sdp": "answer to v=0" } }));
    let (_, admit) = node.hear(|message| matches!(message, ControlMessage::Admit { .. })).await;
    let ControlMessage::Admit { admitted, .. } = admit else { unreachable!() };
    assert_eq!(admitted.participant_id.to_string(), participant_id);
    assert_eq!(admitted.permissions, MediaPermissions::ALL);
    socket.ack("call.ice", json!({ "room": "talk", "candidate": "" })).await;
}

#[tokio::test]
async fn an_offer_without_a_node_is_refused_at_once() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (mut socket, _) = owner.in_room("talk").await;
    let nack = socket.nack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert_eq!(nack["code"], "media_unavailable");
    assert!(nack["retryAfterMs"].is_u64());
    // The node comes later, and goes and comes again.
    let mut node = server.node().await;
    server.linked().await;
    offer(&mut socket, "talk", "one").await;
    node.cut();
    node.hear(|message| matches!(message, ControlMessage::Snapshot { .. })).await;
    server.linked().await;
    offer(&mut socket, "talk", "two").await;
}

#[tokio::test]
async fn what_the_node_refuses_is_refused() {
    let (server, node, owner) = talking().await;
    let (mut socket, _) = owner.in_room("talk").await;
    node.answers(Manner::Refuse);
    let nack = socket.nack("call.offer", json!({ "room": "talk", "sdp": "nonsense" })).await;
    assert_eq!((&nack["code"], &nack["message"]), (&json!("unacceptable_offer"), &json!("no codec fits")));
    assert_eq!(server.count("SELECT count(*) FROM participants WHERE admitted").await, 0);
    node.answers(Manner::Answer);
    offer(&mut socket, "talk", "v=0").await;
    // A refused change leaves the call that runs.
    node.answers(Manner::Refuse);
    socket.nack("call.offer", json!({ "room": "talk", "sdp": "nonsense" })).await;
    assert_eq!(server.count("SELECT count(*) FROM participants WHERE admitted").await, 1);
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_not_waited_for_long() {
    let (_server, node, owner) = talking().await;
    let (mut socket, _) = owner.in_room("talk").await;
    node.answers(Manner::Silent);
    let id = socket.request("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    // Chat goes on meanwhile.
    let started = std::time::Instant::now();
    socket.ack("ping", json!({})).await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(socket.answer(&id).await["code"], "media_unavailable");
    let waited = started.elapsed();
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(7), "{waited:?}");
}

#[tokio::test]
async fn a_link_that_breaks_answers_those_who_wait() {
    let (_server, node, owner) = talking().await;
    let (mut socket, _) = owner.in_room("talk").await;
    node.answers(Manner::Silent);
    let id = socket.request("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    socket.ack("ping", json!({})).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    node.cut();
    let started = std::time::Instant::now();
    assert_eq!(socket.answer(&id).await["code"], "media_unavailable");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_room_of_texts_has_no_call_and_one_of_voices_no_pictures() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "text", "text").await;
    make_room(&owner, "voice", "voice").await;
    let (mut socket, _) = owner.in_room("text").await;
    let nack = socket.nack("call.offer", json!({ "room": "text", "sdp": "v=0" })).await;
    assert_eq!(nack["code"], "forbidden");
    assert_eq!(socket.nack("call.offer", json!({ "room": "voice", "sdp": "v=0" })).await["code"], "not_joined");
    let (mut socket, id) = owner.in_room("voice").await;
    offer(&mut socket, "voice", "v=0").await;
    let expected =
        MediaPermissions { subscribe: true, microphone: true, camera: false, screen: false, data: true, hidden: false };
    assert_eq!(node.served(&id).unwrap().permissions, expected);
}

#[tokio::test]
async fn a_token_gives_what_it_says_and_no_more() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let watcher = key.join_token("talk", "watcher", json!({ "subscribe": true })).await;
    let (mut socket, id) = watcher.in_room("talk").await;
    offer(&mut socket, "talk", "v=0").await;
    let watching = MediaPermissions { subscribe: true, ..MediaPermissions::default() };
    assert_eq!(node.served(&id).unwrap().permissions, watching);

    let nobody = key.join_token("talk", "nobody", json!({})).await;
    let (mut socket, _) = nobody.in_room("talk").await;
    assert_eq!(socket.nack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await["code"], "forbidden");

    let speaker = key.join_token("talk", "speaker", Value::Null).await;
    let (mut socket, id) = speaker.in_room("talk").await;
    offer(&mut socket, "talk", "v=0").await;
    assert_eq!(node.served(&id).unwrap().permissions, MediaPermissions::ALL);
}

#[tokio::test]
async fn coming_back_with_a_narrower_token_narrows_a_running_call() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let wide = key.join_token("talk", "ann", Value::Null).await;
    let (mut socket, id) = wide.in_room("talk").await;
    offer(&mut socket, "talk", "v=0").await;
    let narrow = key.join_token("talk", "ann", json!({ "subscribe": true })).await;
    let (_socket, same) = narrow.in_room("talk").await;
    assert_eq!(same, id);
    let (_, order) = node.hear(|message| matches!(message, ControlMessage::SetPermissions { .. })).await;
    let ControlMessage::SetPermissions { permissions, .. } = order else { unreachable!() };
    assert_eq!(permissions, MediaPermissions { subscribe: true, ..MediaPermissions::default() });
}

#[tokio::test]
async fn what_the_node_says_of_a_participant_is_seen_by_all() {
    let (server, node, owner) = talking().await;
    let (mut watcher, _) = server.user("Ann").await.in_room("talk").await;
    let (mut socket, id) = owner.in_room("talk").await;
    watcher.sees(&id, |_| true).await;
    offer(&mut socket, "talk", "v=0").await;
    let track = |source, muted| PublishedTrack { track: TrackNumber(1), source, muted };
    node.say_status(
        &id,
        ConnectionState::Connected,
        vec![
            track(TrackSource::Camera, false),
            track(TrackSource::Microphone, false),
            track(TrackSource::Screen, true),
        ],
    );
    let changed = watcher.sees(&id, |seen| seen["call"] != "none").await;
    assert_eq!((&changed["call"], &changed["publishing"]), (&json!("connected"), &json!(["microphone", "camera"])));
    node.say_status(&id, ConnectionState::Suspended, vec![]);
    let changed = watcher.sees(&id, |seen| seen["call"] == "suspended").await;
    assert_eq!(changed["publishing"], json!([]));

    let admitted = node.served(&id).unwrap();
    let participant_id = admitted.participant_id;
    node.say(MediaMessage::Left { participant_id, room: admitted.room, reason: EndReason::Timeout });
    assert_eq!(socket.expect("call.ended").await, json!({ "room": "talk", "reason": "timeout" }));
    watcher.sees(&id, |seen| seen["call"] == "none").await;
    // It may come back under the same id.
    offer(&mut socket, "talk", "v=0 again").await;
    assert!(node.serves(&id));
}

#[tokio::test]
async fn the_last_socket_to_offer_has_the_call() {
    let (_server, node, owner) = talking().await;
    let (mut one, id) = owner.in_room("talk").await;
    offer(&mut one, "talk", "one").await;
    offer(&mut one, "talk", "one again").await;
    let (mut two, same) = owner.in_room("talk").await;
    assert_eq!(id, same);
    offer(&mut two, "talk", "two").await;
    assert_eq!(one.expect("call.ended").await, json!({ "room": "talk", "reason": "replaced" }));
    assert!(node.serves(&id));
    let frames = two.drain(Duration::from_millis(200)).await;
    assert!(frames.iter().all(|frame| frame["type"] != "call.ended"), "{frames:?}");
    // Who lost the call may leave it, and the room, without ending it.
    assert_eq!(one.ack("call.leave", json!({ "room": "talk" })).await["participantId"], id.as_str());
    one.ack("room.leave", json!({ "room": "talk" })).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(node.serves(&id));
}

#[tokio::test]
async fn leaving_the_call_gives_a_new_seat_in_the_room() {
    let (_server, mut node, owner) = talking().await;
    let (mut socket, old) = owner.in_room("talk").await;
    let unchanged = socket.ack("call.leave", json!({ "room": "talk" })).await;
    assert_eq!(unchanged["participantId"], old.as_str());
    offer(&mut socket, "talk", "v=0").await;
    let joined = socket.ack("call.leave", json!({ "room": "talk" })).await;
    let new = joined["participantId"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(joined["participants"][0]["participantId"], new);
    let revoked = |id: &str| {
        let id = id.parse().unwrap();
        move |message: &ControlMessage| matches!(message, ControlMessage::Revoke { participant_id, reason: EndReason::Left, .. } if *participant_id == id)
    };
    node.hear(revoked(&old)).await;
    offer(&mut socket, "talk", "v=0").await;
    assert!(node.serves(new) && !node.serves(&old));
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    node.hear(revoked(new)).await;
}

#[tokio::test]
async fn calls_go_on_over_a_restart_of_control() {
    let (server, mut node, owner) = talking().await;
    let (mut socket, id) = owner.in_room("talk").await;
    offer(&mut socket, "talk", "v=0").await;
    node.forget_heard();
    let server = server.restart().await;
    let (_, snapshot) = node.hear(|message| matches!(message, ControlMessage::Snapshot { .. })).await;
    let ControlMessage::Snapshot { admitted, .. } = snapshot else { unreachable!() };
    assert_eq!(admitted.len(), 1);
    assert_eq!((admitted[0].participant_id.to_string(), admitted[0].permissions), (id.clone(), MediaPermissions::ALL));
    server.linked().await;
    let owner = owner.at(server.address);
    let mut socket = owner.socket().await;
    let joined = socket.ack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(joined["participantId"], id.as_str());
    assert_eq!(joined["participants"][0]["call"], "connected");
    assert!(node.serves(&id));
}

#[tokio::test]
async fn those_whom_a_new_node_does_not_know_are_told() {
    let (server, mut node, owner) = talking().await;
    let (mut socket, id) = owner.in_room("talk").await;
    let (mut watcher, _) = server.user("Ann").await.in_room("talk").await;
    offer(&mut socket, "talk", "v=0").await;
    node.say_status(&id, ConnectionState::Connected, vec![]);
    watcher.sees(&id, |seen| seen["call"] == "connected").await;
    node.forget_everybody();
    node.cut();
    assert_eq!(socket.expect("call.ended").await, json!({ "room": "talk", "reason": "timeout" }));
    assert_eq!(watcher.expect("presence.update").await["changed"][0]["call"], "none");
    let (_, snapshot) = node.hear(|message| matches!(message, ControlMessage::Snapshot { .. })).await;
    assert!(matches!(snapshot, ControlMessage::Snapshot { admitted, .. } if admitted.is_empty()));
    let frames = watcher.drain(Duration::from_millis(200)).await;
    assert!(frames.iter().all(|frame| frame["type"] != "call.ended"), "{frames:?}");
}

#[tokio::test]
async fn those_whom_control_does_not_know_are_not_in_the_snapshot() {
    let (server, mut node, owner) = talking().await;
    let (mut socket, id) = owner.in_room("talk").await;
    offer(&mut socket, "talk", "v=0").await;
    server.sql("DELETE FROM participants").await;
    node.cut();
    node.hear(|message| matches!(message, ControlMessage::Snapshot { .. })).await;
    assert!(!node.serves(&id));
}

#[tokio::test]
async fn a_node_of_another_version_is_not_used() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    node.speaks_version(VERSION + 1);
    node.cut();
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.anybody().get("/readyz").await.expect_problem(503, "unavailable");
    assert!(node.heard().is_empty(), "it is told nothing");
    node.speaks_version(VERSION);
    server.linked().await;
}

#[tokio::test]
async fn no_more_than_so_many_are_in_calls() {
    let server = TestServer::start_with(|config| config.limits.participants_in_calls = Some(1)).await;
    let _node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (mut one, _) = owner.in_room("talk").await;
    let (mut two, _) = server.user("Ann").await.in_room("talk").await;
    offer(&mut one, "talk", "v=0").await;
    offer(&mut one, "talk", "v=0").await;
    let nack = two.nack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert_eq!(nack["code"], "media_unavailable");
}

#[tokio::test]
async fn the_nodes_seats_are_given_out_exactly_however_many_come_at_once() {
    const SEATS: usize = 7;
    let server = TestServer::start_with(|config| {
        config.limits.participants_in_calls = Some(SEATS as u32);
        config.limits.tickets_per_user_per_minute = None;
    })
    .await;
    let _node = server.node().await;
    server.linked().await;
    let key = server.api_key().await;
    make_room(&key, "talk", "video").await;
    let joins = (0..30).map(|number| {
        let key = key.clone();
        async move {
            let guest = key.join_token("talk", &format!("guest-{number}"), Value::Null).await;
            guest.in_room("talk").await.0
        }
    });
    let mut sockets = futures_util::future::join_all(joins).await;
    let mut free = SEATS;
    while sockets.len() > SEATS {
        let offers = sockets.drain(..).map(|mut socket| async move {
            let id = socket.request("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
            (socket.answer(&id).await, socket)
        });
        let answers = futures_util::future::join_all(offers).await;
        let (inside, outside): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(answer, _)| answer["type"] == "ack");
        assert_eq!(inside.len(), free, "as many as there are seats");
        assert!(outside.iter().all(|(answer, _)| answer["code"] == "media_unavailable"));
        sockets.extend(outside.into_iter().map(|(_, socket)| socket));
        // All but two make room: their seats are free at once. Those two go on, and count.
        let leaving = inside.len().min(5);
        for (place, (_, mut socket)) in inside.into_iter().enumerate() {
            if place < leaving {
                socket.ack("call.leave", json!({ "room": "talk" })).await;
            }
            // Kept open for as long as the test runs: a socket that goes keeps its seat for a while.
            std::mem::forget(socket);
        }
        free = leaving;
    }
}

#[tokio::test]
async fn a_token_alone_restarts_ice_over_http() {
    let (server, node, _owner) = talking().await;
    let body = json!({ "token": "t", "sdp": "v=0" });
    let anybody = server.anybody();
    let answer = anybody.post("/v1/calls/resume", body.clone()).await.expect(200);
    assert_eq!(answer, json!({ "sdp": "t resumes v=0" }));
    node.answers(Manner::Refuse);
    anybody.post("/v1/calls/resume", body.clone()).await.expect_problem(401, "invalid_token");
    anybody.post("/v1/calls/resume", json!({ "token": "t" })).await.expect_problem(400, "malformed");
    node.stop().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    anybody.post("/v1/calls/resume", body).await.expect_problem(503, "media_unavailable");
}

#[tokio::test]
async fn an_operator_empties_the_node_and_takes_it_back() {
    let (_server, mut node, owner) = talking().await;
    let drain = |body| owner.post("/v1/admin/media/drain", body);
    drain(json!({ "deadlineS": 86_401 })).await.expect_problem(422, "invalid");
    assert_eq!(drain(json!({ "deadlineS": 90 })).await.status, 202);
    node.hear(|message| *message == ControlMessage::Drain { deadline_ms: 90_000 }).await;
    assert_eq!(owner.act("/v1/admin/media/drain").await.status, 202);
    node.hear(|message| *message == ControlMessage::Drain { deadline_ms: 600_000 }).await;
    let load = NodeLoad { draining: true, connections: 3, shards: 2, shards_overloaded: 1, ..NodeLoad::default() };
    node.say(MediaMessage::Load(load));
    let expected = json!({ "linked": true, "draining": true, "connections": 3, "shards": 2, "shardsOverloaded": 1 });
    for _ in 0..50 {
        if owner.get("/v1/admin/media").await.expect(200) == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(owner.get("/v1/admin/media").await.expect(200), expected);
    assert_eq!(owner.act("/v1/admin/media/undrain").await.status, 202);
    node.hear(|message| *message == ControlMessage::Undrain {}).await;
}

#[tokio::test]
async fn who_is_refused_for_too_much_load_is_told_when_to_come_back() {
    let (_server, mut node, owner) = talking().await;
    node.answers(Manner::Silent);
    let (mut socket, _) = owner.in_room("talk").await;
    let id = socket.request("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let (_, admit) = node.hear(|message| matches!(message, ControlMessage::Admit { .. })).await;
    let ControlMessage::Admit { request_id, .. } = admit else { unreachable!() };
    let (code, message) = (ErrorCode::Overloaded, "too much to do".to_owned());
    node.say(MediaMessage::Refused { request_id, code, message });
    let nack = socket.answer(&id).await;
    assert_eq!((&nack["code"], &nack["retryAfterMs"]), (&json!("overloaded"), &json!(5000)));
}
