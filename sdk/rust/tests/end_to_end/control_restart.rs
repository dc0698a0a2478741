//! The control plane crashes and comes back while people talk.

use std::time::Duration;

use boltorezka_proto::rest::CallState as ParticipantState;
use boltorezka_sdk::call::{CallState, Phase};
use boltorezka_sdk::{EndReason, GatewayEvent, MessageText};

use crate::server::{Person, Server};
use crate::{camera, options, receiver, sender, sleep_ms, turn, voice};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_flows_on_while_control_is_away_and_both_agree_after() {
    let _turn = turn().await;
    let mut server = Server::start(2).await;
    let room = server.create_room("restart").await;
    let listener = server.join(&room, "listener", options(receiver())).await;
    let speaker = server.join(&room, "speaker", options(sender())).await;
    speaker.call.play(voice()).await.unwrap();
    speaker.call.play(camera("vp8-180.ivf")).await.unwrap();
    let both = |state: &CallState| {
        state.slots.iter().filter(|slot| slot.participant_id == Some(speaker.participant_id)).count() == 2
    };
    listener.call.wait_for("both tracks", Duration::from_secs(10), both).await.unwrap();
    assert_flows(&listener, "before").await;

    let media = server.media_pid().expect("a media node runs");
    let mut events = listener.gateway.events();
    server.kill_control();
    for second in 0..3 {
        assert_flows(&listener, &format!("{second} s after the crash")).await;
    }
    assert_eq!(server.media_pid(), Some(media), "the same node");
    server.restart_control();
    assert_flows(&listener, "after the restart").await;
    assert_eq!(server.media_pid(), Some(media), "the same node still");

    let rejoined = async {
        loop {
            if let GatewayEvent::Rejoined(joined) = &*events.recv().await.unwrap() {
                return joined.clone();
            }
        }
    };
    let rejoined = tokio::time::timeout(Duration::from_secs(20), rejoined).await.expect("it joins again");
    assert_eq!(rejoined.participant_id, listener.participant_id, "the same stay");
    assert_flows(&listener, "after joining again").await;
    assert_eq!(listener.call.state().phase, Phase::Connected);
    let gaps: u64 = listener.call.stats().await.slots.iter().map(|slot| slot.frame_gaps).sum();
    assert_eq!(gaps, 0, "not a frame was missed");

    let is_known = |participant: &boltorezka_proto::rest::Participant| {
        participant.participant_id == speaker.participant_id
            && participant.call == ParticipantState::Connected
            && participant.publishing.len() == 2
    };
    let mut participants = server.admin.participants(&room).await.unwrap();
    for _ in 0..100 {
        if participants.iter().any(is_known) {
            break;
        }
        sleep_ms(100).await;
        participants = server.admin.participants(&room).await.unwrap();
    }
    assert!(participants.iter().any(is_known), "control knows who is in the call: {participants:#?}");

    let text = MessageText::new("back again").unwrap();
    listener.gateway.send_message(&room, text, "after-restart").await.unwrap();
    server.admin.kick(&room, speaker.participant_id).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), speaker.call.ended()).await.expect("it is told");
    assert_eq!(ended, EndReason::Kicked);
}

/// A second of pictures and sound without a hole.
async fn assert_flows(listener: &Person, when: &str) {
    let before = listener.call.stats().await;
    sleep_ms(1_000).await;
    let after = listener.call.stats().await;
    let frames = |is_video: bool| {
        let slots = after.slots.iter().zip(&before.slots).filter(|(slot, _)| slot.is_video == is_video);
        slots.map(|(after, before)| after.frames - before.frames).sum::<u64>()
    };
    assert!(frames(true) >= 25 && frames(false) >= 40, "{when}: {} pictures, {} sounds", frames(true), frames(false));
}
