//! Workspaces: made, entered, left.

use std::time::Duration;

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::EndReason;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::TestServer;
use crate::common::server::make_room;
use crate::common::workspaces::{make_workspace, take_in};

#[tokio::test]
async fn a_workspace_is_made_once_and_found_by_those_in_it() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let body = json!({ "slug": "acme", "title": "Acme" });
    let made = admin.post("/v1/workspaces", body.clone()).await.expect(201);
    assert_eq!(
        (made["slug"].as_str(), made["title"].as_str(), made["myRole"].as_str()),
        (Some("acme"), Some("Acme"), Some("owner"))
    );
    assert_eq!(admin.post("/v1/workspaces", body).await.expect(200), made, "the same again");
    for other in [json!({ "slug": "acme", "title": "Other" }), json!({ "slug": "default", "title": "Default" })] {
        admin.post("/v1/workspaces", other).await.expect_problem(409, "conflict");
    }
    for bad in [json!({ "slug": "No", "title": "x" }), json!({ "slug": "fine", "title": "" }), json!({})] {
        admin.post("/v1/workspaces", bad).await.expect_problem(400, "malformed");
    }
    let ann = server.user("Ann").await;
    ann.post("/v1/workspaces", json!({ "slug": "mine", "title": "x" })).await.expect_problem(403, "forbidden");
    ann.get("/v1/workspaces/acme").await.expect_problem(404, "not_found");
    server.anybody().get("/v1/workspaces/acme").await.expect_problem(401, "unauthenticated");
    let slugs = async |client: &crate::common::Client| {
        let page = client.get("/v1/workspaces").await.expect(200);
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(slugs(&ann).await, ["default"]);
    take_in(&admin, "acme", &ann, "member").await;
    assert_eq!(slugs(&ann).await, ["acme", "default"]);
    assert_eq!(ann.get("/v1/workspaces/acme").await.expect(200)["myRole"], "member");
    assert_eq!(ann.get("/v1/workspaces/default").await.expect(200)["myRole"], "member");
    let title = json!({ "title": "New" });
    ann.send(Method::PATCH, "/v1/workspaces/acme", Some(title.clone())).await.expect_problem(403, "forbidden");
    assert_eq!(admin.send(Method::PATCH, "/v1/workspaces/acme", Some(title)).await.expect(200)["title"], "New");
    let page = admin.get("/v1/workspaces?limit=1").await.expect(200);
    assert_eq!((page["items"][0]["slug"].as_str(), page["nextCursor"].as_str()), (Some("acme"), Some("acme")));
}

#[tokio::test]
async fn members_come_and_go() {
    let server = TestServer::start().await;
    let admin = server.owner().await;
    let owner = server.tenant(&admin, "acme").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    take_in(&owner, "acme", &ann, "admin").await;
    take_in(&ann, "acme", &bob, "guest").await;
    let member = |id: &str| format!("/v1/workspaces/acme/members/{id}");
    let give = async |by: &crate::common::Client, id: &str, role: &str| {
        by.send(Method::PUT, &member(id), Some(json!({ "role": role }))).await
    };
    give(&ann, &bob.id, "owner").await.expect_problem(403, "forbidden");
    give(&ann, &owner.id, "member").await.expect_problem(403, "forbidden");
    give(&bob, &bob.id, "admin").await.expect_problem(403, "forbidden");
    give(&ann, "01890000-0000-7000-8000-000000000000", "guest").await.expect_problem(404, "not_found");
    give(&admin, &bob.id, "god").await.expect_problem(400, "malformed");
    let page = ann.get("/v1/workspaces/acme/members?limit=2").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let rest = ann.get(&format!("/v1/workspaces/acme/members?cursor={}", page["nextCursor"].as_str().unwrap())).await;
    assert_eq!(rest.expect(200)["items"].as_array().unwrap().len(), 2, "whoever made it is its owner too");
    bob.get("/v1/workspaces/acme/members").await.expect_problem(403, "forbidden");
    let home = format!("/v1/workspaces/default/members/{}", bob.id);
    admin.send(Method::PUT, &home, Some(json!({ "role": "admin" }))).await.expect_problem(409, "conflict");
    admin.send(Method::DELETE, &home, None).await.expect_problem(409, "conflict");
    // Admins send away those below them, and everybody may go.
    assert_eq!(ann.send(Method::DELETE, &member(&bob.id), None).await.status, 204);
    ann.send(Method::DELETE, &member(&bob.id), None).await.expect_problem(404, "not_found");
    ann.send(Method::DELETE, &member(&owner.id), None).await.expect_problem(403, "forbidden");
    assert_eq!(ann.send(Method::DELETE, &member(&ann.id), None).await.status, 204);
    ann.get("/v1/workspaces/acme").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn who_is_sent_away_is_out_of_rooms_calls_and_sockets_at_once() {
    let server = TestServer::start().await;
    let mut node = server.node().await;
    server.linked().await;
    let admin = server.owner().await;
    let owner = server.tenant(&admin, "acme").await;
    make_room(&owner, "talk", "video").await;
    make_room(&admin, "talk", "video").await;
    let ann = server.user("Ann").await;
    take_in(&owner, "acme", &ann, "member").await;
    let (mut watcher, _) = owner.in_room("talk").await;
    let (mut at_home, home_id) = ann.in_room("talk").await;
    at_home.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    let (mut socket, participant_id) = ann.within("acme").in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert!(node.served(&participant_id).unwrap().permissions.camera);
    watcher.sees(&participant_id, |_| true).await;

    // A lower role.
    take_in(&owner, "acme", &ann, "guest").await;
    let lowered = |message: &ControlMessage| matches!(message, ControlMessage::SetPermissions { permissions, .. } if !permissions.microphone && permissions.subscribe);
    node.hear(lowered).await;
    watcher.sees(&participant_id, |seen| seen["role"] == "listener").await;
    let said = json!({ "room": "talk", "text": "x" });
    let id = socket.request_with_key("message.send", said, Some("k")).await;
    assert_eq!(socket.answer(&id).await["code"], "forbidden");

    // None.
    let unused = ann.within("acme").ticket().await;
    let path = format!("/v1/workspaces/acme/members/{}", ann.id);
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, 204);
    let id = participant_id.parse().unwrap();
    let revoked = ControlMessage::Revoke { rev: 0, participant_id: id, reason: EndReason::Revoked };
    node.hear(|message| matches!((message, &revoked),
        (ControlMessage::Revoke { participant_id: heard, reason, .. }, ControlMessage::Revoke { participant_id, reason: wanted, .. })
            if heard == participant_id && reason == wanted)).await;
    assert_eq!(socket.expect("call.ended").await, json!({ "room": "talk", "reason": "revoked" }));
    assert_eq!(socket.close_code().await, 4002);
    watcher.presence(|update| update["left"].as_array().unwrap().contains(&Value::from(participant_id.as_str()))).await;
    assert_eq!(crate::common::Socket::open(server.address, &unused).await.close_code().await, 4002);
    ann.within("acme").get("/v1/rooms/talk").await.expect_problem(404, "not_found");
    // Elsewhere nothing happened.
    at_home.ack("call.ice", json!({ "room": "talk", "candidate": "" })).await;
    assert!(node.serves(&home_id));
}

#[tokio::test]
async fn a_key_and_its_tokens_are_in_their_workspace_without_naming_it() {
    let server = TestServer::start().await;
    let node = server.node().await;
    server.linked().await;
    let admin = server.owner().await;
    make_workspace(&admin, "acme").await;
    let key = server.api_key_of("acme").await;
    make_room(&key, "talk", "video").await;
    admin.get("/v1/rooms/talk").await.expect_problem(404, "not_found");
    assert_eq!(admin.within("acme").get("/v1/rooms/talk").await.expect(200)["myRole"], "owner");
    key.within("acme").get("/v1/rooms/talk").await.expect(200);
    let guest = key.join_token("talk", "guest", Value::Null).await;
    let (mut socket, participant_id) = guest.in_room("talk").await;
    socket.ack("call.offer", json!({ "room": "talk", "sdp": "v=0" })).await;
    assert!(node.serves(&participant_id));
    // Who has gone for good, and whom the node gave up, leaves this workspace's room too.
    node.say(boltorezka_proto::admission::MediaMessage::Left {
        participant_id: participant_id.parse().unwrap(),
        room: node.served(&participant_id).unwrap().room,
        reason: EndReason::Timeout,
    });
    assert_eq!(socket.expect("call.ended").await["reason"], "timeout");
    assert_eq!(server.count("SELECT count(*) FROM participants WHERE admitted").await, 0);
    socket.ack("room.leave", json!({ "room": "talk" })).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.count("SELECT count(*) FROM participants").await, 0);
}
