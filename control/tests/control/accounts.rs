//! Set-up, registration, log-in, sessions.

use std::time::{Duration, Instant};

use boltorezka_control::Registration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::TestServer;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn setup_body(token: &str, email: &str) -> Value {
    json!({ "token": token, "email": email, "password": "a long password", "displayName": "Owner" })
}

fn register_body(email: &str, password: &str, name: &str) -> Value {
    json!({ "email": email, "password": password, "displayName": name })
}

#[tokio::test]
async fn the_owner_link_makes_one_super_admin() {
    let server = TestServer::start().await;
    let anybody = server.anybody();
    let old = server.control.owner_token().await.unwrap().unwrap();
    let token = server.control.owner_token().await.unwrap().unwrap();
    for wrong in ["", "guess", &old] {
        anybody.post("/v1/setup", setup_body(wrong, "a@example.org")).await.expect_problem(401, "invalid_token");
    }
    anybody.post("/v1/setup", setup_body(&token, "nonsense")).await.expect_problem(422, "invalid");
    let user = anybody.post("/v1/setup", setup_body(&token, "Owner@Example.org")).await.expect(201);
    assert_eq!(user["user"]["role"], "super_admin");
    assert_eq!(user["user"]["email"], "owner@example.org");
    assert_eq!(anybody.get("/v1/auth/me").await.expect(200)["user"], user["user"]);
    anybody.post("/v1/setup", setup_body(&token, "b@example.org")).await.expect_problem(409, "already_set_up");
    assert_eq!(server.control.owner_token().await.unwrap(), None);
    assert_eq!(server.count("SELECT count(*) FROM audit WHERE action = 'server.set_up'").await, 1);
}

#[tokio::test]
async fn two_uses_of_the_owner_link_at_once_make_one_super_admin() {
    let server = TestServer::start().await;
    let token = server.control.owner_token().await.unwrap().unwrap();
    let (a, b) = (server.anybody(), server.anybody());
    let (first, second) = tokio::join!(
        a.post("/v1/setup", setup_body(&token, "a@example.org")),
        b.post("/v1/setup", setup_body(&token, "b@example.org"))
    );
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(server.count("SELECT count(*) FROM users WHERE role = 'super_admin'").await, 1);
}

#[tokio::test]
async fn the_super_admins_address_gives_nothing_without_the_owner_link() {
    let server = TestServer::start_with(|config| config.super_admin_email = Some("Boss@Example.org".to_owned())).await;
    let squatter = server.anybody();
    let body = register_body("boss@example.org", "squatters password", "Squatter");
    assert_eq!(squatter.post("/v1/auth/register", body).await.expect(201)["user"]["role"], "user");

    let token = server.control.owner_token().await.unwrap().unwrap();
    let owner = server.anybody();
    owner.post("/v1/setup", setup_body(&token, "other@example.org")).await.expect_problem(403, "forbidden");
    let user = owner.post("/v1/setup", setup_body(&token, "boss@example.org")).await.expect(201);
    assert_eq!(user["user"]["role"], "super_admin");
    // Whoever took the address before is out, with session and password.
    squatter.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
    let body = json!({ "email": "boss@example.org", "password": "squatters password" });
    squatter.post("/v1/auth/login", body).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn registration_checks_each_field() {
    let server = TestServer::start().await;
    let anybody = server.anybody();
    let register = async |body: Value| anybody.post("/v1/auth/register", body).await;
    let user = register(register_body("Ann@Example.org", "a long password", " Ann ")).await.expect(201);
    assert_eq!(user["user"]["displayName"], "Ann");
    assert_eq!(user["user"]["role"], "user");
    register(register_body("ann@example.ORG", "a long password", "Ann")).await.expect_problem(409, "conflict");
    for bad in [
        register_body("ann", "a long password", "Ann"),
        register_body("b@example.org", "short", "Ann"),
        register_body("b@example.org", "a long password", " "),
        json!({ "email": "b@example.org", "password": "a long password" }),
    ] {
        register(bad).await.expect_problem(422, "invalid");
    }
    let detail = register(register_body("b@example.org", "short", "Ann")).await.body["detail"].to_string();
    assert!(detail.contains("password") && detail.contains("10"), "{detail}");
}

#[tokio::test]
async fn registration_can_be_closed() {
    for registration in [Registration::Closed, Registration::Invite] {
        let server = TestServer::start_with(|config| config.registration = registration).await;
        let body = register_body("ann@example.org", "a long password", "Ann");
        server.anybody().post("/v1/auth/register", body).await.expect_problem(403, "registration_closed");
        server.owner().await;
    }
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    for (secure, cookie_is_secure) in [(false, false), (true, true)] {
        let server = TestServer::start_with(|config| config.secure_cookies = secure).await;
        let body = register_body("ann@example.org", "a long password", "Ann");
        let answer = server.anybody().post("/v1/auth/register", body).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        for part in ["boltorezka_session=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(cookie.contains("Secure"), cookie_is_secure, "{cookie}");
    }
}

#[tokio::test]
async fn log_in_and_out() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let anybody = server.anybody();
    let login = async |email: &str, password: &str| {
        anybody.post("/v1/auth/login", json!({ "email": email, "password": password })).await
    };
    login("ann@example.org", "not her password").await.expect_problem(401, "invalid_credentials");
    login("nobody@example.org", "a long password").await.expect_problem(401, "invalid_credentials");
    let user = login(" ANN@example.org ", "a long password").await.expect(200);
    assert_eq!(user["user"]["id"], ann.id);
    assert_ne!(anybody.cookie(), ann.cookie());

    let mut socket = anybody.socket().await;
    socket.ack("ping", json!({})).await;
    let cookie = anybody.cookie().unwrap();
    assert_eq!(anybody.act("/v1/auth/logout").await.status, 204);
    assert_eq!(socket.close_code().await, 4002);
    assert_eq!(anybody.cookie(), None);
    let replay = anybody.request(Method::GET, "/v1/auth/me").header("cookie", format!("boltorezka_session={cookie}"));
    anybody.finish(replay).await.expect_problem(401, "unauthenticated");
    assert_eq!(anybody.act("/v1/auth/logout").await.status, 204);
    // The other session lives on.
    ann.get("/v1/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_unknown_account_is_answered_as_slowly_as_a_wrong_password() {
    let server = TestServer::start().await;
    server.user("Ann").await;
    let anybody = server.anybody();
    let fastest = async |email: &str| {
        let mut fastest = Duration::MAX;
        for _ in 0..7 {
            let started = Instant::now();
            anybody.post("/v1/auth/login", json!({ "email": email, "password": "wrong password" })).await.expect(401);
            fastest = fastest.min(started.elapsed());
        }
        fastest
    };
    let known = fastest("ann@example.org").await;
    let unknown = fastest("nobody@example.org").await;
    assert!(unknown > known / 3, "known {known:?}, unknown {unknown:?}");
}

#[tokio::test]
async fn sessions_end_30_days_after_their_last_use() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    assert!(!ann.get("/v1/auth/me").await.headers.contains_key("set-cookie"));
    for _ in 0..3 {
        server.clock.advance_ms(29 * DAY_MS);
        let answer = ann.get("/v1/auth/me").await;
        assert_eq!(answer.status, 200);
        assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=2592000"));
    }
    server.clock.advance_ms(30 * DAY_MS);
    ann.get("/v1/auth/me").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_blocked_account_is_told_so() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    server.sql("UPDATE users SET blocked_at = 1").await;
    ann.get("/v1/auth/me").await.expect_problem(403, "account_blocked");
    let login = |password: &str| json!({ "email": "ann@example.org", "password": password });
    let anybody = server.anybody();
    anybody.post("/v1/auth/login", login("a long password")).await.expect_problem(403, "account_blocked");
    // Who does not know the password is not told.
    anybody.post("/v1/auth/login", login("some other one")).await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn guessing_is_slowed_down_by_account_and_by_address() {
    let server = TestServer::start_with(|config| {
        config.limits.login_per_account_per_minute = Some(3);
        config.limits.login_per_address_per_minute = Some(5);
    })
    .await;
    let anybody = server.anybody();
    let login = async |email: &str| {
        anybody.post("/v1/auth/login", json!({ "email": email, "password": "wrong password" })).await
    };
    for _ in 0..3 {
        login("ann@example.org").await.expect_problem(401, "invalid_credentials");
    }
    let limited = login("ANN@example.org").await;
    assert_eq!(limited.headers["retry-after"], "20");
    limited.expect_problem(429, "rate_limited");
    login("bob@example.org").await.expect_problem(401, "invalid_credentials");
    login("cid@example.org").await.expect_problem(429, "rate_limited");
    server.clock.advance_ms(20_000);
    login("ann@example.org").await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn registrations_are_slowed_down_by_address() {
    let server = TestServer::start_with(|config| config.limits.register_per_address_per_minute = Some(1)).await;
    server.user("Ann").await;
    let body = register_body("bob@example.org", "a long password", "Bob");
    server.anybody().post("/v1/auth/register", body).await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn requests_that_a_foreign_site_sends_along_are_refused() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let own = format!("http://{}", server.address);
    for (header, value, passes) in [
        ("origin", "https://evil.example", false),
        ("origin", "null", false),
        ("origin", own.as_str(), true),
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "same-origin", true),
    ] {
        let answer = ann.finish(ann.request(Method::POST, "/v1/auth/ws-ticket").header(header, value)).await;
        if passes {
            answer.expect(201);
        } else {
            answer.expect_problem(403, "foreign_origin");
        }
        ann.finish(ann.request(Method::GET, "/v1/auth/me").header(header, value)).await.expect(200);
    }
    let body = register_body("bob@example.org", "a long password", "Bob");
    let request = ann.request(Method::POST, "/v1/auth/register").header("origin", "https://evil.example").json(&body);
    ann.finish(request).await.expect_problem(403, "foreign_origin");
}
