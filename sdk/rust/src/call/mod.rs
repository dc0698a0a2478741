//! Taking part in a room's call.
//!
//! [`Call`] is a task with one socket around [`CallCore`], which can also be driven by hand, in virtual time.

mod channel;
mod config;
mod core;
mod crypto;
mod data;
mod publisher;
mod receive;
mod rtp;
mod sdp;
mod sending;
mod socket;
mod stats;
mod task;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use boltorezka_proto::RoomSlug;
use boltorezka_proto::call::{EndReason, SlotWish, TrackSource};
use boltorezka_proto::data::{DataError, DataKind, DataTo};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::gateway::{Gateway, GatewayError};
use crate::media::{MediaFileError, RecordedFile, Recorder};

pub use self::core::CallCore;
pub use channel::{CallState, Phase};
pub use config::{AUDIO_LEVEL_DEFAULT_DBOV, CallConfig, MediaTransport, Playback, RIDS, SLOTS_MAX};
pub use data::ReceivedData;
pub use receive::{SlotFrame, SlotStats, TrackStats};
pub use stats::CallStats;
pub use str0m::net::Transmit;

/// Commands that wait for the call's task; senders of further ones wait.
const COMMANDS_MAX: usize = 64;
/// Received data messages that wait for [`Call::next_data`].
const DATA_HELD: usize = 1_024;
/// How long the task may take to answer a command: it never blocks, so this only bounds a fault.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Why something about a call failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// The offer had no sending section for this source.
    #[error("{0:?} was not offered: ask for it in the call's configuration")]
    NotOffered(TrackSource),
    /// The server's answer cannot be used.
    #[error("the server's answer cannot be used: {0}")]
    Answer(String),
    /// No socket could be opened towards the media node.
    #[error("no way to the media node: {0}")]
    Socket(std::io::Error),
    /// A data message breaks a bound.
    #[error(transparent)]
    Data(#[from] DataError),
    /// More reliable data messages wait than the call keeps.
    #[error("more data messages wait than the call keeps; send more slowly")]
    DataFull,
    /// The gateway refused or failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The folder for a recording could not be made.
    #[error(transparent)]
    File(#[from] MediaFileError),
    /// A recorded file could not be written to its end. The other files are complete.
    #[error("the recording is not complete: {0}")]
    Recording(String),
    /// The call is over.
    #[error("the call is over: {0:?}")]
    Ended(EndReason),
    /// What was waited for did not come.
    #[error("waited {waited_ms} ms in vain for {what}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        waited_ms: u128,
    },
}

/// What to do with received frames.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// What the offer asks for.
    pub config: CallConfig,
    /// Frames to hold for [`Call::next_frame`]; more are dropped and counted. 0 keeps none.
    pub frames_held: usize,
    /// Record all received tracks into this folder. See [`Recorder`].
    pub record_into: Option<PathBuf>,
}

/// A call that runs in a task of its own. Dropping it ends the call.
///
/// It outlives breaks of the gateway, and 15 s without a path to the media node. When it has ended for a reason that
/// may pass (`timeout`, `drain`, `failed`), join again: the state does not come back by itself.
///
/// ```no_run
/// use std::sync::Arc;
/// use boltorezka_sdk::call::{Call, CallConfig, CallOptions, Playback};
/// use boltorezka_sdk::media::MediaFile;
/// use boltorezka_sdk::{Client, RoomSlug, TrackSource};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::with_join_token("https://talk.example", "a join token")?;
/// let gateway = client.connect().await?;
/// let config = CallConfig { microphone: true, audio_slots: 3, video_slots: 4, ..CallConfig::default() };
/// let call = Call::join(&gateway, &RoomSlug::new("stand-up")?, CallOptions { config, ..CallOptions::default() }).await?;
/// let voice = Arc::new(MediaFile::open("voice.ogg")?);
/// call.play(Playback::new(TrackSource::Microphone, vec![voice])).await?;
/// tokio::time::sleep(std::time::Duration::from_secs(20)).await;
/// call.leave().await;
/// # Ok(())
/// # }
/// ```
pub struct Call {
    gateway: Gateway,
    room: RoomSlug,
    slot_mids: Vec<String>,
    commands: mpsc::Sender<task::Command>,
    state: watch::Receiver<Arc<CallState>>,
    frames: tokio::sync::Mutex<mpsc::Receiver<SlotFrame>>,
    data: tokio::sync::Mutex<mpsc::Receiver<ReceivedData>>,
    outcome: Arc<OnceLock<Outcome>>,
}

/// What is left of a call when its task has ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    stats: CallStats,
    recorded: Vec<RecordedFile>,
    recording_error: Option<String>,
}

impl Call {
    /// Joins the room's call: offers, takes the answer and starts the task. The room is joined first when the gateway
    /// has not yet. Media flows when [`Call::connected`] returns.
    ///
    /// # Errors
    /// [`CallError`] when the configuration, the gateway or the answer does not fit.
    pub async fn join(gateway: &Gateway, room: &RoomSlug, options: CallOptions) -> Result<Self, CallError> {
        if !gateway.has_joined(room) {
            gateway.join_room(room).await?;
        }
        let recorder = options.record_into.as_ref().map(Recorder::new).transpose()?;
        let (mut core, offer) = CallCore::new(&options.config, Instant::now())?;
        let events = gateway.events();
        core.offer_sent(Instant::now());
        let answer = gateway.offer_call(room, offer).await?;
        let socket = socket::MediaSocket::connect(&mut core, &answer).await?;
        let (commands, command_queue) = mpsc::channel(COMMANDS_MAX);
        let (state_sender, state) = watch::channel(Arc::new(CallState::default()));
        let (frame_sender, frames) = mpsc::channel(options.frames_held.max(1));
        let (data_sender, data) = mpsc::channel(DATA_HELD);
        let outcome = Arc::new(OnceLock::new());
        let call = Self {
            gateway: gateway.clone(),
            room: room.clone(),
            slot_mids: core.slot_mids(),
            commands,
            state,
            frames: tokio::sync::Mutex::new(frames),
            data: tokio::sync::Mutex::new(data),
            outcome: outcome.clone(),
        };
        let task = task::CallTask {
            core,
            socket,
            room: room.clone(),
            state: state_sender,
            frames: (options.frames_held > 0).then_some(frame_sender),
            frames_dropped: 0,
            data: data_sender,
            data_dropped: 0,
            datagrams_dropped: 0,
            recorder,
            recording_error: None,
            outcome,
        };
        tokio::spawn(task.run(command_queue, events));
        Ok(call)
    }

    /// The room.
    pub fn room(&self) -> &RoomSlug {
        &self.room
    }

    /// The `a=mid` of each receive slot, audio first, for [`SlotWish::mid`].
    pub fn slot_mids(&self) -> &[String] {
        &self.slot_mids
    }

    /// The state now.
    pub fn state(&self) -> Arc<CallState> {
        self.state.borrow().clone()
    }

    /// The state and its changes.
    pub fn watch_state(&self) -> watch::Receiver<Arc<CallState>> {
        self.state.clone()
    }

    /// Waits until the state is as wanted.
    ///
    /// # Errors
    /// [`CallError::Timeout`] naming `what`, or [`CallError::Ended`] when the call ended before.
    pub async fn wait_for(
        &self,
        what: &'static str,
        timeout: Duration,
        mut is_so: impl FnMut(&CallState) -> bool,
    ) -> Result<Arc<CallState>, CallError> {
        let mut state = self.state.clone();
        let seen = state.wait_for(|state| is_so(state) || matches!(state.phase, Phase::Ended(_)));
        let seen = tokio::time::timeout(timeout, seen).await;
        match seen {
            Ok(Ok(seen)) => match seen.phase {
                Phase::Ended(reason) if !is_so(&seen) => Err(CallError::Ended(reason)),
                _ => Ok(seen.clone()),
            },
            Ok(Err(_)) => Err(CallError::Ended(self.end_reason())),
            Err(_) => Err(CallError::Timeout { what, waited_ms: timeout.as_millis() }),
        }
    }

    /// Waits until media can flow.
    ///
    /// # Errors
    /// [`CallError::Ended`] when the call ended before, which it does by itself after 15 s.
    pub async fn connected(&self) -> Result<(), CallError> {
        self.wait_for("the media connection", Duration::from_secs(30), |state| state.phase == Phase::Connected)
            .await
            .map(drop)
    }

    /// Plays files into a sending section, instead of what it carried.
    ///
    /// # Errors
    /// [`CallError::NotOffered`], [`CallError::Config`] or [`CallError::Ended`].
    pub async fn play(&self, playback: Playback) -> Result<(), CallError> {
        self.ask(|reply| task::Command::Play { playback, reply }).await?
    }

    /// Stops a track.
    ///
    /// # Errors
    /// [`CallError::NotOffered`] or [`CallError::Ended`].
    pub async fn stop(&self, source: TrackSource) -> Result<(), CallError> {
        self.ask(|reply| task::Command::Stop { source, reply }).await?
    }

    /// Mutes a track or lifts that.
    ///
    /// # Errors
    /// [`CallError::NotOffered`] or [`CallError::Ended`].
    pub async fn set_muted(&self, source: TrackSource, muted: bool) -> Result<(), CallError> {
        self.ask(|reply| task::Command::SetMuted { source, muted, reply }).await?
    }

    /// Says what the slots are to carry, instead of all that was said before. Slots that are not named are filled by
    /// the server's rule. Whether the server has taken it is in [`CallState::subscribe_acked`].
    ///
    /// # Errors
    /// [`CallError::Ended`].
    pub async fn subscribe(&self, slots: Vec<SlotWish>) -> Result<(), CallError> {
        self.ask(|reply| task::Command::Subscribe { slots, reply }).await
    }

    /// The next received frame; `None` when the call is over or `frames_held` is 0.
    pub async fn next_frame(&self) -> Option<SlotFrame> {
        self.frames.lock().await.recv().await
    }

    /// Sends a data message to the room, or to those whom `to` names. Needs [`CallConfig::data`]. Whether the server refused
    /// it is in [`CallState::data_refused`].
    ///
    /// # Errors
    /// [`CallError::Config`], [`CallError::Data`], [`CallError::DataFull`] or [`CallError::Ended`].
    pub async fn send_data(&self, kind: DataKind, to: DataTo, payload: Vec<u8>) -> Result<(), CallError> {
        self.ask(|reply| task::Command::SendData { kind, to, payload, reply }).await?
    }

    /// The next data message that was received; `None` when the call is over. What nobody takes is dropped and counted.
    pub async fn next_data(&self) -> Option<ReceivedData> {
        self.data.lock().await.recv().await
    }

    /// Counts so far; the final ones when the call is over.
    pub async fn stats(&self) -> CallStats {
        match self.ask(task::Command::Stats).await {
            Ok(stats) => *stats,
            Err(_) => self.outcome.get().map(|outcome| outcome.stats.clone()).unwrap_or_default(),
        }
    }

    /// Leaves: says good-bye, completes the recording and returns the final counts and the recorded files.
    ///
    /// # Errors
    /// [`CallError::Recording`] naming the first file that could not be written.
    pub async fn leave(self) -> Result<(CallStats, Vec<RecordedFile>), CallError> {
        let _ = self.ask(task::Command::Close).await;
        // The room learns of it either way: from the media node, and from the gateway when it is there.
        let _ = self.gateway.leave_call(&self.room).await;
        self.ended().await;
        match self.outcome.get() {
            Some(Outcome { recording_error: Some(error), .. }) => Err(CallError::Recording(error.clone())),
            Some(outcome) => Ok((outcome.stats.clone(), outcome.recorded.clone())),
            None => Ok(Default::default()),
        }
    }

    /// Waits until the call is over and its recording complete.
    pub async fn ended(&self) -> EndReason {
        let mut state = self.state.clone();
        // The sender is dropped when the task has ended.
        while state.changed().await.is_ok() {}
        self.end_reason()
    }

    fn end_reason(&self) -> EndReason {
        match self.state.borrow().phase {
            Phase::Ended(reason) => reason,
            _ => EndReason::Failed,
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> task::Command) -> Result<T, CallError> {
        let (reply, answer) = oneshot::channel();
        let over = || CallError::Ended(self.end_reason());
        self.commands.send(command(reply)).await.map_err(|_| over())?;
        match tokio::time::timeout(COMMAND_TIMEOUT, answer).await {
            Ok(answer) => answer.map_err(|_| over()),
            Err(_) => Err(CallError::Timeout { what: "the call's task", waited_ms: COMMAND_TIMEOUT.as_millis() }),
        }
    }
}
