//! Passkeys: adding, signing in, taking away, and everything that must not come through.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::TestServer;
use crate::common::oidc::Browser;
use crate::common::passkeys::{Device, FLAGS, PASSWORD, browser_of, server};
use crate::second_factor::enrol;

fn code((status, body): (u16, Value)) -> (u16, String) {
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn somebody_adds_a_passkey_signs_in_by_it_and_removes_it() {
    let server = server().await;
    let ann = server.user("Ann").await;
    let mut browser = browser_of(&server, &ann);
    let wrong = browser.post("/v1/auth/passkeys/begin", json!({ "password": "a wrong guess" })).await;
    assert_eq!(code(wrong), refused(401, "invalid_credentials"));
    let (status, creation) = browser.post("/v1/auth/passkeys/begin", json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{creation}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/v1/auth/passkeys", "Max-Age=300"] {
        assert!(browser.set[0].contains(attribute), "{:?}", browser.set);
    }
    assert_eq!((&creation["rpId"], &creation["userName"]), (&json!("talk.example"), &json!("ann@example.org")));
    assert_eq!((&creation["algorithms"], &creation["timeoutMs"]), (&json!([-8, -7, -257]), &json!(300_000)));
    let mut phone = Device::new("phone");
    let (status, made) = browser.post("/v1/auth/passkeys", phone.makes(&creation)).await;
    assert_eq!((status, &made["name"]), (201, &json!("Phone")), "{made}");
    assert!(!browser.cookies.contains_key("boltorezka_passkey"), "it has done its work");
    // Its device makes no second one.
    let (_, creation) = browser.post("/v1/auth/passkeys/begin", json!({ "password": PASSWORD })).await;
    assert_eq!(creation["excludeCredentials"], json!(["cGhvbmU"]));

    // A code of a second factor is not asked for: the device has checked who it is.
    enrol(&server, &ann).await;
    let mut elsewhere = Browser::new(&server);
    let (status, signed_in) = phone.sign_in(&mut elsewhere).await;
    assert_eq!((status, &signed_in["user"]["id"]), (200, &json!(ann.id)), "{signed_in}");
    assert_eq!(elsewhere.me().await.unwrap()["user"]["email"], "ann@example.org");
    assert!(!elsewhere.cookies.contains_key("boltorezka_passkey"));

    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/auth/passkeys/{id}");
    ann.send(Method::PATCH, &path, Some(json!({ "name": "Old phone" }))).await.expect(204);
    ann.send(Method::PATCH, &path, Some(json!({ "name": "" }))).await.expect_problem(422, "invalid");
    let listed = ann.get("/v1/auth/passkeys").await.expect(200)["items"].clone();
    assert_eq!((&listed[0]["name"], listed[0]["lastUsedAt"].is_string()), (&json!("Old phone"), true));
    assert_eq!(ann.get("/v1/auth/me/export").await.expect(200)["passkeys"], listed);
    // Nobody else's business.
    let bob = server.user("Bob").await;
    for (method, body) in [(Method::PATCH, Some(json!({ "name": "mine" }))), (Method::DELETE, None)] {
        bob.send(method, &path, body).await.expect_problem(404, "not_found");
    }
    // Signing out everywhere else takes sessions, not passkeys.
    ann.send(Method::DELETE, "/v1/auth/sessions", None).await.expect(204);
    assert!(elsewhere.me().await.is_none());
    assert_eq!(phone.sign_in(&mut elsewhere).await.0, 200);

    ann.send(Method::DELETE, &path, None).await.expect(204);
    ann.send(Method::DELETE, &path, None).await.expect_problem(404, "not_found");
    assert_eq!(code(phone.sign_in(&mut Browser::new(&server)).await), refused(401, "invalid_credentials"));
    let audited = "SELECT count(*) FROM audit WHERE action IN ('accounts.passkey.add', 'accounts.passkey.remove')
        AND actor_kind = 'user' AND address = '127.0.0.1'";
    assert_eq!(server.count(audited).await, 2);
}

#[tokio::test]
async fn nothing_is_believed_that_should_not_be() {
    let server = server().await;
    let ann = server.user("Ann").await;
    let mut browser = browser_of(&server, &ann);
    type Change = fn(&mut Device);
    let changes: [(&str, Change); 6] = [
        ("another origin", |device| device.origin = "https://evil.example".to_owned()),
        ("another port", |device| device.origin.push_str(":8443")),
        ("another party", |device| device.party = "evil.example".to_owned()),
        ("nobody was there", |device| device.flags &= !1),
        ("nobody was checked", |device| device.flags &= !4),
        ("copied, and not to be copied", |device| device.flags &= !8),
    ];
    for (what, change) in changes {
        let mut device = Device::new("made");
        change(&mut device);
        assert_eq!(code(device.add(&mut browser).await), refused(422, "invalid"), "{what}");
    }
    assert!(ann.get("/v1/auth/passkeys").await.expect(200)["items"].as_array().unwrap().is_empty());

    let mut phone = Device::new("phone");
    assert_eq!(phone.add(&mut browser).await.0, 201);
    let (handle, mut believed) = (phone.user_handle.clone(), Vec::new());
    for (what, change) in changes {
        change(&mut phone);
        let mut other = Browser::new(&server);
        if code(phone.sign_in(&mut other).await) != refused(401, "invalid_credentials") || other.me().await.is_some() {
            believed.push(what);
        }
        (phone.origin, phone.party, phone.flags) =
            (crate::common::passkeys::ORIGIN.to_owned(), "talk.example".to_owned(), FLAGS);
    }
    assert!(believed.is_empty(), "{believed:?}");
    // Another device that says to be this one, another account's name, and one that nobody knows.
    let mut copy = Device::new("phone");
    copy.user_handle.clone_from(&handle);
    assert_eq!(code(copy.sign_in(&mut Browser::new(&server)).await), refused(401, "invalid_credentials"));
    phone.user_handle = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    assert_eq!(code(phone.sign_in(&mut Browser::new(&server)).await), refused(401, "invalid_credentials"));
    let mut stranger = Device::new("stranger");
    stranger.user_handle.clone_from(&handle);
    assert_eq!(code(stranger.sign_in(&mut Browser::new(&server)).await), refused(401, "invalid_credentials"));
    // What cannot be read names the field.
    let mut other = Browser::new(&server);
    for (field, value) in [("signature", "x".repeat(10_000)), ("clientData", "???".to_owned())] {
        let (_, _, asked) = other.send(Method::POST, "/v1/auth/passkeys/sign-in/begin", None).await;
        let mut body = phone.signs(&asked);
        body[field] = json!(value);
        let (status, problem) = other.post("/v1/auth/passkeys/sign-in", body).await;
        assert_eq!((status, problem["detail"].as_str().unwrap().starts_with(field)), (422, true), "{problem}");
    }
    phone.user_handle = handle;
    assert_eq!(phone.sign_in(&mut other).await.0, 200);
    // A foreign page begins and ends nothing.
    for path in ["sign-in/begin", "sign-in", "begin", ""] {
        let request = server.anybody().request(Method::POST, format!("/v1/auth/passkeys/{path}").trim_end_matches('/'));
        let request = request.header("sec-fetch-site", "cross-site").json(&json!({}));
        server.anybody().finish(request).await.expect_problem(403, "foreign_origin");
    }
}

#[tokio::test]
async fn a_ceremony_is_ended_once_within_five_minutes_by_who_began_it() {
    let server = server().await;
    let (ann, evil) = (server.user("Ann").await, server.user("Evil").await);
    let mut browser = browser_of(&server, &ann);
    let (_, creation) = browser.post("/v1/auth/passkeys/begin", json!({ "password": PASSWORD })).await;
    let mut phone = Device::new("phone");
    let body = phone.makes(&creation);
    // Two ends of one beginning, of devices that differ.
    let mut copy = browser.clone();
    let mut second = Device::new("second");
    let (a, b) = tokio::join!(
        browser.post("/v1/auth/passkeys", body.clone()),
        copy.post("/v1/auth/passkeys", second.makes(&creation))
    );
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401], "{a:?} {b:?}");
    assert_eq!(server.count("SELECT count(*) FROM passkeys").await, 1);
    let phone = if a.0 == 201 { phone } else { second };

    // Somebody else's half in this person's browser, and the other way round.
    let mut attacker = browser_of(&server, &evil);
    let (_, creation) = attacker.post("/v1/auth/passkeys/begin", json!({ "password": PASSWORD })).await;
    let planted = Device::new("planted").makes(&creation);
    let mut victim = browser_of(&server, &ann);
    assert_eq!(code(victim.post("/v1/auth/passkeys", planted.clone()).await), refused(401, "invalid_token"));
    victim.cookies.insert("boltorezka_passkey".to_owned(), attacker.cookies["boltorezka_passkey"].clone());
    assert_eq!(code(victim.post("/v1/auth/passkeys", planted).await), refused(401, "invalid_token"));

    let begun = async |browser: &mut Browser| {
        let (_, _, asked) = browser.send(Method::POST, "/v1/auth/passkeys/sign-in/begin", None).await;
        asked
    };
    let mut one = Browser::new(&server);
    let asked = begun(&mut one).await;
    let (body, mut copy, mut late) = (phone.signs(&asked), one.clone(), one.clone());
    let (a, b) = tokio::join!(
        one.post("/v1/auth/passkeys/sign-in", body.clone()),
        copy.post("/v1/auth/passkeys/sign-in", body.clone())
    );
    let mut statuses = [a.0, b.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "two at once");
    assert_eq!(code(late.post("/v1/auth/passkeys/sign-in", body).await), refused(401, "invalid_token"));
    // A challenge for adding does not sign in.
    let (_, creation) = browser.post("/v1/auth/passkeys/begin", json!({ "password": PASSWORD })).await;
    let outcome = browser.post("/v1/auth/passkeys/sign-in", phone.signs(&creation)).await;
    assert_eq!(code(outcome), refused(401, "invalid_token"));
    // Another browser's challenge, and a cookie that was changed.
    let (mut mine, mut theirs) = (Browser::new(&server), Browser::new(&server));
    let (asked, _) = (begun(&mut mine).await, begun(&mut theirs).await);
    let outcome = theirs.post("/v1/auth/passkeys/sign-in", phone.signs(&asked)).await;
    assert_eq!(code(outcome), refused(401, "invalid_credentials"));
    let cookie = mine.cookies.get_mut("boltorezka_passkey").unwrap();
    let first = if cookie.starts_with('A') { "B" } else { "A" };
    cookie.replace_range(..1, first);
    assert_eq!(code(mine.post("/v1/auth/passkeys/sign-in", phone.signs(&asked)).await), refused(401, "invalid_token"));

    let mut slow = Browser::new(&server);
    let asked = begun(&mut slow).await;
    server.clock.advance_ms(5 * 60 * 1000 - 1);
    assert_eq!(slow.clone().post("/v1/auth/passkeys/sign-in", json!({})).await.0, 422);
    let asked_again = begun(&mut Browser::new(&server)).await;
    assert_ne!(asked, asked_again);
    server.clock.advance_ms(1);
    assert_eq!(code(slow.post("/v1/auth/passkeys/sign-in", phone.signs(&asked)).await), refused(401, "invalid_token"));
}

#[tokio::test]
async fn states_of_accounts_count_as_by_password() {
    let server = TestServer::start_with(|config| {
        config.public_url = Some("https://talk.example".to_owned());
        config.super_admin_email = Some("ann@example.org".to_owned());
    })
    .await;
    let ann = server.user("Ann").await;
    let mut phone = Device::new("phone");
    phone.count = 3;
    assert_eq!(phone.add(&mut browser_of(&server, &ann)).await.0, 201);
    // A device that counts, and a copy of it.
    phone.count = 4;
    let mut browser = Browser::new(&server);
    assert_eq!(phone.sign_in(&mut browser).await.0, 200);
    let (status, body) = phone.sign_in(&mut Browser::new(&server)).await;
    assert_eq!((status, body["detail"].as_str().unwrap().contains("copied")), (401, true), "{body}");
    phone.count = 5;
    // It proves no address.
    let me = browser.me().await.unwrap();
    assert_eq!((&me["user"]["role"], &me["emailVerified"]), (&json!("user"), &json!(false)));
    // The end of the account is taken back.
    ann.send(Method::DELETE, "/v1/auth/me", Some(json!({ "password": PASSWORD }))).await.expect(200);
    assert_eq!(server.count("SELECT count(*) FROM users WHERE erase_at IS NOT NULL").await, 1);
    assert_eq!(phone.sign_in(&mut browser).await.0, 200);
    assert_eq!(server.count("SELECT count(*) FROM users WHERE erase_at IS NOT NULL").await, 0);
    // Who waits for an admin comes in as far as by password.
    server.sql("UPDATE users SET pending_since = 1").await;
    phone.count = 6;
    assert_eq!(phone.sign_in(&mut browser).await.0, 200);
    assert_eq!(browser.me().await.unwrap()["state"], "pending");
    server.sql("UPDATE users SET blocked_at = 1").await;
    phone.count = 7;
    assert_eq!(code(phone.sign_in(&mut Browser::new(&server)).await), refused(403, "account_blocked"));
}

#[tokio::test]
async fn the_last_way_in_stays_and_a_recent_sign_in_stands_for_a_password() {
    let server = server().await;
    let ann = server.user("Ann").await;
    let mut browser = browser_of(&server, &ann);
    let mut phone = Device::new("phone");
    let (_, made) = phone.add(&mut browser).await;
    server.sql("UPDATE users SET password_hash = ''").await;
    let path = format!("/v1/auth/passkeys/{}", made["id"].as_str().unwrap());
    ann.send(Method::DELETE, &path, None).await.expect_problem(409, "conflict");
    server.clock.advance_ms(10 * 60 * 1000);
    assert_eq!(code(Device::new("key").add(&mut browser).await), refused(401, "invalid_credentials"));
    let mut fresh = Browser::new(&server);
    assert_eq!(phone.sign_in(&mut fresh).await.0, 200);
    assert_eq!(Device::new("key").add(&mut fresh).await.0, 201);
    ann.send(Method::DELETE, &path, None).await.expect(204);
}

#[tokio::test]
async fn tries_are_limited_as_at_log_in() {
    let server = TestServer::start_with(|config| {
        config.public_url = Some("https://talk.example".to_owned());
        config.limits.login_per_account_per_minute = Some(3);
    })
    .await;
    let ann = server.user("Ann").await;
    let mut phone = Device::new("phone");
    assert_eq!(phone.add(&mut browser_of(&server, &ann)).await.0, 201);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(phone.sign_in(&mut Browser::new(&server)).await.0);
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn a_server_without_a_name_says_so() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    for path in ["/v1/auth/passkeys/sign-in/begin", "/v1/auth/passkeys/begin"] {
        let answer = ann.post(path, json!({ "password": PASSWORD })).await;
        assert!(answer.body["detail"].as_str().unwrap().starts_with("passkeys need a name"), "{}", answer.body);
        answer.expect_problem(404, "not_found");
    }
    let at = |host: &str| {
        let request = server.anybody().request(Method::POST, "/v1/auth/passkeys/sign-in/begin");
        request.header("host", host.to_owned())
    };
    let asked = server.anybody().finish(at("localhost:8080")).await.expect(200);
    assert_eq!(asked["rpId"], "localhost");
    server.anybody().finish(at("evil.example")).await.expect_problem(404, "not_found");
}
