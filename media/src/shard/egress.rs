//! A packet's way out: from a track to the slots that carry it, and what their receivers say about it.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use boltorezka_proto::TrackNumber;
use boltorezka_proto::admission::ConnectionState;
use str0m::media::{Mid, Pt};

use super::connection::{Connection, Slot};
use super::formats::payload_type;
use super::messages::Counters;
use super::track::{Subscription, Track};
use super::{ConnectionKey, Datagram, OUTGOING_MESSAGES, ShardCore};
use crate::egress::{Queued, Request, StreamConfig};
use crate::rtp::{Format, Packet};

/// The slots are chosen anew when the estimate differs by more than one part in this of what they were chosen for.
const ESTIMATE_STEP: u64 = 20;

/// Receivers whose state is fetched together, ahead of what is sent to them: in a large room it has left the processor's
/// cache since the last packet. More would push each other out again.
const PREFETCHED: usize = 8;

/// Whom a client's reports concern.
pub enum ReportsFor {
    /// Only the egress.
    Us,
    /// Also str0m, which receives what the client sends.
    Both,
    /// They are not the client's.
    Nobody,
}

/// What is left to be sent of a turn.
#[derive(Debug, Default)]
pub struct Sending {
    /// Packets that are sent again. What a client's share of its link allows bounds them.
    resends: VecDeque<Resend>,
    /// Tracks of which something came in.
    tracks: VecDeque<TrackNumber>,
    /// Subscriptions of the first of them that were visited.
    subscriptions_done: usize,
    /// Those whose slot now plays another source. They are acted on when the track is done: that may change its
    /// subscriptions.
    switched: Vec<Subscription>,
    /// Connections for which something waits since this turn.
    paced: Vec<ConnectionKey>,
}

/// A packet that a receiver asked for again.
#[derive(Debug, Clone, Copy)]
struct Resend {
    connection: ConnectionKey,
    slot: usize,
    sequence: u64,
}

impl ShardCore {
    /// Keeps a packet for the end of the turn, where anybody may be sent it.
    pub(super) fn fan_out(&mut self, packet: Packet) {
        self.counters.packets_routed += 1;
        let Some(track) = self.tracks.get_mut(&packet.track).filter(|track| !track.subscriptions.is_empty()) else {
            return;
        };
        if track.turn.is_empty() {
            self.sending.tracks.push_back(packet.track);
        }
        track.keep(&packet);
        track.turn.push(packet);
    }

    /// Sends what was asked for again, then what came in during the turn, track by track, until there is enough to hand out:
    /// each receiver is visited once for all packets of a track.
    pub(super) fn send_turn(&mut self, now: Instant) {
        while self.batch.message_count() < OUTGOING_MESSAGES
            && let Some(resend) = self.sending.resends.pop_front()
        {
            self.resend(now, resend);
        }
        while self.batch.message_count() < OUTGOING_MESSAGES
            && let Some(&number) = self.sending.tracks.front()
        {
            if self.send_some(now, number) {
                continue;
            }
            self.sending.tracks.pop_front();
            self.sending.subscriptions_done = 0;
            if let Some(track) = self.tracks.get_mut(&number) {
                track.turn.clear();
            }
            for subscription in std::mem::take(&mut self.sending.switched) {
                self.slot_switched(subscription);
            }
            for key in std::mem::take(&mut self.sending.paced) {
                let connection = self.connections.get(key);
                if let Some(at) =
                    connection.and_then(|connection| connection.pacer.next(now, connection.sender.pace(now)))
                {
                    self.wake_by(now, key, at);
                }
            }
        }
    }

    /// Visits the next receivers of a track; `false` when there are none.
    fn send_some(&mut self, now: Instant, number: TrackNumber) -> bool {
        let Self { tracks, connections, counters, batch, queue, sending, .. } = self;
        let Some(track) = tracks.get(&number) else { return false };
        let packets = track.turn.as_slice();
        let rest = track.subscriptions.get(sending.subscriptions_done..).unwrap_or_default();
        let subscriptions = rest.get(..PREFETCHED.min(rest.len())).unwrap_or_default();
        sending.subscriptions_done += subscriptions.len();
        for subscription in subscriptions {
            if let Some(connection) = connections.get(subscription.connection) {
                connection.prefetch(subscription.slot);
            }
        }
        for &subscription in subscriptions {
            let Some(connection) = connections.get_mut(subscription.connection) else { continue };
            let Some(slot) = connection.slots.get_mut(subscription.slot) else { continue };
            counters.packets_offered += packets.len() as u64;
            if connection.state == ConnectionState::Suspended {
                counters.drop_many("suspended", packets.len() as u64);
                continue;
            }
            let before = slot.forwarder.current();
            let pace = slot.is_video.then(|| connection.sender.pace(now));
            if let Some(pace) = pace {
                slot.forwarder.limit_temporal(connection.relief.update(now, connection.pacer.wait_us(pace)));
            }
            slot.choose(packets, queue, counters);
            if before != slot.forwarder.current() {
                sending.switched.push(subscription);
            }
            if queue.is_empty() {
                continue;
            }
            if let Some(pace) = pace {
                // They are offered when it is their turn.
                let waiting = connection.pacer.hold_back(now, pace, subscription.slot, queue, packets);
                counters.packets_offered -= waiting as u64;
                if waiting > 0 {
                    sending.paced.push(subscription.connection);
                }
                if queue.is_empty() {
                    continue;
                }
            }
            let written = connection.sender.send(now, subscription.slot, queue, packets, batch);
            counters.packets_forwarded += written.packets;
            counters.drop_many("not_sendable", written.refused);
        }
        !subscriptions.is_empty()
    }

    /// Takes what a client reports about what it is sent.
    pub(super) fn take_reports(&mut self, now: Instant, key: ConnectionKey, datagram: Datagram<'_>) -> ReportsFor {
        let Some(connection) = self.connections.get_mut(key) else { return ReportsFor::Nobody };
        self.requests.clear();
        let taken = connection.sender.receive_rtcp(now, datagram.contents, &mut self.report, &mut self.requests);
        if taken.is_err() {
            return ReportsFor::Nobody;
        }
        connection.follow(datagram.path());
        let Connection { sender, .. } = connection;
        sender.send_probes(now, &mut self.batch);
        if let Some(timeout) = sender.poll_timeout() {
            self.wake_by(now, key, timeout);
        }
        self.heard_of(now, key);
        self.look_at_estimate(now, key);
        let mut reports_for = ReportsFor::Us;
        for request in std::mem::take(&mut self.requests) {
            match request {
                Request::Resend { slot, sequence } => {
                    self.queue_resend(now, Resend { connection: key, slot, sequence })
                }
                Request::Keyframe { slot } => self.keyframe_requested(now, key, slot),
                Request::PassOn => reports_for = ReportsFor::Both,
            }
        }
        reports_for
    }

    /// Has a packet sent again, where it is kept, the client may still receive, and its share for that is not used up. Where it
    /// is not kept any more, only a keyframe helps: not all clients ask for that by themselves.
    fn queue_resend(&mut self, now: Instant, resend: Resend) {
        let Self { tracks, connections, sending, .. } = self;
        let Some(connection) = connections.get_mut(resend.connection) else { return };
        if !connection.permissions.subscribe {
            return;
        }
        let Some(slot) = connection.slots.get_mut(resend.slot) else { return };
        let Some((packet, _)) = slot.sent_before(tracks, resend.sequence) else {
            if slot.lost_for_good(tracks, resend.sequence) {
                self.keyframe_requested(now, resend.connection, resend.slot);
            }
            return;
        };
        if connection.sender.may_resend(now, resend.slot, resend.sequence, packet.payload.len()) {
            sending.resends.push_back(resend);
        }
    }

    fn resend(&mut self, now: Instant, resend: Resend) {
        let Self { tracks, connections, counters, batch, .. } = self;
        let Some(connection) = connections.get_mut(resend.connection) else { return };
        let Some(slot) = connection.slots.get_mut(resend.slot) else { return };
        let Some((packet, queued)) = slot.sent_before(tracks, resend.sequence) else { return };
        let written = connection.sender.send(now, resend.slot, &[queued], std::slice::from_ref(packet), batch);
        counters.packets_resent += written.packets;
    }

    /// Chooses a connection's layers anew when its estimate has moved.
    pub(super) fn look_at_estimate(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key) else { return };
        let estimate_bps = connection.sender.estimate_bps();
        if estimate_bps.abs_diff(connection.chosen_for_bps) > connection.chosen_for_bps / ESTIMATE_STEP {
            self.estimated(now, key, estimate_bps);
        }
    }

    /// A later offer may have agreed on other things for a slot.
    pub(super) fn stream_changed(&mut self, key: ConnectionKey, mid: Mid, stream: StreamConfig) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if let Some(index) = connection.slots.iter().position(|slot| slot.mid == mid) {
            connection.sender.reconfigure(index, stream);
        }
    }
}

impl Slot {
    /// Fills `queue` with those of the packets that leave in the slot, and what they leave with.
    fn choose(&mut self, packets: &[Packet], queue: &mut Vec<Queued>, counters: &mut Counters) {
        queue.clear();
        let mut without_codec = 0;
        for (place, packet) in packets.iter().enumerate() {
            // Before the forwarder: numbers that it gives out must be sent.
            // What wraps it is chosen below.
            let Some(pt) = self.payload_type(packet.format.redundant(false)) else {
                without_codec += 1;
                continue;
            };
            let Some(munged) = self.forwarder.forward(packet) else { continue };
            let (mut payload_type, mut block_type) = (*pt, None);
            if packet.format.is_redundant
                && !munged.rewrite.strips_redundancy
                && let Some(redundant) = self.redundant_payload_type(packet.format)
            {
                (payload_type, block_type) = (*redundant, Some(*pt));
            }
            queue.push(Queued { packet: place, payload_type, munged, block_type, is_retransmission: false });
        }
        counters.drop_many("codec_not_offered", without_codec);
        counters.drop_many("not_selected", packets.len() as u64 - queue.len() as u64 - without_codec);
    }

    /// A packet that left in the slot, while it is kept and its track may be seen, and what it leaves with once more.
    fn sent_before<'a>(
        &mut self,
        tracks: &'a HashMap<TrackNumber, Track>,
        sequence: u64,
    ) -> Option<(&'a Packet, Queued)> {
        let (source, source_sequence) = self.forwarder.origin(sequence)?;
        let track = tracks.get(&source.track).filter(|track| !track.muted)?;
        let packet = track.histories.get(usize::from(source.encoding))?.get(source_sequence)?;
        let munged = self.forwarder.munger().numbers_again(sequence, packet)?;
        let payload_type = *self.payload_type(packet.format)?;
        Some((packet, Queued { packet: 0, payload_type, munged, block_type: None, is_retransmission: true }))
    }

    /// Whether a picture's packet that left in the slot is needed and cannot be sent again.
    fn lost_for_good(&self, tracks: &HashMap<TrackNumber, Track>, sequence: u64) -> bool {
        let Some((source, source_sequence)) = self.forwarder.origin(sequence) else { return false };
        let track = tracks.get(&source.track).filter(|track| track.source.is_video() && !track.muted);
        let history = track.and_then(|track| track.histories.get(usize::from(source.encoding)));
        history.is_some_and(|history| history.is_past(source_sequence)) && self.forwarder.is_needed(source_sequence)
    }

    /// The payload type that the receiver has for a format with redundancy.
    fn redundant_payload_type(&self, format: Format) -> Option<Pt> {
        payload_type(&self.formats, format)
    }

    /// The payload type that the receiver has for a format.
    fn payload_type(&mut self, format: Format) -> Option<Pt> {
        if let Some((known, pt)) = self.payload_type
            && known == format
        {
            return Some(pt);
        }
        let pt = payload_type(&self.formats, format)?;
        self.payload_type = Some((format, pt));
        Some(pt)
    }
}
