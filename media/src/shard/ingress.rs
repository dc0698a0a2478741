//! A packet's way: from a datagram to the slots of those who receive it.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::TrackSource;
use boltorezka_proto::{RoomId, TrackNumber};
use slotmap::SlotMap;
use str0m::media::{Mid, Rid};

use super::connection::{Connection, Slot};
use super::demux::{Destination, TransactionId};
use super::formats::payload_type;
use super::messages::{Counters, PeerMessage};
use super::track::{Origin, Subscription};
use super::transport::TransportEvent;
use super::{ConnectionKey, Datagram, ShardCore};
use crate::router::{Forwarder, Munger};
use crate::rtp::Packet;

/// An address belongs to its connection until nothing was heard of that for this long.
const ADDRESS_HELD: Duration = Duration::from_secs(2);

impl ShardCore {
    /// Hands a datagram to its connection.
    pub(super) fn take_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.counters.bytes_received += datagram.contents.len() as u64;
        let (key, is_known) = match self.demux.find(datagram.source, datagram.contents) {
            Destination::Known(key) => (key, true),
            Destination::Claimed(key) if self.is_taken(now, key, datagram.source) => {
                return self.counters.drop("address_taken");
            }
            Destination::Claimed(key) => (key, false),
            Destination::Unknown(reason) => return self.counters.drop(reason),
        };
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !is_known && !connection.reach.may_grow() {
            return self.counters.drop("too_many_addresses");
        }
        let Datagram { source, destination, contents } = datagram;
        let transaction = TransactionId::of(contents);
        if !is_known && transaction.is_some_and(|transaction| connection.reach.has_taken(transaction)) {
            return self.counters.drop("replayed");
        }
        let taken = connection.transport.receive(now, source, destination, contents, transaction.is_some());
        match taken {
            Ok(true) => connection.last_heard = now,
            Ok(false) => return self.counters.drop("not_authentic"),
            Err(error) => return self.connection_failed(now, key, &error),
        }
        if let Some(transaction) = transaction {
            connection.reach.take(transaction);
        }
        if !is_known {
            self.demux.learn(source, key, &mut connection.reach);
        }
        if connection.state == ConnectionState::Suspended {
            self.resume(now, key);
        }
        let Some(connection) = self.connections.get_mut(key) else { return };
        // str0m holds one packet at a time: each must be taken out before the next goes in.
        let mut events = std::mem::take(&mut self.transport_events);
        let drained = connection.transport.drain(&mut self.transmits, &mut events);
        self.mark_dirty(key);
        self.handle_transport_events(now, key, &mut events);
        if let Err(error) = drained {
            self.connection_failed(now, key, &error);
        }
        events.clear();
        self.transport_events = events;
    }

    /// Whether `source` is in use by another connection. An admitted client that forges its source address must not take
    /// over somebody else's; a browser that uses a port again repeats its checks until the old connection is silent.
    fn is_taken(&self, now: Instant, key: ConnectionKey, source: std::net::SocketAddr) -> bool {
        let owner = self.demux.owner(source).filter(|owner| *owner != key);
        let owner = owner.and_then(|owner| self.connections.get(owner));
        owner.is_some_and(|owner| now.saturating_duration_since(owner.last_heard) < ADDRESS_HELD)
    }

    /// Acts on what a transport said.
    pub(super) fn handle_transport_events(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        events: &mut Vec<TransportEvent>,
    ) {
        for event in events.drain(..) {
            match event {
                TransportEvent::Packet { mid, rid, packet } => self.take_packet(now, key, mid, rid, packet),
                TransportEvent::Connected => self.connected(now, key),
                TransportEvent::Closed => self.connection_closed(now, key),
                TransportEvent::SectionAdded { mid, is_video, rids } => self.add_section(key, mid, is_video, rids),
                TransportEvent::SlotAdded { mid, is_video, formats } => {
                    // Below 2^15, so that a receiver that misses the first packets still guesses the rollover counter.
                    let sequence = (self.random_u32() & 0x7fff) as u16;
                    let timestamp = self.random_u32();
                    let forwarder = Forwarder::new(Munger::new(sequence, timestamp));
                    self.add_slot(now, key, Slot::new(mid, is_video, formats, forwarder));
                }
                TransportEvent::KeyframeRequested { mid } => self.keyframe_requested(key, mid),
                TransportEvent::Dropped { reason } => self.counters.drop(reason),
                TransportEvent::DirectionChanged { mid, receives, sends } => {
                    self.direction_changed(now, key, mid, receives, sends);
                }
                TransportEvent::ChannelOpen { channel, label } => self.channel_opened(key, channel, &label),
                TransportEvent::ChannelClose { channel } => self.channel_closed(key, channel),
                TransportEvent::ChannelData { channel, data } => self.hear(now, key, channel, &data),
                TransportEvent::Estimate { bitrate_bps } => self.estimated(now, key, bitrate_bps),
                TransportEvent::Stats { rtt, uplink_loss_ratio } => self.measured(key, rtt, uplink_loss_ratio),
            }
        }
    }

    /// Takes a packet of a connection of this shard to its track's subscriptions.
    fn take_packet(&mut self, now: Instant, key: ConnectionKey, mid: Mid, rid: Option<Rid>, mut packet: Packet) {
        self.counters.packets_received += 1;
        let Some(number) = self.track_of(now, key, mid) else { return };
        let Some(track) = self.tracks.get_mut(&number) else { return };
        if track.muted {
            return self.counters.drop("muted");
        }
        let Some(encoding) = track.encoding_index(rid) else { return self.counters.drop("unknown_encoding") };
        packet.track = number;
        packet.encoding = encoding;
        let room = track.room;
        let source = track.source;
        if track.count(encoding, packet.payload.len(), now) {
            self.encodings_changed(now, number);
        }
        if source == TrackSource::Microphone && !self.is_heard(now, room, number, &packet) {
            return self.counters.drop("not_loudest");
        }
        self.relay(number, &packet);
        self.fan_out(&packet);
    }

    /// Takes a packet that another shard relayed to this shard's subscriptions.
    pub(super) fn take_relayed(&mut self, now: Instant, room: RoomId, packet: &Packet) {
        let Some(track) = self.tracks.get(&packet.track) else { return self.counters.drop("unknown_track") };
        if track.muted {
            return self.counters.drop("muted");
        }
        if track.source == TrackSource::Microphone && !self.is_heard(now, room, packet.track, packet) {
            return self.counters.drop("not_loudest");
        }
        self.fan_out(packet);
    }

    /// Counts the packet's level, and says whether its track is among the loudest.
    fn is_heard(&mut self, now: Instant, room: RoomId, number: TrackNumber, packet: &Packet) -> bool {
        let Some(state) = self.rooms.get_mut(&room) else { return false };
        if state.speakers.update(now, number, packet.audio_level_dbov) {
            self.fill_audio_slots(now, room);
        }
        self.rooms.get(&room).is_some_and(|room| room.speakers.is_heard(number))
    }

    /// Sends a packet in every slot that carries its source.
    fn fan_out(&mut self, packet: &Packet) {
        let Self { tracks, connections, counters, dirty, .. } = self;
        let Some(track) = tracks.get(&packet.track) else { return };
        let mut switched = Vec::new();
        for &subscription in &track.subscriptions {
            if forward(connections, counters, dirty, subscription, packet) {
                switched.push(subscription);
            }
        }
        for subscription in switched {
            self.slot_switched(subscription);
        }
    }

    /// Gives a packet to the other shards that need it: of a voice that is heard all, of other tracks what they asked for.
    fn relay(&mut self, number: TrackNumber, packet: &Packet) {
        let Some(track) = self.tracks.get(&number) else { return };
        let Origin::Local { wanted_by, .. } = &track.origin else { return };
        let Some(room) = self.rooms.get(&track.room) else { return };
        for shard in 0..self.config.shard_count {
            let is_wanted = match track.source {
                TrackSource::Microphone => room.is_interesting_to(shard),
                _ => wanted_by.get(usize::from(shard)).is_some_and(|mask| mask & (1 << (packet.encoding & 7)) != 0),
            };
            if is_wanted && shard != self.config.shard {
                self.counters.packets_relayed += 1;
                self.peer_messages.push((shard, PeerMessage::Packet { room: track.room, packet: packet.clone() }));
            }
        }
    }

    /// A subscriber's decoder lost its way.
    fn keyframe_requested(&mut self, key: ConnectionKey, mid: Mid) {
        let connection = self.connections.get(key);
        let slot = connection.and_then(|connection| connection.slots.iter().find(|slot| slot.mid == mid));
        if let Some(source) = slot.and_then(|slot| slot.forwarder.current()) {
            self.need_keyframe(source);
        }
    }
}

/// Sends a packet in one slot, where it carries the packet's source; says whether the slot's source changed with it.
fn forward(
    connections: &mut SlotMap<ConnectionKey, Connection>,
    counters: &mut Counters,
    dirty: &mut Vec<ConnectionKey>,
    subscription: Subscription,
    packet: &Packet,
) -> bool {
    let Some(connection) = connections.get_mut(subscription.connection) else { return false };
    let Some(slot) = connection.slots.get_mut(subscription.slot) else { return false };
    if connection.state == ConnectionState::Suspended {
        counters.drop("suspended");
        return false;
    }
    // Before the forwarder: numbers that it gives out must be sent.
    let Some(pt) = payload_type(&slot.formats, packet.format) else {
        counters.drop("codec_not_offered");
        return false;
    };
    let before = slot.forwarder.current();
    let Some(munged) = slot.forwarder.forward(packet) else { return false };
    connection.transport.send(slot.mid, pt, packet, munged);
    counters.packets_forwarded += 1;
    if !std::mem::replace(&mut connection.is_dirty, true) {
        dirty.push(subscription.connection);
    }
    before != slot.forwarder.current()
}
