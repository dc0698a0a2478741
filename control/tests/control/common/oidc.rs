//! A provider of OpenID Connect that does what the specification says, or just what a test wants instead; and a browser
//! that goes from one page to the other.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the provider is somebody else's server")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use boltorezka_control::{Clock as _, Config, OidcConfig};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::server::TestServer;

pub const CLIENT_ID: &str = "talk & co";
pub const CLIENT_SECRET: &str = "hunter/22: &c";
pub const PUBLIC_URL: &str = "https://talk.example";
const CALLBACK: &str = "https://talk.example/v1/auth/oidc/callback";

/// A key of the provider.
#[derive(Clone)]
pub struct Key {
    pub kid: String,
    pub encoding: EncodingKey,
}

impl Key {
    pub fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self { kid: kid.to_owned(), encoding: EncodingKey::from_ec_der(der.as_ref()) }
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.encoding, Algorithm::ES256).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).unwrap()
    }
}

/// A code that was given to a browser.
#[derive(Clone)]
struct Grant {
    challenge: String,
    claims: Value,
}

/// Turns the claims of an ID token, with the nonce in it, into the token.
pub type Forge = Arc<dyn Fn(Value, &Key) -> String + Send + Sync>;

/// What it does, to be changed by tests.
pub struct Behaviour {
    pub key: Key,
    /// What it shows at its key set.
    pub keys: Vec<Value>,
    pub forge: Forge,
    /// Changes of what it says of itself.
    pub metadata: Value,
    pub userinfo: Option<Value>,
    pub is_down: bool,
    pub are_keys_down: bool,
    /// Requests by path.
    pub asked: HashMap<String, usize>,
    grants: HashMap<String, Grant>,
}

#[derive(Clone)]
pub struct Provider {
    pub address: SocketAddr,
    pub behaviour: Arc<Mutex<Behaviour>>,
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = Key::new("one");
        let behaviour = Behaviour {
            keys: vec![json!({ "kty": "unheard-of" }), key.jwk()],
            key,
            forge: Arc::new(|claims, key| key.sign(&claims)),
            metadata: json!({}),
            userinfo: None,
            is_down: false,
            are_keys_down: false,
            asked: HashMap::new(),
            grants: HashMap::new(),
        };
        let provider = Self { address: listener.local_addr().unwrap(), behaviour: Arc::new(Mutex::new(behaviour)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(Self::describe))
            .route("/jwks", get(Self::show_keys))
            .route("/token", post(Self::give_tokens))
            .route("/userinfo", get(Self::tell))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    pub fn asked(&self, path: &str) -> usize {
        self.behaviour.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    /// A server that knows it.
    pub async fn server(&self) -> TestServer {
        self.server_with(|_| {}).await
    }

    pub async fn server_with(&self, change: impl FnOnce(&mut Config)) -> TestServer {
        let issuer = self.issuer();
        TestServer::start_with(|config| {
            config.public_url = Some(PUBLIC_URL.to_owned());
            config.oidc = Some(OidcConfig {
                issuer,
                client_id: CLIENT_ID.to_owned(),
                client_secret: Some(CLIENT_SECRET.to_owned()),
                name: "Example".to_owned(),
                scopes: "openid email profile".to_owned(),
            });
            change(config);
        })
        .await
    }

    /// What it sends a browser back with that came by `url`, after somebody has signed in there.
    pub fn grant(&self, server: &TestServer, url: &Url, person: &Value) -> String {
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(url.as_str().split('?').next().unwrap(), format!("{}/authorize", self.issuer()));
        assert_eq!((query["response_type"].as_str(), query["client_id"].as_str()), ("code", CLIENT_ID));
        assert_eq!((query["redirect_uri"].as_str(), query["code_challenge_method"].as_str()), (CALLBACK, "S256"));
        assert_eq!(query["scope"], "openid email profile");
        let now_s = server.clock.now_ms() / 1000;
        let mut claims = json!({
            "iss": self.issuer(), "aud": CLIENT_ID, "exp": now_s + 300, "iat": now_s, "nonce": query["nonce"],
        });
        claims.as_object_mut().unwrap().extend(person.as_object().unwrap().clone());
        let code = format!("code {}", uuid::Uuid::now_v7());
        let grant = Grant { challenge: query["code_challenge"].clone(), claims };
        self.change(|behaviour| drop(behaviour.grants.insert(code.clone(), grant)));
        let mut back = Url::parse(CALLBACK).unwrap();
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &query["state"]);
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    fn note(&self, path: &str) -> Result<(), StatusCode> {
        let mut behaviour = self.behaviour.lock().unwrap();
        *behaviour.asked.entry(path.to_owned()).or_default() += 1;
        if behaviour.is_down { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(()) }
    }

    async fn describe(State(provider): State<Self>) -> Response {
        if let Err(down) = provider.note("/.well-known/openid-configuration") {
            return down.into_response();
        }
        let at = provider.issuer();
        let mut metadata = json!({
            "issuer": at, "authorization_endpoint": format!("{at}/authorize"), "token_endpoint": format!("{at}/token"),
            "jwks_uri": format!("{at}/jwks"), "userinfo_endpoint": format!("{at}/userinfo"),
        });
        let changes = provider.behaviour.lock().unwrap().metadata.clone();
        metadata.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        Json(metadata).into_response()
    }

    async fn show_keys(State(provider): State<Self>) -> Response {
        if let Err(down) = provider.note("/jwks") {
            return down.into_response();
        }
        let behaviour = provider.behaviour.lock().unwrap();
        if behaviour.are_keys_down {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Json(json!({ "keys": behaviour.keys })).into_response()
    }

    async fn tell(State(provider): State<Self>, headers: HeaderMap) -> Response {
        if let Err(down) = provider.note("/userinfo") {
            return down.into_response();
        }
        assert_eq!(headers[header::AUTHORIZATION], "Bearer an access token");
        let told = provider.behaviour.lock().unwrap().userinfo.clone();
        told.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |told| Json(told).into_response())
    }

    async fn give_tokens(State(provider): State<Self>, headers: HeaderMap, body: Bytes) -> Response {
        if let Err(down) = provider.note("/token") {
            return down.into_response();
        }
        let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let behaviour = provider.behaviour.lock().unwrap();
        let is_post = behaviour.metadata["token_endpoint_auth_methods_supported"][0] == "client_secret_post";
        let shown = if is_post {
            form.get("client_id").cloned().zip(form.get("client_secret").cloned())
        } else {
            basic(&headers)
        };
        if shown != Some((CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())) {
            return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
        }
        let invalid = (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
        // Codes are taken again and again: that a sign-in ends once is the server's own doing.
        let Some(grant) = form.get("code").and_then(|code| behaviour.grants.get(code)) else {
            return invalid.into_response();
        };
        let challenge = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
        let is_right = URL_SAFE_NO_PAD.encode(challenge.as_ref()) == grant.challenge
            && form["redirect_uri"] == CALLBACK
            && form["grant_type"] == "authorization_code";
        if !is_right {
            return invalid.into_response();
        }
        let id_token = (behaviour.forge)(grant.claims.clone(), &behaviour.key);
        Json(json!({ "id_token": id_token, "access_token": "an access token", "token_type": "Bearer" })).into_response()
    }
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let pair = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(pair).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decoded = |text: &str| form_urlencoded::parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned();
    Some((decoded(id), decoded(secret)))
}

/// A person's browser: keeps cookies, follows nothing by itself.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
    address: SocketAddr,
    pub cookies: HashMap<String, String>,
    /// The attributes of the cookies that were set last.
    pub set: Vec<String>,
}

impl Browser {
    pub fn new(server: &TestServer) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, address: server.address, cookies: HashMap::new(), set: Vec::new() }
    }

    pub async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> (u16, String, Value) {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.http.request(method, format!("http://{}{path}", self.address));
        request = request.header("cookie", cookies.join("; "));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        self.set.clear();
        for value in response.headers().get_all("set-cookie") {
            let value = value.to_str().unwrap();
            let (name, rest) = value.split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => drop(self.cookies.remove(name)),
                value => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
            self.set.push(value.to_owned());
        }
        let status = response.status().as_u16();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let text = response.text().await.unwrap();
        (status, location.unwrap_or_default(), serde_json::from_str(&text).unwrap_or_default())
    }

    pub async fn post(&mut self, path: &str, body: Value) -> (u16, Value) {
        let (status, _, body) = self.send(Method::POST, path, Some(body)).await;
        (status, body)
    }

    /// Begins to sign in. Returns the provider's page.
    pub async fn begin(&mut self, body: Value) -> Url {
        let (status, body) = self.post("/v1/auth/oidc/begin", body).await;
        assert_eq!(status, 200, "{body}");
        Url::parse(body["url"].as_str().unwrap()).unwrap()
    }

    /// Comes back from the provider. Returns the page that follows.
    pub async fn come_back(&mut self, path: &str) -> String {
        let (status, location, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, 303, "{body}");
        location
    }

    /// All of it. Returns the page that follows.
    pub async fn sign_in(&mut self, server: &TestServer, provider: &Provider, person: &Value) -> String {
        let url = self.begin(json!({})).await;
        self.come_back(&provider.grant(server, &url, person)).await
    }

    /// The account that is signed in.
    pub async fn me(&mut self) -> Option<Value> {
        let (status, _, body) = self.send(Method::GET, "/v1/auth/me", None).await;
        (status == 200).then_some(body)
    }
}
