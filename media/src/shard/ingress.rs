//! A packet's way: from a datagram to the slots of those who receive it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::TrackSource;
use boltorezka_proto::{RoomId, TrackNumber};
use str0m::media::{Mid, Rid};

use super::connection::Slot;
use super::demux::{Destination, TransactionId, is_nomination, is_rtcp};
use super::egress::ReportsFor;
use super::messages::PeerMessage;
use super::subscribing::INITIAL_SEQUENCE_MASK;
use super::track::Origin;
use super::transport::TransportEvent;
use super::{ConnectionKey, Datagram, ShardCore};
use crate::egress::Via;
use crate::router::{Forwarder, Munger, Source};
use crate::rtp::Packet;
use crate::tcp::TcpId;

/// An address belongs to its connection until nothing was heard of that for this long.
const ADDRESS_HELD: Duration = Duration::from_secs(2);

impl ShardCore {
    /// Hands a datagram to its connection.
    pub(super) fn take_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.counters.bytes_received += datagram.contents.len() as u64;
        let (key, mut is_known) = match self.demux.find(datagram.via, datagram.source, datagram.contents) {
            Destination::Known(key) => (key, true),
            Destination::Claimed(key) if self.is_taken(now, key, datagram) => {
                return self.counters.drop("address_taken");
            }
            Destination::Claimed(key) => (key, false),
            Destination::Unknown(reason) => return self.counters.drop(reason),
        };
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !is_known && !connection.reach.may_grow() {
            return self.counters.drop("too_many_addresses");
        }
        let Datagram { contents, .. } = datagram;
        let mut is_authentic = false;
        if is_rtcp(contents) {
            let reports_for = self.take_reports(now, key, datagram);
            if matches!(reports_for, ReportsFor::Nobody) {
                return self.counters.drop("not_authentic");
            }
            self.reported(key, datagram, is_known);
            if matches!(reports_for, ReportsFor::Us) {
                return;
            }
            (is_authentic, is_known) = (true, true);
        }
        let Some(connection) = self.connections.get_mut(key) else { return };
        let transaction = TransactionId::of(contents);
        if !is_known && transaction.is_some_and(|transaction| connection.reach.has_taken(transaction)) {
            return self.counters.drop("replayed");
        }
        let taken = connection.transport.receive(now, datagram, transaction.is_some());
        match taken {
            Ok(true) => {}
            Ok(false) => return self.counters.drop("not_authentic"),
            Err(error) => return self.connection_failed(now, key, &error),
        }
        if let Some(transaction) = transaction {
            is_authentic = true;
            connection.reach.take(transaction);
        }
        let path = datagram.path();
        if !is_known {
            self.demux.learn(path, key, &mut connection.reach);
        }
        if transaction.is_some() && is_nomination(contents) {
            connection.nominate(path);
        }
        // str0m holds one packet at a time: each must be taken out before the next goes in.
        let mut events = std::mem::take(&mut self.transport_events);
        let drained = connection.transport.drain(&mut self.batch, &mut events);
        if events.iter().any(TransportEvent::is_of_client) {
            connection.follow(path);
        }
        if is_authentic || !events.is_empty() {
            self.heard_of(now, key);
        }
        match drained {
            // What media brings, its own timers tell; anything else may have more to say at once.
            Ok(next) if is_media(contents) => self.wake_by(now, key, next),
            _ => self.mark_dirty(key),
        }
        self.handle_transport_events(now, key, &mut events);
        if let Err(error) = drained {
            self.connection_failed(now, key, &error);
        }
        events.clear();
        self.transport_events = events;
    }

    /// An authentic report came. From a new address it shows where the client is now.
    fn reported(&mut self, key: ConnectionKey, datagram: Datagram<'_>, is_known: bool) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        self.demux.note_report(datagram.contents, key, &mut connection.reach);
        if !is_known {
            self.demux.learn(datagram.path(), key, &mut connection.reach);
        }
    }

    /// Whether a TCP connection has passed a client's check.
    pub fn knows_tcp(&self, id: TcpId, source: SocketAddr) -> bool {
        self.demux.owner(Via::Tcp(id), source).is_some()
    }

    /// A TCP connection is closed. What went there takes the other path that the client chose, where there is one.
    pub fn close_tcp(&mut self, id: TcpId) {
        let Some(key) = self.demux.close(id) else { return };
        if let Some(connection) = self.connections.get_mut(key) {
            connection.close_tcp(id);
        }
    }

    /// Takes the TCP connections that no client needs any more.
    pub fn take_unused_tcp(&mut self) -> impl Iterator<Item = TcpId> + '_ {
        self.demux.take_unused()
    }

    /// Something came that only the client can have sent.
    pub(super) fn heard_of(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.last_heard = now;
        if connection.state == ConnectionState::Suspended {
            self.resume(now, key);
        }
    }

    /// Whether a datagram's source is in use by another connection. An admitted client that forges its source address must not take
    /// over somebody else's; a browser that uses a port again repeats its checks until the old connection is silent.
    fn is_taken(&self, now: Instant, key: ConnectionKey, datagram: Datagram<'_>) -> bool {
        let owner = self.demux.owner(datagram.via, datagram.source).filter(|owner| *owner != key);
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
                TransportEvent::Unreadable { mid, rid } => self.take_unreadable(now, key, mid, rid),
                TransportEvent::Connected => self.connected(now, key),
                TransportEvent::Closed => self.connection_closed(now, key),
                TransportEvent::SectionAdded { mid, is_video, rids } => self.add_section(key, mid, is_video, rids),
                TransportEvent::Keys(association) => {
                    if let Some(connection) = self.connections.get_mut(key) {
                        connection.sender.set_association(*association);
                    }
                }
                TransportEvent::SlotAdded { mid, is_video, formats, stream } => {
                    let sequence = (self.random_u32() & INITIAL_SEQUENCE_MASK) as u16;
                    let timestamp = self.random_u32();
                    let forwarder = Forwarder::new(Munger::new(sequence, timestamp));
                    self.add_slot(now, key, Slot::new(mid, is_video, formats, forwarder), stream);
                }
                TransportEvent::Dropped { reason } => self.counters.drop(reason),
                TransportEvent::DirectionChanged { mid, receives, sends, stream } => {
                    self.stream_changed(key, mid, stream);
                    self.direction_changed(now, key, mid, receives, sends);
                }
                TransportEvent::ChannelOpen { channel, label } => self.channel_opened(now, key, channel, &label),
                TransportEvent::ChannelClose { channel } => self.channel_closed(key, channel),
                TransportEvent::ChannelData { channel, data } => self.hear(now, key, channel, &data),
                TransportEvent::UplinkLoss { ratio } => self.measured(key, ratio),
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
        let (source, is_tapped) = (track.source, track.is_tapped);
        let began = track.count(encoding, packet.descriptor.layer, packet.payload.len(), now);
        let recoded = track.note_format(encoding, packet.format);
        if recoded {
            self.begin_anew(Source { track: number, encoding });
        }
        if recoded || began {
            self.encodings_changed(now, number);
        }
        let is_heard = source != TrackSource::Microphone || self.is_heard(now, room, number, &packet);
        if is_heard || is_tapped {
            self.relay(number, &packet, is_heard);
        }
        if !is_heard {
            return self.counters.drop("not_loudest");
        }
        self.fan_out(packet);
    }

    /// Takes a packet whose Dependency Descriptor builds on a keyframe that did not come. Without another one the encoding would
    /// never be offered, and nobody would ask for it.
    fn take_unreadable(&mut self, now: Instant, key: ConnectionKey, mid: Mid, rid: Option<Rid>) {
        self.counters.packets_received += 1;
        let Some(number) = self.track_of(now, key, mid) else { return };
        self.counters.drop("descriptor_unreadable");
        let Some(track) = self.tracks.get(&number).filter(|track| !track.muted) else { return };
        if let Some(encoding) = track.encoding_index(rid) {
            self.need_keyframe(now, Source { track: number, encoding });
        }
    }

    /// Takes a packet that another shard relayed to this shard's subscriptions.
    pub(super) fn take_relayed(&mut self, now: Instant, room: RoomId, packet: Packet) {
        self.counters.packets_relay_received += 1;
        let Some(track) = self.tracks.get(&packet.track) else { return self.counters.drop("unknown_track") };
        if track.muted {
            return self.counters.drop("muted");
        }
        if track.source == TrackSource::Microphone && !self.is_heard(now, room, packet.track, &packet) {
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

    /// Gives a packet to whom it may concern beside this shard's slots. Taps get what they listen to, heard or not; other shards
    /// of a voice that is heard all, of other tracks what they asked for.
    fn relay(&mut self, number: TrackNumber, packet: &Packet, is_heard: bool) {
        let Self { tracks, rooms, connections, counters, peer_messages, config, .. } = self;
        let Some(track) = tracks.get(&number) else { return };
        let Origin::Local { connection, mid, wanted_by, .. } = &track.origin else { return };
        let Some(room) = rooms.get_mut(&track.room) else { return };
        if track.is_tapped {
            let rid = track.rids.get(usize::from(packet.encoding)).map(String::as_str);
            let clock = connections.get(*connection).and_then(|publisher| publisher.transport.sender_clock(*mid, rid));
            room.taps.iter_mut().for_each(|tap| tap.take(track, packet, clock, counters));
        }
        if !is_heard {
            return;
        }
        for shard in 0..config.shard_count {
            let is_wanted = match track.source {
                TrackSource::Microphone => room.is_interesting_to(shard),
                _ => wanted_by
                    .get(usize::from(shard))
                    .is_some_and(|needs| needs.encodings & (1 << (packet.encoding & 7)) != 0),
            };
            if is_wanted && shard != config.shard {
                counters.packets_relayed += 1;
                peer_messages.push((shard, PeerMessage::Packet { room: track.room, packet: packet.clone() }));
            }
        }
    }
}

/// Whether a datagram is RTP.
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram, [128..192, ..]) && !is_rtcp(datagram)
}
