//! The thin part around [`CallCore`]: one socket, the clock, and queues.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use boltorezka_proto::RoomSlug;
use boltorezka_proto::call::{EndReason, SlotWish, TrackSource};
use boltorezka_proto::data::{DataKind, DataTo};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::socket::{DATAGRAM_BYTES_MAX, MediaSocket};
use super::{CallCore, CallError, CallState, CallStats, Outcome, Phase, Playback, ReceivedData, SlotFrame};
use crate::gateway::GatewayEvent;
use crate::media::Recorder;

/// Datagrams that are read before others get a turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// Time for the task to put the state out before it looks whether there is nobody left to see it.
const ENDED_GRACE: std::time::Duration = std::time::Duration::from_millis(500);

pub(super) enum Command {
    Play { playback: Playback, reply: oneshot::Sender<Result<(), CallError>> },
    Stop { source: TrackSource, reply: oneshot::Sender<Result<(), CallError>> },
    SetMuted { source: TrackSource, muted: bool, reply: oneshot::Sender<Result<(), CallError>> },
    SendData { kind: DataKind, to: DataTo, payload: Vec<u8>, reply: oneshot::Sender<Result<(), CallError>> },
    Subscribe { slots: Vec<SlotWish>, reply: oneshot::Sender<()> },
    Stats(oneshot::Sender<Box<CallStats>>),
    Close(oneshot::Sender<()>),
}

pub(super) struct CallTask {
    pub(super) core: CallCore,
    pub(super) socket: MediaSocket,
    pub(super) room: RoomSlug,
    pub(super) state: watch::Sender<Arc<CallState>>,
    pub(super) frames: Option<mpsc::Sender<SlotFrame>>,
    pub(super) frames_dropped: u64,
    pub(super) data: mpsc::Sender<ReceivedData>,
    pub(super) data_dropped: u64,
    pub(super) datagrams_dropped: u64,
    pub(super) recorder: Option<Recorder>,
    pub(super) recording_error: Option<String>,
    pub(super) outcome: Arc<OnceLock<Outcome>>,
}

impl CallTask {
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: broadcast::Receiver<Arc<GatewayEvent>>,
    ) {
        let sleep = tokio::time::sleep(std::time::Duration::ZERO);
        tokio::pin!(sleep);
        let mut has_gateway = true;
        let mut ends_at = None;
        loop {
            self.put_out();
            let now = Instant::now();
            if self.has_ended() && ends_at.is_none() {
                ends_at = Some(now + ENDED_GRACE);
            }
            let Some(timeout) = self.core.poll_timeout() else { break };
            if ends_at.is_some_and(|at| now >= at) {
                break;
            }
            sleep.as_mut().reset(ends_at.map_or(timeout, |at| at.min(timeout)).into());
            tokio::select! {
                ready = self.socket.ready() => {
                    if ready.and_then(|()| self.read_datagrams()).is_err() {
                        break;
                    }
                }
                () = &mut sleep => self.core.handle_timeout(Instant::now()),
                command = commands.recv() => {
                    let command = command.unwrap_or_else(|| Command::Close(oneshot::channel().0));
                    if self.handle_command(command) {
                        break;
                    }
                }
                event = events.recv(), if has_gateway => match event {
                    Ok(event) => self.handle_gateway_event(&event),
                    // Skipped events are made up for by the in-call channel, which tells of the end as well.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => has_gateway = false,
                },
            }
        }
        self.finish();
    }

    fn read_datagrams(&mut self) -> std::io::Result<()> {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some((source, destination, length)) = self.socket.receive(&mut buffer)? else { break };
            let datagram = buffer.get(..length).unwrap_or_default();
            self.core.handle_datagram(Instant::now(), source, destination, datagram);
            self.put_out();
        }
        Ok(())
    }

    /// Sends, records and tells what the core has put out.
    fn put_out(&mut self) {
        while let Some(transmit) = self.core.poll_transmit() {
            if !self.socket.send(&transmit) {
                self.datagrams_dropped += 1;
            }
        }
        while let Some(frame) = self.core.poll_frame() {
            if let Some(recorder) = &mut self.recorder
                && let Err(error) = recorder.write(&frame)
            {
                tracing::warn!(%error, "recording failed");
                self.recording_error.get_or_insert_with(|| error.to_string());
            }
            if let Some(frames) = &self.frames
                && frames.try_send(frame).is_err()
            {
                self.frames_dropped += 1;
            }
        }
        while let Some(message) = self.core.poll_data() {
            self.data_dropped += u64::from(self.data.try_send(message).is_err());
        }
        if let Some(state) = self.core.poll_state() {
            self.state.send_replace(Arc::new(state.clone()));
        }
    }

    /// Whether that was the last one.
    fn handle_command(&mut self, command: Command) -> bool {
        let now = Instant::now();
        // An answer that nobody waits for any more is no fault.
        match command {
            Command::Play { playback, reply } => drop(reply.send(self.core.play_files(playback, now))),
            Command::Stop { source, reply } => drop(reply.send(self.core.stop(source, now))),
            Command::SetMuted { source, muted, reply } => drop(reply.send(self.core.set_muted(source, muted, now))),
            Command::SendData { kind, to, payload, reply } => {
                let _ = reply.send(self.core.send_data(kind, &to, &payload, now));
            }
            Command::Subscribe { slots, reply } => {
                self.core.subscribe(slots, now);
                let _ = reply.send(());
            }
            Command::Stats(reply) => drop(reply.send(Box::new(self.stats()))),
            Command::Close(reply) => {
                self.core.close(EndReason::Left, now);
                let _ = reply.send(());
                return true;
            }
        }
        false
    }

    fn handle_gateway_event(&mut self, event: &GatewayEvent) {
        if let GatewayEvent::CallEnded { room, reason } = event
            && *room == self.room
            && !self.core.ignores_end()
        {
            self.core.close(*reason, Instant::now());
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.state.borrow().phase, Phase::Ended(_)) && !self.core.ignores_end()
    }

    fn stats(&self) -> CallStats {
        let mut stats = self.core.stats();
        stats.frames_dropped += self.frames_dropped;
        stats.data_dropped += self.data_dropped;
        stats.datagrams_dropped += self.datagrams_dropped;
        stats
    }

    fn finish(mut self) {
        if !self.has_ended() {
            self.core.close(EndReason::Failed, Instant::now());
        }
        self.put_out();
        let mut outcome =
            Outcome { stats: self.stats(), recorded: Vec::new(), recording_error: self.recording_error.take() };
        match self.recorder.take().map(Recorder::finish) {
            Some(Ok(files)) => outcome.recorded = files,
            Some(Err(error)) => {
                outcome.recording_error.get_or_insert_with(|| error.to_string());
            }
            None => {}
        }
        let _ = self.outcome.set(outcome);
    }
}
