//! Invites to make an account.

use boltorezka_control::Registration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::{Client, TestServer};

async fn server() -> (TestServer, Client) {
    let server = TestServer::start_with(|config| {
        config.registration = Registration::Invite;
        config.registration_approval = true;
        config.public_url = Some("https://talk.example".to_owned());
    })
    .await;
    let owner = server.owner().await;
    (server, owner)
}

async fn invite(by: &Client, body: Value) -> (String, String) {
    let made = by.post("/v1/admin/invites", body).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["token"]), text(&made["invite"]["id"]))
}

async fn register(server: &TestServer, name: &str, invite: &str) -> Answer {
    let body = json!({
        "email": format!("{name}@example.org"), "password": "a long password", "displayName": name, "invite": invite
    });
    server.anybody().post("/v1/auth/register", body).await
}

#[tokio::test]
async fn an_invite_lets_in_without_an_approval() {
    let (server, owner) = server().await;
    let made = owner.act("/v1/admin/invites").await.expect(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!(made["link"], format!("https://talk.example/register?invite={token}"));
    assert_eq!((&made["invite"]["uses"], &made["invite"]["usesMax"]), (&json!(0), &json!(1)));
    assert_eq!(made["invite"]["createdBy"], owner.id.as_str());
    register(&server, "ann", "a guess").await.expect_problem(401, "invalid_token");
    let user = register(&server, "ann", token).await.expect(201);
    let listed = owner.get("/v1/admin/users").await.expect(200);
    let ann = listed["items"].as_array().unwrap().iter().find(|account| account["id"] == user["user"]["id"]).unwrap();
    assert_eq!(ann["state"], "active");
    register(&server, "bob", token).await.expect_problem(401, "invalid_token");
    let body = json!({ "email": "bob@example.org", "password": "a long password", "displayName": "Bob" });
    server.anybody().post("/v1/auth/register", body).await.expect_problem(403, "registration_closed");
    let listed = owner.get("/v1/admin/invites").await.expect(200);
    assert_eq!((&listed["items"][0]["uses"], listed["items"][0].get("token")), (&json!(1), None));
}

#[tokio::test]
async fn two_who_take_the_last_use_at_once_make_one_account() {
    let (server, owner) = server().await;
    let (token, _) = invite(&owner, json!({ "uses": 1 })).await;
    let (a, b) = tokio::join!(register(&server, "ann", &token), register(&server, "bob", &token));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
}

#[tokio::test]
async fn an_invite_ends_by_time_and_by_being_taken_back() {
    let (server, owner) = server().await;
    let (expired, _) = invite(&owner, json!({ "ttlS": 60 })).await;
    server.clock.advance_ms(60_000);
    register(&server, "ann", &expired).await.expect_problem(401, "invalid_token");
    let (revoked, id) = invite(&owner, json!({})).await;
    let path = format!("/v1/admin/invites/{id}");
    assert_eq!(owner.send(Method::DELETE, &path, None).await.status, 204);
    owner.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    register(&server, "ann", &revoked).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_invite_may_be_for_one_address() {
    let (server, owner) = server().await;
    let (token, _) = invite(&owner, json!({ "email": "Ann@Example.org", "uses": 2 })).await;
    register(&server, "bob", &token).await.expect_problem(401, "invalid_token");
    register(&server, "ann", &token).await.expect(201);
    register(&server, "ann", &token).await.expect_problem(409, "conflict");
    for bad in [json!({ "uses": 0 }), json!({ "ttlS": 0 }), json!({ "email": "ann" }), json!({ "uses": 10_001 })] {
        owner.post("/v1/admin/invites", bad).await.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn no_invite_opens_what_is_closed() {
    let server = TestServer::start_with(|config| config.registration = Registration::Closed).await;
    let owner = server.owner().await;
    let (token, _) = invite(&owner, json!({})).await;
    register(&server, "ann", &token).await.expect_problem(403, "registration_closed");
}
