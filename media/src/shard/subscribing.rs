//! What each slot carries: which track, which encoding.

use std::time::Instant;

use boltorezka_proto::call::{LayerReason, SlotState, TrackSource};
use boltorezka_proto::{ParticipantId, RoomId, TrackNumber};

use super::connection::{Connection, SECTIONS_MAX, Slot};
use super::room::Room;
use super::track::{Subscription, Track};
use super::{ConnectionKey, ShardCore};
use crate::bwe::{Allocation, Budget, Demand, Hold, allocate, usable_bps};
use crate::egress::{Stream, StreamConfig};
use crate::router::slots::{Wish, assign};
use crate::router::{Forwarder, Source};
use crate::rtp::Layer;

/// Sequence numbers begin below 2^15, so that a receiver that misses the first packets still guesses the rollover counter.
pub const INITIAL_SEQUENCE_MASK: u32 = 0x7fff;
/// A slot that has to give up an encoding while so much stands in the link begins with the smallest: a keyframe of another would
/// be lost, and asked for again.
const CROWDED_US: i64 = 250_000;
/// What one voice takes: Opus at 32 kb/s with headers.
const VOICE_BPS: u64 = 50_000;
/// A slot takes this at least: a picture the size of a stamp.
const TAKES_BPS_MIN: u64 = 50_000;
/// The estimator is told what to look for in steps of this.
pub const DESIRED_BPS_STEP: u64 = 1_000_000;
/// It looks for this at least, so that a camera that is switched on finds room.
const DESIRED_BPS_MIN: u64 = 3_000_000;

impl ShardCore {
    /// Notes that the client receives in a section, and fills it.
    pub(super) fn add_slot(&mut self, now: Instant, key: ConnectionKey, slot: Slot, stream: StreamConfig) {
        let rtx_sequence = (self.random_u32() & INITIAL_SEQUENCE_MASK) as u16;
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.slots.len() >= SECTIONS_MAX {
            return tracing::debug!(mid = %slot.mid, "too many slots, one was left out");
        }
        connection.slots.push(slot);
        connection.sender.add_stream(Stream::new(stream, rtx_sequence));
        connection.call.slots_changed();
        self.fill_slots(now, key);
    }

    /// Decides anew what the slots of a connection carry.
    pub(super) fn fill_slots(&mut self, now: Instant, key: ConnectionKey) {
        self.fill(now, key, false);
        self.fill(now, key, true);
    }

    /// Other voices are heard in a room.
    pub(super) fn fill_audio_slots(&mut self, now: Instant, room: RoomId) {
        self.fill_room(now, room, false);
    }

    /// Other participants are active in a room.
    pub(super) fn fill_video_slots(&mut self, now: Instant, room: RoomId) {
        self.fill_room(now, room, true);
    }

    fn fill_room(&mut self, now: Instant, room: RoomId, is_video: bool) {
        let Some(room) = self.rooms.get(&room) else { return };
        for key in room.members.clone() {
            self.fill(now, key, is_video);
        }
    }

    fn fill(&mut self, now: Instant, key: ConnectionKey, is_video: bool) {
        let Some(connection) = self.connections.get(key) else { return };
        let slots: Vec<usize> = connection.slot_indices(is_video).collect();
        let of_kind = || connection.slots.iter().filter(|slot| slot.is_video == is_video);
        let current: Vec<_> = of_kind().map(|slot| slot.track).collect();
        let wishes: Vec<_> = of_kind().map(|slot| if slot.is_open { slot.wish } else { Wish::Off }).collect();
        let ranked = match self.rooms.get(&connection.room) {
            Some(room) if connection.permissions.subscribe => self.rank(room, connection, is_video),
            _ => Vec::new(),
        };
        let assigned = assign(&current, &wishes, &ranked);
        if assigned == current {
            return;
        }
        for (&index, &track) in slots.iter().zip(&assigned) {
            self.set_slot_track(key, index, track);
        }
        if is_video {
            self.allocate_layers(now, key);
        }
        self.mark_dirty(key);
    }

    /// The tracks that the default rule would show to a connection, the most wanted first.
    fn rank(&self, room: &Room, connection: &Connection, is_video: bool) -> Vec<TrackNumber> {
        let others = |source: TrackSource| {
            room.tracks
                .iter()
                .filter_map(|number| self.tracks.get(number))
                .filter(move |track| track.source == source && track.participant_id != connection.participant_id)
        };
        if !is_video {
            let own = connection.sections.iter().filter_map(|section| section.track);
            let own = own
                .into_iter()
                .find(|number| self.tracks.get(number).is_some_and(|track| track.source == TrackSource::Microphone));
            let screens = others(TrackSource::ScreenAudio).map(|track| track.number);
            return room.speakers.heard_by(own).into_iter().chain(screens).collect();
        }
        let mut cameras: Vec<_> = others(TrackSource::Camera).collect();
        let recency = |participant_id: ParticipantId| {
            let place = room.recent_speakers.iter().position(|known| *known == participant_id);
            place.unwrap_or(usize::MAX)
        };
        cameras.sort_by_key(|track| (track.muted, recency(track.participant_id)));
        others(TrackSource::Screen).chain(cameras).map(|track| track.number).collect()
    }

    fn set_slot_track(&mut self, key: ConnectionKey, index: usize, track: Option<TrackNumber>) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Some(slot) = connection.slots.get_mut(index) else { return };
        if slot.track == track {
            return;
        }
        slot.track = track;
        slot.hold = Hold::default();
        // Sound starts at once; a picture waits for the allocator to choose its encoding.
        match track {
            None => slot.forwarder.set_target(None, Layer::ALL),
            Some(track) if !slot.is_video => {
                slot.forwarder.set_target(Some(Source { track, encoding: 0 }), Layer::ALL);
            }
            Some(_) => {}
        }
        connection.call.slots_changed();
        self.subscribe(key, index);
    }

    /// Makes the subscriptions of a slot agree with its forwarder.
    fn subscribe(&mut self, key: ConnectionKey, index: usize) {
        let Some(slot) = self.connections.get_mut(key).and_then(|connection| connection.slots.get_mut(index)) else {
            return;
        };
        let current = slot.forwarder.current().map(|source| source.track);
        let target = slot.forwarder.target().map(|source| source.track);
        let needed: Vec<_> = [current, target].into_iter().flatten().collect();
        let before = std::mem::replace(&mut slot.subscribed, needed.clone());
        let subscription = Subscription { connection: key, slot: index };
        for number in before.iter().filter(|number| !needed.contains(number)) {
            if let Some(track) = self.tracks.get_mut(number) {
                track.subscriptions.retain(|known| *known != subscription);
            }
        }
        for number in &needed {
            if let Some(track) = self.tracks.get_mut(number)
                && !track.subscriptions.contains(&subscription)
            {
                track.subscriptions.push(subscription);
            }
        }
        for number in before.into_iter().chain(needed) {
            self.update_wanted(number);
        }
    }

    /// Takes a connection off all tracks.
    pub(super) fn unsubscribe_all(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        for slot in &mut connection.slots {
            slot.forwarder.set_target(None, Layer::ALL);
        }
        for index in 0..connection.slots.len() {
            self.subscribe(key, index);
        }
    }

    /// A slot's forwarder has gone over to its target.
    pub(super) fn slot_switched(&mut self, subscription: Subscription) {
        if let Some(connection) = self.connections.get_mut(subscription.connection) {
            connection.call.slots_changed();
        }
        self.subscribe(subscription.connection, subscription.slot);
    }

    /// Encodings of a track came or went: its subscribers choose again.
    pub(super) fn encodings_changed(&mut self, now: Instant, number: TrackNumber) {
        self.announce(number);
        self.choose_tapped(number);
        let Some(track) = self.tracks.get(&number) else { return };
        if !track.source.is_video() {
            return;
        }
        let Some(room) = self.rooms.get(&track.room) else { return };
        let shows = |key: &ConnectionKey| {
            self.connections.get(*key).is_some_and(|c| c.slots.iter().any(|slot| slot.track == Some(number)))
        };
        for key in room.members.iter().copied().filter(shows).collect::<Vec<_>>() {
            self.allocate_layers(now, key);
        }
    }

    /// A new estimate of the bandwidth towards a client.
    pub(super) fn estimated(&mut self, now: Instant, key: ConnectionKey, bitrate_bps: u64) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.chosen_for_bps = bitrate_bps;
            self.allocate_layers(now, key);
        }
    }

    /// Shares a connection's bandwidth over its video slots.
    pub(super) fn allocate_layers(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key) else { return };
        let video: Vec<usize> = connection.slot_indices(true).collect();
        let demands: Vec<_> = video.iter().filter_map(|&index| self.demand(connection.slots.get(index)?)).collect();
        let voices = connection.slots.iter().filter(|slot| !slot.is_video && slot.track.is_some()).count() as u64;
        let best: u64 = demands.iter().filter_map(|demand| demand.ladder.last()).map(|rung| rung.bitrate_bps).sum();
        let reserved_bps = self.sound_bps(connection) + connection.sender.resent_bps(now);
        let (estimate_bps, sustained_bps) = (connection.sender.estimate_bps(), connection.sender.sustained_bps());
        let allocations = allocate(Budget { estimate_bps, sustained_bps, reserved_bps }, &demands);
        let left_bps = usable_bps(estimate_bps).saturating_sub(reserved_bps);

        if let Some(connection) = self.connections.get_mut(key) {
            let desired_bps = (best + voices * VOICE_BPS).max(DESIRED_BPS_MIN);
            // The estimator probes at each rise: rates that waver must not make it probe a link that is full.
            let steps = desired_bps.div_ceil(DESIRED_BPS_STEP);
            if std::mem::replace(&mut connection.desired_steps, steps) != steps {
                connection.sender.set_desired_bps(steps * DESIRED_BPS_STEP);
            }
        }
        let given: Vec<u64> =
            allocations.iter().zip(&demands).map(|(allocation, demand)| demand.rate(allocation.layer)).collect();
        if let Some(connection) = self.connections.get_mut(key) {
            for (&index, own_bps) in video.iter().zip(&given) {
                let others_bps = given.iter().sum::<u64>() - own_bps;
                if let Some(slot) = connection.slots.get_mut(index) {
                    // However little that is: what is first in line always gets something.
                    slot.takes_bps = left_bps.saturating_sub(others_bps).max(TAKES_BPS_MIN);
                }
            }
        }
        for ((&index, allocation), demand) in video.iter().zip(allocations).zip(&demands) {
            self.apply_allocation(now, key, index, allocation, demand);
        }
        self.mark_dirty(key);
    }

    /// What the voices take that a connection hears, with room for one more to begin.
    fn sound_bps(&self, connection: &Connection) -> u64 {
        let sounds = connection.slots.iter().filter(|slot| !slot.is_video);
        let tracks = sounds.filter_map(|slot| slot.track.and_then(|number| self.tracks.get(&number)));
        let measured: Vec<u64> = tracks.map(Track::sent_bps).collect();
        if measured.is_empty() { 0 } else { measured.iter().sum::<u64>() + VOICE_BPS }
    }

    pub(super) fn demand(&self, slot: &Slot) -> Option<Demand> {
        let track = slot.track.and_then(|number| self.tracks.get(&number));
        let by_source = match track.map(|track| track.source) {
            Some(TrackSource::Screen) => 2,
            Some(_) => 1,
            None => 0,
        };
        let playing = slot.forwarder.playing().filter(|(source, _)| Some(source.track) == slot.track);
        Some(Demand {
            priority: slot.priority.unwrap_or(by_source),
            ladder: track.map(|track| track.ladder()).unwrap_or_default(),
            height_max: slot.height_max,
            keeps_resolution: track.is_some_and(|track| track.source == TrackSource::Screen),
            current: playing.map(|(source, layer)| (source.encoding, layer)),
        })
    }

    fn apply_allocation(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        index: usize,
        allocation: Allocation,
        demand: &Demand,
    ) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let estimate_bps = connection.sender.estimate_bps();
        let wait_us = connection.pacer.wait_us(connection.sender.pace(now));
        let Some(slot) = connection.slots.get_mut(index) else { return };
        let before = slot.forwarder.target().filter(|source| Some(source.track) == slot.track);
        let before = before.map(|source| (source.encoding, slot.forwarder.layer()));
        let mut layer = allocation.layer.filter(|_| slot.track.is_some());
        let mut reason = allocation.reason;
        let encoding = |chosen: Option<(u8, Layer)>| chosen.map(|(encoding, _)| encoding);
        let wanted = usize::from(encoding(layer).unwrap_or(0));
        let format = slot.track.and_then(|number| self.tracks.get(&number)?.encodings.get(wanted)?.format);
        let lacks_codec = format.is_some_and(|format| slot.lacks(format));
        let places = (demand.place(before), demand.place(layer));
        let same_picture = encoding(before) == encoding(layer);
        let upcoming = &mut connection.upcoming;
        if before.is_some() && places.1 > places.0 {
            let may_rise = slot.hold.allows(now, estimate_bps, same_picture);
            if !may_rise || (!same_picture && !upcoming.may_rise(now, demand.rate(layer), estimate_bps, wait_us)) {
                layer = before;
                reason = LayerReason::Bandwidth;
            } else if !same_picture {
                slot.hold.rose(now);
            }
        } else {
            let falls = places.1 < places.0 && matches!(reason, LayerReason::Bandwidth | LayerReason::Paused);
            if falls {
                slot.hold.fell(now, estimate_bps);
            }
            let begins = layer.is_some() && !same_picture && (before.is_none() || (falls && wait_us > CROWDED_US));
            if begins && !upcoming.may_begin(now, demand.rate(layer), estimate_bps, wait_us) {
                layer = demand.lowest(layer);
                reason = LayerReason::Bandwidth;
                upcoming.expect(now, demand.rate(layer));
            }
        }
        let told = if lacks_codec { LayerReason::Codec } else { reason };
        if std::mem::replace(&mut slot.reason, told) != told {
            connection.call.slots_changed();
        }
        // A track that sends nothing just now goes on in its slot when it sends again.
        let is_quiet = layer.is_none() && reason != LayerReason::Paused && before.is_some();
        let target = slot.track.zip(layer).map(|(track, (encoding, _))| Source { track, encoding });
        let chosen = layer;
        let layer = layer.map_or(Layer::ALL, |(_, layer)| layer);
        let is_same_source = slot.forwarder.target() == target;
        if is_quiet || (is_same_source && slot.forwarder.layer() == layer) {
            return;
        }
        slot.forwarder.set_target(target, layer);
        if demand.place(chosen) < demand.place(demand.current) {
            slot.forwarder.thin_out(demand.is_much_less(chosen));
        }
        let awaited = slot.forwarder.awaited();
        if !is_same_source {
            connection.call.slots_changed();
            self.subscribe(key, index);
        }
        if let Some(source) = awaited {
            self.need_keyframe(now, source);
        }
    }

    /// What a connection's slots carry, for its client.
    pub(super) fn slot_states(&self, connection: &Connection) -> Vec<SlotState> {
        let state = |slot: &Slot| {
            let shown = slot.forwarder.shown(slot.track);
            let track = shown.and_then(|number| self.tracks.get(&number));
            let encoding = slot.forwarder.current().map(|source| usize::from(source.encoding));
            SlotState {
                mid: slot.mid.to_string(),
                track: track.map(|track| track.number),
                participant_id: track.map(|track| track.participant_id),
                source: track.map(|track| track.source),
                rid: track.zip(encoding).and_then(|(track, encoding)| track.rids.get(encoding).cloned()),
                reason: track.filter(|track| track.source.is_video()).map(|_| slot.reason),
            }
        };
        connection.slots.iter().filter(|slot| slot.is_open).map(state).collect()
    }
}

impl Connection {
    /// The indices of its slots of one kind.
    fn slot_indices(&self, is_video: bool) -> impl Iterator<Item = usize> {
        let slots = self.slots.iter().enumerate();
        slots.filter(move |(_, slot)| slot.is_video == is_video).map(|(index, _)| index)
    }
}

impl Forwarder {
    /// The track that a slot shows: the one that still plays, else the one that it is to carry.
    fn shown(&self, assigned: Option<TrackNumber>) -> Option<TrackNumber> {
        self.current().map(|source| source.track).or(assigned)
    }
}
