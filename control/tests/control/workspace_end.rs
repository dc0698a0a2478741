//! A workspace is deleted: what is in it ends at once, and nothing of it is left.

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::EndReason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::workspaces::{make_workspace, take_in};
use crate::common::{Client, Socket, TestServer};

async fn delete(by: &Client, workspace: &str) -> crate::common::client::Answer {
    by.send(Method::DELETE, &format!("/v1/workspaces/{workspace}"), None).await
}

#[tokio::test]
async fn its_owner_deletes_it_and_nobody_below() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let owner = server.tenant(&admin, "acme").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    take_in(&owner, "acme", &ann, "admin").await;
    let key = server.api_key_of("acme").await;
    server.anybody().send(Method::DELETE, "/v1/workspaces/acme", None).await.expect_problem(401, "unauthenticated");
    delete(&bob, "acme").await.expect_problem(404, "not_found");
    delete(&ann, "acme").await.expect_problem(403, "forbidden");
    delete(&key, "acme").await.expect_problem(403, "forbidden");
    delete(&admin, "default").await.expect_problem(409, "conflict");
    delete(&ann, "default").await.expect_problem(403, "forbidden");
    delete(&admin, "nowhere").await.expect_problem(404, "not_found");
    assert_eq!(delete(&owner, "acme").await.status, 204);
    delete(&owner, "acme").await.expect_problem(404, "not_found");
    owner.at_home().get("/v1/auth/me").await.expect(200);
    key.get("/v1/rooms").await.expect_problem(401, "invalid_token");
    // A super admin deletes any, and the name is free again.
    make_workspace(&admin, "acme").await;
    assert_eq!(delete(&admin, "acme").await.status, 204);
    let log = admin.get("/v1/admin/audit-log?action=workspaces.workspace.delete").await.expect(200);
    let by: Vec<&Value> = log["items"].as_array().unwrap().iter().map(|entry| &entry["actor"]["userId"]).collect();
    assert_eq!(by, [admin.id.as_str(), owner.id.as_str()]);
    assert!(log["items"].as_array().unwrap().iter().all(|entry| entry["target"] == "acme"), "{log}");
}

#[tokio::test]
async fn its_calls_and_sockets_end_at_once() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let admin = server.owner().await;
    let owner = server.tenant(&admin, "acme").await;
    make_room(&owner, "talk", "video").await;
    make_room(&admin, "talk", "video").await;
    let key = server.api_key_of("acme").await;
    let token = key.join_token("talk", "guest", Value::Null).await;
    let (mut guest, guest_id) = token.in_room("talk").await;
    guest.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let (mut at_home, home_id) = owner.at_home().in_room("talk").await;
    at_home.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let room = node.served(&guest_id).unwrap().room;
    let unused = owner.ticket().await;

    assert_eq!(delete(&owner, "acme").await.status, 204);
    let is_it = |message: &ControlMessage| matches!(message, ControlMessage::CloseRoom { room: told, reason: EndReason::RoomDeleted, .. } if *told == room);
    node.hear(is_it).await;
    assert_eq!(guest.expect("call.ended").await, json!({ "room": "talk", "reason": "room_deleted" }));
    assert_eq!(guest.close_code().await, 4002);
    assert_eq!(Socket::open(server.address, &unused).await.close_code().await, 4002);
    // What its key vouched for is worth nothing any more, and does no harm.
    let refused = token.act("/v1/auth/ws-ticket").await;
    assert!((400..500).contains(&refused.status), "{} {}", refused.status, refused.body);
    // Elsewhere nothing happened.
    at_home.ack("call.ice", json!({ "room": "talk", "candidate": "" })).await;
    assert!(node.serves(&home_id) && !node.serves(&guest_id));
    assert_eq!(server.count("SELECT count(*) FROM workspaces").await, 1);
    assert_eq!(server.count("SELECT count(*) FROM users WHERE kind = 'external'").await, 0);
    let server = server.restart().await;
    assert_eq!(server.count("SELECT count(*) FROM rooms").await, 1);
}
