//! From sections of an offer to tracks of a room.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::ConnectionState;
use boltorezka_proto::call::{HEIGHT_ASSUMED, Publication, TrackSource};
use boltorezka_proto::{RoomId, TrackNumber};
use str0m::media::{Mid, Rid};

use super::connection::{Connection, SECTIONS_MAX, Section};
use super::messages::PeerMessage;
use super::track::{Encoding, Origin, Track};
use super::{ConnectionKey, ShardCore};
use crate::router::{KeyframeThrottle, Needs};

/// A track of a client that does not say what it publishes is withdrawn when nothing came for this long.
const WITHDRAW_AFTER: Duration = Duration::from_secs(5);
/// Encodings of one track: browsers send three; one bit each in a mask of eight.
const ENCODINGS_MAX: usize = 8;

impl ShardCore {
    /// Notes that the client may send in a section.
    pub(super) fn add_section(&mut self, key: ConnectionKey, mid: Mid, is_video: bool, rids: Vec<Rid>) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.sections.len() >= SECTIONS_MAX {
            return tracing::debug!(%mid, "too many sections, one was left out");
        }
        let rids = rids.into_iter().take(ENCODINGS_MAX).collect();
        connection.sections.push(Section { mid, is_video, is_open: false, rids, track: None, last_packet: None });
    }

    /// A later offer changed what a section is used for.
    pub(super) fn direction_changed(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        mid: Mid,
        receives: bool,
        sends: bool,
    ) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        for slot in connection.slots.iter_mut().filter(|slot| slot.mid == mid) {
            slot.is_open = sends;
        }
        let mut stopped = None;
        for section in connection.sections.iter_mut().filter(|section| section.mid == mid) {
            section.is_open = receives;
            stopped = section.track.filter(|_| !receives);
        }
        if let Some(number) = stopped {
            self.unpublish(now, number);
        }
        self.apply_publications(now, key);
        self.fill_slots(now, key);
    }

    /// The track that media in section `mid` belongs to. One that is not there yet is published, where that is allowed.
    pub(super) fn track_of(&mut self, now: Instant, key: ConnectionKey, mid: Mid) -> Option<TrackNumber> {
        let connection = self.connections.get_mut(key)?;
        let index = connection.sections.iter().position(|section| section.mid == mid)?;
        let section = connection.sections.get_mut(index)?;
        section.last_packet = Some(now);
        if section.track.is_some() {
            return section.track;
        }
        let publication = connection.publication(index);
        let published = publication.and_then(|publication| self.publish(now, key, index, &publication));
        if published.is_none() {
            self.counters.drop("not_published");
        }
        published
    }

    /// Makes what is published agree with what the client said. Sections that it did not name publish nothing.
    pub(super) fn apply_publications(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key) else { return };
        // What a suspended connection publishes comes back when it does.
        if connection.state == ConnectionState::Suspended {
            return;
        }
        let Some(publications) = connection.publications.clone() else { return };
        for index in 0..connection.sections.len() {
            let Some(connection) = self.connections.get(key) else { return };
            let Some(section) = connection.sections.get(index) else { continue };
            let publication = publications.iter().find(|publication| *publication.mid == *section.mid);
            match (section.track, publication) {
                (Some(number), Some(publication)) => self.change_track(now, number, publication),
                (Some(number), None) => self.unpublish(now, number),
                (None, Some(publication)) => {
                    self.publish(now, key, index, publication);
                }
                (None, None) => {}
            }
        }
    }

    fn change_track(&mut self, now: Instant, number: TrackNumber, publication: &Publication) {
        let Some(track) = self.tracks.get_mut(&number) else { return };
        if track.source != publication.source {
            let Origin::Local { connection, mid, .. } = &track.origin else { return };
            let (key, mid) = (*connection, *mid);
            self.unpublish(now, number);
            let index = self.connections.get(key).and_then(|connection| connection.section_index(&mid));
            if let Some(index) = index {
                self.publish(now, key, index, publication);
            }
            return;
        }
        let (height, heights) = heights(publication, track.encodings.len());
        if (track.muted, track.height, &track.heights) == (publication.muted, height, &heights) {
            return;
        }
        track.muted = publication.muted;
        track.height = height;
        track.heights = heights;
        let (room, is_muted) = (track.room, track.muted);
        if is_muted {
            self.silence(number, room);
        }
        self.announce(number);
        self.track_changed(now, number, room);
    }

    /// Nothing of a track is forwarded for now. What was left out meanwhile must not look like a loss later.
    pub(super) fn silence(&mut self, number: TrackNumber, room: RoomId) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.speakers.remove(number);
            room.taps.iter_mut().for_each(|tap| tap.restart(number));
        }
        let subscriptions = self.tracks.get(&number).map(|track| track.subscriptions.clone()).unwrap_or_default();
        for subscription in subscriptions {
            let connection = self.connections.get_mut(subscription.connection);
            if let Some(slot) = connection.and_then(|connection| connection.slots.get_mut(subscription.slot)) {
                slot.forwarder.restart();
            }
        }
    }

    /// Publishes a section as a track; `None` when the participant may not, or the room takes no such track.
    fn publish(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        index: usize,
        publication: &Publication,
    ) -> Option<TrackNumber> {
        let connection = self.connections.get_mut(key)?;
        let section = connection.sections.get_mut(index)?;
        let source = publication.source;
        let is_fitting = section.is_open && source.is_video() == section.is_video;
        if !is_fitting || !connection.permissions.may_publish(source) {
            return None;
        }
        let number =
            next_number(self.config.shard, &mut self.track_counter, |number| !self.tracks.contains_key(&number));
        section.track = Some(number);
        connection.status_changed = true;
        connection.call.wanted_restarted();
        let encoding_count = section.rids.len().max(1);
        let (height, heights) = heights(publication, encoding_count);
        let track = Track {
            number,
            room: connection.room,
            participant_id: connection.participant_id,
            source,
            muted: publication.muted,
            height,
            heights,
            rids: section.rids.iter().map(|rid| rid.to_string()).collect(),
            encodings: vec![Encoding::default(); encoding_count],
            since: now,
            origin: Origin::Local {
                connection: key,
                mid: section.mid,
                wanted: Box::default(),
                wanted_by: vec![Needs::default(); usize::from(self.config.shard_count)],
                keyframes: KeyframeThrottle::default(),
            },
            histories: Vec::new(),
            turn: Vec::new(),
            subscriptions: Vec::new(),
            chosen: None,
            needs: Needs::default(),
            is_tapped: false,
        };
        let room = track.room;
        self.add_track(now, track);
        self.announce(number);
        tracing::debug!(track = number.0, ?source, %room, "published");
        Some(number)
    }

    /// Makes a track known to the room's members.
    pub(super) fn add_track(&mut self, now: Instant, track: Track) {
        let (number, room_id, since) = (track.number, track.room, track.since);
        self.tracks.insert(number, track);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let tracks = &self.tracks;
        let place = room.tracks.partition_point(|other| {
            tracks.get(other).is_some_and(|other| (other.since, other.number) < (since, number))
        });
        room.tracks.insert(place, number);
        self.track_changed(now, number, room_id);
    }

    /// Withdraws a track of this shard.
    pub(super) fn unpublish(&mut self, now: Instant, number: TrackNumber) {
        let Some(track) = self.tracks.get(&number) else { return };
        let room = track.room;
        if let Origin::Local { connection, mid, .. } = &track.origin
            && let Some(connection) = self.connections.get_mut(*connection)
        {
            connection.status_changed = true;
            for section in connection.sections.iter_mut().filter(|section| section.mid == *mid) {
                section.track = None;
            }
            self.tell_interested(room, &PeerMessage::TrackGone { room, track: number });
        }
        self.remove_track(now, number);
    }

    /// Takes a track away from the room's members.
    pub(super) fn remove_track(&mut self, now: Instant, number: TrackNumber) {
        let Some(track) = self.tracks.remove(&number) else { return };
        for subscription in &track.subscriptions {
            let connection = self.connections.get_mut(subscription.connection);
            if let Some(slot) = connection.and_then(|connection| connection.slots.get_mut(subscription.slot)) {
                slot.forwarder.forget(number);
                slot.subscribed.retain(|known| *known != number);
            }
        }
        if let Some(room) = self.rooms.get_mut(&track.room) {
            room.tracks.retain(|known| *known != number);
            room.speakers.remove(number);
            room.taps.iter_mut().for_each(|tap| tap.forget(number));
        }
        self.track_changed(now, number, track.room);
    }

    /// Withdraws all that a connection publishes.
    pub(super) fn unpublish_all(&mut self, now: Instant, key: ConnectionKey) {
        self.unpublish_where(now, key, |_, _| true);
    }

    /// Withdraws what a connection may no longer publish.
    pub(super) fn unpublish_forbidden(&mut self, now: Instant, key: ConnectionKey) {
        self.unpublish_where(now, key, |connection, track| !connection.permissions.may_publish(track.source));
        self.apply_publications(now, key);
    }

    /// Withdraws what clients without in-call messages have stopped sending.
    pub(super) fn unpublish_silent(&mut self, now: Instant) {
        let mut silent = Vec::new();
        for connection in self.connections.values().filter(|connection| connection.publications.is_none()) {
            for section in &connection.sections {
                let last_packet = section.last_packet.unwrap_or(now);
                if now.saturating_duration_since(last_packet) >= WITHDRAW_AFTER {
                    // One that was told to rest is as silent as it should be.
                    let is_resting = |number: &TrackNumber| {
                        let track = self.tracks.get(number);
                        track.is_some_and(|track| track.encodings.iter().any(Encoding::is_resting))
                    };
                    silent.extend(section.track.filter(|number| !is_resting(number)));
                }
            }
        }
        for number in silent {
            self.unpublish(now, number);
        }
    }

    fn unpublish_where(&mut self, now: Instant, key: ConnectionKey, is_to_go: impl Fn(&Connection, &Track) -> bool) {
        let Some(connection) = self.connections.get(key) else { return };
        let numbers = connection.sections.iter().filter_map(|section| section.track);
        let to_go = numbers.filter(|number| self.tracks.get(number).is_some_and(|track| is_to_go(connection, track)));
        for number in to_go.collect::<Vec<_>>() {
            self.unpublish(now, number);
        }
    }

    /// A track came, went or changed: the room's members on this shard are told, and their slots filled anew.
    pub(super) fn track_changed(&mut self, now: Instant, number: TrackNumber, room_id: RoomId) {
        if let Some(track) = self.tracks.get(&number)
            && let Origin::Local { connection, .. } = &track.origin
            && let Some(publisher) = self.connections.get_mut(*connection)
        {
            publisher.status_changed = true;
        }
        let Some(room) = self.rooms.get(&room_id) else { return };
        for key in room.members.clone() {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.call.tracks_changed();
            }
            self.fill_slots(now, key);
        }
    }
}

impl Connection {
    /// What media in section `index` is published as: as the client said, or by the section's place.
    fn publication(&self, index: usize) -> Option<Publication> {
        let section = self.sections.get(index)?;
        if let Some(publications) = &self.publications {
            return publications.iter().find(|publication| *publication.mid == *section.mid).cloned();
        }
        let is_rival = |other: &&Section| other.is_open && other.is_video == section.is_video;
        let before = self.sections.iter().take(index).filter(is_rival).count();
        let source = match (section.is_video, before) {
            (false, 0) => TrackSource::Microphone,
            (false, 1) => TrackSource::ScreenAudio,
            (true, 0) => TrackSource::Camera,
            (true, 1) => TrackSource::Screen,
            _ => return None,
        };
        Some(Publication { mid: section.mid.to_string(), source, muted: false, height: None, heights: Vec::new() })
    }
}

/// How high the largest encoding is, and all of them where the publisher says so of each.
fn heights(publication: &Publication, encodings: usize) -> (u32, Vec<u32>) {
    let told = Some(&publication.heights).filter(|heights| heights.len() == encodings);
    let largest = told.and_then(|heights| heights.iter().max().copied());
    (largest.or(publication.height).unwrap_or(HEIGHT_ASSUMED), told.cloned().unwrap_or_default())
}

/// The next free number of a shard. Counters skip zero, which no packet may carry.
fn next_number(shard: u8, counter: &mut u32, is_free: impl Fn(TrackNumber) -> bool) -> TrackNumber {
    loop {
        *counter = counter.wrapping_add(1) & ((1 << TrackNumber::COUNTER_BITS) - 1);
        let number = TrackNumber::new(shard, *counter);
        if *counter != 0 && is_free(number) {
            return number;
        }
    }
}
