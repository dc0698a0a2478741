//! `boltorezka-cli join`.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_sdk::call::{Call, CallConfig, CallOptions, Phase, Playback};
use boltorezka_sdk::media::MediaFile;
use boltorezka_sdk::{Client, EndReason, RoomSlug, TrackSource};
use tokio::signal::unix::{SignalKind, signal};

use crate::Failure;
use crate::args::{JoinArgs, PublishSpec};
use crate::report::Report;
use crate::token;

/// How often progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// Joins, stays as long as asked, leaves and reports.
pub async fn run(args: JoinArgs) -> Result<(), Failure> {
    let token = match &args.token {
        Some(token) => token.clone(),
        None => std::env::var("BOLTOREZKA_TOKEN")
            .map_err(|_| Failure::Usage("give a join token with --token or in BOLTOREZKA_TOKEN".into()))?,
    };
    let room = match &args.room {
        Some(room) => RoomSlug::new(room).map_err(|error| Failure::Usage(format!("--room: {error}")))?,
        None => token::room_of(&token)
            .ok_or_else(|| Failure::Usage("the token names no room: is it a join token? Or give --room".into()))?,
    };
    let playbacks = open_files(&args)?;
    let client = Client::with_join_token(&args.url, &token).map_err(|error| Failure::Usage(error.to_string()))?;

    let encodings =
        |source| playbacks.iter().find(|playback| playback.source == source).map_or(0, |playback| playback.files.len());
    let camera = u8::try_from(encodings(TrackSource::Camera)).ok().filter(|encodings| *encodings > 0);
    let config = CallConfig {
        microphone: encodings(TrackSource::Microphone) > 0,
        camera,
        screen: encodings(TrackSource::Screen) > 0,
        screen_audio: encodings(TrackSource::ScreenAudio) > 0,
        audio_slots: args.audio_slots,
        video_slots: args.video_slots,
        ..CallConfig::default()
    };
    let options = CallOptions { config, record_into: args.record.clone(), ..CallOptions::default() };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(other)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(other)?;

    let began = Instant::now();
    let joining = async {
        let gateway = client.connect().await.map_err(other)?;
        let call = Call::join(&gateway, &room, options).await.map_err(other)?;
        call.connected().await.map_err(other)?;
        for playback in playbacks {
            call.play(playback).await.map_err(other)?;
        }
        Ok(call)
    };
    let call = tokio::select! {
        joined = joining => joined?,
        _ = interrupt.recv() => return Err(Failure::Other("interrupted before the call was joined".into())),
        _ = terminate.recv() => return Err(Failure::Other("terminated before the call was joined".into())),
    };
    progress(&args, &format!("joined {room} after {} ms", began.elapsed().as_millis()));

    let until = args.duration.map(|duration| tokio::time::Instant::now() + duration);
    let reason = tokio::select! {
        () = stay(&call, &args) => end_reason(&call),
        () = sleep_until(until) => EndReason::Left,
        _ = interrupt.recv() => EndReason::Left,
        _ = terminate.recv() => EndReason::Left,
    };
    let state = call.state();
    let stayed = began.elapsed();
    let (stats, recorded) = call.leave().await.map_err(other)?;
    let report = Report { room, state: &state, stats: &stats, recorded: &recorded, stayed, reason };
    let text = if args.json { report.to_json() } else { report.to_text() };
    writeln!(std::io::stdout(), "{text}").map_err(other)?;
    match reason {
        EndReason::Left => Ok(()),
        reason => Err(Failure::Other(format!("the call ended early: {reason:?}"))),
    }
}

/// Shows progress until the call ends.
async fn stay(call: &Call, args: &JoinArgs) {
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = call.ended() => return,
            _ = ticks.tick() => {
                let stats = call.stats().await;
                let (tracks, filled) = (call.state().tracks.len(), stats.slots.iter().filter(|slot| slot.packets > 0).count());
                let loss = stats.loss_ratio() * 100.0;
                progress(args, &format!(
                    "{tracks} tracks in the room, {filled} slots filled, {} packets in, {} out, {loss:.2} % lost",
                    stats.rtp_packets_received, stats.rtp_packets_sent,
                ));
            }
        }
    }
}

fn end_reason(call: &Call) -> EndReason {
    match call.state().phase {
        Phase::Ended(reason) => reason,
        Phase::Connecting | Phase::Connected => EndReason::Failed,
    }
}

async fn sleep_until(until: Option<tokio::time::Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Opens all files and gives each a source.
fn open_files(args: &JoinArgs) -> Result<Vec<Playback>, Failure> {
    let mut playbacks: Vec<Playback> = Vec::new();
    for text in &args.publish {
        let spec = PublishSpec::parse(text);
        let mut files = Vec::new();
        for path in &spec.files {
            let file = MediaFile::open_at_fps(path, args.h264_fps)
                .map_err(|error| Failure::Usage(format!("--publish {}: {error}", path.display())))?;
            files.push(Arc::new(file));
        }
        let is_video = files.first().is_some_and(|file| file.codec.is_video());
        let by_order = if is_video {
            [TrackSource::Camera, TrackSource::Screen]
        } else {
            [TrackSource::Microphone, TrackSource::ScreenAudio]
        };
        let is_free = |source: &TrackSource| playbacks.iter().all(|playback| playback.source != *source);
        let source = match spec.source {
            Some(source) if is_free(&source) => source,
            Some(source) => return Err(Failure::Usage(format!("--publish {text}: {source:?} is given twice"))),
            None => by_order
                .into_iter()
                .find(is_free)
                .ok_or_else(|| Failure::Usage(format!("--publish {text}: two sounds and two pictures at most")))?,
        };
        let encodings_max = if source == TrackSource::Camera { 3 } else { 1 };
        if !matches!(files.len(), 1 | 3) || files.len() > encodings_max {
            return Err(Failure::Usage(format!("--publish {text}: give one file; or three for a camera")));
        }
        if source.is_video() != is_video {
            return Err(Failure::Usage(format!("--publish {text}: {source:?} cannot carry it")));
        }
        let playback = Playback::new(source, files);
        playbacks.push(Playback { repeat: !args.once, audio_level_dbov: args.audio_level, ..playback });
    }
    Ok(playbacks)
}

fn progress(args: &JoinArgs, text: &str) {
    if !args.json {
        // Progress that nobody can see is not worth failing for.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}
