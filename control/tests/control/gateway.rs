//! The socket itself: opening, closing, requests and their answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::common::server::make_room;
use crate::common::{Socket, TestServer};

#[tokio::test]
async fn each_close_code_has_its_cause() {
    let server = TestServer::start_with(|config| {
        config.limits.sockets_per_user = Some(2);
        config.limits.socket_idle_ms = Some(400);
    })
    .await;
    let ann = server.user("Ann").await;
    assert_eq!(Socket::open_path(server.address, "/v1/realtime/ws").await.close_code().await, 4001);
    assert_eq!(Socket::open_path(server.address, "/v1/realtime/ws?ticket=").await.close_code().await, 4001);
    assert_eq!(Socket::open(server.address, "guess").await.close_code().await, 4002);

    for malformed in [
        Message::text("no json"),
        Message::text("[]"),
        Message::text(r#"{"requestId":"1","payload":{}}"#),
        Message::text(r#"{"type":"room.join","payload":{"room":"abc"}}"#),
        Message::text(r#"{"type":"room.join","requestId":"","payload":{"room":"abc"}}"#),
        Message::text(format!(r#"{{"type":"ping","requestId":"{}"}}"#, "x".repeat(129))),
        Message::binary(vec![1, 2, 3]),
        Message::text(format!(r#"{{"type":"ping","requestId":"1","payload":"{}"}}"#, "x".repeat(256 * 1024))),
    ] {
        let mut socket = ann.socket().await;
        socket.send_raw(malformed.clone()).await;
        assert_eq!(socket.close_code().await, 4003, "{malformed:.60?}");
    }

    let started = Instant::now();
    assert_eq!(ann.socket().await.close_code().await, 4008);
    assert!(started.elapsed() >= Duration::from_millis(400));

    let (_one, _two) = (ann.socket().await, ann.socket().await);
    let ticket = ann.ticket().await;
    assert_eq!(Socket::open(server.address, &ticket).await.close_code().await, 4029);

    let ticket = ann.ticket().await;
    server.sql("UPDATE users SET blocked_at = 1").await;
    assert_eq!(Socket::open(server.address, &ticket).await.close_code().await, 4004);
}

#[tokio::test]
async fn sockets_are_told_of_a_restart() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let (one, two) = (ann.socket().await, ann.socket().await);
    server.stop().await;
    assert_eq!((one.close_code().await, two.close_code().await), (1012, 1012));
}

#[tokio::test]
async fn a_full_server_asks_to_come_back() {
    let server = TestServer::start_with(|config| config.limits.sockets_total = Some(1)).await;
    let ann = server.user("Ann").await;
    let _one = ann.socket().await;
    let ticket = ann.ticket().await;
    assert_eq!(Socket::open(server.address, &ticket).await.close_code().await, 1013);
}

#[tokio::test]
async fn the_upgrade_of_a_foreign_page_is_refused() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let open = async |origin: &str| {
        let ticket = ann.ticket().await;
        let url = format!("ws://{}/v1/realtime/ws?ticket={ticket}", server.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        tokio_tungstenite::connect_async(request).await
    };
    let refused = open("https://evil.example").await.unwrap_err();
    let tokio_tungstenite::tungstenite::Error::Http(response) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 403);
    assert!(open(&format!("http://{}", server.address)).await.is_ok());
    ann.get("/v1/realtime/ws?ticket=x").await.expect_problem(400, "malformed");
}

#[tokio::test]
async fn pings_go_both_ways() {
    let server = TestServer::start_with(|config| {
        config.limits.heartbeat_ms = Some(150);
        config.limits.socket_idle_ms = Some(500);
    })
    .await;
    let ann = server.user("Ann").await;
    let mut socket = ann.socket().await;
    for _ in 0..6 {
        socket.expect("ping").await;
        socket.send_raw(Message::text(r#"{"type":"pong","payload":{}}"#)).await;
    }
    socket.ack("ping", json!({})).await;
    socket.expect("pong").await;
    socket.send_raw(Message::text(r#"{"type":"ping"}"#)).await;
    socket.expect("pong").await;
}

#[tokio::test]
async fn every_request_gets_exactly_one_answer() {
    let server = TestServer::start().await;
    let _node = server.node().await;
    server.linked().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "video").await;
    let mut socket = owner.socket().await;
    let room = json!({ "room": "talk" });
    let requests = [
        ("ping", json!({})),
        ("pong", json!({})),
        ("room.join", room.clone()),
        ("room.join", json!({ "room": "nowhere" })),
        ("room.join", json!({ "room": "A" })),
        ("room.join", json!({})),
        ("room.join", Value::Null),
        ("call.offer", json!({ "room": "talk", "sdp": "v=0" })),
        ("call.offer", json!({ "room": "nowhere", "sdp": "v=0" })),
        ("call.ice", json!({ "room": "talk", "candidate": "" })),
        ("call.leave", room.clone()),
        ("message.send", json!({ "room": "talk", "text": "hi" })),
        ("room.leave", room.clone()),
        ("room.leave", room),
        ("room.explode", json!({})),
    ];
    let mut sent = Vec::new();
    for _ in 0..20 {
        for (kind, payload) in &requests {
            sent.push((socket.request(kind, payload.clone()).await, *kind));
        }
    }
    let frames = socket.drain(Duration::from_millis(1500)).await;
    for (id, kind) in sent {
        let answers: Vec<&Value> = frames.iter().filter(|frame| frame["requestId"] == id.as_str()).collect();
        assert_eq!(answers.len(), 1, "{kind} {id}: {answers:?}");
        assert_eq!(answers[0]["eventType"], kind);
        assert!(answers[0]["ts"].is_string());
    }
}

#[tokio::test]
async fn a_nack_says_what_is_wrong() {
    let server = TestServer::start().await;
    let ann = server.user("Ann").await;
    let mut socket = ann.socket().await;
    let unknown = socket.nack("room.explode", json!({})).await;
    assert_eq!(unknown["code"], "unknown_type");
    assert!(unknown["message"].as_str().unwrap().contains("room.explode"));
    let malformed = socket.nack("room.join", json!({ "room": "No Slug" })).await;
    assert_eq!(malformed["code"], "malformed");
    assert!(malformed["message"].as_str().unwrap().contains("slug"), "{malformed}");
    assert_eq!(socket.nack("room.join", json!({ "room": "nowhere" })).await["code"], "not_found");
    for kind in ["room.leave", "call.leave"] {
        assert_eq!(socket.nack(kind, json!({ "room": "nowhere" })).await["code"], "not_joined");
    }
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_holds_up_nobody() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ticket = server.user("Ann").await.ticket().await;
    let mut slow = Socket::open_small(server.address, &ticket).await;
    slow.ack("room.join", json!({ "room": "talk" })).await;
    let (mut socket, _) = owner.in_room("talk").await;
    let text = "x".repeat(4000);
    for number in 0.. {
        let payload = json!({ "room": "talk", "text": text });
        socket.ack_with_key("message.send", payload, Some(&number.to_string())).await;
        socket.expect("message.new").await;
        if number % 50 != 0 {
            continue;
        }
        let metrics = server.anybody().get("/metrics").await.body;
        if metrics.as_str().unwrap().contains("boltorezka_realtime_sockets 1") {
            return;
        }
        assert!(number < 2500, "the slow socket is still open after {number} messages");
    }
}

#[tokio::test]
async fn requests_are_limited_by_socket_and_by_user() {
    let server = TestServer::start_with(|config| {
        config.limits.requests_per_socket_per_s = Some(5);
        config.limits.requests_per_user_per_s = Some(7);
    })
    .await;
    let ann = server.user("Ann").await;
    let (mut one, mut two) = (ann.socket().await, ann.socket().await);
    // The server's clock is the machine's: a request more may pass while these are sent.
    let burst = async |socket: &mut Socket| {
        let mut acked = 0;
        let mut ids = Vec::new();
        for _ in 0..40 {
            ids.push(socket.request("ping", json!({})).await);
        }
        for id in ids {
            let answer = socket.answer(&id).await;
            if answer["type"] == "ack" {
                acked += 1;
            } else {
                assert_eq!(answer["code"], "rate_limited");
                assert!(answer["retryAfterMs"].as_u64().unwrap() >= 1, "{answer}");
            }
        }
        acked
    };
    let of_one = burst(&mut one).await;
    assert!((20..=24).contains(&of_one), "{of_one} of the first socket");
    let of_two = burst(&mut two).await;
    assert!((8..=14).contains(&of_two), "{of_two} of the second socket, 28 of the user");
}

#[tokio::test]
async fn a_socket_is_in_so_many_rooms_only() {
    let server = TestServer::start_with(|config| config.limits.rooms_per_socket = Some(2)).await;
    let owner = server.owner().await;
    for slug in ["one", "two", "three"] {
        make_room(&owner, slug, "text").await;
    }
    let mut socket = owner.socket().await;
    socket.ack("room.join", json!({ "room": "one" })).await;
    socket.ack("room.join", json!({ "room": "two" })).await;
    socket.ack("room.join", json!({ "room": "two" })).await;
    assert_eq!(socket.nack("room.join", json!({ "room": "three" })).await["code"], "forbidden");
    socket.ack("room.leave", json!({ "room": "one" })).await;
    socket.ack("room.join", json!({ "room": "three" })).await;
}
