//! The gateway client against a real WebSocket server that breaks on request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/gateway_server.rs"]
mod gateway_server;

use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::{ErrorCode, MessageText};
use boltorezka_sdk::{Client, Gateway, GatewayError, GatewayEvent, RoomSlug};
use gateway_server::{GatewayServer, Peer, joined};
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

async fn connect() -> (GatewayServer, Gateway, Peer) {
    let mut server = GatewayServer::start().await;
    let gateway = Client::with_join_token(&server.url, "token").unwrap().connect().await.unwrap();
    let peer = server.next_socket().await;
    (server, gateway, peer)
}

async fn next(events: &mut Receiver<Arc<GatewayEvent>>) -> Arc<GatewayEvent> {
    tokio::time::timeout(Duration::from_secs(5), events.recv()).await.expect("an event within 5 s").unwrap()
}

fn room() -> RoomSlug {
    RoomSlug::new("stand-up").unwrap()
}

#[tokio::test]
async fn each_request_gets_its_own_answer() {
    let (_server, gateway, mut peer) = connect().await;
    let room = room();
    let (first, second, ()) = tokio::join!(
        gateway.join_room(&room),
        gateway.send_message(&room, MessageText::new("hi").unwrap(), "k1"),
        async {
            let (a, b) = (peer.next().await, peer.next().await);
            assert_eq!((&a["type"], &a["payload"]["room"]), (&json!("room.join"), &json!("stand-up")));
            assert_eq!((&b["type"], &b["idempotencyKey"]), (&json!("message.send"), &json!("k1")));
            // In the other order, with a stranger's answer between.
            peer.nack(&b, "rate_limited").await;
            peer.ack(&json!({"requestId": "999", "type": "x"}), json!({})).await;
            peer.ack(&a, joined("stand-up")).await;
        }
    );
    assert_eq!(first.unwrap().room, room);
    assert!(gateway.has_joined(&room));
    let error = second.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::RateLimited));
    assert!(error.to_string().contains("message.send"), "{error}");
}

#[tokio::test]
async fn after_a_break_it_comes_back_and_joins_its_rooms_again() {
    let (mut server, gateway, mut peer) = connect().await;
    let room = room();
    tokio::join!(async { gateway.join_room(&room).await.unwrap() }, async {
        let request = peer.next().await;
        peer.ack(&request, joined("stand-up")).await;
    });
    let mut events = gateway.events();
    let (lost, ()) = tokio::join!(gateway.join_room(&room), async {
        peer.next().await;
        drop(peer);
    });
    assert!(matches!(lost, Err(GatewayError::Disconnected)), "a request that was on its way: {lost:?}");
    assert!(matches!(*next(&mut events).await, GatewayEvent::Disconnected));

    let mut peer = server.next_socket().await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Ready { .. }));
    let request = peer.next().await;
    assert_eq!(request["type"], "room.join", "before anything else");
    peer.ack(&request, joined("stand-up")).await;
    assert!(matches!(&*next(&mut events).await, GatewayEvent::Rejoined(joined) if joined.room == room));

    peer.close(1012).await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Disconnected));
    let mut peer = server.next_socket().await;
    let request = peer.next().await;
    peer.nack(&request, "banned").await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Ready { .. }));
    assert!(matches!(*next(&mut events).await, GatewayEvent::RejoinFailed { code: ErrorCode::Banned, .. }));
    assert!(!gateway.has_joined(&room));
}

fn message(seq: u64, text: &str) -> Value {
    let id = format!("01a200b9-1137-75fe-ad00-{seq:012}");
    let sender = "01a200b8-ec4c-7022-be3f-e7b4373388d5";
    json!({"id": id, "room": "stand-up", "seq": seq, "senderId": sender, "senderName": "Ann", "text": text,
        "createdAt": "2026-11-22T00:47:38.294Z"})
}

fn told(text: &str, event: &GatewayEvent) -> bool {
    matches!(event, GatewayEvent::Message(message) if message.said() == text)
}

#[tokio::test]
async fn what_was_said_during_a_break_is_told_once_and_in_order() {
    let (mut server, gateway, mut peer) = connect().await;
    let room = room();
    let mut events = gateway.events();
    let mut joined = joined("stand-up");
    joined["chatSeq"] = json!(4);
    tokio::join!(async { gateway.join_room(&room).await.unwrap() }, async {
        let request = peer.next().await;
        peer.ack(&request, joined.clone()).await;
    });
    let new = |seq, text| json!({"type": "message.new", "payload": {"message": message(seq, text)}});
    peer.send(new(5, "five")).await;
    peer.send(new(5, "five")).await;
    assert!(told("five", &*next(&mut events).await));
    drop(peer);
    assert!(matches!(*next(&mut events).await, GatewayEvent::Disconnected));

    let mut peer = server.next_socket().await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Ready { .. }));
    let request = peer.next().await;
    peer.ack(&request, joined).await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Rejoined(_)));
    let request = peer.next().await;
    assert_eq!((&request["type"], &request["payload"]["seq"]), (&json!("sync.resume"), &json!(5)));
    // Beside the answer comes what is in it, and what is not.
    peer.send(new(8, "eight")).await;
    peer.send(new(9, "nine")).await;
    let mut edited = message(3, "edited");
    edited["changedSeq"] = json!(7);
    let delta = |messages: Value, seq: u64| json!({"room": "stand-up", "snapshot": false, "messages": messages, "seq": seq, "hasMore": false, "firstSeq": 0});
    peer.ack(&request, delta(json!([message(6, "six"), edited, message(8, "eight")]), 8)).await;
    let request = peer.next().await;
    assert_eq!(request["payload"]["seq"], 8);
    peer.ack(&request, delta(json!([message(9, "nine")]), 9)).await;
    peer.send(new(10, "ten")).await;
    assert!(told("six", &*next(&mut events).await));
    assert!(matches!(&*next(&mut events).await, GatewayEvent::MessageChanged(message) if message.said() == "edited"));
    for text in ["eight", "nine", "ten"] {
        let event = next(&mut events).await;
        assert!(told(text, &event), "{event:?}");
    }
}

#[tokio::test]
async fn a_request_made_during_a_break_is_sent_after_it() {
    let (mut server, gateway, peer) = connect().await;
    let mut events = gateway.events();
    drop(peer);
    assert!(matches!(*next(&mut events).await, GatewayEvent::Disconnected));
    let room = room();
    let (joined_room, ()) = tokio::join!(gateway.join_room(&room), async {
        let mut peer = server.next_socket().await;
        let request = peer.next().await;
        peer.ack(&request, joined("stand-up")).await;
    });
    joined_room.unwrap();
}

#[tokio::test]
async fn a_blocked_account_does_not_come_back() {
    let (_server, gateway, peer) = connect().await;
    let mut events = gateway.events();
    peer.close(4004).await;
    assert!(matches!(&*next(&mut events).await, GatewayEvent::Closed { reason } if reason.contains("blocked")));
    assert!(matches!(gateway.join_room(&room()).await, Err(GatewayError::Closed(_))));
}

#[tokio::test]
async fn a_ticket_is_good_for_one_socket() {
    let mut server = GatewayServer::start().await;
    let gateway = Client::with_ticket(&server.url, "only-one").unwrap().connect().await.unwrap();
    let mut events = gateway.events();
    drop(server.next_socket().await);
    assert!(matches!(&*next(&mut events).await, GatewayEvent::Closed { reason } if reason.contains("ticket")));
}

#[tokio::test]
async fn pings_are_answered_and_what_is_not_understood_is_left_out() {
    let (_server, gateway, mut peer) = connect().await;
    let mut events = gateway.events();
    for text in ["", "{", "[1]", r#"{"type":"from.the.future","payload":{}}"#, r#"{"type":"message.new","payload":7}"#]
    {
        peer.send_text(text).await;
    }
    peer.send(json!({"type": "ping", "payload": {}})).await;
    assert_eq!(peer.next().await["type"], "pong");
    let ended = json!({"type": "call.ended", "payload": {"room": "stand-up", "reason": "kicked"}});
    peer.send(ended).await;
    assert!(matches!(&*next(&mut events).await, GatewayEvent::CallEnded { .. }));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_the_ticket() {
    let error = Client::with_ticket("http://127.0.0.1:1", "secret").unwrap().connect().await.map(drop).unwrap_err();
    assert!(matches!(error, GatewayError::Network(_)), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn who_is_moved_joins_the_other_room() {
    let (mut server, gateway, mut peer) = connect().await;
    let (from, to) = (room(), RoomSlug::new("other").unwrap());
    tokio::join!(async { gateway.join_room(&from).await.unwrap() }, async {
        let request = peer.next().await;
        peer.ack(&request, joined("stand-up")).await;
    });
    let mut events = gateway.events();
    peer.send(json!({"type": "room.moved", "payload": {"from": "stand-up", "to": "other"}})).await;
    assert!(matches!(&*next(&mut events).await, GatewayEvent::Moved { from: left, .. } if *left == from));
    assert!(!gateway.has_joined(&from));
    let request = peer.next().await;
    assert_eq!((&request["type"], &request["payload"]["room"]), (&json!("room.join"), &json!("other")));
    peer.ack(&request, joined("other")).await;
    assert!(matches!(&*next(&mut events).await, GatewayEvent::Rejoined(joined) if joined.room == to));
    assert!(gateway.has_joined(&to));
    // After a break it comes back to where it is now.
    drop(peer);
    let mut peer = server.next_socket().await;
    assert_eq!(peer.next().await["payload"]["room"], "other");
}

/// Tells the client something without being asked.
async fn tell(peer: &mut Peer, kind: &str, payload: Value) {
    peer.send(json!({"type": kind, "payload": payload})).await;
}

#[tokio::test]
async fn who_waits_in_a_lobby_joins_when_it_is_let_in() {
    let (mut server, gateway, mut peer) = connect().await;
    let room = room();
    let mut events = gateway.events();
    let joining = tokio::spawn({
        let (gateway, room) = (gateway.clone(), room.clone());
        async move { gateway.join_room(&room).await }
    });
    let request = peer.next().await;
    peer.nack(&request, "lobby").await;
    assert!(matches!(&*next(&mut events).await, GatewayEvent::Waiting { room: of } if *of == room));
    assert!(!gateway.has_joined(&room) && !joining.is_finished());
    // Of another room, nothing follows.
    tell(&mut peer, "room.admitted", json!({"room": "other-room"})).await;

    peer.close(1012).await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Disconnected));
    let mut peer = server.next_socket().await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Ready { .. }));
    let request = peer.next().await;
    assert_eq!(
        (&request["type"], &request["payload"]["room"]),
        (&json!("room.join"), &json!("stand-up")),
        "it asks again"
    );
    peer.nack(&request, "lobby").await;
    tell(&mut peer, "room.admitted", json!({"room": "stand-up"})).await;
    let request = peer.next().await;
    assert_eq!(request["type"], "room.join", "by itself");
    peer.ack(&request, joined("stand-up")).await;
    assert_eq!(joining.await.unwrap().unwrap().room, room);
    assert!(gateway.has_joined(&room));

    let waiting = json!([{"userId": "01890a5d-ac96-774b-bcce-b302099a8057", "displayName": "Ann", "since": "2026-11-21T09:30:00.000Z"}]);
    tell(&mut peer, "lobby.update", json!({"room": "stand-up", "waiting": waiting})).await;
    loop {
        if let GatewayEvent::Lobby { room: of, waiting } = &*next(&mut events).await {
            assert_eq!((of, waiting[0].display_name.as_str()), (&room, "Ann"));
            break;
        }
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    for (reason, code) in
        [("refused", ErrorCode::Refused), ("revoked", ErrorCode::Forbidden), ("room_deleted", ErrorCode::NotFound)]
    {
        let (_server, gateway, mut peer) = connect().await;
        let room = room();
        let (outcome, ()) = tokio::join!(gateway.join_room(&room), async {
            let request = peer.next().await;
            peer.nack(&request, "lobby").await;
            tell(&mut peer, "room.refused", json!({"room": "stand-up", "reason": reason})).await;
        });
        assert_eq!(outcome.unwrap_err().code(), Some(code), "{reason}");
        assert!(!gateway.has_joined(&room));
        // The wait is over: what comes late brings it nowhere.
        tell(&mut peer, "room.admitted", json!({"room": "stand-up"})).await;
        tell(&mut peer, "ping", json!({})).await;
        assert_eq!(peer.next().await["type"], "pong");
    }
}

#[tokio::test]
async fn who_leaves_a_lobby_waits_no_more() {
    let (_server, gateway, mut peer) = connect().await;
    let room = room();
    let mut events = gateway.events();
    let joining = tokio::spawn({
        let (gateway, room) = (gateway.clone(), room.clone());
        async move { gateway.join_room(&room).await }
    });
    let request = peer.next().await;
    peer.nack(&request, "lobby").await;
    assert!(matches!(*next(&mut events).await, GatewayEvent::Waiting { .. }));
    tokio::join!(async { gateway.leave_room(&room).await.unwrap() }, async {
        let request = peer.next().await;
        assert_eq!(request["type"], "room.leave");
        peer.ack(&request, json!({"room": "stand-up"})).await;
    });
    assert_eq!(joining.await.unwrap().unwrap_err().code(), Some(ErrorCode::NotJoined));
    tell(&mut peer, "room.admitted", json!({"room": "stand-up"})).await;
    tell(&mut peer, "ping", json!({})).await;
    assert_eq!(peer.next().await["type"], "pong", "it does not join");
}
