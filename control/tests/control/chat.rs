//! Messages.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};

async fn say(socket: &mut Socket, text: &str, key: &str) -> Value {
    socket.ack_with_key("message.send", json!({ "room": "talk", "text": text }), Some(key)).await
}

async fn history(client: &Client, limit: u32) -> Vec<String> {
    let mut texts = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/v1/rooms/talk/messages?limit={limit}{cursor}")).await.expect(200);
        texts.extend(page["items"].as_array().unwrap().iter().map(|item| item["text"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return texts,
        }
    }
}

#[tokio::test]
async fn a_message_is_stored_and_told_to_all() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let (mut of_owner, _) = owner.in_room("talk").await;
    let (mut of_ann, _) = ann.in_room("talk").await;
    let mut elsewhere = ann.socket().await;
    let sent = say(&mut of_ann, "  hello\nworld ", "k1").await;
    assert_eq!(sent["duplicate"], false);
    let message = &sent["message"];
    assert_eq!((&message["room"], &message["text"]), (&json!("talk"), &json!("hello\nworld")));
    assert_eq!((&message["senderId"], &message["senderName"]), (&json!(ann.id), &json!("Ann")));
    for socket in [&mut of_owner, &mut of_ann] {
        assert_eq!(&socket.expect("message.new").await["message"], message);
    }
    assert!(elsewhere.drain(Duration::from_millis(200)).await.is_empty());

    let reply = json!({ "room": "talk", "text": "yes", "replyTo": message["id"] });
    let reply = of_owner.ack_with_key("message.send", reply, Some("k1")).await;
    assert_eq!(reply["message"]["replyTo"], message["id"]);
    assert_eq!(owner.get("/v1/rooms/talk/messages").await.expect(200)["items"], json!([reply["message"], message]));
}

#[tokio::test]
async fn what_was_told_waits_no_more() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    for number in 0..3 {
        say(&mut socket, "hello", &format!("k{number}")).await;
        socket.expect("message.new").await;
    }
    for _ in 0..200 {
        if server.count("SELECT count(*) FROM outbox WHERE topic = 'gateway' AND delivered_at IS NULL").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a restart would tell it again");
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_refused() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let mut outside = ann.socket().await;
    let send = async |socket: &mut Socket, payload: Value, key: Option<&str>| {
        let id = socket.request_with_key("message.send", payload, key).await;
        socket.answer(&id).await["code"].as_str().unwrap().to_owned()
    };
    let hello = json!({ "room": "talk", "text": "hello" });
    assert_eq!(send(&mut outside, hello.clone(), Some("k")).await, "not_joined");
    outside.ack("room.join", json!({ "room": "talk" })).await;
    let mut socket = outside;
    assert_eq!(send(&mut socket, hello.clone(), None).await, "malformed");
    assert_eq!(send(&mut socket, hello.clone(), Some("")).await, "malformed");
    assert_eq!(send(&mut socket, hello.clone(), Some(&"k".repeat(129))).await, "malformed");
    assert_eq!(send(&mut socket, json!({ "room": "talk", "text": " " }), Some("k")).await, "malformed");
    let long = json!({ "room": "talk", "text": "x".repeat(4001) });
    assert_eq!(send(&mut socket, long, Some("k")).await, "malformed");
    let to_nobody = json!({ "room": "talk", "text": "x", "replyTo": "01890000-0000-7000-8000-000000000000" });
    assert_eq!(send(&mut socket, to_nobody, Some("k")).await, "not_found");
    let path = format!("/v1/rooms/talk/members/{}", ann.id);
    owner.send(Method::PUT, &path, Some(json!({ "role": "listener" }))).await.expect(200);
    assert_eq!(send(&mut socket, hello, Some("k")).await, "forbidden");
    assert_eq!(server.count("SELECT count(*) FROM messages").await, 0);
}

#[tokio::test]
async fn the_same_key_is_the_same_message() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(owner.in_room("talk").await.0);
    }
    let sends = sockets.iter_mut().map(|socket| async move {
        let mut ids = Vec::new();
        for _ in 0..10 {
            let payload = json!({ "room": "talk", "text": "once" });
            ids.push(socket.request_with_key("message.send", payload, Some("the key")).await);
        }
        let mut answers = Vec::new();
        for id in ids {
            answers.push(socket.answer(&id).await);
        }
        answers
    });
    let answers: Vec<Value> = join_all(sends).await.into_iter().flatten().collect();
    assert_eq!(answers.len(), 50);
    assert!(answers.iter().all(|answer| answer["type"] == "ack"), "{answers:?}");
    let first = answers.iter().filter(|answer| answer["payload"]["duplicate"] == false).count();
    let ids: HashSet<String> = answers.iter().map(|answer| answer["payload"]["message"]["id"].to_string()).collect();
    assert_eq!((first, ids.len()), (1, 1));
    assert_eq!(history(&owner, 10).await, ["once"]);
    let told = sockets[0].drain(Duration::from_millis(300)).await;
    assert_eq!(told.iter().filter(|frame| frame["type"] == "message.new").count(), 1);

    let other = json!({ "room": "talk", "text": "twice" });
    let id = sockets[0].request_with_key("message.send", other, Some("the key")).await;
    assert_eq!(sockets[0].answer(&id).await["code"], "conflict");
    // Keys are the sender's own.
    let (mut of_ann, _) = server.user("Ann").await.in_room("talk").await;
    assert_eq!(say(&mut of_ann, "once", "the key").await["duplicate"], false);
}

#[tokio::test]
async fn everybody_hears_the_same_order() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let mut senders = Vec::new();
    for number in 0..4 {
        senders.push(server.user(&format!("User{number}")).await.in_room("talk").await.0);
    }
    let (mut listener, _) = owner.in_room("talk").await;
    join_all(senders.iter_mut().enumerate().map(|(sender, socket)| async move {
        for number in 0..25 {
            say(socket, &format!("{sender}-{number}"), &format!("k{number}")).await;
        }
    }))
    .await;
    let mut stored = history(&owner, 100).await;
    stored.reverse();
    assert_eq!(stored.len(), 100);
    for socket in senders.iter_mut().chain([&mut listener]) {
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard.push(socket.expect("message.new").await["message"]["text"].as_str().unwrap().to_owned());
        }
        assert_eq!(heard, stored);
    }
}

#[tokio::test]
async fn pages_have_no_gaps_or_repetitions_while_people_write() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    for number in 0..60 {
        say(&mut socket, &number.to_string(), &format!("before-{number}")).await;
    }
    let (mut writer, _) = server.user("Ann").await.in_room("talk").await;
    let writing = tokio::spawn(async move {
        for number in 0..200 {
            say(&mut writer, "later", &format!("k{number}")).await;
        }
    });
    for limit in [1, 7, 100] {
        let texts = history(&owner, limit).await;
        let before: Vec<&String> = texts.iter().filter(|text| *text != "later").collect();
        let expected: Vec<String> = (0..60).rev().map(|number| number.to_string()).collect();
        assert_eq!(before, expected.iter().collect::<Vec<_>>());
    }
    writing.await.unwrap();
    assert_eq!(history(&owner, 33).await.len(), 260);
}

#[tokio::test]
async fn messages_survive_a_restart() {
    let server = TestServer::start().await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    let sent = say(&mut socket, "still there?", "k").await;
    let server = server.restart().await;
    let owner = owner.at(server.address);
    assert_eq!(owner.get("/v1/rooms/talk/messages").await.expect(200)["items"], json!([sent["message"]]));
    let (mut socket, _) = owner.in_room("talk").await;
    let again = say(&mut socket, "still there?", "k").await;
    assert_eq!((&again["message"], &again["duplicate"]), (&sent["message"], &json!(true)));
}

#[tokio::test]
async fn messages_of_a_user_are_limited() {
    let server = TestServer::start_with(|config| config.limits.messages_per_user_per_s = Some(1)).await;
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let (mut socket, _) = owner.in_room("talk").await;
    let mut codes = Vec::new();
    for number in 0..15 {
        let payload = json!({ "room": "talk", "text": "x" });
        let id = socket.request_with_key("message.send", payload, Some(&number.to_string())).await;
        codes.push(socket.answer(&id).await);
    }
    let acked = codes.iter().filter(|answer| answer["type"] == "ack").count();
    assert!((10..=12).contains(&acked), "{acked}");
    assert!(codes[14]["retryAfterMs"].as_u64().unwrap() <= 1000);
}
