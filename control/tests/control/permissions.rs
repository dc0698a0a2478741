//! The running server does what `docs/permissions.md` says: each cell is tried.

use std::collections::BTreeMap;

use boltorezka_proto::call::MediaPermissions;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::attachments::upload;
use crate::common::client::Answer;
use crate::common::offers::offer;
use crate::common::server::make_room;
use crate::common::workspaces::{make_workspace, take_in};
use crate::common::{Client, Socket, TestNode, TestServer};
use crate::custom_roles::{all_permissions, give, make_role};
use crate::permissions_document::document;
use crate::reports::{reported, said};

/// Each kind of caller, with its column. Who is not signed in has none: it may do nothing of this.
const CALLERS: [(&str, Option<&str>); 16] = [
    ("nobody", None),
    ("banned", Some("banned")),
    ("listener", Some("listener")),
    ("member", Some("member")),
    ("no role of its own", Some("member")),
    ("moderator", Some("moderator")),
    ("owner", Some("owner")),
    ("guest", Some("guest")),
    ("workspace admin", Some("workspace admin")),
    ("workspace owner", Some("workspace owner")),
    ("custom role", Some("custom role")),
    ("admin", Some("admin")),
    ("super admin", Some("super admin")),
    ("pending", Some("pending")),
    ("API key", Some("API key")),
    ("join token", Some("join token")),
];

/// Kinds whose room is in a workspace of its own, by their role there.
const IN_WORKSPACE: [(&str, &str); 4] =
    [("guest", "guest"), ("workspace admin", "admin"), ("workspace owner", "owner"), ("custom role", "member")];
/// Of every account.
const PASSWORD: &str = "a long password";

/// Cells that are tried at a time.
const AT_ONCE: usize = 8;

/// For the ICE session of [`crate::common::offers::OFFER`].
const CANDIDATES: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    a=mid:0\r\na=end-of-candidates\r\n";

/// What became of a try.
#[derive(PartialEq, Eq, Debug)]
enum Outcome {
    Allowed,
    Refused,
    /// Neither.
    Wrong(String),
}

struct World {
    server: TestServer,
    node: TestNode,
    super_admin: Client,
    key: Client,
    callers: BTreeMap<&'static str, Client>,
    /// An account to be promoted.
    account: String,
    /// An account for all else that admins do with accounts below theirs.
    plain: String,
    /// A custom role of the default workspace: there cannot be one for each try.
    role: String,
}

/// A room for one try, and the caller as what it is to be there.
struct Place {
    workspace: String,
    room: String,
    caller: Client,
    /// Somebody to be acted upon, who is inside.
    target: (tokio::sync::Mutex<Socket>, String, String),
}

impl Place {
    /// A message to be changed: one's own where the permission is about that, and where one may speak.
    async fn message(&self, socket: &mut Socket, name: &str) -> Value {
        let hello = || json!({ "room": self.room, "text": "hello" });
        if matches!(name, "chat.message.edit" | "chat.message.delete") {
            let id = socket.request_with_key("message.send", hello(), Some(&format!("{}-own", self.room))).await;
            let answer = socket.answer(&id).await;
            if answer["type"] == "ack" {
                return answer["payload"]["message"]["id"].clone();
            }
        }
        let mut target = self.target.0.lock().await;
        let key = format!("{}-target", self.room);
        target.ack_with_key("message.send", hello(), Some(&key)).await["message"]["id"].clone()
    }
}

impl World {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let node = server.node().await;
        server.linked().await;
        let super_admin = server.owner().await;
        let key = server.api_key().await;
        let mut callers = BTreeMap::new();
        for (number, (kind, _)) in CALLERS.iter().enumerate() {
            let client = match *kind {
                "nobody" | "join token" => server.anybody(),
                "super admin" => super_admin.clone(),
                "API key" => key.clone(),
                "pending" => server.user("Waiting").await,
                _ => server.user(&format!("Caller{number}")).await,
            };
            callers.insert(*kind, client);
        }
        let promote = format!("/v1/admin/users/{}/promote", callers["admin"].id);
        super_admin.post(&promote, json!({ "role": "admin" })).await.expect(200);
        server.sql("UPDATE users SET pending_since = 1 WHERE display_name = 'Waiting'").await;
        let account = server.user("Target").await.id;
        let plain = server.user("Plain").await.id;
        let role = make_role(&super_admin, "default", json!({ "name": "Tried" })).await;
        Self { server, node, super_admin, key, callers, account, plain, role }
    }

    async fn place(&self, kind: &str, number: usize) -> Place {
        let room = format!("room-{number}");
        let mut caller = self.callers[kind].clone();
        let (mut admin, mut key, mut workspace) = (self.super_admin.clone(), self.key.clone(), "default".to_owned());
        if let Some((_, role)) = IN_WORKSPACE.iter().find(|(of, _)| *of == kind) {
            workspace = format!("tenant-{number}");
            make_workspace(&self.super_admin, &workspace).await;
            take_in(&self.super_admin, &workspace, &caller, role).await;
            if kind == "custom role" {
                let all = all_permissions(&self.super_admin, &workspace).await;
                let all = json!({ "name": "All", "permissions": all, "roomRole": "moderator" });
                let role = make_role(&self.super_admin, &workspace, all).await;
                give(&self.super_admin, &workspace, &caller, &role).await;
            }
            (admin, caller) = (admin.within(&workspace), caller.within(&workspace));
            key = self.server.api_key_of(&workspace).await;
        }
        make_room(&admin, &room, "video").await;
        match kind {
            "join token" => caller = self.key.join_token(&room, "caller", Value::Null).await,
            "listener" | "member" | "moderator" | "owner" => {
                let path = format!("/v1/rooms/{room}/members/{}", caller.id);
                self.super_admin.send(Method::PUT, &path, Some(json!({ "role": kind }))).await.expect(200);
            }
            "banned" => {
                let (_socket, participant_id) = caller.in_room(&room).await;
                let ban = format!("/v1/rooms/{room}/participants/{participant_id}/ban");
                assert_eq!(self.super_admin.act(&ban).await.status, 204);
            }
            _ => {}
        }
        let mut socket = key.join_token(&room, "target", Value::Null).await.socket().await;
        let joined = socket.ack("room.join", json!({ "room": room })).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let participant_id = text(&joined["participantId"]);
        let user_id = text(&joined["participants"][0]["userId"]);
        let member = format!("/v1/rooms/{room}/members/{user_id}");
        admin.send(Method::PUT, &member, Some(json!({ "role": "member" }))).await.expect(200);
        Place { workspace, room, caller, target: (socket.into(), participant_id, user_id) }
    }

    async fn try_it(&self, name: &str, request: &str, kind: &str, number: usize) -> Outcome {
        let place = self.place(kind, number).await;
        match request.split_once(' ').unwrap() {
            ("socket", message) => self.by_socket(&place, kind, name, message).await,
            ("in", _) => self.by_socket(&place, kind, name, "call.offer").await,
            (_, path) if path.starts_with("/v1/wh") => self.by_whip(&place, kind, request).await,
            _ => self.by_http(&place, name, request, number).await,
        }
    }

    async fn by_http(&self, place: &Place, name: &str, request: &str, number: usize) -> Outcome {
        let (_, participant_id, user_id) = &place.target;
        let user_id = match name {
            "admin.user.promote" | "workspaces.member.set" => &self.account,
            _ if path_is_of_accounts(request) => &self.plain,
            "workspaces.member.leave" if !place.caller.id.is_empty() => &place.caller.id,
            _ => user_id,
        };
        if name == "workspaces.member.delete" && place.workspace != "default" {
            let path = format!("/v1/workspaces/{}/members/{}", place.workspace, self.account);
            self.super_admin.send(Method::PUT, &path, Some(json!({ "role": "guest" }))).await.expect(200);
        }
        let user_id = match name {
            "workspaces.member.delete" => &self.account,
            "workspaces.role.assign" | "workspaces.role.unassign" => &self.plain,
            _ => user_id,
        };
        let role_id = self.custom_role(place, request, name, number).await;
        let path = request.replace("{workspace}", &place.workspace).replace("{feature}", "telemetry");
        let path = path.replace("{roleId}", &role_id);
        let path = path.replace("{slug}", &place.room).replace("{participantId}", participant_id);
        let path = path.replace("{userId}", user_id).replace("{sessionId}", user_id);
        let path = path.replace("{inviteId}", user_id).replace("{apiKeyId}", user_id).replace("{passkeyId}", user_id);
        let path = path.replace("{subscriptionId}", user_id);
        let path = if path.contains("{webhookId}") {
            path.replace("{webhookId}", &self.webhook(&place.workspace).await)
        } else {
            path
        };
        let path = if path.contains("{attachmentId}") {
            path.replace("{attachmentId}", &self.attachment(place).await)
        } else {
            path
        };
        let (admin, mut path) = (self.super_admin.within(&place.workspace), path);
        if path.contains("{messageId}") {
            path = path.replace("{messageId}", &said(&admin, &place.room).await);
        } else if path.contains("{reportId}") {
            path = path.replace("{reportId}", &reported(&admin, &place.room).await);
        }
        let path = path.replace("/attachments", "/attachments?name=a.txt").replace("?name=a.txt/", "/");
        let path = path.replace("/messages/search", "/messages/search?q=hello");
        let (method, path) = path.split_once(' ').unwrap();
        let room = &place.room;
        let (status, body) = match name {
            "accounts.ticket.create" => (201, Value::Null),
            "chat.notification.read" => (200, json!({ "upTo": "01890000-0000-7000-8000-000000000000" })),
            "chat.message.report" => (204, json!({ "reason": "spam" })),
            "chat.report.resolve" => (200, Value::Null),
            "chat.direct.begin" => (404, json!({ "userId": "01890000-0000-7000-8000-000000000000" })),
            "chat.block.set" | "chat.block.delete" | "calls.call.decline" | "rooms.invite.revoke" => (404, Value::Null),
            "chat.attachment.upload" => (201, json!("the file")),
            "accounts.join_token.create" => (201, json!({ "room": room, "identity": "i", "displayName": "I" })),
            "rooms.room.create" => (201, json!({ "slug": format!("new-{number}"), "title": "N", "kind": "text" })),
            "rooms.room.update" => (200, json!({ "title": "T" })),
            // Nobody was banned, so that it is looked at by those who may.
            "rooms.ban.lift" => (404, Value::Null),
            // Where it is: looked at by those who may.
            "rooms.participant.move" => (400, json!({ "room": room })),
            "rooms.invite.create" => (201, Value::Null),
            "rooms.invite.redeem" => (401, json!({ "token": "a guess" })),
            // Nobody waits in it.
            "rooms.lobby.admit" if !path.ends_with("/lobby/admit") => (409, Value::Null),
            "rooms.lobby.refuse" => (409, Value::Null),
            "rooms.member.set" => (200, json!({ "role": "moderator" })),
            "rooms.participant.unmute" => (204, json!({ "muted": false })),
            "workspaces.workspace.create" => (201, json!({ "slug": format!("new-{number}"), "title": "N" })),
            "workspaces.workspace.update" => (200, json!({ "title": "T" })),
            "workspaces.member.set" => (200, json!({ "role": "guest" })),
            "workspaces.role.create" => (201, json!({ "name": format!("New {number}") })),
            "workspaces.role.update" => (200, json!({ "permissions": ["chat.message.send"] })),
            "workspaces.feature.set" => (200, json!({ "enabled": true })),
            "admin.user.promote" => (200, json!({ "role": "admin" })),
            "admin.user.block" | "admin.user.unblock" | "admin.user.approve" => (200, Value::Null),
            // Nobody's session, so that those of the callers go on.
            "accounts.session.delete" => (404, Value::Null),
            "accounts.password.change" => (422, json!({ "password": PASSWORD, "newPassword": "short" })),
            "accounts.email.send" => (503, Value::Null),
            "accounts.email.verify" => (401, json!({ "token": "a guess" })),
            "admin.link.create" => (201, json!({ "kind": "verify_email" })),
            "accounts.user.delete" | "accounts.second_factor.enrol" => (401, json!({ "password": "a wrong guess" })),
            "accounts.second_factor.confirm" => (409, json!({ "code": "000000" })),
            "accounts.second_factor.disable" => (401, json!({ "password": "a wrong guess", "code": "000000" })),
            // The server is reached by no name.
            "accounts.passkey.add" if path.ends_with("/begin") => (404, json!({ "password": "a wrong guess" })),
            "accounts.passkey.add" => (404, json!({ "name": "Phone", "clientData": "", "attestation": "" })),
            "accounts.passkey.rename" => (404, json!({ "name": "Phone" })),
            "accounts.passkey.remove" => (404, Value::Null),
            // The answer of who may, where the endpoint is in no network that is asked, and to nobody's browser.
            "push.settings.update" => (200, json!({ "enabled": true })),
            "push.subscription.add" => (422, json!({ "endpoint": "https://127.0.0.1/", "p256dh": "", "auth": "" })),
            "push.subscription.remove" => (404, Value::Null),
            "accounts.oidc.link" => (404, json!({ "password": "a wrong guess" })),
            "accounts.oidc.unlink" => (404, Value::Null),
            "admin.invite.create" => (201, Value::Null),
            "admin.api_key.create" => (201, json!({ "name": "shop" })),
            "admin.invite.revoke" | "admin.api_key.revoke" | "admin.second_factor.delete" => (404, Value::Null),
            "telemetry.event.send" => (204, json!({ "events": [{ "type": "sessionBegan" }] })),
            "admin.media.drain" | "admin.media.undrain" => (202, Value::Null),
            "webhooks.webhook.create" => (201, webhook_of("https://example.org/")),
            "webhooks.webhook.replay" => (200, Value::Null),
            _ if method == "GET" => (200, Value::Null),
            _ => (204, Value::Null),
        };
        let body = Some(body).filter(|body| !body.is_null());
        // The default workspace stays, and in it members are no matter of anybody's rights.
        let is_fixed = name.starts_with("workspaces.member.") || name == "workspaces.workspace.delete";
        let status = if is_fixed && method != "GET" && place.workspace == "default" { 409 } else { status };
        judge(&place.caller.send(method.parse().unwrap(), path, body).await, status)
    }

    /// A custom role to do something with, where that is what is tried.
    async fn custom_role(&self, place: &Place, request: &str, name: &str, number: usize) -> String {
        if !request.contains("{roleId}") {
            return String::new();
        }
        if request.contains("{userId}") && place.workspace != "default" {
            let path = format!("/v1/workspaces/{}/members/{}", place.workspace, self.plain);
            self.super_admin.send(Method::PUT, &path, Some(json!({ "role": "guest" }))).await.expect(200);
        }
        if name == "workspaces.role.delete" || place.workspace != "default" {
            return make_role(&self.super_admin, &place.workspace, json!({ "name": format!("Role {number}") })).await;
        }
        self.role.clone()
    }

    /// A file that was sent to the room.
    async fn attachment(&self, place: &Place) -> String {
        let admin = self.super_admin.within(&place.workspace);
        let id = upload(&admin, &place.room, "a.txt", b"the file").await.expect(201)["id"].as_str().unwrap().to_owned();
        let (mut socket, _) = admin.in_room(&place.room).await;
        let said = json!({ "room": place.room, "text": "look", "attachments": [id] });
        socket.ack_with_key("message.send", said, Some(&id)).await;
        id
    }

    /// One that is told of nothing that happens here.
    async fn webhook(&self, workspace: &str) -> String {
        let admin = self.super_admin.within(workspace);
        let made = admin.post("/v1/webhooks", webhook_of("https://example.org/")).await.expect(201);
        made["webhook"]["id"].as_str().unwrap().to_owned()
    }

    async fn by_socket(&self, place: &Place, kind: &str, name: &str, message: &str) -> Outcome {
        if kind == "nobody" {
            let socket = Socket::open(self.server.address, "no-ticket").await;
            return if socket.close_code().await == 4002 { Outcome::Refused } else { Outcome::Allowed };
        }
        let ticket = place.caller.act("/v1/auth/ws-ticket").await;
        if ticket.status != 201 {
            return judge(&ticket, 201);
        }
        let mut socket = Socket::open(self.server.address, ticket.body["ticket"].as_str().unwrap()).await;
        if name == "rooms.lobby.pass" {
            let admin = self.super_admin.within(&place.workspace);
            let path = format!("/v1/rooms/{}", place.room);
            admin.send(Method::PATCH, &path, Some(json!({ "lobby": true }))).await.expect(200);
        }
        let room = &place.room;
        let join = socket.request("room.join", json!({ "room": room })).await;
        let joined = socket.answer(&join).await;
        let refused = match joined["code"].as_str() {
            None => false,
            Some("banned" | "forbidden" | "account_pending" | "lobby") => true,
            Some(code) => return Outcome::Wrong(code.to_owned()),
        };
        if message == "room.join" {
            return if refused { Outcome::Refused } else { Outcome::Allowed };
        }
        if name == "chat.message.send_unrestrained" {
            let admin = self.super_admin.within(&place.workspace);
            admin
                .send(Method::PATCH, &format!("/v1/rooms/{room}"), Some(json!({ "readOnly": true })))
                .await
                .expect(200);
        }
        let payload = match message {
            "message.send" => json!({ "room": room, "text": "hello" }),
            "message.edit" | "message.delete" | "message.react" | "message.pin" => {
                let message_id = place.message(&mut socket, name).await;
                json!({ "room": room, "messageId": message_id, "text": "changed", "emoji": "+", "on": true })
            }
            "message.read" => json!({ "room": room, "seq": 0 }),
            "call.offer" => json!({ "room": room, "sdp": "v=0" }),
            "call.ice" => json!({ "room": room, "candidate": "" }),
            _ => json!({ "room": room }),
        };
        let id = socket.request_with_key(message, payload, Some(room)).await;
        let answer = socket.answer(&id).await;
        match answer["code"].as_str() {
            None if message == "call.offer" && name != "calls.call.join" => {
                let id = answer["payload"]["participantId"].as_str().unwrap();
                if is_given(name, self.node.served(id).unwrap().permissions) {
                    Outcome::Allowed
                } else {
                    Outcome::Refused
                }
            }
            None => Outcome::Allowed,
            Some("forbidden" | "read_only") => Outcome::Refused,
            Some("not_joined") if refused => Outcome::Refused,
            Some(code) => Outcome::Wrong(code.to_owned()),
        }
    }

    async fn by_whip(&self, place: &Place, kind: &str, request: &str) -> Outcome {
        let (method, template) = request.split_once(' ').unwrap();
        let front = template.replace("/{session}", "").replace("{room}", &place.room);
        if method == "POST" {
            return judge(&offer(&place.caller, &front).await, 201);
        }
        // One's own session, or else somebody's.
        let key = if place.workspace == "default" {
            self.key.clone()
        } else {
            self.server.api_key_of(&place.workspace).await
        };
        let of_somebody = key.join_token(&place.room, "somebody", Value::Null).await;
        let holder = if kind == "join token" { &place.caller } else { &of_somebody };
        let opened = offer(holder, &front).await;
        assert_eq!(opened.status, 201, "{}", opened.body);
        let session = opened.headers["location"].to_str().unwrap();
        if method == "DELETE" {
            return judge(&place.caller.send(Method::DELETE, session, None).await, 200);
        }
        let request = place.caller.request(Method::PATCH, session).header("if-match", "*");
        let request = request.header("content-type", "application/trickle-ice-sdpfrag");
        judge(&place.caller.finish(request.body(CANDIDATES)).await, 204)
    }
}

fn webhook_of(url: &str) -> Value {
    json!({ "url": url, "events": ["room.updated"] })
}

fn path_is_of_accounts(request: &str) -> bool {
    request.contains("/v1/admin/users/")
}

fn judge(answer: &Answer, allowed: u16) -> Outcome {
    let code = answer.body["code"].as_str();
    match (answer.status, code) {
        // It was looked at.
        (401, Some("invalid_credentials" | "invalid_token")) if allowed == 401 => Outcome::Allowed,
        (status, _) if status == allowed && allowed != 401 => Outcome::Allowed,
        (401, Some("unauthenticated" | "invalid_token")) => Outcome::Refused,
        (403, Some("forbidden" | "banned" | "account_pending")) => Outcome::Refused,
        _ => Outcome::Wrong(format!("{} {}", answer.status, answer.body)),
    }
}

/// Whether the media node was told that the right is there.
fn is_given(name: &str, permissions: MediaPermissions) -> bool {
    match name {
        "calls.media.receive" => permissions.subscribe,
        "calls.microphone.publish" => permissions.microphone,
        "video.camera.publish" => permissions.camera,
        "screen.track.publish" => permissions.screen,
        "calls.data.send" => permissions.data,
        other => panic!("{other} is tried nowhere"),
    }
}

#[tokio::test]
async fn each_cell_of_the_permissions_is_true() {
    let world = World::new().await;
    let (rows, _) = document();
    let tries = rows.iter().flat_map(|row| {
        row.requests
            .iter()
            .flat_map(move |request| CALLERS.iter().map(move |(kind, column)| (row, request, kind, column)))
    });
    let world = &world;
    let outcomes = stream::iter(tries.enumerate()).map(|(number, (row, request, kind, column))| async move {
        let expected = if column.is_some_and(|column| row.cells[column]) { Outcome::Allowed } else { Outcome::Refused };
        let outcome = world.try_it(&row.name, request, kind, number).await;
        (outcome != expected).then(|| format!("{}, {request}, {kind}: {outcome:?}, not {expected:?}", row.name))
    });
    let outcomes: Vec<Option<String>> = outcomes.buffer_unordered(AT_ONCE).collect().await;
    assert!(outcomes.len() > 400, "{} tries", outcomes.len());
    let wrong: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
