//! Looking for messages, as clients do.

use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn search(client: &Client, query: &[(&str, &str)]) -> Answer {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    client.get(&format!("/v1/rooms/talk/messages/search?{}", query.join("&"))).await
}

fn texts(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_found_by_their_words() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    make_room(&owner, "other", "text").await;
    let ann = server.user("Ann").await;
    let (mut socket, _) = ann.in_room("talk").await;
    socket.ack("room.join", json!({ "room": "other" })).await;
    let mut sent = Vec::new();
    for number in 0..5 {
        let said = json!({ "room": "talk", "text": format!("Lunch at {number} o'clock?") });
        sent.push(socket.ack_with_key("message.send", said, Some(&number.to_string())).await["message"].clone());
    }
    let elsewhere = json!({ "room": "other", "text": "lunch elsewhere" });
    socket.ack_with_key("message.send", elsewhere, Some("elsewhere")).await;
    let all = search(&owner, &[("q", "lunch clock")]).await.expect(200);
    let mut newest_first = sent.clone();
    newest_first.reverse();
    assert_eq!(all, json!({ "items": newest_first }));
    let first = search(&owner, &[("q", "lun"), ("limit", "2")]).await.expect(200);
    assert_eq!(texts(&first), ["Lunch at 4 o'clock?", "Lunch at 3 o'clock?"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = search(&owner, &[("q", "lun"), ("limit", "100"), ("cursor", cursor)]).await.expect(200);
    assert_eq!((texts(&rest).len(), rest["nextCursor"].as_str()), (3, None));
    let change = |number: usize, more: Value| {
        let mut payload = json!({ "room": "talk", "messageId": sent[number]["id"] });
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload
    };
    socket.ack_with_key("message.edit", change(0, json!({ "text": "dinner" })), Some("edit")).await;
    socket.ack_with_key("message.delete", change(1, json!({})), Some("delete")).await;
    assert_eq!(texts(&search(&owner, &[("q", "lunch")]).await.expect(200)).len(), 3);
    assert_eq!(texts(&search(&owner, &[("q", "dinner")]).await.expect(200)), ["dinner"]);
    let key = server.api_key().await;
    assert_eq!(texts(&search(&key, &[("q", "dinner")]).await.expect(200)), ["dinner"]);
}

#[tokio::test]
async fn what_is_not_to_be_looked_for_is_refused() {
    let server = TestServer::start_with(|config| config.limits.searches_per_user_per_s = Some(1)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let (mut socket, participant_id) = ann.in_room("talk").await;
    let said = json!({ "room": "talk", "text": "text OR nothing" });
    socket.ack_with_key("message.send", said, Some("1")).await;
    for (query, found) in [("\"OR", 1), ("text: 'nothing'*", 1), ("text\0nothing", 1), ("{room} : x", 0), ("NEAR(", 0)]
    {
        assert_eq!(texts(&search(&owner, &[("q", query)]).await.expect(200)).len(), found, "{query}");
    }
    let long = "x".repeat(10_000);
    for query in ["", " ", "\"", "*", "\0", "(()", &long] {
        search(&owner, &[("q", query)]).await.expect_problem(400, "malformed");
    }
    search(&owner, &[]).await.expect_problem(400, "malformed");
    for cursor in ["x", "99999999999999999999"] {
        search(&owner, &[("q", "text"), ("cursor", cursor)]).await.expect_problem(400, "malformed");
    }
    search(&server.anybody(), &[("q", "text")]).await.expect_problem(401, "unauthenticated");
    let ban = format!("/v1/rooms/talk/participants/{participant_id}/ban");
    assert_eq!(owner.act(&ban).await.status, 204);
    search(&ann, &[("q", "text")]).await.expect_problem(403, "banned");
    owner.get("/v1/rooms/nowhere/messages/search?q=text").await.expect_problem(404, "not_found");
    let mut limited = 0;
    for _ in 0..12 {
        let answer = search(&owner, &[("q", "text")]).await;
        limited += u32::from(answer.status == 429);
        assert!([200, 429].contains(&answer.status), "{}", answer.status);
    }
    assert!(limited >= 3, "{limited}");
}
