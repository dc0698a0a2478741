//! From the commit of a kick to the last packet.

use std::time::{Duration, Instant};

use boltorezka_sdk::call::{CallConfig, CallState, Phase};
use boltorezka_sdk::{EndReason, TrackSource};

use crate::server::Server;
use crate::{camera, options, receiver, sender, sleep_ms, turn, voice};

const KICKS: usize = 5;
/// Time in which a revocation must have taken effect.
const EFFECT_MAX: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kick_nothing_is_sent_or_taken() {
    let _turn = turn().await;
    let server = Server::start(2).await;
    let room = server.create_room("kicks").await;
    let watcher = server.join(&room, "watcher", options(CallConfig { ..receiver() })).await;
    let talker = server.join(&room, "talker", options(sender())).await;
    talker.call.play(voice()).await.unwrap();
    talker.call.play(camera("vp8-180.ivf")).await.unwrap();
    let watch = |participant_id, source| {
        move |state: &CallState| {
            let is_it = |slot: &boltorezka_proto::call::SlotState| {
                slot.participant_id == Some(participant_id) && slot.source == Some(source)
            };
            // The two lists come in messages of their own.
            state.slots.iter().any(is_it) && state.track_of(participant_id, source).is_some()
        }
    };

    let mut effects = Vec::new();
    for round in 0..KICKS {
        // One that goes on sending whatever it is told.
        let config = CallConfig { ignore_end: true, ..CallConfig { audio_slots: 1, video_slots: 1, ..sender() } };
        let kicked = server.join(&room, &format!("kicked {round}"), options(config)).await;
        kicked.call.play(voice()).await.unwrap();
        kicked.call.play(camera("vp8-180.ivf")).await.unwrap();
        for source in [TrackSource::Microphone, TrackSource::Camera] {
            let seen = watch(kicked.participant_id, source);
            watcher.call.wait_for("the kicked one's tracks", Duration::from_secs(10), seen).await.unwrap();
        }
        let state = watcher.call.state();
        let tracks = [TrackSource::Microphone, TrackSource::Camera]
            .map(|source| state.track_of(kicked.participant_id, source).expect("it is published"));
        sleep_ms(500).await;

        let asked_at = Instant::now();
        server.admin.kick(&room, kicked.participant_id).await.unwrap();
        let committed_at = Instant::now();
        sleep_ms(1_000).await;

        let own = kicked.call.stats().await;
        let others = watcher.call.stats().await;
        let last_received = own.last_rtp_received_at.expect("it received media before");
        let last_forwarded = tracks.map(|track| others.tracks[&track].last_packet_at.expect("it was seen"));
        let last_forwarded = last_forwarded.into_iter().max().unwrap();
        assert!(last_received >= asked_at - Duration::from_millis(500), "media flowed until the kick");
        assert!(last_forwarded >= asked_at - Duration::from_millis(500), "media flowed until the kick");
        let effect = last_received.max(last_forwarded).saturating_duration_since(committed_at);
        println!(
            "kick {round}: last packet to it {:?} and from it {:?} after the answer, which took {:?}",
            last_received.saturating_duration_since(committed_at),
            last_forwarded.saturating_duration_since(committed_at),
            committed_at - asked_at,
        );
        assert!(effect < EFFECT_MAX, "{effect:?}");
        effects.push(effect);

        let state = watcher.call.state();
        assert!(state.tracks.iter().all(|info| info.participant_id != kicked.participant_id), "{state:?}");
        assert!(state.slots.iter().all(|slot| slot.participant_id != Some(kicked.participant_id)), "{state:?}");
        assert_eq!(kicked.call.state().phase, Phase::Ended(EndReason::Kicked));
    }
    println!("{KICKS} kicks: in effect after {:?} at most", effects.iter().max().unwrap());

    let before = watcher.call.stats().await;
    sleep_ms(500).await;
    let after = watcher.call.stats().await;
    assert!(after.rtp_packets_received > before.rtp_packets_received + 20, "the others talk on");
}
