//! Who is mentioned or answered learns it, wherever it is.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::workspaces::take_in;
use crate::common::{Client, TestServer};

async fn inbox(client: &Client, query: &str) -> Value {
    client.get(&format!("/v1/notifications{query}")).await.expect(200)
}

#[tokio::test]
async fn a_mention_is_told_to_all_sockets_and_kept() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let _acme = server.tenant(&owner, "acme").await;
    take_in(&owner, "acme", &ann, "member").await;
    let (mut of_owner, _) = owner.in_room("talk").await;
    // One is in no room, one in another workspace.
    let (mut inside, participant_id) = ann.in_room("talk").await;
    let (mut outside, mut elsewhere) = (ann.socket().await, ann.within("acme").socket().await);
    let hello = json!({ "room": "talk", "text": "@Ann", "mentions": [ann.id] });
    let said = of_owner.ack_with_key("message.send", hello, Some("1")).await["message"].clone();
    for socket in [&mut inside, &mut outside] {
        let told = socket.expect("notification.new").await;
        let notification = &told["notification"];
        assert_eq!((&told["unreadCount"], &notification["kind"]), (&json!(1), &json!("mention")));
        assert_eq!(notification["message"], said);
    }
    assert!(elsewhere.drain(Duration::from_millis(200)).await.is_empty());
    assert!(of_owner.drain(Duration::from_millis(100)).await.iter().all(|frame| frame["type"] != "notification.new"));
    let mine = inside.ack_with_key("message.send", json!({ "room": "talk", "text": "yes?" }), Some("1")).await;
    let answer = json!({ "room": "talk", "text": "here", "replyTo": mine["message"]["id"] });
    of_owner.ack_with_key("message.send", answer, Some("2")).await;
    assert_eq!(outside.expect("notification.new").await["notification"]["kind"], "reply");

    let all = inbox(&ann, "").await;
    assert_eq!((all["items"].as_array().unwrap().len(), &all["unreadCount"]), (2, &json!(2)));
    let first = inbox(&ann, "?limit=1").await;
    let rest = inbox(&ann, &format!("?limit=1&cursor={}", first["nextCursor"].as_str().unwrap())).await;
    assert_eq!((&rest["items"][0], rest["nextCursor"].as_str()), (&all["items"][1], None));
    let read = json!({ "upTo": all["items"][1]["id"] });
    assert_eq!(ann.post("/v1/notifications/read", read).await.expect(200), json!({ "unreadCount": 1 }));
    assert!(inbox(&ann, "").await["items"][1]["readAt"].is_string());
    assert_eq!(inbox(&owner, "").await, json!({ "items": [], "unreadCount": 0 }));
    assert_eq!(inbox(&ann.within("acme"), "").await, json!({ "items": [], "unreadCount": 0 }));
    // Of a room that one may not read, nothing.
    assert_eq!(owner.act(&format!("/v1/rooms/talk/participants/{participant_id}/ban")).await.status, 204);
    assert_eq!(inbox(&ann, "").await, json!({ "items": [], "unreadCount": 0 }));
}

#[tokio::test]
async fn what_is_no_inbox_is_refused() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    server.anybody().get("/v1/notifications").await.expect_problem(401, "unauthenticated");
    server.api_key().await.get("/v1/notifications").await.expect_problem(403, "forbidden");
    owner.get("/v1/notifications?cursor=x").await.expect_problem(400, "malformed");
    for body in [json!({}), json!({ "upTo": "x" }), json!({ "upTo": null })] {
        owner.post("/v1/notifications/read", body).await.expect_problem(400, "malformed");
    }
    let off = json!({ "enabled": false });
    owner.send(Method::PUT, "/v1/workspaces/default/features/chat", Some(off)).await.expect(200);
    owner.get("/v1/notifications").await.expect_problem(404, "feature_disabled");
}
