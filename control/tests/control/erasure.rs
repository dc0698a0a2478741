//! Export and end of one's account.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const PASSWORD: &str = "a long password";

async fn delete(client: &Client, password: &str) -> crate::common::client::Answer {
    client.send(Method::DELETE, "/v1/auth/me", Some(json!({ "password": password }))).await
}

async fn log_in(server: &TestServer) -> crate::common::client::Answer {
    server.anybody().post("/v1/auth/login", json!({ "email": "ann@example.org", "password": PASSWORD })).await
}

#[tokio::test]
async fn an_export_has_what_is_kept_and_nothing_of_others() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    for (client, text) in [(&ann, "hello"), (&bob, "not hers"), (&ann, "again")] {
        let (mut socket, _) = client.in_room("talk").await;
        socket.ack_with_key("message.send", json!({ "room": "talk", "text": text }), Some(text)).await;
    }
    let path = format!("/v1/rooms/talk/members/{}", ann.id);
    owner.send(Method::PUT, &path, Some(json!({ "role": "moderator" }))).await.expect(200);
    let export = ann.get("/v1/auth/me/export?limit=1").await.expect(200);
    assert_eq!(export["user"]["email"], "ann@example.org");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(export["roles"], json!([{ "room": "talk", "role": "moderator" }]));
    assert_eq!(export["messages"][0]["text"], "hello");
    let cursor = export["nextCursor"].as_str().unwrap();
    let rest = ann.get(&format!("/v1/auth/me/export?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((&rest["messages"][0]["text"], rest.get("nextCursor")), (&json!("again"), None));
    let text = export.to_string();
    assert!(!text.contains("$argon2id") && !text.contains("bob@"), "{text}");
}

#[tokio::test]
async fn an_account_is_erased_after_the_window() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let ann = server.user("Ann").await;
    let (mut socket, _) = ann.in_room("talk").await;
    socket.ack_with_key("message.send", json!({ "room": "talk", "text": "hello" }), Some("k")).await;
    delete(&ann, "a wrong guess").await.expect_problem(401, "invalid_credentials");
    let planned = delete(&ann, PASSWORD).await.expect(200);
    assert!(planned["eraseAt"].is_string());
    assert_eq!(socket.close_code().await, 4002);
    ann.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    // Logging in takes it back.
    server.clock.advance_ms(13 * DAY_MS);
    log_in(&server).await.expect(200);
    server.clock.advance_ms(2 * DAY_MS);
    let again = server.anybody();
    again.post("/v1/auth/login", json!({ "email": "ann@example.org", "password": PASSWORD })).await.expect(200);
    delete(&again, PASSWORD).await.expect(200);
    server.clock.advance_ms(14 * DAY_MS);
    // A restart sweeps at once.
    let (server, owner) = {
        let server = server.restart().await;
        let owner = owner.at(server.address);
        (server, owner)
    };
    for _ in 0..500 {
        if server.count("SELECT count(*) FROM users WHERE erased_at IS NOT NULL").await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    log_in(&server).await.expect_problem(401, "invalid_credentials");
    let messages = owner.get("/v1/rooms/talk/messages").await.expect(200);
    assert_eq!(
        (&messages["items"][0]["senderName"], &messages["items"][0]["text"]),
        (&json!("deleted account"), &json!("hello"))
    );
    let users = owner.get("/v1/admin/users").await.expect(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.count("SELECT count(*) FROM users WHERE email LIKE 'ann%' OR display_name = 'Ann'").await, 0);
}

#[tokio::test]
async fn the_last_super_admin_stays() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    delete(&owner, PASSWORD).await.expect_problem(409, "conflict");
    owner.get("/v1/auth/me").await.expect(200);
}
