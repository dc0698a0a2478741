//! Headless people in calls through the real binary, over real sockets.
//!
//! The server is taken from `BOLTOREZKA_BIN`, or from the folder that cargo builds into. Tests run one after another:
//! they measure time on a machine with few cores.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../support/encoder.rs"]
mod encoder;
#[path = "../../fixtures/mod.rs"]
mod fixtures;
#[path = "../support/server.rs"]
mod server;

mod codecs;
mod control_restart;
mod data;
mod drain;
mod flood;
mod join_time;
mod large_room;
mod revocation;
mod scenario;
mod tcp;
mod whip;

use std::sync::Arc;
use std::time::Duration;

use boltorezka_sdk::TrackSource;
use boltorezka_sdk::call::{CallConfig, CallOptions, Playback};
use boltorezka_sdk::media::MediaFile;

/// Held by each test while it runs. `RUST_LOG` shows what the clients do.
async fn turn() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    // Only the first test can set it; the others use the same.
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    TURN.lock().await
}

fn file(name: &str) -> Arc<MediaFile> {
    Arc::new(MediaFile::open(fixtures::path(name)).unwrap())
}

fn voice() -> Playback {
    Playback::new(TrackSource::Microphone, vec![file("voice.ogg")])
}

fn camera(name: &str) -> Playback {
    Playback::new(TrackSource::Camera, vec![file(name)])
}

fn simulcast() -> Playback {
    let files = ["vp8-180.ivf", "vp8-360.ivf", "vp8-720.ivf"].map(file).to_vec();
    Playback::new(TrackSource::Camera, files)
}

fn options(config: CallConfig) -> CallOptions {
    CallOptions { config, ..CallOptions::default() }
}

/// Sends a voice and one encoding of a camera.
fn sender() -> CallConfig {
    CallConfig { microphone: true, camera: Some(1), ..CallConfig::default() }
}

/// Receives three sounds and four pictures.
fn receiver() -> CallConfig {
    CallConfig { audio_slots: 3, video_slots: 4, ..CallConfig::default() }
}

/// The value below which `percent` of the sorted times lie.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
