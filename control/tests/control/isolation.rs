//! Two workspaces with rooms of the same names, people, messages, calls and keys: nothing of one is seen or changed from the
//! other, by any route of the OpenAPI document and any request of the socket.

use boltorezka_proto::socket::ClientMessage;
use reqwest::Method;
use serde_json::{Value, json};

use crate::attachments::upload;
use crate::common::client::Answer;
use crate::common::server::make_room;
use crate::common::workspaces::{take_in, within};
use crate::common::{Client, Socket, TestNode, TestServer};
use crate::custom_roles::{give, make_role};
use crate::direct::begin;

/// What an operation is about. A new one fails the walk until it is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    /// A workspace, by what its path, its credential, or the ids in it name.
    Workspace,
    /// The caller itself, or the whole server.
    Server,
}

fn about(operation: &str) -> About {
    match operation {
        "listRooms"
        | "createRoom"
        | "getRoom"
        | "updateRoom"
        | "deleteRoom"
        | "listMembers"
        | "setMember"
        | "deleteMember"
        | "listParticipants"
        | "kickParticipant"
        | "ban"
        | "banParticipant"
        | "muteParticipant"
        | "moveParticipant"
        | "listBans"
        | "liftBan"
        | "listWaiting"
        | "admitAllWaiting"
        | "admitWaiting"
        | "refuseWaiting"
        | "listRoomInvites"
        | "createRoomInvite"
        | "revokeRoomInvite"
        | "listMessages"
        | "searchMessages"
        | "listNotifications"
        | "reportMessage"
        | "listReports"
        | "resolveReport"
        | "readNotifications"
        | "uploadAttachment"
        | "getAttachment"
        | "listPins"
        | "listDirectRooms"
        | "beginDirectRoom"
        | "listBlocks"
        | "setBlock"
        | "deleteBlock"
        | "declineCall"
        | "createTicket"
        | "createJoinToken"
        | "sendTelemetry"
        | "listApiKeys"
        | "createApiKey"
        | "revokeApiKey"
        | "listWebhooks"
        | "createWebhook"
        | "deleteWebhook"
        | "replayWebhook"
        | "listWebhookDeliveries"
        | "getWorkspace"
        | "updateWorkspace"
        | "deleteWorkspace"
        | "listWorkspaceMembers"
        | "setWorkspaceMember"
        | "deleteWorkspaceMember"
        | "listGrantablePermissions"
        | "listCustomRoles"
        | "createCustomRole"
        | "updateCustomRole"
        | "deleteCustomRole"
        | "assignCustomRole"
        | "unassignCustomRole"
        | "listFeatures"
        | "setFeature"
        | "inspectMedia"
        | "whipOpen"
        | "whipChange"
        | "whipEnd"
        | "whepOpen"
        | "whepChange"
        | "whepEnd" => About::Workspace,
        "setUp"
        | "register"
        | "logIn"
        | "logOut"
        | "getMe"
        | "listWorkspaces"
        | "createWorkspace"
        | "listUsers"
        | "exportMe"
        | "deleteMe"
        | "listSessions"
        | "endSession"
        | "endOtherSessions"
        | "changePassword"
        | "forgotPassword"
        | "resetPassword"
        | "sendVerification"
        | "verifyEmail"
        | "enrolSecondFactor"
        | "confirmSecondFactor"
        | "disableSecondFactor"
        | "getOidc"
        | "beginOidc"
        | "endOidc"
        | "endOidcWithSecondFactor"
        | "getOidcLink"
        | "linkOidc"
        | "unlinkOidc"
        | "listPasskeys"
        | "beginPasskey"
        | "addPasskey"
        | "renamePasskey"
        | "removePasskey"
        | "beginPasskeySignIn"
        | "endPasskeySignIn"
        | "getPush"
        | "updatePush"
        | "subscribePush"
        | "unsubscribePush"
        | "blockUser"
        | "unblockUser"
        | "approveUser"
        | "createLink"
        | "deleteSecondFactor"
        | "listInvites"
        | "createInvite"
        | "redeemRoomInvite"
        | "revokeInvite"
        | "promoteUser"
        | "listServerFeatures"
        | "listAuditLog"
        | "listAllRooms"
        | "listAllParticipants"
        | "listOutbox"
        | "listDeadLetters"
        | "listSettings"
        | "getMedia"
        | "drainMedia"
        | "undrainMedia"
        | "openSocket"
        | "resumeCall"
        | "getLiveness"
        | "getReadiness"
        | "getMetrics" => About::Server,
        other => panic!("{other} is not classified: say in isolation.rs whether it is about a workspace"),
    }
}

/// Method, path and operation id of every route.
fn operations() -> Vec<(Method, String, String)> {
    let document: Value = serde_json::from_str(&boltorezka_control::openapi().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            operations.push((method.to_uppercase().parse().unwrap(), path.clone(), id));
        }
    }
    operations
}

/// A body that the operation takes, so that it is the workspace that it is refused for.
fn body(operation: &str, room: &str) -> Option<Value> {
    match operation {
        "createRoom" => Some(json!({ "slug": "another", "title": "T", "kind": "text" })),
        "updateRoom" | "updateWorkspace" => Some(json!({ "title": "changed" })),
        "createWebhook" => Some(json!({ "url": "https://example.org/", "events": ["room.deleted"] })),
        "createApiKey" => Some(json!({ "name": "shop" })),
        "setMember" => Some(json!({ "role": "listener" })),
        "setWorkspaceMember" => Some(json!({ "role": "guest" })),
        "createCustomRole" => Some(json!({ "name": "another" })),
        "updateCustomRole" => Some(json!({ "name": "changed", "roomRole": "owner" })),
        "setFeature" => Some(json!({ "enabled": false })),
        "createJoinToken" => Some(json!({ "room": room, "identity": "i", "displayName": "I" })),
        "sendTelemetry" => Some(json!({ "events": [{ "type": "sessionBegan" }] })),
        "moveParticipant" => Some(json!({ "room": room })),
        "redeemRoomInvite" => Some(json!({ "token": "a guess" })),
        "readNotifications" => Some(json!({ "upTo": "ffffffff-ffff-7fff-bfff-ffffffffffff" })),
        "beginDirectRoom" => Some(json!({ "userId": "01890000-0000-7000-8000-000000000000" })),
        "reportMessage" => Some(json!({ "reason": "spam" })),
        "uploadAttachment" => Some(json!("the file")),
        "muteParticipant" => Some(json!({ "source": "camera" })),
        _ => None,
    }
}

/// A workspace with somebody, and something, in it.
struct Tenant {
    slug: &'static str,
    owner: Client,
    key: Client,
    socket: Socket,
    /// In the room "talk", which both have.
    participant_id: String,
    message_id: String,
    /// Of the room that only it has.
    room: String,
    webhook_id: String,
    attachment_id: String,
    /// Of the message.
    report_id: String,
    /// Into the room "talk".
    invite_id: String,
    role_id: String,
    /// The owner's direct room with somebody.
    direct: String,
}

impl Tenant {
    async fn new(server: &TestServer, admin: &Client, slug: &'static str) -> Self {
        let owner = server.tenant(admin, slug).await;
        let key = server.api_key_of(slug).await;
        let room = format!("only-{slug}");
        make_room(&owner, "talk", "video").await;
        make_room(&key, &room, "video").await;
        let (mut socket, participant_id) = owner.in_room("talk").await;
        let file = upload(&owner, "talk", "secret.txt", format!("a secret of {slug}").as_bytes()).await.expect(201);
        let attachment_id = file["id"].as_str().unwrap().to_owned();
        let said = json!({ "room": "talk", "text": format!("a secret of {slug}"), "attachments": [attachment_id] });
        let sent = socket.ack_with_key("message.send", said, Some("key")).await;
        socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
        let message_id = sent["message"]["id"].as_str().unwrap().to_owned();
        let webhook = json!({ "url": format!("https://{slug}.example/"), "events": ["room.deleted"] });
        let webhook = owner.post("/v1/webhooks", webhook).await.expect(201);
        let webhook_id = webhook["webhook"]["id"].as_str().unwrap().to_owned();
        let invite = owner.act("/v1/rooms/talk/invites").await.expect(201);
        let invite_id = invite["invite"]["id"].as_str().unwrap().to_owned();
        let report = format!("/v1/rooms/talk/messages/{message_id}/report");
        assert_eq!(owner.post(&report, json!({ "reason": "a secret of its own" })).await.status, 204);
        let reports = owner.get("/v1/reports").await.expect(200);
        let report_id = reports["items"][0]["id"].as_str().unwrap().to_owned();
        let friend = server.user(&format!("{slug}-friend")).await;
        take_in(admin, slug, &friend, "member").await;
        let role = json!({ "name": format!("a secret of {slug}"), "permissions": ["chat.message.send"] });
        let role_id = make_role(&owner, slug, role).await;
        give(&owner, slug, &friend, &role_id).await;
        let direct = begin(&friend.within(slug), &owner).await;
        let (mut of_friend, _) = friend.within(slug).in_room(&direct).await;
        let said = json!({ "room": direct, "text": format!("a secret of {slug} for its owner") });
        of_friend.ack_with_key("message.send", said, Some("direct")).await;
        Self {
            slug,
            owner,
            key,
            socket,
            participant_id,
            message_id,
            room,
            webhook_id,
            attachment_id,
            report_id,
            invite_id,
            role_id,
            direct,
        }
    }

    /// Everything that its owner sees, but for the answers' times.
    async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        let own = format!("/v1/workspaces/{}", self.slug);
        let paths = ["", "/members", "/features", "/roles"].map(|path| format!("{own}{path}"));
        let in_rooms = ["talk", &self.room].map(|room| {
            ["", "/members", "/messages", "/participants", "/bans", "/invites"]
                .map(|path| format!("/v1/rooms/{room}{path}"))
        });
        let lists = [
            "/v1/rooms".to_owned(),
            "/v1/webhooks".to_owned(),
            "/v1/reports".to_owned(),
            "/v1/blocks".to_owned(),
            format!("/v1/rooms/{}/messages", self.direct),
            format!("/v1/attachments/{}", self.attachment_id),
        ];
        for path in paths.into_iter().chain(lists).chain(in_rooms.into_iter().flatten()) {
            seen.push(self.owner.get(&path).await.expect(200));
        }
        seen
    }

    /// What must never be told to the other.
    fn secrets(&self) -> [&str; 11] {
        let Self {
            participant_id,
            message_id,
            room,
            owner,
            webhook_id,
            attachment_id,
            report_id,
            invite_id,
            role_id,
            direct,
            ..
        } = self;
        let ids = [participant_id, message_id, &owner.id, webhook_id, attachment_id, report_id, invite_id, role_id];
        let [a, b, c, d, e, f, g, h] = ids.map(String::as_str);
        ["a secret of", room, direct, a, b, c, d, e, f, g, h]
    }
}

async fn send(client: &Client, method: &Method, path: &str, operation: &str, room: &str) -> Answer {
    let mut request = client.request(method.clone(), path);
    match operation {
        "whipOpen" | "whepOpen" => request = request.header("content-type", "application/sdp").body("v=0"),
        "whipChange" | "whepChange" => {
            request = request.header("if-match", "*").header("content-type", "application/trickle-ice-sdpfrag");
        }
        _ => {
            if let Some(body) = body(operation, room) {
                request = request.json(&body);
            }
        }
    }
    client.finish(request).await
}

#[tokio::test]
async fn nothing_of_a_workspace_is_seen_or_changed_from_another() {
    let server = TestServer::start().await;
    let node: TestNode = server.node().await;
    server.linked().await;
    let admin = server.owner().await;
    let acme = Tenant::new(&server, &admin, "acme").await;
    let mut beta = Tenant::new(&server, &admin, "beta").await;
    let with_another = json!({ "userId": beta.owner.id });
    acme.owner.post("/v1/direct", with_another).await.expect_problem(404, "not_found");
    let before = beta.seen().await;
    let heard = node.heard().len();

    let token = acme.key.join_token("talk", "guest", Value::Null).await;
    let plain = acme.owner.at_home();
    let mut walked = 0;
    for (method, template, operation) in operations() {
        let about = about(&operation);
        if !template.starts_with("/v1/") || ["listWorkspaces", "createWorkspace"].contains(&operation.as_str()) {
            continue;
        }
        let fill = |workspace: &str, room: &str| {
            let path = template.replace("{workspace}", workspace).replace("{slug}", room).replace("{room}", room);
            let path = path.replace("{participantId}", &beta.participant_id).replace("{userId}", &beta.owner.id);
            let path = path.replace("{webhookId}", &beta.webhook_id).replace("{attachmentId}", &beta.attachment_id);
            let path = path.replace("{inviteId}", &beta.invite_id).replace("{messageId}", &beta.message_id);
            let path = path.replace("{reportId}", &beta.report_id).replace("{roleId}", &beta.role_id);
            let path = path.replace("/attachments", "/attachments?name=a.txt").replace("?name=a.txt/", "/");
            let path = path.replace("/messages/search", "/messages/search?q=secret");
            path.replace("{feature}", "video").replace("{session}", "secret")
        };
        // By path: the other workspace answers as one that is not there, to whatever credential of this one.
        for client in [&plain, &acme.key, &token] {
            let named = |workspace: &str| match template.starts_with("/v1/workspaces/") {
                true => fill(workspace, "talk"),
                false => within(workspace, &fill(workspace, "talk")),
            };
            let there = send(client, &method, &named("beta"), &operation, "talk").await;
            let nowhere = send(client, &method, &named("nowhere"), &operation, "talk").await;
            assert!([401, 404].contains(&there.status), "{operation}: {} {}", there.status, there.body);
            assert_eq!((there.status, &there.body), (nowhere.status, &nowhere.body), "{operation}");
        }
        // One's own workspace is needed to the end of the walk; it is deleted in workspace_end.rs.
        if about == About::Server || operation == "deleteWorkspace" {
            continue;
        }
        // By the other's names and ids in one's own workspace: they name nothing there.
        for client in [&acme.owner, &acme.key, &token] {
            for room in ["talk", beta.room.as_str(), beta.direct.as_str()] {
                let path = fill("acme", room);
                let answer = send(client, &method, &path, &operation, &beta.room).await;
                let told = answer.body.to_string();
                for secret in beta.secrets().into_iter().filter(|secret| *secret != "a secret of") {
                    assert!(!told.contains(secret) || operation == "setWorkspaceMember", "{operation}: {told}");
                }
                assert!(!told.contains("a secret of beta"), "{operation}: {told}");
                let names_another = path.contains(&beta.participant_id)
                    || path.contains(&beta.webhook_id)
                    || path.contains(&beta.invite_id)
                    || path.contains(&beta.message_id)
                    || path.contains(&beta.report_id)
                    || path.contains(&beta.role_id)
                    || path.contains(&beta.attachment_id)
                    || path.contains(&beta.room)
                    || path.contains(&beta.direct)
                    || (path.contains(&beta.owner.id) && operation != "setWorkspaceMember");
                assert!(!names_another || answer.status >= 400, "{operation} {path}: {}", answer.status);
            }
        }
        walked += 1;
    }
    assert!(walked > 25, "{walked} routes");
    assert_eq!(beta.seen().await, before);
    let about_beta = |id: &str| node.heard().iter().skip(heard).any(|(_, message)| format!("{message:?}").contains(id));
    assert!(!about_beta(&beta.participant_id), "the media node was told something of the other's participant");
    assert!(node.served(&beta.participant_id).unwrap().permissions.camera);
    // It lives on as before.
    beta.socket.ack_with_key("message.send", json!({ "room": "talk", "text": "still here" }), Some("k2")).await;
}

#[tokio::test]
async fn a_socket_sees_one_workspace() {
    let server = TestServer::start().await;
    let _node = server.node().await;
    server.linked().await;
    let admin = server.owner().await;
    let mut acme = Tenant::new(&server, &admin, "acme").await;
    let mut beta = Tenant::new(&server, &admin, "beta").await;
    for kind in ClientMessage::TYPES.iter().filter(|kind| !["ping", "pong"].contains(kind)) {
        let payload = json!({
            "room": beta.room, "text": "x", "sdp": "v=0", "candidate": "", "messageId": beta.message_id, "emoji": "👍",
            "on": true, "seq": 0,
        });
        let id = acme.socket.request_with_key(kind, payload, Some(kind)).await;
        let answer = acme.socket.answer(&id).await;
        let expected = if *kind == "room.join" { "not_found" } else { "not_joined" };
        assert_eq!(answer["code"], expected, "{kind}: {answer}");
    }
    // The room of the same name is another one: who is in it, what is said in it, and what can be answered there.
    let joined = acme.socket.ack("room.join", json!({ "room": "talk" })).await;
    assert_eq!(joined["participants"].as_array().unwrap().len(), 1);
    assert_eq!(joined["participantId"], acme.participant_id.as_str());
    let answering = json!({ "room": "talk", "text": "x", "replyTo": beta.message_id });
    let id = acme.socket.request_with_key("message.send", answering, Some("reply")).await;
    assert_eq!(acme.socket.answer(&id).await["code"], "not_found");
    let with_file = json!({ "room": "talk", "text": "x", "attachments": [beta.attachment_id] });
    let id = acme.socket.request_with_key("message.send", with_file, Some("file")).await;
    assert_eq!(acme.socket.answer(&id).await["code"], "not_found");
    for (kind, more) in [
        ("message.edit", json!({ "text": "x" })),
        ("message.delete", json!({})),
        ("message.react", json!({ "emoji": "👍", "on": true })),
        ("message.pin", json!({ "on": true })),
    ] {
        let mut changing = json!({ "room": "talk", "messageId": beta.message_id });
        changing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = acme.socket.request_with_key(kind, changing, Some(&format!("{kind} of beta"))).await;
        assert_eq!(acme.socket.answer(&id).await["code"], "not_found", "{kind}");
    }
    let said = json!({ "room": "talk", "text": "for beta only" });
    beta.socket.ack_with_key("message.send", said, Some("mine")).await;
    beta.socket.expect("message.new").await;
    let heard = acme.socket.drain(std::time::Duration::from_millis(300)).await;
    assert!(heard.iter().all(|frame| !frame.to_string().contains("for beta only")), "{heard:?}");
    assert!(heard.iter().all(|frame| !frame.to_string().contains(&beta.participant_id)), "{heard:?}");
}
