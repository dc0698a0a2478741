//! Keys of the operator's servers: what they may do, and their end.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

async fn key(server: &TestServer, owner: &Client, body: Value) -> (Client, String) {
    let made = owner.post("/v1/admin/api-keys", body).await.expect(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("bk_"), "{key}");
    (server.anybody().with_bearer(key), made["apiKey"]["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_key_is_shown_once_and_worthless_once_it_is_revoked() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let (key, id) = key(&server, &owner, json!({ "name": " shop " })).await;
    let listed = async || owner.get("/v1/admin/api-keys").await.expect(200)["items"][0].clone();
    let before = listed().await;
    assert_eq!((before["name"].as_str(), before.get("key"), before.get("lastUsedAt")), (Some("shop"), None, None));
    make_room(&key, "talk", "video").await;
    let used = listed().await["lastUsedAt"].clone();
    assert!(used.is_string());
    server.clock.advance_ms(9 * 60 * 1000);
    key.get("/v1/rooms").await.expect(200);
    assert_eq!(listed().await["lastUsedAt"], used, "not each request writes");
    server.clock.advance_ms(2 * 60 * 1000);
    key.get("/v1/rooms").await.expect(200);
    assert_ne!(listed().await["lastUsedAt"], used);

    let path = format!("/v1/admin/api-keys/{id}");
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, 204);
    owner.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    key.get("/v1/rooms").await.expect_problem(401, "invalid_token");
    assert!(listed().await["revokedAt"].is_string());
}

#[tokio::test]
async fn a_key_does_what_it_was_given_and_no_more() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let scopes = json!(["accounts.join_token.create", "rooms.room.read"]);
    let (key, _) = key(&server, &owner, json!({ "name": "shop", "scopes": scopes })).await;
    key.get("/v1/rooms/talk").await.expect(200);
    let token = json!({ "room": "talk", "identity": "cid", "displayName": "Cid" });
    key.post("/v1/join-tokens", token).await.expect(201);
    key.get("/v1/rooms").await.expect_problem(403, "forbidden");
    key.get("/v1/rooms/talk/messages").await.expect_problem(403, "forbidden");
    key.send(Method::DELETE, "/v1/rooms/talk", None).await.expect_problem(403, "forbidden");
    key.post("/v1/rooms", json!({ "slug": "new-room", "title": "X", "kind": "text" }))
        .await
        .expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_key_acts_in_the_workspace_that_it_was_made_in() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let acme = server.tenant(&owner, "acme").await;
    acme.get("/v1/admin/api-keys").await.expect_problem(403, "forbidden");
    make_room(&acme, "talk", "video").await;
    make_room(&owner, "talk", "video").await;
    let there = owner.within("acme");
    let (key, id) = key(&server, &there, json!({ "name": "shop" })).await;
    make_room(&key, "made-by-key", "video").await;
    acme.get("/v1/rooms/made-by-key").await.expect(200);
    owner.get("/v1/rooms/made-by-key").await.expect_problem(404, "not_found");
    let path = format!("/v1/admin/api-keys/{id}");
    assert_eq!(owner.get("/v1/admin/api-keys").await.expect(200)["items"], json!([]));
    owner.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    assert_eq!(there.send(Method::DELETE, &path, None).await.status, 204);
    key.get("/v1/rooms").await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn what_no_key_may_do_cannot_be_given() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    for bad in [
        json!({ "name": "shop", "scopes": ["admin.user.promote"] }),
        json!({ "name": "shop", "scopes": ["rooms", "nonsense"] }),
        json!({ "name": "shop", "scopes": [] }),
        json!({ "name": " " }),
        json!({ "name": "a\nb" }),
    ] {
        owner.post("/v1/admin/api-keys", bad).await.expect_problem(422, "invalid");
    }
    let workspace = boltorezka_proto::WorkspaceSlug::new("default").unwrap();
    assert!(server.control.create_api_key("shop", &workspace, Some(vec!["nonsense".to_owned()])).await.is_err());
    assert_eq!(server.count("SELECT count(*) FROM api_keys").await, 0);
}
