//! A push service (RFC 8030), and a browser that opens what it is pushed: written from the RFCs, and not from the server's code.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the push service is a server of somebody else's"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_FIXED};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Client;

/// A request that it got.
#[derive(Clone)]
pub struct Pushed {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// It answers with a status of the test's choice.
#[derive(Clone)]
pub struct PushService {
    address: SocketAddr,
    pushed: Arc<Mutex<Vec<Pushed>>>,
    answer: Arc<Mutex<(u16, Option<&'static str>)>>,
}

impl PushService {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Self { address, pushed: Arc::default(), answer: Arc::new(Mutex::new((201, None))) };
        let router = Router::new().route("/push/{id}", post(Self::take)).with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        service
    }

    async fn take(State(service): State<Self>, Path(path): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers = headers.iter().map(header).collect();
        service.pushed.lock().unwrap().push(Pushed { path, headers, body: body.to_vec() });
        let (status, retry_after) = *service.answer.lock().unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        match retry_after {
            Some(after) => (status, [("retry-after", after)]).into_response(),
            None => status.into_response(),
        }
    }

    pub fn answer(&self, status: u16, retry_after: Option<&'static str>) {
        *self.answer.lock().unwrap() = (status, retry_after);
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn so_far(&self) -> Vec<Pushed> {
        self.pushed.lock().unwrap().clone()
    }

    /// Waits until so many requests came.
    pub async fn until(&self, count: usize) -> Vec<Pushed> {
        for _ in 0..1_000 {
            let pushed = self.so_far();
            if pushed.len() >= count {
                return pushed;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} pushes came within 10 s", self.so_far().len());
    }

    /// Nothing more comes than `count`.
    pub async fn only(&self, count: usize) {
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        assert_eq!(self.so_far().len(), count);
    }
}

/// A browser: its keys, and where it is pushed to.
pub struct Browser {
    pub endpoint: String,
    key: PrivateKey,
    auth: [u8; 16],
}

impl Browser {
    pub fn new(service: &PushService, id: &str) -> Self {
        let endpoint = format!("{}/push/{id}", service.origin());
        Self { endpoint, key: PrivateKey::generate(&ECDH_P256).unwrap(), auth: [7; 16] }
    }

    pub fn subscription(&self) -> Value {
        let p256dh = URL_SAFE_NO_PAD.encode(self.key.compute_public_key().unwrap());
        json!({ "endpoint": self.endpoint, "p256dh": p256dh, "auth": URL_SAFE_NO_PAD.encode(self.auth) })
    }

    pub async fn subscribe(&self, client: &Client) -> String {
        let made = client.post("/v1/push/subscriptions", self.subscription()).await.expect(200);
        made["id"].as_str().unwrap().to_owned()
    }

    /// What a push says (RFC 8291, section 3.4).
    pub fn open(&self, pushed: &Pushed) -> Value {
        assert_eq!(pushed.headers["content-encoding"], "aes128gcm");
        let (head, sealed) = pushed.body.split_at(86);
        let (salt, server) = (&head[..16], &head[21..]);
        assert_eq!(head[16..21], [0, 0, 16, 0, 65]);
        let own = self.key.compute_public_key().unwrap();
        let peer = UnparsedPublicKey::new(&ECDH_P256, server);
        let shared = agree(&self.key, peer, (), |shared| Ok(shared.to_vec())).unwrap();
        let mac = |key: &[u8], parts: &[&[u8]]| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat()).as_ref().to_vec()
        };
        let secret = mac(&self.auth, &[&shared]);
        let secret = mac(&secret, &[b"WebPush: info\0", own.as_ref(), server, &[1]]);
        let extracted = mac(salt, &[&secret]);
        let key = mac(&extracted, &[b"Content-Encoding: aes128gcm\0", &[1]]);
        let nonce = mac(&extracted, &[b"Content-Encoding: nonce\0", &[1]]);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key[..16]).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&nonce[..12]).unwrap();
        let mut sealed = sealed.to_vec();
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).unwrap();
        let end = plain.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(plain[end], 2);
        serde_json::from_slice(&plain[..end]).unwrap()
    }
}

/// What the token of a push says, which `key` has signed (RFC 8292).
pub fn claims(pushed: &Pushed, key: &str) -> Value {
    let (token, shown) = pushed.headers["authorization"].strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(shown, key);
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes(key));
    key.verify(signed.as_bytes(), &bytes(signature)).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    let json = |text: &str| serde_json::from_slice::<Value>(&bytes(text)).unwrap();
    assert_eq!(json(head), json!({ "typ": "JWT", "alg": "ES256" }));
    json(claims)
}
