//! Where an account is signed in: lists, ends, tokens that are replaced, a new password.

use boltorezka_control::SessionDetails;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Client, TestServer};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
const PASSWORD: &str = "a long password";

async fn log_in(server: &TestServer, name: &str, password: &str) -> crate::common::client::Answer {
    let email = format!("{name}@example.org");
    server.anybody().post("/v1/auth/login", json!({ "email": email, "password": password })).await
}

/// The same account, signed in another time.
async fn again(server: &TestServer, name: &str) -> Client {
    let client = server.anybody();
    let email = format!("{name}@example.org");
    client.post("/v1/auth/login", json!({ "email": email, "password": PASSWORD })).await.expect(200);
    client.remember_me().await
}

async fn sessions(client: &Client) -> Vec<Value> {
    client.get("/v1/auth/sessions").await.expect(200)["items"].as_array().unwrap().clone()
}

/// What a request with this cookie is answered.
async fn status_with(client: &Client, cookie: &str) -> (u16, Option<String>) {
    let fresh = client.with_bearer("");
    let request = fresh.request(Method::GET, "/v1/auth/me").header("cookie", format!("boltorezka_session={cookie}"));
    let mut request = request.build().unwrap();
    request.headers_mut().remove("authorization");
    let response = reqwest::Client::builder().no_proxy().build().unwrap().execute(request).await.unwrap();
    let cookie = response.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
    let token = cookie.map(|value| value.split([';', '=']).nth(1).unwrap().to_owned());
    (response.status().as_u16(), token)
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let server = TestServer::start().await;
    let (ann, bob) = (server.user("Ann").await, server.user("Bob").await);
    let elsewhere = again(&server, "ann").await;
    let third = again(&server, "ann").await;
    let listed = sessions(&ann).await;
    assert_eq!(listed.len(), 3);
    assert_eq!(listed.iter().filter(|session| session["current"] == true).count(), 1);
    assert!(listed.iter().all(|session| session.get("address").is_none()), "{listed:?}");
    let id_of = |listed: &[Value]| {
        listed.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let id = id_of(&sessions(&elsewhere).await);
    let mut socket = elsewhere.socket().await;
    socket.ack("ping", json!({})).await;
    let path = format!("/v1/auth/sessions/{id}");
    bob.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    elsewhere.get("/v1/auth/me").await.expect(200);
    assert_eq!(ann.send(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(socket.close_code().await, 4002);
    elsewhere.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    ann.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");

    let (own, other) = (ann.socket().await, third.socket().await);
    assert_eq!(ann.send(Method::DELETE, "/v1/auth/sessions", None).await.status, 204);
    assert_eq!(other.close_code().await, 4002);
    third.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    let mut own = own;
    own.ack("ping", json!({})).await;
    assert_eq!(sessions(&ann).await.len(), 1);
    bob.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn what_is_kept_of_a_session_is_as_the_setting_says() {
    for (details, has_agent, has_address) in [
        (SessionDetails::None, false, false),
        (SessionDetails::UserAgent, true, false),
        (SessionDetails::All, true, true),
    ] {
        let server = TestServer::start_with(|config| config.session_details = details).await;
        let ann = server.anybody();
        let body = json!({ "email": "ann@example.org", "password": PASSWORD, "displayName": "Ann" });
        let request = ann.request(Method::POST, "/v1/auth/register").header("user-agent", "Browser 1").json(&body);
        ann.finish(request).await.expect(201);
        let session = sessions(&ann).await.remove(0);
        assert_eq!(session.get("userAgent").map(Value::to_string), has_agent.then(|| "\"Browser 1\"".to_owned()));
        assert_eq!(session.get("address").map(Value::to_string), has_address.then(|| "\"127.0.0.1\"".to_owned()));
    }
}

#[tokio::test]
async fn the_last_use_is_coarse() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let seen = async || sessions(&ann).await.remove(0)["lastSeenAt"].to_string();
    let first = seen().await;
    server.clock.advance_ms(9 * 60 * 1000);
    ann.get("/v1/auth/me").await.expect(200);
    assert_eq!(seen().await, first);
    server.clock.advance_ms(2 * 60 * 1000);
    ann.get("/v1/auth/me").await.expect(200);
    assert_ne!(seen().await, first);
}

#[tokio::test]
async fn a_token_is_replaced_each_day_and_late_requests_are_answered() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let mut socket = ann.socket().await;
    let old = ann.cookie().unwrap();
    server.clock.advance_ms(DAY_MS);
    let (first, second) = tokio::join!(status_with(&ann, &old), status_with(&ann, &old));
    assert_eq!((first.0, second.0), (200, 200));
    let new = first.1.or(second.1).unwrap();
    assert_ne!(new, old);
    // Whoever asked with the old one before the new one came is answered, for a minute from its first use.
    assert_eq!(status_with(&ann, &old).await, (200, None));
    assert_eq!(status_with(&ann, &new).await, (200, None));
    server.clock.advance_ms(59_000);
    assert_eq!(status_with(&ann, &old).await, (200, None));
    server.clock.advance_ms(2_000);
    assert_eq!(status_with(&ann, &old).await, (401, None));
    assert_eq!(status_with(&ann, &new).await.0, 200);
    // It is the same session.
    socket.ack("ping", json!({})).await;
    assert_eq!(server.count("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_new_token_that_got_lost_does_not_sign_out() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let old = ann.cookie().unwrap();
    server.clock.advance_ms(DAY_MS);
    let lost = status_with(&ann, &old).await.1.unwrap();
    server.clock.advance_ms(HOUR_MS);
    let (status, fresh) = status_with(&ann, &old).await;
    assert_eq!(status, 200);
    let fresh = fresh.expect("another one");
    assert_eq!(status_with(&ann, &lost).await.0, 401);
    assert_eq!(status_with(&ann, &fresh).await.0, 200);
}

#[tokio::test]
async fn a_new_role_renews_the_token() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let ann = server.user("Ann").await;
    let before = ann.cookie();
    owner.post(&format!("/v1/admin/users/{}/promote", ann.id), json!({ "role": "admin" })).await.expect(200);
    ann.get("/v1/auth/me").await.expect(200);
    assert_ne!(ann.cookie(), before);
    ann.get("/v1/admin/users").await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let elsewhere = again(&server, "ann").await;
    let (mut own, other) = (ann.socket().await, elsewhere.socket().await);
    let change = async |password: &str, new: &str| {
        ann.post("/v1/auth/password", json!({ "password": password, "newPassword": new })).await
    };
    change("not her password", "another password").await.expect_problem(401, "invalid_credentials");
    change(PASSWORD, "short").await.expect_problem(422, "invalid");
    elsewhere.get("/v1/auth/me").await.expect(200);
    let before = ann.cookie();
    assert_eq!(change(PASSWORD, "another password").await.status, 204);
    assert_eq!(other.close_code().await, 4002);
    elsewhere.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    own.ack("ping", json!({})).await;
    ann.get("/v1/auth/me").await.expect(200);
    assert_ne!(ann.cookie(), before, "and its token is another");
    log_in(&server, "ann", PASSWORD).await.expect_problem(401, "invalid_credentials");
    log_in(&server, "ann", "another password").await.expect(200);
}

#[tokio::test]
async fn guessing_with_an_open_session_is_slowed_down() {
    let server = TestServer::start_with(|config| config.limits.login_per_account_per_minute = Some(2)).await;
    let ann = server.user("Ann").await;
    let body = json!({ "password": "a wrong guess", "newPassword": "another password" });
    for _ in 0..2 {
        ann.post("/v1/auth/password", body.clone()).await.expect_problem(401, "invalid_credentials");
    }
    ann.post("/v1/auth/password", body).await.expect_problem(429, "rate_limited");
}
