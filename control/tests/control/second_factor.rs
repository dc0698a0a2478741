//! The second factor: setting it up, signing in with it, codes that count once.

use aws_lc_rs::hmac;
use boltorezka_control::Clock as _;
use data_encoding::BASE32_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::client::Answer;
use crate::common::{Client, TestServer};

const PASSWORD: &str = "a long password";

/// What an authenticator shows (RFC 6238).
pub fn code(server: &TestServer, secret: &str, steps_ahead: i64) -> String {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let step = server.clock.now_ms() / 30_000 + steps_ahead;
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 0xf);
    let number = u32::from_be_bytes(tag[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Of now, while the next lines run: the clock is set to the beginning of a step.
fn begin_step(server: &TestServer) {
    server.clock.advance_ms(30_000 - server.clock.now_ms() % 30_000);
}

pub async fn enrol(server: &TestServer, ann: &Client) -> (String, Vec<String>) {
    let enrolled = ann.post("/v1/auth/second-factor", json!({ "password": PASSWORD })).await.expect(200);
    let secret = enrolled["secret"].as_str().unwrap().to_owned();
    assert!(enrolled["uri"].as_str().unwrap().contains(&secret));
    begin_step(server);
    let confirm = json!({ "code": code(server, &secret, 0) });
    let codes = ann.post("/v1/auth/second-factor/confirm", confirm).await.expect(200);
    let codes = codes["recoveryCodes"].as_array().unwrap();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn log_in(server: &TestServer, code: Option<&str>) -> Answer {
    let mut body = json!({ "email": "ann@example.org", "password": PASSWORD });
    if let Some(code) = code {
        body["code"] = Value::String(code.to_owned());
    }
    server.anybody().post("/v1/auth/login", body).await
}

#[tokio::test]
async fn signing_in_takes_a_code_once() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["secondFactor"], false);
    let (secret, recovery) = enrol(&server, &ann).await;
    assert_eq!(recovery.len(), 10);
    assert_eq!(ann.get("/v1/auth/me").await.expect(200)["secondFactor"], true);
    log_in(&server, None).await.expect_problem(401, "second_factor_required");
    // The code that confirmed it was used.
    log_in(&server, Some(&code(&server, &secret, 0))).await.expect_problem(401, "invalid_credentials");
    let next = code(&server, &secret, 1);
    let (a, b) = tokio::join!(log_in(&server, Some(&next)), log_in(&server, Some(&next)));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "two at once");
    log_in(&server, Some("000000")).await.expect_problem(401, "invalid_credentials");
    // Whoever does not know the password is not told that there is a second factor.
    let body = json!({ "email": "ann@example.org", "password": "a wrong guess" });
    server.anybody().post("/v1/auth/login", body).await.expect_problem(401, "invalid_credentials");
    // It outlasts a restart: the key is kept.
    let server = server.restart().await;
    begin_step(&server);
    server.clock.advance_ms(60_000);
    log_in(&server, Some(&code(&server, &secret, 0))).await.expect(200);
}

#[tokio::test]
async fn a_recovery_code_signs_in_once() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let (_, recovery) = enrol(&server, &ann).await;
    let typed = recovery[0].to_uppercase().replace('-', " ");
    log_in(&server, Some(&typed)).await.expect(200);
    log_in(&server, Some(&recovery[0])).await.expect_problem(401, "invalid_credentials");
    log_in(&server, Some(&recovery[1])).await.expect(200);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_also_with_the_right_password() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let (secret, recovery) = enrol(&server, &ann).await;
    for _ in 0..5 {
        log_in(&server, Some("000000")).await.expect_problem(401, "invalid_credentials");
    }
    let limited = log_in(&server, Some(&code(&server, &secret, 1))).await;
    let retry_after_s: u32 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((20..=30).contains(&retry_after_s), "{retry_after_s}");
    limited.expect_problem(429, "rate_limited");
    log_in(&server, Some(&recovery[0])).await.expect_problem(429, "rate_limited");
    server.clock.advance_ms(30_000);
    log_in(&server, Some(&recovery[0])).await.expect(200);
}

#[tokio::test]
async fn the_secret_is_shown_once_and_kept_sealed() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let wrong = json!({ "password": "a wrong guess" });
    ann.post("/v1/auth/second-factor", wrong).await.expect_problem(401, "invalid_credentials");
    let nothing = json!({ "code": "000000" });
    ann.post("/v1/auth/second-factor/confirm", nothing.clone()).await.expect_problem(409, "conflict");
    let first = ann.post("/v1/auth/second-factor", json!({ "password": PASSWORD })).await.expect(200);
    log_in(&server, None).await.expect(200);
    let (secret, _) = enrol(&server, &ann).await;
    assert_ne!(first["secret"], secret.as_str());
    ann.post("/v1/auth/second-factor", json!({ "password": PASSWORD })).await.expect_problem(409, "conflict");
    ann.post("/v1/auth/second-factor/confirm", nothing).await.expect_problem(409, "conflict");
    let kept: Vec<(Vec<u8>,)> = server.rows("SELECT secret FROM second_factors").await;
    let plain = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    assert!(kept.len() == 1 && !kept[0].0.windows(plain.len()).any(|bytes| bytes == plain));
}

#[tokio::test]
async fn it_is_disabled_by_password_and_code_or_by_an_admin() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    let ann = server.user("Ann").await;
    let (secret, recovery) = enrol(&server, &ann).await;
    let disable = async |password: &str, code: &str| {
        ann.post("/v1/auth/second-factor/disable", json!({ "password": password, "code": code })).await
    };
    disable("a wrong guess", &code(&server, &secret, 1)).await.expect_problem(401, "invalid_credentials");
    disable(PASSWORD, "000000").await.expect_problem(401, "invalid_credentials");
    assert_eq!(disable(PASSWORD, &recovery[3]).await.status, 204);
    log_in(&server, None).await.expect(200);

    enrol(&server, &ann).await;
    let path = |id: &str| format!("/v1/admin/users/{id}/second-factor");
    ann.send(Method::DELETE, &path(&ann.id), None).await.expect_problem(403, "forbidden");
    owner.send(Method::DELETE, &path(&owner.id), None).await.expect_problem(403, "forbidden");
    assert_eq!(owner.send(Method::DELETE, &path(&ann.id), None).await.status, 204);
    owner.send(Method::DELETE, &path(&ann.id), None).await.expect_problem(404, "not_found");
    log_in(&server, None).await.expect(200);
}
