//! Which account an identity of a provider signs in to, and how the two are linked and parted.

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::oidc::{Browser, Provider};
use crate::common::{Client, TestServer};
use crate::oidc::ann;
use crate::second_factor::{code, enrol};
use boltorezka_control::Registration;

const PASSWORD: &str = "a long password";

fn person(who: &str, verified: bool) -> Value {
    json!({ "sub": format!("subject of {who}"), "email": format!("{who}@example.org"), "email_verified": verified })
}

/// A browser that is signed in as `client`.
fn browser_of(server: &TestServer, client: &Client) -> Browser {
    let mut browser = Browser::new(server);
    browser.cookies.insert("boltorezka_session".to_owned(), client.cookie().unwrap());
    browser
}

async fn link(browser: &mut Browser, server: &TestServer, provider: &Provider, person: &Value) -> String {
    let (status, body) = browser.post("/v1/auth/oidc/link", json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{body}");
    let url = reqwest::Url::parse(body["url"].as_str().unwrap()).unwrap();
    browser.come_back(&provider.grant(server, &url, person)).await
}

async fn delete(browser: &mut Browser, path: &str, body: Option<Value>) -> (u16, Value) {
    let (status, _, body) = browser.send(Method::DELETE, path, body).await;
    (status, body["code"].clone())
}

#[tokio::test]
async fn an_account_is_linked_by_its_owner_and_parted_again() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let client = server.user("Ann").await;
    // The address alone gives nothing: nobody has shown to us whose it is.
    let mut stranger = Browser::new(&server);
    assert_eq!(stranger.sign_in(&server, &provider, &ann()).await, "/login?oidcError=address_taken");
    assert!(stranger.me().await.is_none());

    let mut browser = browser_of(&server, &client);
    let (status, body) = browser.post("/v1/auth/oidc/link", json!({ "password": "a wrong guess" })).await;
    assert_eq!((status, &body["code"]), (401, &json!("invalid_credentials")));
    assert_eq!(link(&mut browser, &server, &provider, &ann()).await, "/account");
    let status = client.get("/v1/auth/oidc/link").await.expect(200);
    assert_eq!((&status["link"]["subject"], &status["link"]["issuer"]), (&ann()["sub"], &json!(provider.issuer())));
    assert_eq!(stranger.sign_in(&server, &provider, &ann()).await, "/");
    assert_eq!(stranger.me().await.unwrap()["user"]["id"], client.id.as_str());

    // It is one account's, and the account's only one.
    let bob = server.user("Bob").await;
    let page = link(&mut browser_of(&server, &bob), &server, &provider, &ann()).await;
    assert_eq!(page, "/account?oidcError=linked_elsewhere");
    let page = link(&mut browser, &server, &provider, &person("second", true)).await;
    assert_eq!(page, "/account?oidcError=linked_elsewhere");

    assert_eq!(delete(&mut browser, "/v1/auth/oidc/link", None).await.0, 204);
    assert_eq!(delete(&mut browser, "/v1/auth/oidc/link", None).await, (404, json!("not_found")));
    assert_eq!(client.get("/v1/auth/oidc/link").await.expect(200), json!({}));
    let audited = "SELECT count(*) FROM audit WHERE action IN ('accounts.oidc.link', 'accounts.oidc.unlink')
        AND actor_kind = 'user' AND address = '127.0.0.1'";
    assert_eq!(server.count(audited).await, 2);
}

#[tokio::test]
async fn a_link_is_ended_by_the_session_that_began_it() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let (client, evil) = (server.user("Ann").await, server.user("Evil").await);
    // Somebody else's half of a link in the browser of a signed-in person, and the other way round.
    let mut attacker = browser_of(&server, &evil);
    let (_, body) = attacker.post("/v1/auth/oidc/link", json!({ "password": PASSWORD })).await;
    let url = reqwest::Url::parse(body["url"].as_str().unwrap()).unwrap();
    let back = provider.grant(&server, &url, &person("evil", true));
    let mut victim = browser_of(&server, &client);
    assert_eq!(victim.come_back(&back).await, "/login?oidcError=expired");
    victim.cookies.insert("boltorezka_oidc".to_owned(), attacker.cookies["boltorezka_oidc"].clone());
    assert_eq!(victim.come_back(&back).await, "/account?oidcError=signed_out");
    // Who signed out meanwhile links nothing.
    let mut gone = browser_of(&server, &client);
    let (_, body) = gone.post("/v1/auth/oidc/link", json!({ "password": PASSWORD })).await;
    let url = reqwest::Url::parse(body["url"].as_str().unwrap()).unwrap();
    gone.post("/v1/auth/logout", json!({})).await;
    assert_eq!(gone.come_back(&provider.grant(&server, &url, &ann())).await, "/account?oidcError=signed_out");
    assert_eq!(server.count("SELECT count(*) FROM oidc_links").await, 0);
}

#[tokio::test]
async fn an_address_that_both_have_shown_is_linked_by_itself() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let client = server.user("Ann").await;
    server.sql("UPDATE users SET email_verified_at = 1").await;
    let mut browser = Browser::new(&server);
    let unproved = json!({ "sub": "x", "email": "ann@example.org", "email_verified": false });
    assert_eq!(browser.sign_in(&server, &provider, &unproved).await, "/login?oidcError=address_taken");
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    assert_eq!(browser.me().await.unwrap()["user"]["id"], client.id.as_str());
}

#[tokio::test]
async fn newcomers_are_taken_as_at_registration() {
    let provider = Provider::start().await;
    let closed = provider.server_with(|config| config.registration = Registration::Closed).await;
    let page = Browser::new(&closed).sign_in(&closed, &provider, &ann()).await;
    assert_eq!(page, "/login?oidcError=registration_closed");
    assert_eq!(closed.count("SELECT count(*) FROM users").await, 0);

    let invited = provider.server_with(|config| config.registration = Registration::Invite).await;
    let owner = invited.owner().await;
    let mut browser = Browser::new(&invited);
    assert_eq!(browser.sign_in(&invited, &provider, &ann()).await, "/login?oidcError=registration_closed");
    let by = async |browser: &mut Browser, token: &str, person: &Value| {
        let url = browser.begin(json!({ "invite": token })).await;
        browser.come_back(&provider.grant(&invited, &url, person)).await
    };
    assert_eq!(by(&mut browser, "a guess", &ann()).await, "/login?oidcError=no_invite");
    let made = owner.post("/v1/admin/invites", json!({ "email": "ann@example.org" })).await.expect(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!(by(&mut browser, token, &person("bob", true)).await, "/login?oidcError=no_invite");
    assert_eq!(by(&mut browser, token, &ann()).await, "/");
    assert_eq!(by(&mut browser, token, &ann()).await, "/", "who is known needs none");

    let approving = provider.server_with(|config| config.registration_approval = true).await;
    let mut browser = Browser::new(&approving);
    assert_eq!(browser.sign_in(&approving, &provider, &ann()).await, "/");
    assert_eq!(browser.me().await.unwrap()["state"], "pending");

    let open = provider.server_with(|config| config.limits.register_per_address_per_minute = Some(1)).await;
    assert_eq!(Browser::new(&open).sign_in(&open, &provider, &ann()).await, "/");
    let page = Browser::new(&open).sign_in(&open, &provider, &person("bob", true)).await;
    assert_eq!(page, "/login?oidcError=rate_limited");
    assert_eq!(Browser::new(&open).sign_in(&open, &provider, &ann()).await, "/", "who is known is none");
    let nobody = json!({ "sub": "nobody" });
    open.clock.advance_ms(60_000);
    provider.change(|behaviour| behaviour.userinfo = Some(nobody.clone()));
    assert_eq!(Browser::new(&open).sign_in(&open, &provider, &nobody).await, "/login?oidcError=no_address");
}

#[tokio::test]
async fn a_blocked_account_stays_out_and_one_that_is_to_go_comes_back() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let owner = server.owner().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(&server, &provider, &ann()).await;
    let me = browser.me().await.unwrap();
    let id = me["user"]["id"].as_str().unwrap();
    assert_eq!(delete(&mut browser, "/v1/auth/me", Some(json!({ "password": "" }))).await.0, 200);
    assert!(browser.me().await.is_none());
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    assert_eq!(server.count("SELECT count(*) FROM users WHERE erase_at IS NOT NULL").await, 0);
    owner.act(&format!("/v1/admin/users/{id}/block")).await.expect(200);
    assert!(browser.me().await.is_none());
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/login?oidcError=blocked");
    assert!(browser.me().await.is_none());
}

#[tokio::test]
async fn the_second_factor_of_the_account_is_asked_for() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let client = server.user("Ann").await;
    assert_eq!(link(&mut browser_of(&server, &client), &server, &provider, &ann()).await, "/account");
    let (secret, _) = enrol(&server, &client).await;
    server.clock.advance_ms(30_000);
    let mut browser = Browser::new(&server);
    let (status, body) = browser.post("/v1/auth/oidc/second-factor", json!({ "code": "000000" })).await;
    assert_eq!((status, &body["code"]), (401, &json!("invalid_token")));
    let page = browser.sign_in(&server, &provider, &ann()).await;
    assert_eq!(page, "/login?oidc=second_factor&next=%2F");
    assert!(browser.me().await.is_none());
    let mut late = browser.clone();
    let (status, body) = browser.post("/v1/auth/oidc/second-factor", json!({ "code": "000000" })).await;
    assert_eq!((status, &body["code"]), (401, &json!("invalid_credentials")));
    let right = json!({ "code": code(&server, &secret, 0) });
    let (status, body) = browser.post("/v1/auth/oidc/second-factor", right).await;
    assert_eq!((status, &body["user"]["id"]), (200, &json!(client.id)));
    assert_eq!(browser.me().await.unwrap()["user"]["id"], client.id.as_str());
    // What was proved before the link went is worth nothing after.
    assert_eq!(delete(&mut browser_of(&server, &client), "/v1/auth/oidc/link", None).await.0, 204);
    server.clock.advance_ms(30_000);
    let right = json!({ "code": code(&server, &secret, 0) });
    let (status, body) = late.post("/v1/auth/oidc/second-factor", right).await;
    assert_eq!((status, &body["code"]), (401, &json!("invalid_credentials")));
    assert!(late.me().await.is_none());
}

#[tokio::test]
async fn without_a_password_a_fresh_sign_in_stands_for_it() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let mut browser = Browser::new(&server);
    browser.sign_in(&server, &provider, &ann()).await;
    assert_eq!(delete(&mut browser, "/v1/auth/oidc/link", None).await, (409, json!("conflict")));
    let (_, _, export) = browser.send(Method::GET, "/v1/auth/me/export", None).await;
    assert_eq!(export["identities"][0]["subject"], ann()["sub"]);
    server.clock.advance_ms(10 * 60 * 1000);
    let set = json!({ "password": "", "newPassword": PASSWORD });
    let (status, body) = browser.post("/v1/auth/password", set.clone()).await;
    assert_eq!((status, &body["code"]), (401, &json!("invalid_credentials")));
    assert_eq!(delete(&mut browser, "/v1/auth/me", Some(json!({ "password": "" }))).await.0, 401);
    browser.sign_in(&server, &provider, &ann()).await;
    assert_eq!(browser.post("/v1/auth/password", set.clone()).await.0, 204);
    assert_eq!(browser.post("/v1/auth/password", set).await.0, 401, "now there is one");
    assert_eq!(browser.me().await.unwrap()["hasPassword"], true);
    assert_eq!(delete(&mut browser, "/v1/auth/oidc/link", None).await.0, 204);
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    server.anybody().post("/v1/auth/login", body).await.expect(200);
}

#[tokio::test]
async fn who_proves_the_configured_address_is_super_admin() {
    let provider = Provider::start().await;
    let server = provider.server_with(|config| config.super_admin_email = Some("Boss@example.org".to_owned())).await;
    let mut browser = Browser::new(&server);
    browser.sign_in(&server, &provider, &person("boss", false)).await;
    assert_eq!(browser.me().await.unwrap()["user"]["role"], "user");
    browser.sign_in(&server, &provider, &person("boss", true)).await;
    assert_eq!(browser.me().await.unwrap()["user"]["role"], "super_admin");
    let mut other = Browser::new(&server);
    other.sign_in(&server, &provider, &person("other", true)).await;
    assert_eq!(other.me().await.unwrap()["user"]["role"], "user");
}
