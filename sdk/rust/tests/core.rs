//! The call core against a str0m peer in virtual time: no sockets, no clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/echo.rs"]
mod echo;
#[path = "../fixtures/mod.rs"]
mod fixtures;

use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::call::{
    ClientCallMessage, EndReason, ServerCallMessage, SlotMode, SlotWish, TrackSource, VideoCodec, WantedEncoding,
    WantedTrack,
};
use boltorezka_sdk::call::{CallConfig, CallError, Phase, Playback, ReceivedData};
use boltorezka_sdk::media::{Codec, MediaFile, Recorder};
use boltorezka_sdk::{DataFrom, DataKind, DataTo};
use echo::{AUDIO_TRACK, Pair, VIDEO_TRACK};

fn file(name: &str) -> Arc<MediaFile> {
    Arc::new(MediaFile::open(fixtures::path(name)).unwrap())
}

fn both() -> CallConfig {
    CallConfig { microphone: true, camera: Some(1), audio_slots: 3, video_slots: 2, ..CallConfig::default() }
}

fn connect(config: &CallConfig) -> Pair {
    connected(Pair::new(config))
}

fn connected(mut pair: Pair) -> Pair {
    pair.run_until("the connection", |pair| pair.state.phase == Phase::Connected);
    pair.run_until("the list of tracks", |pair| pair.state.participant_id.is_some() && pair.state.tracks.len() == 2);
    pair
}

fn connect_with_video(name: &str) -> Pair {
    let mut pair = connect(&both());
    pair.core.play_files(Playback::new(TrackSource::Camera, vec![file(name)]), pair.now).unwrap();
    pair
}

/// Publishes a file for 4 s, records what comes back, and decodes it.
fn round_trip(name: &str, codec: Codec) {
    let mut pair = connect(&both());
    let source = if codec.is_video() { TrackSource::Camera } else { TrackSource::Microphone };
    pair.core.play_files(Playback::new(source, vec![file(name)]), pair.now).unwrap();
    pair.run_for(Duration::from_secs(4));

    let directory = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(directory.path()).unwrap();
    pair.frames.iter().for_each(|frame| recorder.write(frame).unwrap());
    let files = recorder.finish().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!((files[0].source, files[0].codec, files[0].frames), (source, codec, pair.frames.len() as u64));

    let expected_fps = if codec.is_video() { 30 } else { 50 };
    let frames = pair.frames.len() as u64;
    assert!((expected_fps * 4 - 3..=expected_fps * 4 + 3).contains(&frames), "{frames} frames in 4 s");
    let seconds = files[0].duration.as_secs_f64();
    assert!((3.8..4.1).contains(&seconds), "the time stamps cover {seconds} s");
    let decoded = fixtures::decode(&files[0].path);
    if codec.is_video() {
        assert_eq!(decoded.frames as u64, frames);
        assert_eq!(decoded.moving, decoded.frames - 1, "each picture differs from the one before");
    } else {
        assert!(decoded.moving as u64 >= frames - 2, "{decoded:?} of {frames}");
    }
    let track = if codec.is_video() { VIDEO_TRACK } else { AUDIO_TRACK };
    assert!(pair.frames.iter().all(|frame| frame.track == Some(track) && frame.codec == codec && frame.contiguous));
    let stats = pair.core.stats();
    assert_eq!((stats.decrypt_failures, stats.frames_not_sent, stats.frames_dropped), (0, 0, 0));
    assert_eq!(stats.loss_ratio(), 0.0);
    assert!(stats.first_keyframe_after().unwrap() < Duration::from_millis(500), "{stats:?}");
}

#[test]
fn opus_comes_back_and_decodes() {
    round_trip("voice.ogg", Codec::Opus);
}

#[test]
fn vp8_comes_back_and_decodes() {
    round_trip("vp8-180.ivf", Codec::Vp8);
}

#[test]
fn vp9_comes_back_and_decodes() {
    round_trip("vp9-360.ivf", Codec::Vp9);
}

#[test]
fn av1_comes_back_and_decodes() {
    round_trip("av1-360.ivf", Codec::Av1);
}

#[test]
fn h264_comes_back_and_decodes() {
    round_trip("h264-360.h264", Codec::H264);
}

/// The shares of the packets and of the frames of a voice that are missing after a minute on a link that loses 5 %.
fn missing_on_a_lossy_link(is_redundant: bool) -> (f64, f64) {
    let mut pair = connected(Pair::with(&both(), is_redundant));
    let mut state = 1_u64;
    pair.network = Box::new(move |_, datagram| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let is_rtp = (128..192).contains(&datagram[0]) && !(64..96).contains(&(datagram[1] & 0x7f));
        (!is_rtp || (state >> 33) % 100 >= 5).then_some(datagram)
    });
    pair.core.play_files(Playback::new(TrackSource::Microphone, vec![file("voice.ogg")]), pair.now).unwrap();
    pair.run_for(Duration::from_secs(60));
    let steps = pair.frames.windows(2).map(|pair| pair[1].time - pair[0].time);
    let missing: u64 = steps.map(|step| step / 960 - 1).sum();
    let all = pair.frames.len() as u64 + missing;
    assert!(all > 2_900 && pair.frames.windows(2).all(|pair| pair[1].time > pair[0].time), "{all} frames");
    (pair.core.stats().loss_ratio(), missing as f64 / all as f64)
}

#[test]
fn a_voice_is_whole_over_a_link_that_loses() {
    let (lost, missing) = missing_on_a_lossy_link(true);
    let (lost_plain, missing_plain) = missing_on_a_lossy_link(false);
    assert!((0.04..0.06).contains(&lost) && missing < 0.001, "{missing} missing of {lost} lost");
    assert!((missing_plain - lost_plain).abs() < 0.002, "who takes none is sent none: {missing_plain} of {lost_plain}");
}

/// The section that the camera was published in.
fn camera_mid(pair: &Pair) -> String {
    let mid = pair.echo.received.iter().find_map(|message| match message {
        ClientCallMessage::Publish { tracks, .. } => Some(tracks.first()?.mid.clone()),
        _ => None,
    });
    mid.unwrap()
}

#[test]
fn what_is_not_wanted_is_not_sent() {
    let mut pair = connect(&CallConfig { camera: Some(3), video_slots: 1, ..CallConfig::default() });
    let files = ["vp8-180.ivf", "vp8-360.ivf", "vp8-720.ivf"].map(file).to_vec();
    pair.core.play_files(Playback::new(TrackSource::Camera, files), pair.now).unwrap();
    pair.run_for(Duration::from_secs(1));
    let mid = camera_mid(&pair);
    let wanted = |rids: &[&str]| {
        let encodings =
            ["q", "h", "f"].map(|rid| WantedEncoding { rid: Some(rid.into()), wanted: rids.contains(&rid) });
        let track = WantedTrack { mid: mid.clone(), encodings: encodings.to_vec(), bitrate_bps: None, codec: None };
        vec![track]
    };
    let per_second = |pair: &mut Pair| {
        let before = pair.echo.rtp_packets;
        pair.run_for(Duration::from_secs(1));
        pair.echo.rtp_packets - before
    };
    let all = per_second(&mut pair);
    pair.echo.send(&ServerCallMessage::Wanted { rev: 1, tracks: wanted(&["q"]) });
    pair.run_for(Duration::from_millis(100));
    let small = per_second(&mut pair);
    assert!(small > 20 && small * 3 < all, "{small} of {all}");
    pair.echo.send(&ServerCallMessage::Wanted { rev: 2, tracks: wanted(&[]) });
    pair.run_for(Duration::from_millis(100));
    assert_eq!(per_second(&mut pair), 0);
    // An older one changes nothing.
    pair.echo.send(&ServerCallMessage::Wanted { rev: 1, tracks: wanted(&["q"]) });
    pair.run_for(Duration::from_millis(100));
    assert_eq!(per_second(&mut pair), 0);
    pair.frames.clear();
    pair.echo.send(&ServerCallMessage::Wanted { rev: 3, tracks: vec![] });
    pair.run_for(Duration::from_millis(100));
    assert!(per_second(&mut pair) * 4 > all * 3, "all again");
    assert!(pair.frames[0].keyframe, "from a keyframe on");
    let acks = pair.echo.received.iter().filter(|message| format!("{message:?}").contains("of: Wanted")).count();
    assert_eq!(acks, 4);
}

#[test]
fn a_file_in_vp8_is_played_while_somebody_needs_it() {
    let mut pair = connect(&both());
    let mut playback = Playback::new(TrackSource::Camera, vec![file("vp9-360.ivf")]);
    playback.fallback = vec![file("vp8-360.ivf")];
    pair.core.play_files(playback, pair.now).unwrap();
    pair.run_for(Duration::from_secs(1));
    assert!(pair.frames.iter().all(|frame| frame.codec == Codec::Vp9) && pair.frames.len() > 20);
    let encodings = vec![WantedEncoding { rid: None, wanted: true }];
    let track = WantedTrack { mid: camera_mid(&pair), encodings, bitrate_bps: None, codec: Some(VideoCodec::Vp8) };
    pair.echo.send(&ServerCallMessage::Wanted { rev: 1, tracks: vec![track] });
    pair.run_for(Duration::from_millis(300));
    pair.frames.clear();
    pair.run_for(Duration::from_secs(1));
    assert!(pair.frames.iter().all(|frame| frame.codec == Codec::Vp8), "{:?}", pair.frames.first());
    assert!(pair.frames.len() > 20);
    pair.echo.send(&ServerCallMessage::Wanted { rev: 2, tracks: vec![] });
    pair.run_for(Duration::from_millis(300));
    pair.frames.clear();
    pair.run_for(Duration::from_secs(1));
    assert!(pair.frames.len() > 20 && pair.frames.iter().all(|frame| frame.codec == Codec::Vp9));
}

#[test]
fn data_goes_out_and_comes_in() {
    let mut pair = connect(&CallConfig { data: true, ..both() });
    let to = DataTo { to: None, topic: Some("file".into()) };
    let large = vec![7; 16 * 1024];
    for kind in [DataKind::Lossy, DataKind::Reliable] {
        pair.core.send_data(kind, &to, &[0, 255], pair.now).unwrap();
    }
    for _ in 0..40 {
        pair.core.send_data(DataKind::Reliable, &to, &large, pair.now).unwrap();
        pair.run_for(Duration::from_millis(50));
    }
    pair.run_for(Duration::from_secs(5));
    let received: Vec<ReceivedData> = std::iter::from_fn(|| pair.core.poll_data()).collect();
    assert_eq!(received.len(), 42);
    assert_eq!(received.iter().filter(|message| message.payload == large).count(), 40);
    let from = DataFrom::Message { from: pair.state.participant_id.unwrap(), topic: Some("file".into()) };
    assert!(received.iter().all(|message| message.from == from), "{received:?}");
    let refused = pair.core.send_data(DataKind::Lossy, &to, &large, pair.now);
    assert!(matches!(refused, Err(CallError::Data(_))), "{refused:?}");
    let mut without = connect(&both());
    let refused = without.core.send_data(DataKind::Lossy, &to, &[1], without.now);
    assert!(matches!(refused, Err(CallError::Config(_))), "{refused:?}");
}

#[test]
fn three_encodings_are_sent_under_their_rids() {
    let mut pair = connect(&CallConfig { camera: Some(3), video_slots: 1, ..CallConfig::default() });
    let files = ["vp8-180.ivf", "vp8-360.ivf", "vp8-720.ivf"].map(file).to_vec();
    pair.core.play_files(Playback::new(TrackSource::Camera, files), pair.now).unwrap();
    pair.run_for(Duration::from_secs(1));
    let mut rids: Vec<&str> = pair.echo.rids.iter().map(|rid| &**rid).collect();
    rids.sort_unstable();
    assert_eq!(rids, ["f", "h", "q"]);
    assert_eq!(pair.core.stats().slots[0].height, Some(180), "the echo sends the smallest back");
    let heights: Vec<_> = pair
        .echo
        .received
        .iter()
        .filter_map(|message| match message {
            ClientCallMessage::Publish { tracks, .. } => Some(tracks.first()?.height),
            _ => None,
        })
        .collect();
    assert_eq!(heights, [Some(720)]);
}

#[test]
fn a_request_brings_a_keyframe_at_once() {
    let mut pair = connect_with_video("vp8-180.ivf");
    // 7 frames after a keyframe, 8 before the next.
    pair.run_until("frames", |pair| pair.frames.len() == 7 + 15);
    assert!(!pair.frames.last().unwrap().keyframe);
    let (before, asked_at) = (pair.frames.len(), pair.now);
    pair.echo.request_keyframe(None);
    pair.run_until("a keyframe", |pair| pair.frames[before..].iter().any(|frame| frame.keyframe));
    let waited = pair.now - asked_at;
    assert!(waited < Duration::from_millis(80), "{waited:?}: two delays of 5 ms and at most two frames");
    assert_eq!(pair.core.stats().keyframe_requests, 1);
}

#[test]
fn states_travel_both_ways_and_are_acknowledged() {
    let mut pair = connect(&both());
    pair.core.play_files(Playback::new(TrackSource::Microphone, vec![file("voice.ogg")]), pair.now).unwrap();
    let mid = pair.core.slot_mids()[3].clone();
    let wish =
        SlotWish { mid, mode: SlotMode::Pinned, track: Some(VIDEO_TRACK), height_max: Some(180), priority: None };
    pair.core.subscribe(vec![wish.clone()], pair.now);
    pair.run_for(Duration::from_millis(2));
    assert!(!pair.state.publish_acked && !pair.state.subscribe_acked, "they are on their way");
    pair.run_until("acks", |pair| pair.state.publish_acked && pair.state.subscribe_acked);
    assert!(pair.echo.received.contains(&ClientCallMessage::Subscribe { rev: 1, slots: vec![wish] }));
    let acks = |pair: &Pair| {
        pair.echo.received.iter().filter(|message| matches!(message, ClientCallMessage::Ack { rev: 1, .. })).count()
    };
    assert_eq!(acks(&pair), 2, "tracks and slots");
    assert_eq!(pair.state.tracks.len(), 2);
    assert_eq!(pair.state.slots.len(), 5);
}

#[test]
fn what_is_not_acknowledged_is_sent_again() {
    let mut pair = connect(&both());
    pair.echo.stop_acks();
    pair.core.subscribe(vec![], pair.now);
    pair.run_for(Duration::from_millis(3_500));
    let subscribes =
        pair.echo.received.iter().filter(|message| matches!(message, ClientCallMessage::Subscribe { .. })).count();
    assert_eq!(subscribes, 4);
}

#[test]
fn lost_packets_are_repaired_and_counted() {
    let mut pair = connect_with_video("vp8-180.ivf");
    pair.run_for(Duration::from_secs(1));
    // Every 10th SRTP packet.
    pair.network = Box::new(|number, datagram| {
        let is_rtp = (128..192).contains(&datagram[0]) && !(64..96).contains(&(datagram[1] & 0x7f));
        (!is_rtp || number % 10 != 0).then_some(datagram)
    });
    pair.run_for(Duration::from_secs(4));
    pair.network = Box::new(|_, datagram| Some(datagram));
    pair.run_for(Duration::from_secs(1));
    let slot = &pair.core.stats().slots[3];
    assert!(slot.packets_lost > 5, "{slot:?}");
    assert!(slot.packets_repaired >= slot.packets_lost, "{slot:?}");
    assert_eq!(slot.frame_gaps, 0, "{slot:?}");
    assert!(slot.frames > 5 * 30, "{slot:?}");
}

#[test]
fn a_packet_that_was_tampered_with_is_counted_and_not_used() {
    let mut pair = connect_with_video("vp8-180.ivf");
    pair.run_for(Duration::from_secs(1));
    let mut tampered = 0;
    pair.network = Box::new(move |_, mut datagram| {
        if datagram.len() > 300 && (128..192).contains(&datagram[0]) && tampered < 3 {
            tampered += 1;
            datagram[200] ^= 1;
        }
        Some(datagram)
    });
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.core.stats().decrypt_failures, 3);
}

#[test]
fn a_muted_track_is_not_sent_and_comes_back_with_a_keyframe() {
    let mut pair = connect_with_video("vp8-180.ivf");
    pair.run_until("frames", |pair| pair.frames.len() == 20);
    pair.core.set_muted(TrackSource::Camera, true, pair.now).unwrap();
    pair.run_for(Duration::from_millis(100));
    let (frames, packets) = (pair.frames.len(), pair.echo.rtp_packets);
    pair.run_for(Duration::from_millis(400));
    assert_eq!((pair.frames.len(), pair.echo.rtp_packets), (frames, packets));
    pair.core.set_muted(TrackSource::Camera, false, pair.now).unwrap();
    pair.run_for(Duration::from_millis(300));
    assert!(pair.frames[frames].keyframe, "the first frame after the mute");
    let muted: Vec<bool> = pair
        .echo
        .received
        .iter()
        .filter_map(|message| match message {
            ClientCallMessage::Publish { tracks, .. } => Some(tracks[0].muted),
            _ => None,
        })
        .collect();
    assert_eq!(muted, [false, true, false]);
}

#[test]
fn after_the_end_nothing_is_sent() {
    let mut pair = connect_with_video("vp8-180.ivf");
    pair.run_for(Duration::from_millis(500));
    pair.echo.send(&ServerCallMessage::Ended { reason: EndReason::Kicked });
    pair.run_until("the end", |pair| pair.state.phase == Phase::Ended(EndReason::Kicked));
    let sent = pair.core.stats().rtp_packets_sent;
    pair.run_for(Duration::from_millis(500));
    assert_eq!(pair.core.stats().rtp_packets_sent, sent);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let mut pair = Pair::new(&both());
    pair.network = Box::new(|_, _| None);
    pair.run_for(Duration::from_millis(15_100));
    assert_eq!(pair.state.phase, Phase::Ended(EndReason::Timeout));
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let mut pair = connect(&both());
    pair.network = Box::new(|_, _| None);
    pair.run_for(Duration::from_secs(60));
    assert_eq!(pair.state.phase, Phase::Ended(EndReason::Timeout));
}

#[test]
fn what_was_not_offered_cannot_be_played() {
    let mut pair = connect(&CallConfig { camera: Some(3), ..CallConfig::default() });
    let voice = Playback::new(TrackSource::Microphone, vec![file("voice.ogg")]);
    assert!(matches!(pair.core.play_files(voice, pair.now), Err(CallError::NotOffered(TrackSource::Microphone))));
    for files in [vec![], vec![file("vp8-180.ivf")], ["vp8-180.ivf", "vp9-360.ivf", "vp8-720.ivf"].map(file).to_vec()] {
        let playback = Playback::new(TrackSource::Camera, files);
        assert!(matches!(pair.core.play_files(playback, pair.now), Err(CallError::Config(_))));
    }
    let sounds = vec![file("voice.ogg"); 3];
    let playback = Playback::new(TrackSource::Camera, sounds);
    assert!(matches!(pair.core.play_files(playback, pair.now), Err(CallError::Config(_))));
}
