//! Features that a workspace switches off and on.

use boltorezka_proto::ParticipantId;
use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::EndReason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::workspaces::switch;
use crate::common::{Client, Socket, TestNode, TestServer};

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:11\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n";

/// Acme with a room, and somebody in its call; the default workspace with the same.
struct World {
    server: TestServer,
    node: TestNode,
    owner: Client,
    socket: Socket,
    participant_id: String,
    /// Of another workspace: nothing that happens concerns it.
    elsewhere: (Socket, String),
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let node = server.node().await;
        server.linked().await;
        let admin = server.owner().await;
        let owner = server.tenant(&admin, "acme").await;
        make_room(&owner, "talk", "video").await;
        make_room(&admin, "talk", "video").await;
        let (socket, participant_id) = in_call(&owner).await;
        let elsewhere = in_call(&admin).await;
        Self { server, node, owner, socket, participant_id, elsewhere }
    }

    async fn hears(&mut self, participant_id: &str, camera: bool) {
        let id: ParticipantId = participant_id.parse().unwrap();
        let is_it = |message: &ControlMessage| {
            matches!(message, ControlMessage::SetPermissions { participant_id, permissions, .. }
                if *participant_id == id && permissions.camera == camera && permissions.microphone)
        };
        self.node.hear(is_it).await;
    }

    async fn others_are_untouched(&mut self) {
        let (socket, participant_id) = &mut self.elsewhere;
        socket.ack("call.ice", json!({ "room": "talk", "candidate": "" })).await;
        assert!(self.node.served(participant_id).unwrap().permissions.camera);
    }
}

async fn in_call(client: &Client) -> (Socket, String) {
    let (mut socket, participant_id) = client.in_room("talk").await;
    offer(&mut socket).await;
    (socket, participant_id)
}

async fn offer(socket: &mut Socket) -> String {
    let answer = socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    answer["participantId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_video_cameras_end_and_come_back_without_joining_again() {
    let mut world = World::new().await;
    let first = world.participant_id.clone();
    assert!(world.node.served(&first).unwrap().permissions.camera);
    switch(&world.owner, "acme", "video", false).await;
    world.hears(&first, false).await;
    world.others_are_untouched().await;
    // Whoever comes now has no right to a camera, nor whoever is there after a restart of either side.
    let (_socket, second) =
        in_call(&world.server.api_key_of("acme").await.join_token("talk", "guest", Value::Null).await).await;
    assert!(!world.node.served(&second).unwrap().permissions.camera);
    world.node.cut();
    world.server = world.server.restart().await;
    world.server.linked().await;
    for (_, message) in world.node.heard() {
        if let ControlMessage::Snapshot { admitted, .. } = message {
            let ours = admitted.iter().filter(|it| [&first, &second].contains(&&it.participant_id.to_string()));
            assert_eq!(ours.map(|it| it.permissions.camera).collect::<Vec<_>>(), [false, false]);
        }
    }
    let owner = world.owner.at(world.server.address);
    let features = owner.get("/v1/workspaces/acme/features").await.expect(200)["items"].clone();
    assert!(features.as_array().unwrap().contains(&json!({ "feature": "video", "enabled": false })), "{features}");
    // Given back to both in the call that goes on.
    switch(&owner, "acme", "video", true).await;
    world.hears(&first, true).await;
    world.hears(&second, true).await;
}

#[tokio::test]
async fn without_calls_they_end_and_the_room_goes_on() {
    let mut world = World::new().await;
    let before = world.participant_id.clone();
    switch(&world.owner, "acme", "calls", false).await;
    assert_eq!(world.socket.expect("call.ended").await, json!({ "room": "talk", "reason": "feature_disabled" }));
    let id: ParticipantId = before.parse().unwrap();
    world
        .node
        .hear(|message| {
            matches!(message, ControlMessage::Revoke { participant_id, reason: EndReason::FeatureDisabled, .. } if *participant_id == id)
        })
        .await;
    assert!(!world.node.serves(&before));
    for (kind, payload) in [
        ("call.offer", json!({ "room": "talk", "sdp": "v=0" })),
        ("call.ice", json!({ "room": "talk", "candidate": "" })),
        ("call.leave", json!({ "room": "talk" })),
    ] {
        assert_eq!(world.socket.nack(kind, payload).await["code"], "feature_disabled", "{kind}");
    }
    world.socket.ack_with_key("message.send", json!({ "room": "talk", "text": "still here" }), Some("k")).await;
    world.others_are_untouched().await;
    let token = world.server.api_key_of("acme").await.join_token("talk", "guest", Value::Null).await;
    let whip = token.request(Method::POST, "/v1/whip/talk").header("content-type", "application/sdp").body(OFFER);
    token.finish(whip).await.expect_problem(404, "feature_disabled");
    switch(&world.owner, "acme", "calls", true).await;
    let after = offer(&mut world.socket).await;
    assert_ne!(after, before, "an id that was revoked is never used again");
    assert!(world.node.served(&after).unwrap().permissions.camera);
}

#[tokio::test]
async fn without_chat_nobody_reads_or_writes_and_all_is_kept() {
    let mut world = World::new().await;
    let say = json!({ "room": "talk", "text": "kept" });
    world.socket.ack_with_key("message.send", say.clone(), Some("one")).await;
    switch(&world.owner, "acme", "chat", false).await;
    world.owner.get("/v1/rooms/talk/messages").await.expect_problem(404, "feature_disabled");
    let id = world.socket.request_with_key("message.send", say, Some("two")).await;
    assert_eq!(world.socket.answer(&id).await["code"], "feature_disabled");
    world.server.anybody().get("/v1/workspaces/acme/rooms/talk/messages").await.expect_problem(401, "unauthenticated");
    world.elsewhere.0.ack_with_key("message.send", json!({ "room": "talk", "text": "x" }), Some("k")).await;
    switch(&world.owner, "acme", "chat", true).await;
    let messages = world.owner.get("/v1/rooms/talk/messages").await.expect(200);
    assert_eq!(messages["items"].as_array().unwrap().len(), 1);
    assert_eq!(messages["items"][0]["text"], "kept");
}

#[tokio::test]
async fn without_whip_its_sessions_end() {
    let world = World::new().await;
    let token = world.server.api_key_of("acme").await.join_token("talk", "encoder", Value::Null).await;
    let open = async || {
        let request = token.request(Method::POST, "/v1/whip/talk").header("content-type", "application/sdp");
        token.finish(request.body(OFFER)).await
    };
    let opened = open().await;
    assert_eq!(opened.status, 201, "{}", opened.body);
    let session = opened.headers["location"].to_str().unwrap().to_owned();
    switch(&world.owner, "acme", "whip", false).await;
    open().await.expect_problem(404, "feature_disabled");
    token.send(Method::DELETE, &session, None).await.expect_problem(404, "feature_disabled");
    let inside = world.owner.get("/v1/rooms/talk/participants").await.expect(200);
    assert_eq!(inside["items"].as_array().unwrap().len(), 1, "it was there for its media alone");
    assert!(world.node.serves(&world.participant_id), "others go on");
    switch(&world.owner, "acme", "whip", true).await;
    assert_eq!(open().await.status, 201);
}

#[tokio::test]
async fn switches_are_kept_in_the_audit_and_unknown_ones_refused() {
    let world = World::new().await;
    switch(&world.owner, "acme", "telemetry", false).await;
    let events = json!({ "events": [{ "type": "sessionBegan" }] });
    world.owner.post("/v1/telemetry", events.clone()).await.expect_problem(404, "feature_disabled");
    let plain = world.owner.at_home();
    assert_eq!(plain.post("/v1/telemetry", events).await.status, 204, "at home it is on");
    let rows: Vec<(String, String)> =
        world.server.rows("SELECT action, target FROM audit WHERE action LIKE 'workspaces.feature%'").await;
    assert_eq!(rows, [("workspaces.feature.set".to_owned(), "telemetry off".to_owned())]);
    for unknown in ["rooms", "accounts", "nothing"] {
        let path = format!("/v1/workspaces/acme/features/{unknown}");
        world.owner.send(Method::PUT, &path, Some(json!({ "enabled": false }))).await.expect_problem(404, "not_found");
    }
    let path = "/v1/workspaces/acme/features/chat";
    world.owner.send(Method::PUT, path, Some(json!({}))).await.expect_problem(400, "malformed");
}
