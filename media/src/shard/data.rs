//! Data messages of one connection: what it may send, and what waits to be sent to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::call::ServerCallMessage;
use boltorezka_proto::data::{self, DataFrom, DataKind, DataRefusal};
use boltorezka_proto::{ParticipantId, RoomId};
use str0m::channel::ChannelId;

/// Messages that a participant may send in a second, and at once: a pointer that is followed at each picture of a screen,
/// and a burst after a pause.
const MESSAGES_PER_S: f64 = 100.0;
const MESSAGES_BURST: f64 = 200.0;
/// Bytes that it may send in a second, and at once. Each goes to everybody in the room: a room of a hundred is then sent
/// 100 Mb/s for one sender, as much as for a camera. A burst fits what waits for one receiver.
const BYTES_PER_S: f64 = 128.0 * 1024.0;
const BYTES_BURST: f64 = 128.0 * 1024.0;
/// Reliable messages that wait for one receiver: two bursts. What comes on top is dropped, and the receiver is told how
/// much that was, at its place; the sender and other receivers never wait.
const RELIABLE_WAITING_BYTES_MAX: usize = 256 * 1024;
const RELIABLE_WAITING_MAX: usize = 512;
/// Lossy messages that wait for one receiver. The oldest go: what is old is worth least.
const LOSSY_WAITING_MAX: usize = 32;
/// A sender is told of refusals this often.
const REFUSALS_INTERVAL: Duration = Duration::from_secs(1);

/// A message on its way to those who are to receive it. Written once, shared by all of them.
#[derive(Debug, Clone)]
pub struct DataMessage {
    /// Where.
    pub room: RoomId,
    /// Who sent it.
    pub from: ParticipantId,
    /// For whom; everybody in the room when `None`.
    pub to: Option<Arc<[ParticipantId]>>,
    /// On which channel.
    pub kind: DataKind,
    /// As it is sent; `None` when it was lost on its way to a shard that was too busy.
    pub contents: Option<Arc<[u8]>>,
}

/// Why a message did not get into a receiver's queue. Labels of the counter of drops.
const DROPPED_LOSSY: &str = "data_lossy_full";
const DROPPED_RELIABLE: &str = "data_reliable_full";

/// The two data channels of a connection.
#[derive(Debug, Default)]
pub struct DataChannels {
    reliable: Reliable,
    lossy: Lossy,
    allowance: Allowance,
    refusals: Refusals,
}

#[derive(Debug, Default)]
struct Reliable {
    channel: Option<ChannelId>,
    waiting: VecDeque<Waiting>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lossy {
    channel: Option<ChannelId>,
    waiting: VecDeque<(ParticipantId, Arc<[u8]>)>,
}

#[derive(Debug)]
enum Waiting {
    Message(ParticipantId, Arc<[u8]>),
    /// So many were dropped here.
    Missed(u32),
}

/// Token buckets for what the client sends.
#[derive(Debug)]
struct Allowance {
    messages: f64,
    bytes: f64,
    filled: Option<Instant>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { messages: MESSAGES_BURST, bytes: BYTES_BURST, filled: None }
    }
}

#[derive(Debug, Default)]
struct Refusals {
    latest: Option<(DataKind, DataRefusal, String)>,
    count: u32,
    told: Option<Instant>,
}

impl DataChannels {
    /// The client opened a channel; a second one of the same kind is not taken.
    pub fn open(&mut self, kind: DataKind, channel: ChannelId) {
        match kind {
            DataKind::Reliable => self.reliable.channel.get_or_insert(channel),
            DataKind::Lossy => self.lossy.channel.get_or_insert(channel),
        };
    }

    /// A channel is gone, and with it what waits for it.
    pub fn close(&mut self, channel: ChannelId) {
        match self.kind_of(channel) {
            Some(DataKind::Reliable) => self.reliable = Reliable::default(),
            Some(DataKind::Lossy) => self.lossy = Lossy::default(),
            None => {}
        }
    }

    /// What a channel is for.
    pub fn kind_of(&self, channel: ChannelId) -> Option<DataKind> {
        if self.reliable.channel == Some(channel) {
            return Some(DataKind::Reliable);
        }
        (self.lossy.channel == Some(channel)).then_some(DataKind::Lossy)
    }

    /// Whether the client may send so many bytes now. What it may not does not count.
    pub fn may_send(&mut self, now: Instant, bytes: usize) -> bool {
        let Allowance { messages, bytes: bytes_left, filled } = &mut self.allowance;
        let elapsed_s = now.saturating_duration_since(filled.replace(now).unwrap_or(now)).as_secs_f64();
        *messages = (*messages + elapsed_s * MESSAGES_PER_S).min(MESSAGES_BURST);
        *bytes_left = (*bytes_left + elapsed_s * BYTES_PER_S).min(BYTES_BURST);
        let may_send = *messages >= 1.0 && *bytes_left >= bytes as f64;
        if may_send {
            *messages -= 1.0;
            *bytes_left -= bytes as f64;
        }
        may_send
    }

    /// Notes that a message was refused.
    pub fn refuse(&mut self, kind: DataKind, reason: DataRefusal, message: String) {
        self.refusals.latest = Some((kind, reason, message));
        self.refusals.count = self.refusals.count.saturating_add(1);
    }

    /// What the client is to be told of refusals now.
    pub fn take_refusals(&mut self, now: Instant) -> Option<ServerCallMessage> {
        let Refusals { latest, count, told } = &mut self.refusals;
        if told.is_some_and(|told| now.saturating_duration_since(told) < REFUSALS_INTERVAL) {
            return None;
        }
        let (kind, reason, message) = latest.take()?;
        *told = Some(now);
        Some(ServerCallMessage::DataRefused { kind, reason, message, count: std::mem::take(count) })
    }

    /// Queues a message for the client, where it has the channel; says why something was dropped.
    pub fn push(&mut self, message: &DataMessage) -> Option<&'static str> {
        match (message.kind, &message.contents) {
            (DataKind::Lossy, Some(contents)) => self.lossy.push(message.from, contents.clone()),
            (DataKind::Lossy, None) => None,
            (DataKind::Reliable, contents) => self.reliable.push(message.from, contents.clone()),
        }
    }

    /// Forgets what a participant sent, of which nothing may be sent on any more.
    pub fn forget(&mut self, from: ParticipantId) {
        self.lossy.waiting.retain(|(of, _)| *of != from);
        self.reliable.waiting.retain(|waiting| !matches!(waiting, Waiting::Message(of, _) if *of == from));
        let lengths = self.reliable.waiting.iter().map(Waiting::length);
        self.reliable.bytes = lengths.sum();
    }

    /// Forgets all that waits: the client may not receive any more.
    pub fn clear(&mut self) {
        self.lossy.waiting.clear();
        self.reliable.waiting.clear();
        self.reliable.bytes = 0;
    }

    /// Hands what waits to `write`, by turns of both channels, until that refuses one of each.
    pub fn flush(&mut self, mut write: impl FnMut(ChannelId, &[u8]) -> bool) {
        while self.lossy.flush_one(&mut write) | self.reliable.flush_one(&mut write) {}
    }

    /// Whether something waits to be written.
    pub fn is_waiting(&self) -> bool {
        !self.lossy.waiting.is_empty() || !self.reliable.waiting.is_empty() || self.refusals.latest.is_some()
    }
}

impl Lossy {
    fn push(&mut self, from: ParticipantId, contents: Arc<[u8]>) -> Option<&'static str> {
        self.channel?;
        self.waiting.push_back((from, contents));
        if self.waiting.len() <= LOSSY_WAITING_MAX {
            return None;
        }
        self.waiting.pop_front();
        Some(DROPPED_LOSSY)
    }

    fn flush_one(&mut self, write: &mut impl FnMut(ChannelId, &[u8]) -> bool) -> bool {
        let (Some(channel), Some((_, contents))) = (self.channel, self.waiting.front()) else { return false };
        let is_written = write(channel, contents);
        if is_written {
            self.waiting.pop_front();
        }
        is_written
    }
}

impl Reliable {
    fn push(&mut self, from: ParticipantId, contents: Option<Arc<[u8]>>) -> Option<&'static str> {
        self.channel?;
        let fits = |contents: &Arc<[u8]>| {
            self.bytes + contents.len() <= RELIABLE_WAITING_BYTES_MAX && self.waiting.len() < RELIABLE_WAITING_MAX
        };
        if let Some(contents) = contents.filter(fits) {
            self.bytes += contents.len();
            self.waiting.push_back(Waiting::Message(from, contents));
            return None;
        }
        match self.waiting.back_mut() {
            Some(Waiting::Missed(missed)) => *missed = missed.saturating_add(1),
            _ => self.waiting.push_back(Waiting::Missed(1)),
        }
        Some(DROPPED_RELIABLE)
    }

    fn flush_one(&mut self, write: &mut impl FnMut(ChannelId, &[u8]) -> bool) -> bool {
        let (Some(channel), Some(waiting)) = (self.channel, self.waiting.front()) else { return false };
        let is_written = match waiting {
            Waiting::Message(_, contents) => write(channel, contents),
            Waiting::Missed(missed) => write(channel, &data::write(&DataFrom::Missed { missed: *missed }, &[])),
        };
        if is_written {
            self.bytes -= waiting.length().min(self.bytes);
            self.waiting.pop_front();
        }
        is_written
    }
}

impl Waiting {
    fn length(&self) -> usize {
        match self {
            Self::Message(_, contents) => contents.len(),
            Self::Missed(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_has_an_allowance_of_messages_and_of_bytes() {
        let mut channels = DataChannels::default();
        let start = Instant::now();
        assert_eq!((0..1000).filter(|_| channels.may_send(start, 1)).count(), 200);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1000).filter(|_| channels.may_send(later, 1)).count(), 100);
        let rested = later + Duration::from_secs(60);
        assert_eq!((0..1000).filter(|_| channels.may_send(rested, 16 * 1024)).count(), 8);
        assert!(channels.may_send(rested + Duration::from_millis(125), 16 * 1024));
    }

    #[test]
    fn refusals_are_told_together_once_a_second() {
        let mut channels = DataChannels::default();
        let start = Instant::now();
        assert_eq!(channels.take_refusals(start), None);
        let refuse = |channels: &mut DataChannels| {
            channels.refuse(DataKind::Lossy, DataRefusal::TooFast, "slower".to_owned());
        };
        refuse(&mut channels);
        assert!(matches!(channels.take_refusals(start), Some(ServerCallMessage::DataRefused { count: 1, .. })));
        refuse(&mut channels);
        refuse(&mut channels);
        assert_eq!(channels.take_refusals(start + Duration::from_millis(999)), None);
        let later = start + Duration::from_secs(1);
        assert!(matches!(channels.take_refusals(later), Some(ServerCallMessage::DataRefused { count: 2, .. })));
    }

    #[test]
    fn who_has_no_channel_is_kept_nothing() {
        let mut channels = DataChannels::default();
        for kind in [DataKind::Reliable, DataKind::Lossy] {
            let (room, from) = (RoomId::generate(), ParticipantId::generate());
            let message = DataMessage { room, from, to: None, kind, contents: Some(Arc::from([0; 9])) };
            assert_eq!(channels.push(&message), None);
        }
        assert!(!channels.is_waiting());
    }
}
