//! What takes rights away reaches the node at once, and before anything else.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::{EndReason, MediaPermissions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, Socket, TestNode, TestServer};
use crate::custom_roles::{give, make_role};

/// The bound of the design is on all of it, from the commit to the last packet; control's part is a small one.
const AT_ONCE: Duration = Duration::from_millis(200);

struct Call {
    server: TestServer,
    node: TestNode,
    owner: Client,
    ann: Client,
    socket: Socket,
    participant_id: String,
}

/// Ann is in a call, the owner is not.
async fn call() -> Call {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (mut socket, participant_id) = ann.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert!(node.serves(&participant_id));
    Call { server, node, owner, ann, socket, participant_id }
}

fn is_revoke(reason: EndReason) -> impl Fn(&ControlMessage) -> bool {
    move |message| matches!(message, ControlMessage::Revoke { reason: of, .. } if *of == reason)
}

#[tokio::test]
async fn a_kick_cuts_the_media_and_lets_come_back() {
    let mut call = call().await;
    let id = &call.participant_id;
    let before = Instant::now();
    let path = format!("/v1/rooms/talk/participants/{id}/kick");
    assert_eq!(call.owner.act(&path).await.status, 204);
    let (at, message) = call.node.hear(is_revoke(EndReason::Kicked)).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    assert!(matches!(message, ControlMessage::Revoke { participant_id, .. } if participant_id.to_string() == *id));
    assert_eq!(call.socket.expect("call.ended").await, json!({ "room": "talk", "reason": "kicked" }));
    let nack = call.socket.nack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert_eq!(nack["code"], "not_joined");
    assert_ne!(call.socket.ack("room.join", json!({ "room": "talk" })).await["participantId"], id.as_str());
    call.owner.act(&path).await.expect_problem(404, "not_found");
    assert_eq!(call.server.count("SELECT count(*) FROM audit WHERE action = 'rooms.participant.kick'").await, 1);
}

#[tokio::test]
async fn a_ban_keeps_out() {
    let mut call = call().await;
    let before = Instant::now();
    call.owner.act(&format!("/v1/rooms/talk/participants/{}/ban", call.participant_id)).await;
    let (at, _) = call.node.hear(is_revoke(EndReason::Banned)).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    assert_eq!(call.socket.expect("call.ended").await["reason"], "banned");
    assert_eq!(call.socket.nack("room.join", json!({ "room": "talk" })).await["code"], "banned");
    let mut other = call.ann.socket().await;
    assert_eq!(other.nack("room.join", json!({ "room": "talk" })).await["code"], "banned");
    call.ann.get("/v1/rooms/talk/messages").await.expect_problem(403, "banned");
    assert!(call.ann.get("/v1/rooms/talk").await.expect(200)["myRole"].is_null());
    let key = json!({ "room": "talk", "text": "let me in" });
    let id = call.socket.request_with_key("message.send", key, Some("k")).await;
    assert_eq!(call.socket.answer(&id).await["code"], "not_joined");
    assert_eq!(call.server.count("SELECT count(*) FROM audit WHERE action = 'rooms.participant.ban'").await, 1);
}

#[tokio::test]
async fn a_mute_lasts_until_it_is_lifted() {
    let mut call = call().await;
    let path = format!("/v1/rooms/talk/participants/{}/mute", call.participant_id);
    let before = Instant::now();
    assert_eq!(call.owner.act(&path).await.status, 204);
    let no_microphone = MediaPermissions { microphone: false, ..MediaPermissions::ALL };
    let is = |wanted: MediaPermissions| move |message: &ControlMessage| matches!(message, ControlMessage::SetPermissions { permissions, .. } if *permissions == wanted);
    let (at, _) = call.node.hear(is(no_microphone)).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    assert_eq!(call.owner.post(&path, json!({ "source": "screen" })).await.status, 204);
    let (_, _) = call.node.hear(is(MediaPermissions { screen: false, ..no_microphone })).await;
    // A new offer, and a new seat after leaving, do not give it back.
    call.socket.ack("call.leave", json!({ "room": "talk" })).await;
    call.socket.ack("room.leave", json!({ "room": "talk" })).await;
    let joined = call.socket.ack("room.join", json!({ "room": "talk" })).await;
    let id = joined["participantId"].as_str().unwrap().to_owned();
    call.socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let expected = MediaPermissions { screen: false, ..no_microphone };
    assert_eq!(call.node.served(&id).unwrap().permissions, expected);
    let path = format!("/v1/rooms/talk/participants/{id}/mute");
    assert_eq!(call.owner.post(&path, json!({ "muted": false })).await.status, 204);
    call.node.hear(is(MediaPermissions { screen: false, ..MediaPermissions::ALL })).await;
    call.owner.post(&path, json!({ "source": "voice" })).await.expect_problem(400, "malformed");
    assert_eq!(call.server.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.participant.%mute'").await, 3);
}

#[tokio::test]
async fn a_lost_role_takes_the_microphone() {
    let mut call = call().await;
    let path = format!("/v1/rooms/talk/members/{}", call.ann.id);
    let before = Instant::now();
    call.owner.send(Method::PUT, &path, Some(json!({ "role": "listener" }))).await.expect(200);
    let (at, message) = call.node.hear(|message| matches!(message, ControlMessage::SetPermissions { .. })).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    let ControlMessage::SetPermissions { permissions, .. } = message else { unreachable!() };
    assert_eq!(permissions, MediaPermissions { subscribe: true, ..MediaPermissions::default() });
    // As a member without a role of its own it may speak again.
    assert_eq!(call.owner.send(Method::DELETE, &path, None).await.status, 204);
    call.node
        .hear(|message| {
            matches!(message, ControlMessage::SetPermissions { permissions, .. } if *permissions == MediaPermissions::ALL)
        })
        .await;
}

#[tokio::test]
async fn a_lost_custom_role_takes_what_it_gave() {
    let mut call = call().await;
    let member = format!("/v1/rooms/talk/members/{}", call.ann.id);
    call.owner.send(Method::PUT, &member, Some(json!({ "role": "listener" }))).await.expect(200);
    let listening = MediaPermissions { subscribe: true, ..MediaPermissions::default() };
    let speaking = MediaPermissions { microphone: true, ..listening };
    hears(&mut call.node, listening).await;
    let permissions = json!(["calls.microphone.publish", "chat.message.send"]);
    let role = json!({ "name": "Speaker", "permissions": permissions });
    let role = make_role(&call.owner, "default", role).await;
    let path = format!("/v1/workspaces/default/roles/{role}");
    let held = format!("/v1/workspaces/default/members/{}/roles/{role}", call.ann.id);
    // Each way to lose it.
    let losses = [
        (Method::DELETE, &held, Value::Null, 204),
        (Method::PATCH, &path, json!({ "permissions": [] }), 200),
        (Method::DELETE, &path, Value::Null, 204),
    ];
    for (number, (method, lost, body, status)) in losses.into_iter().enumerate() {
        give(&call.owner, "default", &call.ann, &role).await;
        call.owner.send(Method::PATCH, &path, Some(json!({ "permissions": permissions }))).await.expect(200);
        hears(&mut call.node, speaking).await;
        let said = || json!({ "room": "talk", "text": "hello" });
        call.socket.ack_with_key("message.send", said(), Some(&format!("before {number}"))).await;
        let before = Instant::now();
        let body = Some(body).filter(|body| !body.is_null());
        assert_eq!(call.owner.send(method, lost, body).await.status, status);
        let at = hears(&mut call.node, listening).await;
        assert!(at - before < AT_ONCE, "{number}: {:?}", at - before);
        let id = call.socket.request_with_key("message.send", said(), Some(&format!("after {number}"))).await;
        assert_eq!(call.socket.answer(&id).await["code"], "forbidden", "{number}");
        // A new offer does not give it back.
        call.socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
        assert_eq!(call.node.served(&call.participant_id).unwrap().permissions, listening, "{number}");
    }
}

/// Waits until the node is told these rights. Returns when that was.
async fn hears(node: &mut TestNode, wanted: MediaPermissions) -> Instant {
    let is_it = move |message: &ControlMessage| matches!(message, ControlMessage::SetPermissions { permissions, .. } if *permissions == wanted);
    let (at, _) = node.hear(is_it).await;
    node.forget_heard();
    at
}

#[tokio::test]
async fn a_deleted_room_is_closed() {
    let mut call = call().await;
    let before = Instant::now();
    assert_eq!(call.owner.send(Method::DELETE, "/v1/rooms/talk", None).await.status, 204);
    let (at, message) = call.node.hear(|message| matches!(message, ControlMessage::CloseRoom { .. })).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    assert!(matches!(message, ControlMessage::CloseRoom { reason: EndReason::RoomDeleted, .. }));
    assert_eq!(call.socket.expect("call.ended").await, json!({ "room": "talk", "reason": "room_deleted" }));
    assert_eq!(call.socket.nack("room.leave", json!({ "room": "talk" })).await["code"], "not_joined");
    assert_eq!(call.server.count("SELECT count(*) FROM participants").await, 0);
    make_room(&call.owner, "talk", "video").await;
    call.socket.ack("room.join", json!({ "room": "talk" })).await;
}

/// Positions of the first revocation and the first admission among what the node heard.
fn order(node: &TestNode) -> (Option<usize>, Option<usize>) {
    let heard = node.heard();
    let at = |wanted: fn(&ControlMessage) -> bool| heard.iter().position(|(_, message)| wanted(message));
    (
        at(|message| matches!(message, ControlMessage::Revoke { .. })),
        at(|message| matches!(message, ControlMessage::Admit { .. })),
    )
}

#[tokio::test]
async fn after_a_pause_of_the_node_revocations_come_first() {
    let call = call().await;
    let Call { server, node, owner, participant_id, socket: mut of_ann, .. } = call;
    let path = node_path(&server);
    node.stop().await;
    // While it is away: a revocation, and somebody who tries to get in all the time.
    while server.anybody().get("/readyz").await.status == 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (mut of_owner, _) = owner.in_room("talk").await;
    let kick = format!("/v1/rooms/talk/participants/{participant_id}/kick");
    assert_eq!(owner.act(&kick).await.status, 204);
    assert_eq!(of_ann.expect("call.ended").await["reason"], "kicked");
    let offering = tokio::spawn(async move {
        loop {
            let id = of_owner.request("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
            if of_owner.answer(&id).await["type"] == "ack" {
                return;
            }
        }
    });
    let mut node = TestNode::start(&path).await;
    node.hear(|message| matches!(message, ControlMessage::Admit { .. })).await;
    offering.await.unwrap();
    let heard = node.heard();
    assert!(matches!(&heard[0].1, ControlMessage::Snapshot { admitted, .. } if admitted.is_empty()), "{heard:?}");
    let (revoked, admitted) = order(&node);
    assert!(revoked.unwrap() < admitted.unwrap(), "{heard:?}");
}

fn node_path(server: &TestServer) -> std::path::PathBuf {
    server.media_socket()
}

#[tokio::test]
async fn after_a_restart_of_control_revocations_come_first() {
    let call = call().await;
    let Call { server, mut node, owner, participant_id, .. } = call;
    node.confirms(false);
    let kick = format!("/v1/rooms/talk/participants/{participant_id}/kick");
    assert_eq!(owner.act(&kick).await.status, 204);
    node.hear(is_revoke(EndReason::Kicked)).await;
    assert_eq!(server.count("SELECT count(*) FROM outbox WHERE topic = 'media' AND delivered_at IS NULL").await, 1);
    // The node did not confirm it, so it is said again, whoever was restarted.
    node.forget_heard();
    let server = server.restart().await;
    node.hear(|message| matches!(message, ControlMessage::Snapshot { .. })).await;
    let (_, again) = node.hear(is_revoke(EndReason::Kicked)).await;
    assert!(matches!(again, ControlMessage::Revoke { participant_id: id, .. } if id.to_string() == participant_id));
    assert!(matches!(node.heard()[0].1, ControlMessage::Snapshot { .. }));
    server.linked().await;
    let owner = owner.at(server.address);
    node.confirms(true);
    let (mut socket, _) = owner.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    for _ in 0..200 {
        if server.count("SELECT count(*) FROM outbox WHERE topic = 'media' AND delivered_at IS NULL").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("confirmed orders are still waiting");
}

#[tokio::test]
async fn an_offer_never_overtakes_a_mute() {
    let call = call().await;
    let Call { node, owner, participant_id, mut socket, server, .. } = call;
    let path = format!("/v1/rooms/talk/participants/{participant_id}/mute");
    for round in 0..64 {
        let muted = round % 2 == 0;
        // The mute falls into each part of the offer's way in turn.
        let delay = Duration::from_micros(500) * (round % 16);
        let offer = socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" }));
        let mute = async {
            tokio::time::sleep(delay).await;
            assert_eq!(owner.post(&path, json!({ "muted": muted })).await.status, 204);
        };
        tokio::join!(offer, mute);
        let settled = async {
            while node.served(&participant_id).unwrap().permissions.microphone == muted {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(3), settled).await;
        assert!(outcome.is_ok(), "round {round}: the node has other rights than the moderator gave");
    }
    drop(server);
}

#[tokio::test]
async fn promotion_widens_a_running_call() {
    let mut call = call().await;
    let path = format!("/v1/rooms/talk/members/{}", call.ann.id);
    call.owner.send(Method::PUT, &path, Some(json!({ "role": "listener" }))).await.expect(200);
    call.node.hear(|message| matches!(message, ControlMessage::SetPermissions { .. })).await;
    let promote = format!("/v1/admin/users/{}/promote", call.ann.id);
    let body: Value = json!({ "role": "admin" });
    assert_eq!(call.owner.post(&promote, body).await.expect(200)["user"]["role"], "admin");
    call.node
        .hear(|message| {
            matches!(message, ControlMessage::SetPermissions { permissions, .. } if *permissions == MediaPermissions::ALL)
        })
        .await;
    assert_eq!(call.server.count("SELECT count(*) FROM audit WHERE action = 'admin.user.promote'").await, 1);
}

#[tokio::test]
async fn a_revoked_key_takes_whom_it_vouched_for_along() {
    let mut call = call().await;
    let made = call.owner.post("/v1/admin/api-keys", json!({ "name": "shop" })).await.expect(201);
    let key = call.server.anybody().with_bearer(made["key"].as_str().unwrap());
    let cid = key.join_token("talk", "cid", Value::Null).await;
    let (mut socket, participant_id) = cid.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert!(call.node.serves(&participant_id));
    let unused = cid.ticket().await;

    let before = Instant::now();
    let path = format!("/v1/admin/api-keys/{}", made["apiKey"]["id"].as_str().unwrap());
    assert_eq!(call.owner.send(Method::DELETE, &path, None).await.status, 204);
    let (at, message) = call.node.hear(is_revoke(EndReason::Revoked)).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    assert!(matches!(message, ControlMessage::Revoke { participant_id: of, .. } if of.to_string() == participant_id));
    assert_eq!(socket.close_code().await, 4004);
    cid.post("/v1/auth/ws-ticket", Value::Null).await.expect_problem(401, "unauthenticated");
    assert_eq!(Socket::open(call.server.address, &unused).await.close_code().await, 4002);
    // Nobody else goes.
    assert!(call.node.serves(&call.participant_id));
    call.socket.ack("ping", json!({})).await;
}
