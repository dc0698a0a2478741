//! Someone whose network lets no UDP through.

use std::time::Duration;

use boltorezka_sdk::TrackSource;
use boltorezka_sdk::call::{CallConfig, CallState, MediaTransport};

use crate::server::Server;
use crate::{camera, options, receiver, sleep_ms, turn, voice};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_one_is_in_the_call_like_all_others() {
    let _turn = turn().await;
    let server = Server::start(2).await;
    let room = server.create_room("tcp").await;
    let both = CallConfig { microphone: true, camera: Some(1), ..receiver() };
    let over_udp = server.join(&room, "udp", options(both.clone())).await;
    let over_tcp = CallConfig { transport: MediaTransport::Tcp, ..both };
    let over_tcp = server.join(&room, "tcp", options(over_tcp)).await;
    // On the other shard too.
    let listener = CallConfig { transport: MediaTransport::Tcp, ..receiver() };
    let listener = server.join(&room, "listener", options(listener)).await;
    counts(&server, "boltorezka_media_tcp_connections ", 2.0).await;

    for person in [&over_udp, &over_tcp] {
        person.call.play(voice()).await.unwrap();
        person.call.play(camera("vp8-360.ivf")).await.unwrap();
    }
    let sees = |participant_id| {
        move |state: &CallState| {
            let has = |source| state.track_of(participant_id, source).is_some();
            let in_slot = state.slots.iter().any(|slot| slot.participant_id == Some(participant_id));
            has(TrackSource::Microphone) && has(TrackSource::Camera) && in_slot
        }
    };
    for (who, whom) in [(&over_udp, &over_tcp), (&over_tcp, &over_udp), (&listener, &over_tcp)] {
        who.call.wait_for("the other", Duration::from_secs(10), sees(whom.participant_id)).await.unwrap();
    }
    sleep_ms(5_000).await;
    for (who, whom) in [(&over_udp, &over_tcp), (&over_tcp, &over_udp), (&listener, &over_tcp), (&listener, &over_udp)]
    {
        let (stats, state) = (who.call.stats().await, who.call.state());
        for source in [TrackSource::Microphone, TrackSource::Camera] {
            let track = state.track_of(whom.participant_id, source).unwrap();
            let packets = stats.tracks[&track].packets;
            // Fifty packets of a voice a second, some twenty pictures.
            assert!(packets > 80, "{source:?}: {packets} packets in 5 s");
        }
        assert_eq!((stats.decrypt_failures, stats.datagrams_unknown), (0, 0));
    }

    let participant_id = over_tcp.participant_id;
    server.admin.kick(&room, participant_id).await.unwrap();
    over_tcp.call.ended().await;
    over_udp
        .call
        .wait_for("its departure", Duration::from_secs(2), |state| {
            state.track_of(participant_id, TrackSource::Camera).is_none()
        })
        .await
        .unwrap();
    listener.call.leave().await.unwrap();
    counts(&server, "boltorezka_media_tcp_closed_total", 2.0).await;
}

/// Waits until a metric has this value: the node reports once a second.
async fn counts(server: &Server, name: &str, expected: f64) {
    for _ in 0..50 {
        if server.metric(name).await == expected {
            return;
        }
        sleep_ms(100).await;
    }
    panic!("{name}is {} and not {expected}", server.metric(name).await);
}
