//! The in-call conversation with one client: what was said, what was acknowledged, what has to be said again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{ServerCallMessage, ServerStateKind, SlotState, TrackInfo, WantedTrack};
use str0m::channel::ChannelId;

/// A state that is not acknowledged is sent again after this. The channel is reliable, so that this only matters when a
/// client lost a message itself.
const RESEND_AFTER: Duration = Duration::from_secs(3);
/// Changes within this time go out together.
const COALESCE: Duration = Duration::from_millis(40);
/// Messages that wait for room in the channel's buffer. A client that reads nothing for so long loses the oldest; states
/// are kept apart and always sent in their newest form.
const WAITING_MAX: usize = 32;

/// What a client may say in a second, and at once: a window that is resized and a person who clicks stay far below.
const MESSAGES_PER_S: f64 = 20.0;
const MESSAGES_BURST: f64 = 60.0;

/// The server's side of the channel `boltorezka`.
#[derive(Debug, Default)]
pub struct Call {
    /// The channel, once the client has opened it.
    pub channel: Option<ChannelId>,
    /// Revision of the client's last `publish`; none before the first.
    pub publish_rev: Option<u32>,
    /// Revision of the client's last `subscribe`; none before the first.
    pub subscribe_rev: Option<u32>,
    /// When the client is given the next resume token.
    pub resume_due: Option<Instant>,
    /// The last `quality` that was sent.
    pub quality: Option<ServerCallMessage>,
    tracks: Versioned,
    slots: Versioned,
    wanted: Versioned,
    waiting: VecDeque<String>,
    heard: Allowance,
}

/// A token bucket for what the client says.
#[derive(Debug)]
struct Allowance {
    messages: f64,
    filled: Option<Instant>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { messages: MESSAGES_BURST, filled: None }
    }
}

/// A state under a revision.
#[derive(Debug, Default)]
struct Versioned {
    rev: u32,
    acknowledged: u32,
    changed: bool,
    sent: Option<Instant>,
}

impl Versioned {
    fn is_due(&self, now: Instant) -> bool {
        let quiet = self.sent.map(|at| now.saturating_duration_since(at));
        if self.changed {
            quiet.is_none_or(|quiet| quiet >= COALESCE)
        } else {
            self.acknowledged != self.rev && quiet.is_some_and(|quiet| quiet >= RESEND_AFTER)
        }
    }

    /// The revision to send under now.
    fn take(&mut self, now: Instant) -> u32 {
        if std::mem::take(&mut self.changed) {
            self.rev = self.rev.wrapping_add(1);
        }
        self.sent = Some(now);
        self.rev
    }
}

impl Call {
    /// The client opened the channel: it is told everything.
    pub fn open(&mut self, channel: ChannelId) {
        self.channel = Some(channel);
        self.tracks.changed = true;
        self.slots.changed = true;
        self.wanted_restarted();
    }

    /// The channel is gone, and with it what waits.
    pub fn close(&mut self) {
        self.channel = None;
        self.resume_due = None;
        self.waiting.clear();
    }

    /// Whether the client may say something now. What is more is not heard: each message is whole state, so that the
    /// client's next one makes good for it.
    pub fn may_hear(&mut self, now: Instant) -> bool {
        let filled = self.heard.filled.replace(now).unwrap_or(now);
        let gained = now.saturating_duration_since(filled).as_secs_f64() * MESSAGES_PER_S;
        self.heard.messages = (self.heard.messages + gained).min(MESSAGES_BURST);
        let may_hear = self.heard.messages >= 1.0;
        self.heard.messages -= f64::from(u8::from(may_hear));
        may_hear
    }

    /// Notes that the room's tracks changed.
    pub fn tracks_changed(&mut self) {
        self.tracks.changed = true;
    }

    /// Notes that what the slots carry changed.
    pub fn slots_changed(&mut self) {
        self.slots.changed = true;
    }

    /// Notes that other encodings of the client's are wanted.
    pub fn wanted_changed(&mut self) {
        self.wanted.changed = true;
    }

    /// The client publishes other pictures, of which all encodings are wanted until it is told otherwise. A client that was told
    /// nothing yet knows.
    pub fn wanted_restarted(&mut self) {
        self.wanted.changed |= self.wanted.rev > 0;
    }

    /// The client has taken a state.
    pub fn acknowledge(&mut self, of: ServerStateKind, rev: u32) {
        let state = match of {
            ServerStateKind::Tracks => &mut self.tracks,
            ServerStateKind::Slots => &mut self.slots,
            ServerStateKind::Wanted => &mut self.wanted,
        };
        if rev <= state.rev {
            state.acknowledged = state.acknowledged.max(rev);
        }
    }

    /// Which states are due now.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = ServerStateKind> + use<> {
        let is_open = self.channel.is_some();
        let tracks = (is_open && self.tracks.is_due(now)).then_some(ServerStateKind::Tracks);
        let slots = (is_open && self.slots.is_due(now)).then_some(ServerStateKind::Slots);
        let wanted = (is_open && self.wanted.is_due(now)).then_some(ServerStateKind::Wanted);
        tracks.into_iter().chain(slots).chain(wanted)
    }

    /// Queues the room's tracks under their revision.
    pub fn say_tracks(&mut self, now: Instant, tracks: Vec<TrackInfo>) {
        let rev = self.tracks.take(now);
        self.say(&ServerCallMessage::Tracks { rev, tracks });
    }

    /// Queues what the slots carry under its revision.
    pub fn say_slots(&mut self, now: Instant, slots: Vec<SlotState>) {
        let rev = self.slots.take(now);
        self.say(&ServerCallMessage::Slots { rev, slots });
    }

    /// Queues what is wanted of the client's pictures under its revision.
    pub fn say_wanted(&mut self, now: Instant, tracks: Vec<WantedTrack>) {
        let rev = self.wanted.take(now);
        self.say(&ServerCallMessage::Wanted { rev, tracks });
    }

    /// Queues a message. Nothing is queued before the channel is open.
    pub fn say(&mut self, message: &ServerCallMessage) {
        if self.channel.is_none() {
            return;
        }
        match serde_json::to_string(message) {
            Ok(text) => self.waiting.push_back(text),
            Err(error) => tracing::error!(%error, "an in-call message could not be written"),
        }
        if self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
    }

    /// Hands waiting messages to `write` until that refuses one.
    pub fn flush(&mut self, mut write: impl FnMut(ChannelId, &str) -> bool) {
        let Some(channel) = self.channel else { return };
        while let Some(text) = self.waiting.front() {
            if !write(channel, text) {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// Whether something waits to be written.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(state: &Versioned, now: Instant) -> bool {
        state.is_due(now)
    }

    #[test]
    fn changes_are_coalesced_and_repeated_until_acknowledged() {
        let mut state = Versioned::default();
        let start = Instant::now();
        assert!(!due(&state, start));
        state.changed = true;
        assert!(due(&state, start));
        assert_eq!(state.take(start), 1);
        state.changed = true;
        assert!(!due(&state, start + COALESCE / 2));
        assert_eq!(state.take(start + COALESCE), 2);
        assert!(!due(&state, start + COALESCE * 2));
        assert!(due(&state, start + COALESCE + RESEND_AFTER));
        assert_eq!(state.take(start + COALESCE + RESEND_AFTER), 2, "the same revision again");
        state.acknowledged = 2;
        assert!(!due(&state, start + RESEND_AFTER * 9));
    }

    #[test]
    fn a_client_that_says_too_much_is_not_heard_for_a_while() {
        let mut call = Call::default();
        let start = Instant::now();
        assert_eq!((0..1000).filter(|_| call.may_hear(start)).count(), 60);
        assert!(call.may_hear(start + Duration::from_millis(60)));
        assert!(!call.may_hear(start + Duration::from_millis(60)));
    }

    #[test]
    fn a_client_without_a_channel_is_told_nothing() {
        let mut call = Call::default();
        call.slots_changed();
        assert_eq!(call.due(Instant::now()).count(), 0);
        call.say(&ServerCallMessage::Refused { of: None, rev: None, message: "no".into() });
        assert!(!call.is_waiting());
    }
}
