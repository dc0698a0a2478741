//! Webhooks, told over real HTTP.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the receiver is a server of the operator's")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::server::make_room;
use crate::common::{Client, TestServer};

/// A request that a receiver got.
#[derive(Clone)]
struct Told {
    headers: HashMap<String, String>,
    body: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// As a receiver checks it.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed = format!("{}.{}.{}", self.headers["webhook-id"], self.headers["webhook-timestamp"], self.body);
        let signature = STANDARD.decode(self.headers["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes(), &signature).is_ok()
    }
}

/// A server of the operator's, that answers with a status of the test's choice.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { address, told: Arc::default(), status: Arc::new(AtomicU16::new(200)) };
        let router = Router::new().route("/hook", post(Self::take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    async fn take(State(receiver): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let told =
            Told { headers: headers.iter().map(header).collect(), body: String::from_utf8(body.into()).unwrap() };
        receiver.told.lock().unwrap().push(told);
        StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap()
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn so_far(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Waits until so many requests came.
    async fn until(&self, count: usize) -> Vec<Told> {
        for _ in 0..1_000 {
            let told = self.so_far();
            if told.len() >= count {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} requests came within 10 s", self.so_far().len());
    }
}

async fn webhook(by: &Client, receiver: &Receiver, events: &[&str]) -> (String, String) {
    let made = by.post("/v1/webhooks", json!({ "url": receiver.url(), "events": events })).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["webhook"]["id"]), text(&made["secret"]))
}

#[tokio::test]
async fn events_are_told_and_signed() {
    let server = TestServer::start().await;
    let (owner, receiver) = (server.owner().await, Receiver::start().await);
    let (id, secret) = webhook(&owner, &receiver, &["room.created", "participant.joined", "message.new"]).await;
    make_room(&owner, "talk", "video").await;
    let (mut socket, participant_id) = server.user("Ann").await.in_room("talk").await;
    socket.ack_with_key("message.send", json!({ "room": "talk", "text": "hello" }), Some("k")).await;

    let told = receiver.until(3).await;
    assert!(told.iter().all(|told| told.is_signed_with(&secret)));
    let other = format!("whsec_{}", STANDARD.encode([0; 32]));
    assert!(!told[0].is_signed_with(&other), "the test can fail");
    let of = |kind: &str| told.iter().map(Told::json).find(|body| body["type"] == kind).unwrap();
    assert_eq!(of("room.created")["data"], json!({ "room": "talk", "title": "talk", "kind": "video" }));
    assert_eq!(of("participant.joined")["data"]["participantId"], *participant_id);
    assert_eq!(of("message.new")["data"]["message"]["text"], "hello");
    assert!(of("message.new")["timestamp"].as_str().unwrap().ends_with('Z'));

    let listed = owner.get("/v1/webhooks").await.expect(200);
    assert_eq!(listed["items"][0]["id"], *id);
    assert!(!listed.to_string().contains("whsec_"), "the secret is shown once");
    assert_eq!(owner.send(Method::DELETE, &format!("/v1/webhooks/{id}"), None).await.status, 204);
    make_room(&owner, "next", "text").await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(receiver.so_far().len(), 3);
}

#[tokio::test]
async fn a_tenants_webhook_leads_into_the_internet_or_where_the_operator_says() {
    let (receiver, named) = (Receiver::start().await, Receiver::start().await);
    let origin = format!("http://{}", named.address);
    let server = TestServer::start_with(|config| config.webhooks_local_receivers = vec![origin]).await;
    let owner = server.owner().await;
    owner.post("/v1/workspaces", json!({ "slug": "acme", "title": "Acme" })).await.expect(201);
    let point_at = async |receiver: &Receiver| {
        let request = json!({ "url": receiver.url(), "events": ["room.created"] });
        owner.post("/v1/workspaces/acme/webhooks", request).await
    };
    let refused = point_at(&receiver).await.expect(422);
    assert!(refused["detail"].as_str().unwrap().contains("webhooks_local_receivers"), "{refused}");
    point_at(&named).await.expect(201);
    let room = json!({ "slug": "talk", "title": "talk", "kind": "text" });
    owner.post("/v1/workspaces/acme/rooms", room).await.expect(201);
    assert_eq!(named.until(1).await[0].json()["type"], "room.created");
}

#[tokio::test]
async fn what_fails_comes_again_with_the_same_id() {
    let server = TestServer::start().await;
    let (owner, receiver) = (server.owner().await, Receiver::start().await);
    let (id, _) = webhook(&owner, &receiver, &["room.created"]).await;
    receiver.answer(500);
    make_room(&owner, "talk", "text").await;
    receiver.until(1).await;
    let deliveries = format!("/v1/webhooks/{id}/deliveries");
    let waiting = loop {
        let waiting = owner.get(&deliveries).await.expect(200)["items"][0].clone();
        if waiting["lastError"].is_string() {
            break waiting;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(waiting["lastError"], "the receiver answered 500 Internal Server Error");
    assert_eq!((waiting["attempts"].as_u64(), waiting["nextAttemptAt"].is_string()), (Some(1), true));
    receiver.answer(204);
    server.clock.advance_ms(6_000);
    let told = receiver.until(2).await;
    assert_eq!(told[0].headers["webhook-id"], told[1].headers["webhook-id"]);
    assert_eq!(told[0].headers["webhook-id"], waiting["eventId"].as_str().unwrap());
    assert_eq!(told[0].body, told[1].body);
    for _ in 0..100 {
        if owner.get(&deliveries).await.expect(200)["items"].as_array().unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what got through is still listed");
}

#[tokio::test]
async fn who_wants_no_more_is_switched_off_until_replayed() {
    let server = TestServer::start().await;
    let (owner, receiver) = (server.owner().await, Receiver::start().await);
    let (id, _) = webhook(&owner, &receiver, &["room.created"]).await;
    receiver.answer(410);
    make_room(&owner, "talk", "text").await;
    receiver.until(1).await;
    for _ in 0..200 {
        if owner.get("/v1/webhooks").await.expect(200)["items"][0]["disabledAt"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    make_room(&owner, "unheard", "text").await;
    receiver.answer(200);
    let replayed = owner.act(&format!("/v1/webhooks/{id}/replay")).await.expect(200);
    assert!(replayed.get("disabledAt").is_none(), "{replayed}");
    let told = receiver.until(2).await;
    assert_eq!(told[0].headers["webhook-id"], told[1].headers["webhook-id"]);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(receiver.so_far().len(), 2, "what happened meanwhile was not kept");
}

/// The event is committed, and its server ends before it is told.
#[tokio::test]
async fn what_was_not_told_before_a_restart_is_told_after_it() {
    let server = TestServer::start().await;
    let (owner, receiver) = (server.owner().await, Receiver::start().await);
    webhook(&owner, &receiver, &["room.created"]).await;
    receiver.answer(503);
    make_room(&owner, "talk", "text").await;
    receiver.until(1).await;
    let server = server.restart().await;
    receiver.answer(200);
    // Also the lease of a try that was under way has ended by then.
    server.clock.advance_ms(61_000);
    let told = receiver.until(2).await;
    assert_eq!(told[0].headers["webhook-id"], told[1].headers["webhook-id"]);
    assert_eq!(told[1].json()["data"]["room"], "talk");
}

#[tokio::test]
async fn a_bad_webhook_is_refused_with_the_reason() {
    let server = TestServer::start_with(|config| config.limits.webhooks_total = Some(1)).await;
    let (owner, receiver) = (server.owner().await, Receiver::start().await);
    let post =
        async |url: &str, events: Value| owner.post("/v1/webhooks", json!({ "url": url, "events": events })).await;
    for url in ["http://example.org/", "file:///etc/passwd", "https://a:b@example.org/"] {
        post(url, json!(["room.created"])).await.expect_problem(422, "invalid");
    }
    for events in [json!([]), json!(["room.created", "room.created"]), json!(["no.such"])] {
        post("https://example.org/", events).await.expect_problem(422, "invalid");
    }
    webhook(&owner, &receiver, &["room.created"]).await;
    post("https://example.org/", json!(["room.created"])).await.expect_problem(409, "conflict");
    let unknown = "/v1/webhooks/00000000-0000-7000-8000-000000000000";
    owner.send(Method::DELETE, unknown, None).await.expect_problem(404, "not_found");
    owner.act(&format!("{unknown}/replay")).await.expect_problem(404, "not_found");
    owner.get(&format!("{unknown}/deliveries")).await.expect_problem(404, "not_found");
}
