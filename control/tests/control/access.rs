//! Blocked and pending accounts.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::EndReason;
use serde_json::json;

use crate::common::TestServer;
use crate::common::server::make_room;
use crate::common::workspaces::{make_workspace, take_in};

/// The bound of the design is on all of it, from the commit to the last packet; control's part is a small one.
const AT_ONCE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_block_ends_sessions_sockets_and_calls() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (mut watching, _) = owner.in_room("talk").await;
    let (mut socket, participant_id) = ann.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert!(node.serves(&participant_id));
    let ticket = ann.ticket().await;
    watching.sees(&participant_id, |_| true).await;

    let before = Instant::now();
    let path = format!("/v1/admin/users/{}/block", ann.id);
    let blocked = owner.act(&path).await.expect(200);
    assert_eq!(blocked["user"]["state"], "blocked");
    let is_revoke =
        |message: &ControlMessage| matches!(message, ControlMessage::Revoke { reason: EndReason::Revoked, .. });
    let (at, message) = node.hear(is_revoke).await;
    assert!(at - before < AT_ONCE, "{:?}", at - before);
    assert!(matches!(message, ControlMessage::Revoke { participant_id: id, .. } if id.to_string() == participant_id));
    assert_eq!(socket.close_code().await, 4004);
    watching.presence(|update| update["left"][0] == participant_id.as_str()).await;
    ann.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    let late = crate::common::Socket::open(server.address, &ticket).await;
    assert!([4002, 4004].contains(&late.close_code().await));
    let login = json!({ "email": "ann@example.org", "password": "a long password" });
    server.anybody().post("/v1/auth/login", login.clone()).await.expect_problem(403, "account_blocked");
    let users = owner.get("/v1/admin/users").await.expect(200);
    assert!(
        users["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|user| user["state"] == "blocked" && user["id"] == ann.id.as_str())
    );

    let path = format!("/v1/admin/users/{}/unblock", ann.id);
    assert_eq!(owner.act(&path).await.expect(200)["user"]["state"], "active");
    ann.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    ann.post("/v1/auth/login", login).await.expect(200);
    ann.in_room("talk").await;
}

#[tokio::test]
async fn a_block_ends_what_is_open_in_every_workspace() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    let acme = server.tenant(&owner, "acme").await;
    make_room(&acme, "talk", "video").await;
    let ann = server.user("Ann").await;
    take_in(&owner, "acme", &ann, "member").await;
    let (mut watching, _) = acme.in_room("talk").await;
    let (mut socket, participant_id) = ann.within("acme").in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    watching.sees(&participant_id, |_| true).await;
    owner.act(&format!("/v1/admin/users/{}/block", ann.id)).await.expect(200);
    let (_, message) = node.hear(|message| matches!(message, ControlMessage::Revoke { .. })).await;
    assert!(matches!(message, ControlMessage::Revoke { participant_id: id, .. } if id.to_string() == participant_id));
    assert_eq!(socket.close_code().await, 4004);
    watching.presence(|update| update["left"][0] == participant_id.as_str()).await;
}

#[tokio::test]
async fn who_waits_has_nothing_in_a_workspace_either() {
    let server = TestServer::start_with(|config| config.registration_approval = true).await;
    let owner = server.owner().await;
    make_workspace(&owner, "acme").await;
    let ann = server.user("Ann").await;
    take_in(&owner, "acme", &ann, "owner").await;
    let there = ann.within("acme");
    for path in ["/v1/rooms", "/v1/webhooks", "/v1/workspaces/acme", "/v1/workspaces/acme/members", "/v1/workspaces"] {
        there.get(path).await.expect_problem(403, "account_pending");
    }
    there.act("/v1/auth/ws-ticket").await.expect_problem(403, "account_pending");
}

#[tokio::test]
async fn nobody_blocks_an_equal_or_themselves() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (ann, bob, cid) = (server.user("Ann").await, server.user("Bob").await, server.user("Cid").await);
    for admin in [&ann, &bob] {
        let promote = format!("/v1/admin/users/{}/promote", admin.id);
        owner.post(&promote, json!({ "role": "admin" })).await.expect(200);
    }
    let verb = |id: &str, verb: &str| format!("/v1/admin/users/{id}/{verb}");
    for what in ["block", "unblock"] {
        for target in [&owner.id, &bob.id, &ann.id] {
            ann.act(&verb(target, what)).await.expect_problem(403, "forbidden");
        }
        owner.act(&verb(&owner.id, what)).await.expect_problem(403, "forbidden");
        cid.act(&verb(&bob.id, what)).await.expect_problem(403, "forbidden");
        owner.act(&verb("01a200b8-ec4c-7022-be3f-e7b4373388d5", what)).await.expect_problem(404, "not_found");
    }
    bob.get("/v1/auth/me").await.expect(200);
    ann.act(&verb(&cid.id, "block")).await.expect(200);
    owner.act(&verb(&ann.id, "block")).await.expect(200);
    ann.get("/v1/admin/users").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn who_waits_for_an_admin_sees_only_its_own_account() {
    let server = TestServer::start_with(|config| config.registration_approval = true).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["state"], "pending");
    ann.get("/v1/auth/sessions").await.expect(200);
    for path in ["/v1/rooms", "/v1/rooms/talk", "/v1/rooms/talk/messages", "/v1/admin/users"] {
        ann.get(path).await.expect_problem(403, "account_pending");
    }
    ann.act("/v1/auth/ws-ticket").await.expect_problem(403, "account_pending");
    let approve = format!("/v1/admin/users/{}/approve", ann.id);
    ann.act(&approve).await.expect_problem(403, "account_pending");
    assert_eq!(owner.act(&approve).await.expect(200)["user"]["state"], "active");
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["state"], "active");
    ann.in_room("talk").await;
    // The owner link needs nobody's approval.
    assert_eq!(owner.get("/v1/auth/me").await.expect(200)["state"], "active");
}
