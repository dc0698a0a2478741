//! The client's side of the data channel `boltorezka`: whole states under revisions, sent again until acknowledged.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{
    ClientCallMessage, ClientStateKind, EndReason, MESSAGE_BYTES_MAX, MediaPermissions, Publication, ServerCallMessage,
    ServerStateKind, SlotState, SlotWish, TrackInfo, WantedTrack,
};
use boltorezka_proto::data::DataRefusal;
use boltorezka_proto::{ParticipantId, TrackNumber};

/// Time until an unacknowledged state is sent again. The channel is reliable: this only heals a server that lost it.
const RESEND_AFTER: Duration = Duration::from_secs(1);
/// Messages that wait for the channel. Only acknowledgements can be so many; further ones are left out, as the server
/// then sends its state again.
const OUTGOING_MAX: usize = 64;

/// How far a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// The offer is answered, or about to be; media does not flow yet.
    #[default]
    Connecting,
    /// Media flows.
    Connected,
    /// Over, and why.
    Ended(EndReason),
}

/// All that a call knows of the room. Each change makes a new whole state, so a reader may skip some.
#[derive(Clone, Debug, Default)]
pub struct CallState {
    /// How far the call is.
    pub phase: Phase,
    /// Who the client is, when the server has told.
    pub participant_id: Option<ParticipantId>,
    /// What the client may do.
    pub permissions: MediaPermissions,
    /// The tracks of the others.
    pub tracks: Vec<TrackInfo>,
    /// What each slot carries, in the order of the offer.
    pub slots: Vec<SlotState>,
    /// What is wanted of the own pictures. All of it, of what is not listed. The call follows it by itself.
    pub wanted: Vec<WantedTrack>,
    /// Who speaks, loudest first.
    pub speakers: Vec<ParticipantId>,
    /// The server's estimate of the bandwidth towards the client, in bits per second.
    pub downlink_bps: Option<u64>,
    /// Whether the server has taken the latest list of what is published.
    pub publish_acked: bool,
    /// Whether the server has taken the latest wishes for the slots.
    pub subscribe_acked: bool,
    /// The latest thing that the server refused, and why.
    pub refused: Option<String>,
    /// With this ICE can be restarted when the gateway is gone: `POST /v1/calls/resume`.
    pub resume_token: Option<String>,
    /// Whether the media node is being emptied: the call will end with `drain`.
    pub is_draining: bool,
    /// Data messages that the server refused.
    pub data_refused_count: u64,
    /// Why the latest of them was refused.
    pub data_refused: Option<(DataRefusal, String)>,
}

impl CallState {
    /// The track of a participant and source, when it is published.
    pub fn track_of(
        &self,
        participant_id: ParticipantId,
        source: boltorezka_proto::call::TrackSource,
    ) -> Option<TrackNumber> {
        let is_it = |info: &&TrackInfo| info.participant_id == participant_id && info.source == source;
        self.tracks.iter().find(is_it).map(|info| info.track)
    }
}

/// A state of the client's that the server has to take.
struct Wanted<T> {
    value: Vec<T>,
    rev: u32,
    /// Taken or refused.
    settled: bool,
    sent_at: Option<Instant>,
}

impl<T: Clone> Wanted<T> {
    fn new() -> Self {
        Self { value: Vec::new(), rev: 0, settled: true, sent_at: None }
    }

    fn set(&mut self, value: Vec<T>) {
        self.value = value;
        self.rev += 1;
        self.settled = false;
        self.sent_at = None;
    }

    fn due(&self) -> Option<Instant> {
        self.sent_at.filter(|_| !self.settled).map(|at| at + RESEND_AFTER)
    }

    fn take_due(&mut self, now: Instant) -> Option<(u32, Vec<T>)> {
        let waits = self.settled || self.due().is_some_and(|due| now < due);
        if waits {
            return None;
        }
        self.sent_at = Some(now);
        Some((self.rev, self.value.clone()))
    }
}

pub(super) struct ControlChannel {
    pub(super) state: CallState,
    /// Set when `state` has changed; the reader clears it.
    pub(super) is_changed: bool,
    is_open: bool,
    publish: Wanted<Publication>,
    subscribe: Wanted<SlotWish>,
    tracks_rev: Option<u32>,
    slots_rev: Option<u32>,
    wanted_rev: Option<u32>,
    /// Set when `state.wanted` has changed; the reader clears it.
    pub(super) is_wanted_changed: bool,
    outgoing: VecDeque<ClientCallMessage>,
}

impl ControlChannel {
    pub(super) fn new() -> Self {
        Self {
            state: CallState { publish_acked: true, subscribe_acked: true, ..CallState::default() },
            is_changed: true,
            is_open: false,
            publish: Wanted::new(),
            subscribe: Wanted::new(),
            tracks_rev: None,
            slots_rev: None,
            wanted_rev: None,
            is_wanted_changed: false,
            outgoing: VecDeque::new(),
        }
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        if self.state.phase != phase && !matches!(self.state.phase, Phase::Ended(_)) {
            self.state.phase = phase;
            self.is_changed = true;
        }
    }

    pub(super) fn publish(&mut self, tracks: Vec<Publication>) {
        self.publish.set(tracks);
        self.state.publish_acked = false;
        self.is_changed = true;
    }

    pub(super) fn subscribe(&mut self, slots: Vec<SlotWish>) {
        self.subscribe.set(slots);
        self.state.subscribe_acked = false;
        self.is_changed = true;
    }

    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// When [`ControlChannel::poll_message`] has something again, without anything having been received.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let dues = [self.publish.due(), self.subscribe.due()];
        dues.into_iter().flatten().min().filter(|_| self.is_open)
    }

    /// The next message to send, as JSON.
    pub(super) fn poll_message(&mut self, now: Instant) -> Option<String> {
        if !self.is_open {
            return None;
        }
        let message = if let Some((rev, tracks)) = self.publish.take_due(now) {
            ClientCallMessage::Publish { rev, tracks }
        } else if let Some((rev, slots)) = self.subscribe.take_due(now) {
            ClientCallMessage::Subscribe { rev, slots }
        } else {
            self.outgoing.pop_front()?
        };
        serde_json::to_string(&message).ok()
    }

    /// Takes a message. What cannot be read is left out: the server may be newer.
    pub(super) fn receive(&mut self, data: &[u8]) {
        if data.len() > MESSAGE_BYTES_MAX {
            return;
        }
        match serde_json::from_slice(data) {
            Ok(message) => self.handle(message),
            Err(error) => tracing::debug!(%error, "an in-call message was not understood"),
        }
    }

    fn handle(&mut self, message: ServerCallMessage) {
        let state = &mut self.state;
        match message {
            ServerCallMessage::Welcome { participant_id, permissions } => {
                state.participant_id = Some(participant_id);
                state.permissions = permissions;
            }
            ServerCallMessage::Tracks { rev, tracks } => {
                if is_newer(self.tracks_rev, rev) {
                    self.tracks_rev = Some(rev);
                    state.tracks = tracks;
                }
                self.acknowledge(ServerStateKind::Tracks, rev);
            }
            ServerCallMessage::Slots { rev, slots } => {
                if is_newer(self.slots_rev, rev) {
                    self.slots_rev = Some(rev);
                    state.slots = slots;
                }
                self.acknowledge(ServerStateKind::Slots, rev);
            }
            ServerCallMessage::Wanted { rev, tracks } => {
                if is_newer(self.wanted_rev, rev) {
                    self.wanted_rev = Some(rev);
                    state.wanted = tracks;
                    self.is_wanted_changed = true;
                }
                self.acknowledge(ServerStateKind::Wanted, rev);
            }
            ServerCallMessage::Speakers { participant_ids } => state.speakers = participant_ids,
            ServerCallMessage::Quality { downlink_bps, .. } => state.downlink_bps = Some(downlink_bps),
            ServerCallMessage::Ack { of: ClientStateKind::Publish, rev } => {
                self.publish.settled |= rev == self.publish.rev;
                state.publish_acked |= rev == self.publish.rev;
            }
            ServerCallMessage::Ack { of: ClientStateKind::Subscribe, rev } => {
                self.subscribe.settled |= rev == self.subscribe.rev;
                state.subscribe_acked |= rev == self.subscribe.rev;
            }
            ServerCallMessage::Refused { of, rev, message } => {
                tracing::warn!(?of, %message, "the server refused a message");
                state.refused = Some(message);
                // To send the same again would be refused again. The server has not taken it all the same.
                match of {
                    Some(ClientStateKind::Publish) => self.publish.settled |= rev == Some(self.publish.rev),
                    Some(ClientStateKind::Subscribe) => self.subscribe.settled |= rev == Some(self.subscribe.rev),
                    None => {}
                }
            }
            ServerCallMessage::Resume { token, .. } => state.resume_token = Some(token),
            ServerCallMessage::Draining { deadline_ms } => state.is_draining = deadline_ms.is_some(),
            ServerCallMessage::DataRefused { reason, count, message, .. } => {
                tracing::warn!(?reason, count, %message, "the server refused data messages");
                state.data_refused = Some((reason, message));
                state.data_refused_count += u64::from(count);
            }
            ServerCallMessage::Ended { reason } => self.set_phase(Phase::Ended(reason)),
        }
        self.is_changed = true;
    }

    fn acknowledge(&mut self, of: ServerStateKind, rev: u32) {
        if self.outgoing.len() < OUTGOING_MAX {
            self.outgoing.push_back(ClientCallMessage::Ack { of, rev });
        }
    }
}

fn is_newer(known: Option<u32>, rev: u32) -> bool {
    known.is_none_or(|known| rev > known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn open_channel() -> ControlChannel {
        let mut channel = ControlChannel::new();
        channel.open();
        channel
    }

    fn next(channel: &mut ControlChannel, now: Instant) -> Option<Value> {
        channel.poll_message(now).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_state_is_sent_again_until_its_revision_is_acknowledged() {
        let now = Instant::now();
        let mut channel = open_channel();
        channel.publish(vec![]);
        channel.publish(vec![]);
        assert_eq!(next(&mut channel, now), Some(json!({"type": "publish", "rev": 2, "tracks": []})));
        assert_eq!(next(&mut channel, now), None);
        assert_eq!(channel.poll_timeout(), Some(now + RESEND_AFTER));
        channel.receive(br#"{"type":"ack","of":"publish","rev":1}"#);
        assert!(!channel.state.publish_acked);
        assert!(next(&mut channel, now + RESEND_AFTER).is_some());
        channel.receive(br#"{"type":"ack","of":"publish","rev":2}"#);
        assert!(channel.state.publish_acked);
        assert_eq!((next(&mut channel, now + RESEND_AFTER * 9), channel.poll_timeout()), (None, None));
    }

    #[test]
    fn only_what_was_refused_is_not_sent_again() {
        let now = Instant::now();
        let mut channel = open_channel();
        channel.publish(vec![]);
        channel.subscribe(vec![]);
        (0..2).for_each(|_| drop(next(&mut channel, now)));
        channel.receive(br#"{"type":"refused","of":"publish","rev":1,"message":"no"}"#);
        let again = json!({"type": "subscribe", "rev": 1, "slots": []});
        assert_eq!(next(&mut channel, now + RESEND_AFTER), Some(again.clone()));
        assert_eq!(next(&mut channel, now + RESEND_AFTER), None);
        assert!(!channel.state.publish_acked && channel.state.refused.is_some());
        channel.receive(br#"{"type":"refused","of":"subscribe","rev":0,"message":"no"}"#);
        channel.receive(br#"{"type":"refused","message":"not understood"}"#);
        assert_eq!(next(&mut channel, now + 2 * RESEND_AFTER), Some(again), "another was refused");
        channel.publish(vec![]);
        assert!(next(&mut channel, now + 2 * RESEND_AFTER).is_some(), "the next may be taken");
    }

    #[test]
    fn an_older_state_is_acknowledged_but_not_taken() {
        let mut channel = open_channel();
        let slots = |rev: u32, mid: &str| {
            json!({"type": "slots", "rev": rev, "slots": [{"mid": mid}]}).to_string().into_bytes()
        };
        channel.receive(&slots(5, "new"));
        channel.receive(&slots(4, "old"));
        assert_eq!(channel.state.slots[0].mid, "new");
        let now = Instant::now();
        assert_eq!(next(&mut channel, now), Some(json!({"type": "ack", "of": "slots", "rev": 5})));
        assert_eq!(next(&mut channel, now), Some(json!({"type": "ack", "of": "slots", "rev": 4})));
    }

    #[test]
    fn nothing_is_sent_before_the_channel_is_open_and_garbage_is_left_out() {
        let mut channel = ControlChannel::new();
        channel.subscribe(vec![]);
        assert_eq!(channel.poll_message(Instant::now()), None);
        channel.receive(b"\xff{");
        channel.receive(br#"{"type":"fromTheFuture"}"#);
        channel.open();
        assert!(channel.poll_message(Instant::now()).is_some());
    }

    #[test]
    fn an_end_is_final() {
        let mut channel = open_channel();
        channel.receive(br#"{"type":"ended","reason":"kicked"}"#);
        channel.set_phase(Phase::Connected);
        assert_eq!(channel.state.phase, Phase::Ended(EndReason::Kicked));
    }
}
