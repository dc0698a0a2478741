//! A packet's way out: from a track to the slots that carry it, and what their receivers say about it.

use std::time::Instant;

use boltorezka_proto::admission::ConnectionState;
use slotmap::SlotMap;
use str0m::media::Mid;

use super::connection::Connection;
use super::formats::payload_type;
use super::messages::Counters;
use super::track::Subscription;
use super::{ConnectionKey, Datagram, ShardCore};
use crate::egress::{Path, Queued, Request, StreamConfig};
use crate::rtp::Packet;

/// The slots are chosen anew when the estimate differs by more than one part in this of what they were chosen for.
const ESTIMATE_STEP: u64 = 20;

/// Whom a client's reports concern.
pub enum ReportsFor {
    /// Only the egress.
    Us,
    /// Also str0m, which receives what the client sends.
    Both,
    /// They are not the client's.
    Nobody,
}

impl ShardCore {
    /// Queues a packet in every slot that carries its source.
    pub(super) fn fan_out(&mut self, packet: Packet) {
        let Self { tracks, connections, counters, sending, turn, .. } = self;
        let Some(track) = tracks.get_mut(&packet.track) else { return };
        track.keep(&packet);
        let mut switched = Vec::new();
        let mut is_wanted = false;
        for &subscription in &track.subscriptions {
            match forward(connections, counters, sending, subscription, &packet, turn.len()) {
                Forwarded::No => {}
                Forwarded::Queued => is_wanted = true,
                Forwarded::Switched => {
                    is_wanted = true;
                    switched.push(subscription);
                }
            }
        }
        if is_wanted {
            turn.push(packet);
        }
        for subscription in switched {
            self.slot_switched(subscription);
        }
    }

    /// Writes everything that was queued in this turn.
    pub(super) fn send_turn(&mut self, now: Instant) {
        let Self { connections, counters, sending, turn, batch, .. } = self;
        for key in sending.drain(..) {
            let Some(connection) = connections.get_mut(key) else { continue };
            let flushed = connection.sender.flush(now, turn, batch);
            counters.packets_forwarded += flushed.sent;
            counters.packets_resent += flushed.resent;
            if flushed.unsent > 0 {
                counters.drop_many("not_sendable", flushed.unsent);
            }
        }
        turn.clear();
    }

    /// Takes what a client reports about what it is sent.
    pub(super) fn take_reports(&mut self, now: Instant, key: ConnectionKey, datagram: Datagram<'_>) -> ReportsFor {
        let Some(connection) = self.connections.get_mut(key) else { return ReportsFor::Nobody };
        let path = Path { source: datagram.destination.ip(), destination: datagram.source };
        self.requests.clear();
        let Connection { sender, .. } = connection;
        if sender.receive_rtcp(now, path, datagram.contents, &mut self.report, &mut self.requests).is_err() {
            return ReportsFor::Nobody;
        }
        let estimate_bps = sender.estimate_bps();
        let is_news = estimate_bps.abs_diff(connection.estimate_bps) > connection.estimate_bps / ESTIMATE_STEP;
        if let Some(timeout) = connection.sender.poll_timeout()
            && connection.deadline.is_none_or(|deadline| timeout < deadline)
        {
            connection.deadline = Some(timeout);
            self.timers.set(timeout, key);
        }
        self.heard_of(now, key);
        if is_news {
            self.estimated(now, key, estimate_bps);
        }
        let mut reports_for = ReportsFor::Us;
        for request in std::mem::take(&mut self.requests) {
            match request {
                Request::Resend { slot, sequence } => self.resend(now, key, slot, sequence),
                Request::Keyframe { slot } => self.keyframe_requested(key, slot),
                Request::PassOn => reports_for = ReportsFor::Both,
            }
        }
        reports_for
    }

    /// A subscriber's decoder lost its way.
    fn keyframe_requested(&mut self, key: ConnectionKey, slot: usize) {
        let slot = self.connections.get(key).and_then(|connection| connection.slots.get(slot));
        if let Some(source) = slot.and_then(|slot| slot.forwarder.current()) {
            self.need_keyframe(source);
        }
    }

    /// Queues a packet of a slot again, while it is kept and its track may be seen.
    fn resend(&mut self, now: Instant, key: ConnectionKey, slot_index: usize, sequence: u64) {
        let Self { tracks, connections, sending, turn, .. } = self;
        let Some(connection) = connections.get_mut(key) else { return };
        let Some(slot) = connection.slots.get(slot_index) else { return };
        let munger = slot.forwarder.munger();
        let Some((source, source_sequence)) = munger.origin(sequence) else { return };
        let Some(track) = tracks.get(&source.track).filter(|track| !track.muted) else { return };
        let history = track.histories.get(usize::from(source.encoding));
        let Some(packet) = history.and_then(|history| history.get(source_sequence)) else { return };
        let Some(munged) = munger.numbers_again(sequence, packet) else { return };
        let Some(pt) = payload_type(&slot.formats, packet.format) else { return };
        if !connection.sender.may_resend(now, slot_index, sequence, packet.payload.len()) {
            return;
        }
        let queued =
            Queued { packet: turn.len(), slot: slot_index, payload_type: *pt, munged, is_retransmission: true };
        turn.push(packet.clone());
        if connection.sender.queue(queued) {
            sending.push(key);
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

enum Forwarded {
    No,
    Queued,
    /// It is queued, and with it the slot's source changed.
    Switched,
}

/// Queues a packet in one slot, where that carries the packet's source.
fn forward(
    connections: &mut SlotMap<ConnectionKey, Connection>,
    counters: &mut Counters,
    sending: &mut Vec<ConnectionKey>,
    subscription: Subscription,
    packet: &Packet,
    place: usize,
) -> Forwarded {
    let Some(connection) = connections.get_mut(subscription.connection) else { return Forwarded::No };
    let Some(slot) = connection.slots.get_mut(subscription.slot) else { return Forwarded::No };
    if connection.state == ConnectionState::Suspended {
        counters.drop("suspended");
        return Forwarded::No;
    }
    // Before the forwarder: numbers that it gives out must be sent.
    let Some(pt) = payload_type(&slot.formats, packet.format) else {
        counters.drop("codec_not_offered");
        return Forwarded::No;
    };
    let before = slot.forwarder.current();
    let Some(munged) = slot.forwarder.forward(packet) else { return Forwarded::No };
    let queued = Queued { packet: place, slot: subscription.slot, payload_type: *pt, munged, is_retransmission: false };
    if connection.sender.queue(queued) {
        sending.push(subscription.connection);
    }
    if before == slot.forwarder.current() { Forwarded::Queued } else { Forwarded::Switched }
}
