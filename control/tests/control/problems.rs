//! Every error is a problem document.

use reqwest::Method;
use serde_json::json;

use crate::common::TestServer;

#[tokio::test]
async fn unknown_routes_and_methods() {
    let server = TestServer::start().await;
    let anybody = server.anybody();
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/auth/nothing", "/nothing"] {
        anybody.get(path).await.expect_problem(404, "not_found");
    }
    for (method, path) in [
        (Method::GET, "/v1/auth/login"),
        (Method::DELETE, "/v1/rooms"),
        (Method::PUT, "/v1/rooms/talk"),
        (Method::POST, "/livez"),
    ] {
        anybody.send(method, path, None).await.expect_problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let server = TestServer::start_with(|config| config.limits.body_bytes = Some(1000)).await;
    let anybody = server.anybody();
    let post = |body: String, kind: &str| {
        let request =
            anybody.request(Method::POST, "/v1/auth/login").body(body).header("content-type", kind.to_owned());
        anybody.finish(request)
    };
    post("{".to_owned(), "application/json").await.expect_problem(400, "malformed");
    post(String::new(), "application/json").await.expect_problem(400, "malformed");
    post("[]".to_owned(), "application/json").await.expect_problem(422, "invalid");
    post("email=a".to_owned(), "application/x-www-form-urlencoded").await.expect_problem(400, "malformed");
    post(format!("\"{}\"", "x".repeat(1000)), "application/json").await.expect_problem(413, "too_large");
    let untyped = anybody.request(Method::POST, "/v1/auth/login").body("{}");
    anybody.finish(untyped).await.expect_problem(400, "malformed");
    let body = json!({ "email": "a@example.org", "password": "wrong password", "unknown": 1 });
    post(body.to_string(), "application/json; charset=utf-8").await.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn queries_that_cannot_be_read() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    for path in [
        "/v1/rooms?limit=0",
        "/v1/rooms?limit=1&limit=2",
        "/v1/rooms?cursor=No%00Slug",
        "/v1/admin/media/inspection?room=talk&room=stage",
        "/v1/realtime/ws?ticket=1&ticket=2",
    ] {
        owner.get(path).await.expect_problem(400, "malformed");
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_read() {
    let server = TestServer::start().await;
    let anybody = server.anybody();
    for value in ["Basic YTpi", "Bearer", "Bearer x", "bk_123"] {
        let request = anybody.request(Method::GET, "/v1/rooms").header("authorization", value);
        anybody.finish(request).await.expect_problem(401, "invalid_token");
    }
    let request = anybody.request(Method::GET, "/v1/rooms").header("cookie", "boltorezka_session=guess");
    anybody.finish(request).await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn answers_carry_safety_headers_and_a_request_id() {
    let server = TestServer::start().await;
    let anybody = server.anybody();
    let mut ids = std::collections::HashSet::new();
    for path in ["/v1/rooms", "/livez", "/nothing"] {
        let headers = anybody.get(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        ids.insert(headers["x-request-id"].clone());
    }
    assert_eq!(ids.len(), 3);
    assert_eq!(anybody.get("/v1/rooms").await.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn requests_are_limited_by_address() {
    let server = TestServer::start_with(|config| config.limits.requests_per_address_per_s = Some(2)).await;
    let anybody = server.anybody();
    let mut limited = 0;
    for _ in 0..40 {
        let answer = anybody.get("/v1/auth/me").await;
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            limited += 1;
        }
    }
    assert!((15..=20).contains(&limited), "{limited} of 40, with 20 at once");
    anybody.get("/livez").await.expect(200);
}
