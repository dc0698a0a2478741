//! Each codec, published by one headless client, forwarded, recorded by another and decoded.

use std::time::Duration;

use boltorezka_sdk::call::{CallConfig, CallOptions};
use boltorezka_sdk::media::{Codec, RecordedFile};

use crate::server::Server;
use crate::{camera, fixtures, options, receiver, sender, sleep_ms, turn, voice};

const SECONDS: u64 = 4;

/// Publishes a camera and a voice for some seconds and returns what was recorded of them.
async fn record(server: &Server, codec: Codec, picture: &str) -> Vec<RecordedFile> {
    let room = server.create_room(&format!("{codec:?}").to_lowercase().replace("vp", "room-vp")).await;
    let directory = tempfile::tempdir().unwrap();
    let listen = CallOptions {
        config: CallConfig { audio_slots: 1, video_slots: 1, ..receiver() },
        record_into: Some(directory.path().to_owned()),
        ..CallOptions::default()
    };
    let listener = server.join(&room, "listener", listen).await;
    let speaker = server.join(&room, "speaker", options(sender())).await;
    speaker.call.play(voice()).await.unwrap();
    speaker.call.play(camera(picture)).await.unwrap();
    let both = |state: &boltorezka_sdk::call::CallState| {
        state.slots.iter().filter(|slot| slot.participant_id == Some(speaker.participant_id)).count() == 2
    };
    listener.call.wait_for("both slots to be filled", Duration::from_secs(10), both).await.unwrap();
    sleep_ms(SECONDS * 1000).await;
    let (stats, files) = listener.call.leave().await.unwrap();
    let sent = speaker.call.leave().await.unwrap().0;
    println!("{codec:?}: {} keyframe requests", sent.keyframe_requests);
    assert_eq!((stats.decrypt_failures, stats.frames_dropped, sent.frames_not_sent), (0, 0, 0));
    assert!(stats.loss_ratio() < 0.001, "{stats:?}");
    assert!(stats.slots.iter().all(|slot| slot.frame_gaps == 0), "{stats:?}");

    for file in &files {
        assert_eq!(file.participant_id, speaker.participant_id);
        let decoded = fixtures::decode(&file.path);
        let fps = if file.codec.is_video() { 30 } else { 50 };
        let low = fps * SECONDS - fps / 2;
        println!("{codec:?}: {} has {} frames, {decoded:?}", file.path.display(), file.frames);
        assert!((low..fps * (SECONDS + 5)).contains(&file.frames), "{file:?}");
        let seconds = file.duration.as_secs_f64();
        assert!((seconds - file.frames as f64 / fps as f64).abs() < 0.3, "time stamps over {seconds} s: {file:?}");
        if file.codec.is_video() {
            assert_eq!(decoded.frames as u64, file.frames);
            assert_eq!(decoded.moving, decoded.frames - 1, "each picture differs from the one before");
        } else {
            assert!(decoded.moving as u64 + 3 >= file.frames, "{decoded:?} of {file:?}");
        }
    }
    files
}

/// One server for all: each codec has a room of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_codec_is_forwarded_and_decodes() {
    let _turn = turn().await;
    let server = Server::start(1).await;
    let pictures = [
        (Codec::Vp8, "vp8-180.ivf"),
        (Codec::H264, "h264-360.h264"),
        (Codec::Vp9, "vp9-360.ivf"),
        (Codec::Av1, "av1-360.ivf"),
    ];
    for (codec, picture) in pictures {
        let files = record(&server, codec, picture).await;
        let codecs: Vec<Codec> = files.iter().map(|file| file.codec).collect();
        assert!(codecs.contains(&codec) && codecs.contains(&Codec::Opus) && files.len() == 2, "{files:?}");
    }
}
