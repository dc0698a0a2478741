//! Data messages through the real server, on one shard and from one to another.

use std::time::Duration;

use boltorezka_sdk::call::{Call, CallConfig, ReceivedData};
use boltorezka_sdk::{DataFrom, DataKind, DataTo};

use crate::server::Server;
use crate::{options, turn};

fn config() -> CallConfig {
    CallConfig { audio_slots: 1, data: true, ..CallConfig::default() }
}

async fn next(call: &Call) -> ReceivedData {
    tokio::time::timeout(Duration::from_secs(5), call.next_data()).await.expect("a message").expect("the call goes on")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_is_sent_to_the_room_and_to_one() {
    let _turn = turn().await;
    let server = Server::start(2).await;
    let room = server.create_room("data").await;
    let ann = server.join(&room, "ann", options(config())).await;
    let bob = server.join(&room, "bob", options(config())).await;
    let cid = server.join(&room, "cid", options(config())).await;
    let file: Vec<u8> = (0..200_000_u32).map(|n| (n * 7 / 8) as u8).collect();
    // Channels open after the call is connected: what was sent before is nobody's.
    let to_cid = DataTo { to: Some(vec![cid.participant_id]), topic: Some("hello".into()) };
    let greeting = async {
        loop {
            bob.call.send_data(DataKind::Reliable, to_cid.clone(), b"hello".to_vec()).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(100), cid.call.next_data()).await.is_ok() {
                break;
            }
        }
        loop {
            ann.call.send_data(DataKind::Lossy, DataTo::default(), b"ping".to_vec()).await.unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(100), bob.call.next_data()).await;
            if heard.is_ok_and(|heard| heard.is_some_and(|heard| heard.kind == DataKind::Lossy)) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), greeting).await.expect("channels open");

    let send = async {
        for part in file.chunks(16 * 1024) {
            let to = DataTo { to: None, topic: Some("file".into()) };
            ann.call.send_data(DataKind::Reliable, to, part.to_vec()).await.unwrap();
            // 200 kB within the allowance of 128 KiB at once and in a second.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let receive = async |call: &Call| {
        let mut received = Vec::new();
        while received.len() < file.len() {
            let message = next(call).await;
            if let DataFrom::Message { from, topic: Some(topic) } = &message.from
                && topic == "file"
            {
                assert_eq!((*from, message.kind), (ann.participant_id, DataKind::Reliable));
                received.extend(message.payload);
            }
        }
        assert!(received == file, "whole and in order");
    };
    let transfer = async { tokio::join!(send, receive(&bob.call), receive(&cid.call)) };
    tokio::time::timeout(Duration::from_secs(20), transfer).await.expect("the file arrives");
    let refused = ann.call.state().data_refused.clone();
    assert_eq!(refused, None);

    // A flood is refused, and said.
    for _ in 0..400 {
        let sent = ann.call.send_data(DataKind::Lossy, DataTo::default(), vec![1; 500]).await;
        sent.unwrap();
    }
    let is_refused = |state: &boltorezka_sdk::call::CallState| state.data_refused_count > 0;
    ann.call.wait_for("a refusal", Duration::from_secs(5), is_refused).await.unwrap();
    let dropped = server.metric("boltorezka_media_packets_dropped_total{reason=\"data_rate\"}").await;
    println!("{} refused, {dropped} counted", ann.call.state().data_refused_count);
}
