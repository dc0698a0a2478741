//! An encoder that publishes by WHIP, seen by somebody in the call: simulcast, another network, the end.

use std::time::{Duration, Instant};

use boltorezka_proto::call::{SlotMode, SlotWish};
use boltorezka_sdk::TrackSource;
use boltorezka_sdk::call::CallState;
use boltorezka_sdk::rest::CallState as Presence;
use reqwest::StatusCode;

use crate::encoder::{Encoder, RIDS};
use crate::server::{Person, Server};
use crate::{options, receiver, turn};

/// Runs the encoder until the watcher's state is as wanted.
async fn until(encoder: &mut Encoder, watcher: &Person, what: &str, is_so: impl Fn(&CallState) -> bool) {
    let started = Instant::now();
    while !is_so(&watcher.call.state()) {
        assert!(started.elapsed() < Duration::from_secs(15), "never came true: {what}: {:?}", watcher.call.state());
        encoder.run_for(Duration::from_millis(50)).await;
    }
}

fn plays(rid: &'static str) -> impl Fn(&CallState) -> bool {
    move |state| {
        let is_it = |slot: &boltorezka_proto::call::SlotState| {
            slot.source == Some(TrackSource::Camera) && slot.rid.as_deref() == Some(rid)
        };
        state.slots.iter().any(is_it)
    }
}

async fn packets(watcher: &Person) -> u64 {
    watcher.call.stats().await.rtp_packets_received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoder_publishes_simulcast_moves_and_ends() {
    let _turn = turn().await;
    let server = Server::start(2).await;
    let room = server.create_room("stage").await;
    let watcher = server.join(&room, "watcher", options(receiver())).await;
    let token = server.join_token(&room, "encoder").await;
    let mut encoder = Encoder::publish(&server.url, room.as_str(), &token).await;
    encoder.run_until("the connection", |encoder| encoder.is_connected).await;

    // Each of the three is there to be chosen: the best for a large tile, a smaller one for a small tile.
    until(&mut encoder, &watcher, "the largest encoding", plays(RIDS[2])).await;
    let slot = watcher.call.state().slots.iter().find(|slot| slot.track.is_some()).unwrap().clone();
    for (height_max, rid) in [(180, RIDS[0]), (360, RIDS[1])] {
        let (mid, height_max) = (slot.mid.clone(), Some(height_max));
        let wish = SlotWish { mid, mode: SlotMode::Auto, track: None, height_max, priority: None };
        watcher.call.subscribe(vec![wish]).await.unwrap();
        until(&mut encoder, &watcher, rid, plays(rid)).await;
    }
    let participants = server.admin.participants(&room).await.unwrap();
    let shown = participants.iter().find(|one| one.display_name.as_str() == "encoder").expect("it is listed");
    assert_eq!((shown.call, shown.publishing.as_slice()), (Presence::Connected, [TrackSource::Camera].as_slice()));

    // From another address, under new credentials: the same connection and track.
    encoder.change_network().await;
    encoder.run_until("a path under the new credentials", |encoder| encoder.has_path).await;
    let came = packets(&watcher).await;
    encoder.run_for(Duration::from_secs(1)).await;
    assert!(packets(&watcher).await > came + 15, "media goes on");
    assert_eq!(watcher.call.state().slots.iter().find(|slot| slot.track.is_some()).unwrap().track, slot.track);

    assert_eq!(encoder.delete().await, StatusCode::OK);
    until(&mut encoder, &watcher, "the end of its tracks", |state| state.tracks.is_empty()).await;
    assert_eq!(encoder.delete().await, StatusCode::NOT_FOUND);
    let participants = server.admin.participants(&room).await.unwrap();
    assert!(participants.iter().all(|one| one.display_name.as_str() != "encoder"), "{participants:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kick_ends_an_encoders_media_at_once() {
    let _turn = turn().await;
    let server = Server::start(1).await;
    let room = server.create_room("stage").await;
    let watcher = server.join(&room, "watcher", options(receiver())).await;
    let token = server.join_token(&room, "encoder").await;
    let mut encoder = Encoder::publish(&server.url, room.as_str(), &token).await;
    until(&mut encoder, &watcher, "a picture", plays(RIDS[2])).await;
    let participants = server.admin.participants(&room).await.unwrap();
    let encoding = participants.iter().find(|one| one.display_name.as_str() == "encoder").unwrap();
    server.admin.kick(&room, encoding.participant_id).await.unwrap();
    let kicked_at = Instant::now();
    // It goes on sending, whatever it was told.
    encoder.run_for(Duration::from_secs(1)).await;
    let last = watcher.call.stats().await.last_rtp_received_at.expect("it saw something");
    assert!(last.saturating_duration_since(kicked_at) < Duration::from_millis(200), "{:?}", last - kicked_at);
    assert_eq!(encoder.delete().await, StatusCode::NOT_FOUND);
}
