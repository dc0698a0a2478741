//! `sync.resume`: a client that loses its socket at any moment ends with what the database has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};

/// A client as `docs/protocol.md` tells it: it knows messages and a number, and nothing else.
struct Follower {
    client: Client,
    seq: Option<u64>,
    messages: BTreeMap<String, Value>,
    /// Changes that were taken, for each message with its number.
    taken: Vec<(String, u64)>,
}

fn number(message: &Value) -> u64 {
    message["changedSeq"].as_u64().or(message["seq"].as_u64()).unwrap()
}

impl Follower {
    fn new(client: Client) -> Self {
        Self { client, seq: None, messages: BTreeMap::new(), taken: Vec::new() }
    }

    fn take(&mut self, message: &Value) {
        let id = message["id"].as_str().unwrap().to_owned();
        self.taken.push((id.clone(), number(message)));
        self.messages.insert(id, message.clone());
    }

    /// Joins and catches up. Reads what is told beside.
    async fn come_back(&mut self) -> Socket {
        let mut socket = self.client.socket().await;
        socket.ack("room.join", json!({ "room": "talk" })).await;
        loop {
            let delta = socket.ack("sync.resume", json!({ "room": "talk", "seq": self.seq })).await;
            if delta["snapshot"] == true {
                self.messages.clear();
            }
            for message in delta["messages"].as_array().unwrap() {
                self.take(message);
            }
            self.seq = delta["seq"].as_u64();
            if delta["hasMore"] == false {
                return socket;
            }
        }
    }

    /// Takes what is told for a while: each number once, none missing.
    async fn listen(&mut self, socket: &mut Socket, time: Duration) {
        for frame in socket.drain(time).await {
            if frame["type"] != "message.new" && frame["type"] != "message.changed" {
                continue;
            }
            let message = &frame["payload"]["message"];
            let known = self.seq.unwrap();
            if number(message) > known {
                assert_eq!(number(message), known + 1, "one is missing");
                self.take(message);
                self.seq = Some(known + 1);
            }
        }
    }
}

async fn stored(client: &Client) -> BTreeMap<String, Value> {
    let mut messages = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/v1/rooms/talk/messages?limit=100{cursor}")).await.expect(200);
        for message in page["items"].as_array().unwrap() {
            messages.insert(message["id"].as_str().unwrap().to_owned(), message.clone());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return messages,
        }
    }
}

/// Sends, edits, reacts and deletes.
async fn write(socket: &mut Socket, round: u32) {
    let mut own: Vec<Value> = Vec::new();
    for number in 0..40_usize {
        let key = format!("{round}-{number}");
        let change = own.get(number % 5).map(|id| json!({ "room": "talk", "messageId": id }));
        match (number % 4, change) {
            (1, Some(mut change)) => {
                change["text"] = json!(format!("edited {key}"));
                let id = socket.request_with_key("message.edit", change, Some(&key)).await;
                socket.answer(&id).await;
            }
            (2, Some(mut change)) => {
                change["emoji"] = json!("👍");
                change["on"] = json!(number % 8 == 2);
                let id = socket.request_with_key("message.react", change, None).await;
                socket.answer(&id).await;
            }
            (3, Some(change)) if number % 16 == 3 => {
                let id = socket.request_with_key("message.delete", change, Some(&key)).await;
                socket.answer(&id).await;
            }
            _ => {
                let payload = json!({ "room": "talk", "text": key });
                let sent = socket.ack_with_key("message.send", payload, Some(&key)).await;
                own.push(sent["message"]["id"].clone());
            }
        }
    }
}

#[tokio::test]
async fn who_loses_the_socket_again_and_again_misses_nothing() {
    let mut server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let mut writers = Vec::new();
    for number in 0..3 {
        writers.push(server.user(&format!("Writer{number}")).await);
    }
    let mut follower = Follower::new(server.user("Ann").await);
    let mut random: u64 = 7;
    for round in 0..2 {
        let mut writing = Vec::new();
        for writer in &writers {
            let (mut socket, _) = writer.in_room("talk").await;
            writing.push(tokio::spawn(async move { write(&mut socket, round).await }));
        }
        while writing.iter().any(|task| !task.is_finished()) {
            let mut socket = follower.come_back().await;
            // The test's own numbers, so that it runs the same each time (Knuth's generator).
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            follower.listen(&mut socket, Duration::from_millis(random >> 58)).await;
            socket.vanish();
        }
        for task in writing {
            task.await.unwrap();
        }
        if round == 0 {
            server = server.restart().await;
            follower.client = follower.client.at(server.address);
            writers = writers.iter().map(|writer| writer.at(server.address)).collect();
        }
    }
    follower.come_back().await;
    assert_eq!(follower.messages, stored(&follower.client).await);
    assert!(follower.messages.len() > 100, "{}", follower.messages.len());
    let mut once = follower.taken.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), follower.taken.len(), "something came twice");
}

#[tokio::test]
async fn who_is_too_far_behind_gets_the_newest() {
    let server = TestServer::start_with(|config| config.limits.resume_changes = Some(5)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    for number in 0..7 {
        let payload = json!({ "room": "talk", "text": "x" });
        socket.ack_with_key("message.send", payload, Some(&number.to_string())).await;
    }
    for (seq, snapshot) in [(Some(1), true), (Some(2), false), (Some(7), false), (Some(8), true), (None, true)] {
        let mut ask = json!({ "room": "talk" });
        if let Some(seq) = seq {
            ask["seq"] = json!(seq);
        }
        let delta = socket.ack("sync.resume", ask).await;
        assert_eq!((&delta["snapshot"], &delta["seq"]), (&json!(snapshot), &json!(7)), "{seq:?}");
        let expected = if snapshot { 7 } else { 7 - seq.unwrap() };
        assert_eq!(delta["messages"].as_array().unwrap().len() as u64, expected);
    }
}
