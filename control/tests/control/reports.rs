//! Members report messages; admins of the workspace see to it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

/// Says something in a room. Returns the message's id.
pub async fn said(client: &Client, room: &str) -> String {
    let (mut socket, _) = client.in_room(room).await;
    let sent = socket.ack_with_key("message.send", json!({ "room": room, "text": "look" }), Some(room)).await;
    sent["message"]["id"].as_str().unwrap().to_owned()
}

/// Reports it. Returns the report's id.
pub async fn reported(client: &Client, room: &str) -> String {
    let report = format!("/v1/rooms/{room}/messages/{}/report", said(client, room).await);
    assert_eq!(client.post(&report, json!({ "reason": "spam" })).await.status, 204);
    let newest = client.get("/v1/reports?limit=1").await.expect(200);
    newest["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_is_reported_read_and_resolved() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let (mut socket, _) = bob.in_room("talk").await;
    let said = json!({ "room": "talk", "text": "something bad" });
    let message = socket.ack_with_key("message.send", said, Some("1")).await["message"].clone();
    let id = message["id"].as_str().unwrap();
    let path = format!("/v1/rooms/talk/messages/{id}/report");
    for _ in 0..2 {
        assert_eq!(ann.post(&path, json!({ "reason": "spam" })).await.status, 204);
    }
    socket.ack_with_key("message.delete", json!({ "room": "talk", "messageId": id }), Some("2")).await;
    bob.post(&path, json!({ "reason": "spam" })).await.expect_problem(404, "not_found");

    ann.get("/v1/reports").await.expect_problem(403, "forbidden");
    let reports = owner.get("/v1/reports").await.expect(200);
    let report = &reports["items"][0];
    assert_eq!(reports["items"].as_array().unwrap().len(), 1);
    assert_eq!((&report["text"], &report["reason"]), (&json!("something bad"), &json!("spam")));
    assert_eq!((&report["senderName"], &report["reporterName"]), (&json!("Bob"), &json!("Ann")));
    assert_eq!((&report["messageId"], &report["room"]), (&message["id"], &json!("talk")));
    assert_eq!(report["resolvedAt"], Value::Null);
    let resolve = format!("/v1/reports/{}/resolve", report["id"].as_str().unwrap());
    ann.act(&resolve).await.expect_problem(403, "forbidden");
    let resolved = owner.act(&resolve).await.expect(200);
    assert!(resolved["resolvedAt"].is_string());
    assert_eq!(owner.act(&resolve).await.expect(200), resolved, "once");
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'chat.report.resolve'").await, 1);
    owner.act("/v1/reports/01890000-0000-7000-8000-000000000000/resolve").await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_is_no_report_is_refused() {
    let server = TestServer::start_with(|config| config.limits.reports_per_user_per_minute = Some(5)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    let message = socket.ack_with_key("message.send", json!({ "room": "talk", "text": "hello" }), Some("1")).await;
    let path = format!("/v1/rooms/talk/messages/{}/report", message["message"]["id"].as_str().unwrap());
    for body in [json!({}), json!({ "reason": " " }), json!({ "reason": "x".repeat(1001) })] {
        let answer = owner.post(&path, body).await;
        assert!([400, 422].contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    server.anybody().post(&path, json!({ "reason": "spam" })).await.expect_problem(401, "unauthenticated");
    server.api_key().await.post(&path, json!({ "reason": "spam" })).await.expect_problem(403, "forbidden");
    owner.get("/v1/reports?cursor=x").await.expect_problem(400, "malformed");
    for expected in [204, 204, 204, 204, 204, 429] {
        assert_eq!(owner.post(&path, json!({ "reason": "spam" })).await.status, expected);
    }
    let off = json!({ "enabled": false });
    owner.send(Method::PUT, "/v1/workspaces/default/features/chat", Some(off)).await.expect(200);
    owner.get("/v1/reports").await.expect_problem(404, "feature_disabled");
}
