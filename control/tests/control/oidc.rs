//! Signing in by a provider: the way there and back, and everything that must not come through.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_control::Clock as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::TestServer;
use crate::common::oidc::{Browser, CLIENT_ID, Forge, Key, Provider};

pub fn ann() -> Value {
    json!({ "sub": "subject-of-ann", "email": "Ann@example.org", "email_verified": true, "name": "Ann" })
}

#[tokio::test]
async fn somebody_signs_in_and_comes_back_to_the_same_account() {
    let provider = Provider::start().await;
    let server = provider.server_with(|config| config.secure_cookies = true).await;
    let mut browser = Browser::new(&server);
    let (_, _, shown) = browser.send(Method::GET, "/v1/auth/oidc", None).await;
    assert_eq!(shown, json!({ "provider": { "name": "Example" } }));
    let url = browser.begin(json!({ "next": "/rooms/talk?x=1" })).await;
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/v1/auth/oidc", "Max-Age=600"] {
        assert!(browser.set[0].contains(attribute), "{:?}", browser.set);
    }
    let back = provider.grant(&server, &url, &ann());
    assert_eq!(browser.come_back(&back).await, "/rooms/talk?x=1");
    assert!(!browser.cookies.contains_key("boltorezka_oidc"), "it has done its work");
    let me = browser.me().await.unwrap();
    assert_eq!((&me["user"]["email"], &me["user"]["displayName"]), (&json!("ann@example.org"), &json!("Ann")));
    assert_eq!(
        (&me["emailVerified"], &me["hasPassword"], &me["state"]),
        (&json!(true), &json!(false), &json!("active"))
    );
    browser.post("/v1/auth/logout", json!({})).await;
    assert!(browser.me().await.is_none());
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    assert_eq!(browser.me().await.unwrap()["user"]["id"], me["user"]["id"]);
    // Nobody guesses a password that is not there.
    let body = json!({ "email": "ann@example.org", "password": "" });
    server.anybody().post("/v1/auth/login", body).await.expect_problem(401, "invalid_credentials");
}

fn forged(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Forge {
    Arc::new(move |mut claims, key| {
        change(&mut claims);
        key.sign(&claims)
    })
}

fn hs256(claims: &Value, secret: &[u8]) -> String {
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

#[tokio::test]
async fn no_token_is_believed_that_should_not_be() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let now_s = server.clock.now_ms() / 1000;
    let unsigned: Forge = Arc::new(|claims, _| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims))
    });
    let public = provider.behaviour.lock().unwrap().key.jwk();
    let point = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
    let cases: Vec<(&str, Forge)> = vec![
        ("another issuer", forged(|claims| claims["iss"] = json!("https://evil.example"))),
        ("another client", forged(|claims| claims["aud"] = json!("somebody else"))),
        ("no client", forged(|claims| claims["aud"] = json!([]))),
        ("several, and not said for which", forged(|claims| claims["aud"] = json!([CLIENT_ID, "another"]))),
        (
            "for another of several",
            forged(|claims| {
                claims["aud"] = json!([CLIENT_ID, "another"]);
                claims["azp"] = json!("another");
            }),
        ),
        ("another nonce", forged(|claims| claims["nonce"] = json!("guess"))),
        ("no nonce", forged(|claims| drop(claims.as_object_mut().unwrap().remove("nonce")))),
        ("expired", forged(move |claims| claims["exp"] = json!(now_s - 61))),
        ("without an end", forged(|claims| drop(claims.as_object_mut().unwrap().remove("exp")))),
        ("of the future", forged(move |claims| claims["iat"] = json!(now_s + 120))),
        ("not yet", forged(move |claims| claims["nbf"] = json!(now_s + 120))),
        ("nobody", forged(|claims| claims["sub"] = json!(""))),
        ("too long a name", forged(|claims| claims["sub"] = json!("x".repeat(256)))),
        ("unsigned", unsigned),
        ("HS256 with the public key as text", {
            let public = public.to_string();
            Arc::new(move |claims, _| hs256(&claims, public.as_bytes()))
        }),
        ("HS256 with the public key as bytes", Arc::new(move |claims, _| hs256(&claims, &point))),
        ("HS256 with the client's secret", {
            Arc::new(|claims, _| hs256(&claims, crate::common::oidc::CLIENT_SECRET.as_bytes()))
        }),
        ("another key of that name", Arc::new(|claims, _| Key::new("one").sign(&claims))),
        ("a key that nobody knows", Arc::new(|claims, _| Key::new("two").sign(&claims))),
        (
            "changed",
            Arc::new(|claims, key| {
                let token = key.sign(&claims);
                let mut parts = token.split('.').map(str::to_owned).collect::<Vec<_>>();
                let mut other = claims.clone();
                other["sub"] = json!("somebody else");
                parts[1] = URL_SAFE_NO_PAD.encode(other.to_string());
                parts.join(".")
            }),
        ),
        (
            "rules that must be understood",
            Arc::new(|claims, key| {
                let kid = Some(key.kid.clone());
                let header = Header { kid, crit: Some(vec!["b64".to_owned()]), ..Header::new(Algorithm::ES256) };
                jsonwebtoken::encode(&header, &claims, &key.encoding).unwrap()
            }),
        ),
        ("no token", Arc::new(|_, _| "nonsense".to_owned())),
    ];
    let mut believed = Vec::new();
    for (what, forge) in cases {
        provider.change(|behaviour| behaviour.forge = forge);
        let mut browser = Browser::new(&server);
        let page = browser.sign_in(&server, &provider, &ann()).await;
        if page != "/login?oidcError=bad_answer" || browser.me().await.is_some() {
            believed.push(what);
        }
    }
    assert!(believed.is_empty(), "{believed:?}");
    let mut browser = Browser::new(&server);
    assert_eq!(server.count("SELECT count(*) FROM users").await, 0);
    // What is well is taken, also where it need not be.
    let fine = forged(|claims| {
        claims["aud"] = json!([CLIENT_ID, "another"]);
        claims["azp"] = json!(CLIENT_ID);
    });
    provider.change(|behaviour| behaviour.forge = fine);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
}

#[tokio::test]
async fn nobody_ends_what_another_browser_began() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let (mut attacker, mut victim) = (Browser::new(&server), Browser::new(&server));
    let url = attacker.begin(json!({})).await;
    let planted = provider.grant(&server, &url, &json!({ "sub": "evil", "email": "evil@example.org" }));
    assert_eq!(victim.come_back(&planted).await, "/login?oidcError=expired");
    // Nor while the victim signs in itself, which goes on.
    let own = victim.begin(json!({})).await;
    assert_eq!(victim.come_back(&planted).await, "/login?oidcError=expired");
    assert!(victim.me().await.is_none());
    // The attacker's code under the victim's own state: PKCE.
    let code = planted.split(['?', '&']).find(|part| part.starts_with("code=")).unwrap();
    let state = own.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut other = victim.clone();
    let mixed = format!("/v1/auth/oidc/callback?{code}&state={state}");
    assert_eq!(other.come_back(&mixed).await, "/login?oidcError=bad_answer");
    assert_eq!(victim.come_back(&provider.grant(&server, &own, &ann())).await, "/");
    assert_eq!(victim.me().await.unwrap()["user"]["email"], "ann@example.org");
    // A foreign page does not begin it, and a cookie that was made up or changed is none.
    let anybody = server.anybody();
    for path in ["/v1/auth/oidc/begin", "/v1/auth/oidc/link", "/v1/auth/oidc/second-factor"] {
        let request = anybody.request(Method::POST, path).header("sec-fetch-site", "cross-site").json(&json!({}));
        anybody.finish(request).await.expect_problem(403, "foreign_origin");
    }
    let url = attacker.begin(json!({})).await;
    let cookie = attacker.cookies.get_mut("boltorezka_oidc").unwrap();
    let last = if cookie.ends_with('A') { "B" } else { "A" };
    cookie.replace_range(cookie.len() - 1.., last);
    let back = provider.grant(&server, &url, &ann());
    assert_eq!(attacker.come_back(&back).await, "/login?oidcError=expired");
}

#[tokio::test]
async fn a_sign_in_ends_once_within_ten_minutes() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let mut browser = Browser::new(&server);
    let url = browser.begin(json!({})).await;
    let back = provider.grant(&server, &url, &ann());
    // The browser is copied with its cookie: the provider takes the code again, and we do not.
    let (mut copy, mut later) = (browser.clone(), browser.clone());
    let (a, b) = tokio::join!(browser.come_back(&back), copy.come_back(&back));
    let mut pages = [a, b];
    pages.sort_unstable();
    assert_eq!(pages, ["/", "/login?oidcError=expired"], "two at once");
    assert_eq!(later.come_back(&back).await, "/login?oidcError=expired");
    assert_eq!(server.count("SELECT count(*) FROM sessions").await, 1);

    let mut slow = Browser::new(&server);
    let url = slow.begin(json!({})).await;
    server.clock.advance_ms(10 * 60 * 1000);
    assert_eq!(slow.come_back(&provider.grant(&server, &url, &ann())).await, "/login?oidcError=expired");
    let mut just = Browser::new(&server);
    let url = just.begin(json!({})).await;
    server.clock.advance_ms(10 * 60 * 1000 - 5_000);
    assert_eq!(just.come_back(&provider.grant(&server, &url, &ann())).await, "/");
}

#[tokio::test]
async fn two_callbacks_of_one_new_subject_at_once_make_one_account() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let comes = async || {
        let mut browser = Browser::new(&server);
        let page = browser.sign_in(&server, &provider, &ann()).await;
        (page, browser.me().await.unwrap()["user"]["id"].clone())
    };
    let (a, b, c, d) = tokio::join!(comes(), comes(), comes(), comes());
    assert_eq!(a.0, "/");
    assert_eq!([&b, &c, &d], [&a; 3]);
    assert_eq!(server.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn only_pages_of_this_server_follow() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    for next in ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "rooms", ""] {
        server.anybody().post("/v1/auth/oidc/begin", json!({ "next": next })).await.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn an_answer_names_who_gives_it_where_the_provider_says_so() {
    let provider = Provider::start().await;
    provider.change(|behaviour| behaviour.metadata = json!({ "authorization_response_iss_parameter_supported": true }));
    let server = provider.server().await;
    let mut browser = Browser::new(&server);
    let issuer = provider.issuer().replace(':', "%3A").replace('/', "%2F");
    for (iss, page) in [
        ("", "/login?oidcError=bad_answer"),
        ("&iss=https%3A%2F%2Fevil.example", "/login?oidcError=bad_answer"),
        (&format!("&iss={issuer}"), "/"),
    ] {
        let url = browser.begin(json!({})).await;
        let back = provider.grant(&server, &url, &ann());
        assert_eq!(browser.come_back(&format!("{back}{iss}")).await, page, "{iss}");
    }
}

#[tokio::test]
async fn a_provider_that_is_down_stops_nothing_else() {
    let provider = Provider::start().await;
    provider.change(|behaviour| behaviour.is_down = true);
    let server = provider.server().await;
    let user = server.user("Bob").await;
    user.get("/v1/auth/me").await.expect(200);
    for _ in 0..5 {
        let answer = server.anybody().post("/v1/auth/oidc/begin", json!({})).await;
        assert!(
            answer.body["detail"].as_str().unwrap().starts_with("Example cannot be reached now"),
            "{}",
            answer.body
        );
        answer.expect_problem(503, "unavailable");
    }
    assert_eq!(provider.asked("/.well-known/openid-configuration"), 1, "it is left alone for a while");
    provider.change(|behaviour| behaviour.is_down = false);
    server.clock.advance_ms(5_000);
    let mut browser = Browser::new(&server);
    let url = browser.begin(json!({})).await;
    let back = provider.grant(&server, &url, &ann());
    provider.change(|behaviour| behaviour.is_down = true);
    assert_eq!(browser.come_back(&back).await, "/login?oidcError=provider_unavailable");
    provider.change(|behaviour| behaviour.is_down = false);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    // Its keys alone.
    server.clock.advance_ms(60 * 60 * 1000);
    provider.change(|behaviour| behaviour.are_keys_down = true);
    let asked = provider.asked("/jwks");
    for _ in 0..3 {
        let page = browser.sign_in(&server, &provider, &ann()).await;
        assert_eq!(page, "/login?oidcError=provider_unavailable");
    }
    assert_eq!(provider.asked("/jwks"), asked + 1);
    provider.change(|behaviour| behaviour.are_keys_down = false);
    server.clock.advance_ms(5_000);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    // What the provider has refused itself.
    let url = browser.begin(json!({ "next": "/rooms/a" })).await;
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let back = format!("/v1/auth/oidc/callback?error=access_denied&error_description=%3Cb%3E&state={state}");
    assert_eq!(browser.come_back(&back).await, "/login?oidcError=denied&next=%2Frooms%2Fa");
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_checked_and_bounded() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let refused = [
        json!({ "issuer": "https://evil.example" }),
        json!({ "token_endpoint": "http://id.example/token" }),
        json!({ "jwks_uri": "file:///etc/passwd" }),
        json!({ "padding": "x".repeat(300_000) }),
        json!({ "jwks_uri": null }),
    ];
    for metadata in refused {
        provider.change(|behaviour| behaviour.metadata = metadata.clone());
        server.clock.advance_ms(5_000);
        let answer = server.anybody().post("/v1/auth/oidc/begin", json!({})).await;
        assert!(answer.body["detail"].as_str().unwrap().contains("does not answer as it should"), "{metadata}");
        answer.expect_problem(503, "unavailable");
    }
    let without = TestServer::start().await;
    assert_eq!(without.anybody().get("/v1/auth/oidc").await.expect(200), json!({}));
    without.anybody().post("/v1/auth/oidc/begin", json!({})).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn new_keys_are_found_and_strangers_do_not_have_them_asked_for() {
    let provider = Provider::start().await;
    let server = provider.server().await;
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    provider.change(|behaviour| behaviour.forge = Arc::new(|claims, _| Key::new("guess").sign(&claims)));
    for _ in 0..5 {
        assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/login?oidcError=bad_answer");
    }
    assert_eq!(provider.asked("/jwks"), 1, "they are not a minute old");
    let next = Key::new("next");
    provider.change(|behaviour| {
        behaviour.keys.push(next.jwk());
        behaviour.key = next;
        behaviour.forge = Arc::new(|claims, key| key.sign(&claims));
    });
    server.clock.advance_ms(60_000);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    assert_eq!(provider.asked("/jwks"), 2);
    assert_eq!(provider.asked("/.well-known/openid-configuration"), 1, "it was read an hour ago at most");
    server.clock.advance_ms(60 * 60 * 1000);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    assert_eq!((provider.asked("/jwks"), provider.asked("/.well-known/openid-configuration")), (3, 2));
}

#[tokio::test]
async fn an_address_that_is_told_elsewhere_is_asked_for() {
    let provider = Provider::start().await;
    provider.change(|behaviour| {
        behaviour.userinfo = Some(ann());
        behaviour.metadata = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
    });
    let server = provider.server().await;
    let mut browser = Browser::new(&server);
    let nameless = json!({ "sub": "subject-of-ann" });
    assert_eq!(browser.sign_in(&server, &provider, &nameless).await, "/");
    let me = browser.me().await.unwrap();
    assert_eq!((&me["user"]["email"], &me["emailVerified"]), (&json!("ann@example.org"), &json!(true)));
    // It is about the same person, or about nobody.
    assert_eq!(browser.sign_in(&server, &provider, &json!({ "sub": "bob" })).await, "/login?oidcError=bad_answer");
    provider.change(|behaviour| behaviour.userinfo = Some(json!({ "sub": "bob" })));
    assert_eq!(browser.sign_in(&server, &provider, &json!({ "sub": "bob" })).await, "/login?oidcError=no_address");
}

#[tokio::test]
async fn sign_ins_are_limited_by_address() {
    let provider = Provider::start().await;
    let server = provider.server_with(|config| config.limits.login_per_address_per_minute = Some(3)).await;
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in(&server, &provider, &ann()).await, "/");
    let url = browser.begin(json!({})).await;
    let back = provider.grant(&server, &url, &ann());
    assert_eq!(browser.come_back(&back).await, "/login?oidcError=rate_limited");
    let body = json!({ "code": "123456" });
    server.anybody().post("/v1/auth/oidc/begin", json!({})).await.expect_problem(429, "rate_limited");
    server.anybody().post("/v1/auth/oidc/second-factor", body).await.expect_problem(429, "rate_limited");
    assert_eq!(provider.asked("/token"), 1, "nothing was asked of the provider");
}
