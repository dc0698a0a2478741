//! A room on several shards: who is interested, which tracks there are, what is asked for.

use std::time::Instant;

use boltorezka_proto::{RoomId, TrackNumber};

use super::ShardCore;
use super::messages::{PeerMessage, TrackAnnouncement};
use super::room::Room;
use super::track::{Encoding, Origin, Track};
use crate::router::{Needs, Source};
use crate::rtp::{Format, LayerRates};

impl ShardCore {
    /// Takes a message of another shard of the node.
    pub fn handle_peer(&mut self, now: Instant, from: u8, message: PeerMessage) {
        match message {
            PeerMessage::Packet { room, packet } => self.take_relayed(now, room, packet),
            PeerMessage::Data(message) => self.take_relayed_data(&message),
            PeerMessage::Interest { room, interested } => self.note_interest(from, room, interested),
            PeerMessage::Track(announcement) => self.note_track(now, from, announcement),
            PeerMessage::TrackGone { track, .. } => self.remove_track(now, track),
            PeerMessage::Wanted { track, needs } => self.wanted_by(from, track, needs),
            PeerMessage::Keyframe { track, encoding } => {
                if self.tracks.get(&track).is_some_and(Track::is_local) {
                    self.need_keyframe(now, Source { track, encoding });
                }
            }
        }
    }

    /// Sends a message to every other shard.
    pub(super) fn tell_all_shards(&mut self, message: &PeerMessage) {
        for shard in (0..self.config.shard_count).filter(|shard| *shard != self.config.shard) {
            self.peer_messages.push((shard, message.clone()));
        }
    }

    /// Sends a message to every other shard with participants in the room.
    pub(super) fn tell_interested(&mut self, room: RoomId, message: &PeerMessage) {
        let Some(room) = self.rooms.get(&room) else { return };
        for shard in (0..self.config.shard_count).filter(|shard| *shard != self.config.shard) {
            if room.is_interesting_to(shard) {
                self.peer_messages.push((shard, message.clone()));
            }
        }
    }

    /// Tells other shards about a track of this one.
    pub(super) fn announce(&mut self, number: TrackNumber) {
        let Some(track) = self.tracks.get(&number).filter(|track| track.is_local()) else { return };
        let (room, announcement) = (track.room, track.announcement());
        self.tell_interested(room, &PeerMessage::Track(announcement));
    }

    fn note_interest(&mut self, from: u8, room_id: RoomId, interested: bool) {
        let heard_max = self.config.heard_max;
        let room = self.rooms.entry(room_id).or_insert_with(|| Room::new(heard_max));
        let bit = 1 << (from & 63);
        if !interested {
            room.interested &= !bit;
            if room.is_empty() {
                self.rooms.remove(&room_id);
            }
            for track in self.tracks.values_mut().filter(|track| track.room == room_id) {
                if let Origin::Local { wanted_by, .. } = &mut track.origin
                    && let Some(wanted) = wanted_by.get_mut(usize::from(from))
                {
                    *wanted = Needs::default();
                }
            }
            return;
        }
        room.interested |= bit;
        let local = self.tracks.values().filter(|track| track.room == room_id && track.is_local());
        self.peer_messages.extend(local.map(|track| (from, PeerMessage::Track(track.announcement()))));
    }

    fn note_track(&mut self, now: Instant, from: u8, announcement: TrackAnnouncement) {
        // The last participant of this shard may have left while the message was on its way.
        if self.rooms.get(&announcement.room).is_none_or(|room| room.members.is_empty()) {
            return;
        }
        if self.revoked.contains(announcement.participant_id) {
            return;
        }
        let encoding = |(bitrates_bps, format): (&Option<LayerRates>, &Option<Format>)| {
            Encoding::announced(*bitrates_bps, *format, now)
        };
        let encodings: Vec<_> = announcement.bitrates_bps.iter().zip(&announcement.formats).map(encoding).collect();
        let number = announcement.track;
        let Some(track) = self.tracks.get_mut(&number) else {
            let TrackAnnouncement {
                track,
                room,
                participant_id,
                source,
                muted,
                height,
                heights,
                rids,
                since,
                chosen,
                ..
            } = announcement;
            let origin = Origin::Remote { shard: from };
            let (number, subscriptions) = (track, Vec::new());
            let track = Track {
                number,
                room,
                participant_id,
                source,
                muted,
                height,
                heights,
                rids,
                encodings,
                histories: Vec::new(),
                turn: Vec::new(),
                since,
                origin,
                subscriptions,
                chosen,
                needs: Needs::default(),
                is_tapped: false,
            };
            return self.add_track(now, track);
        };
        if track.is_local() {
            return;
        }
        let was_muted = std::mem::replace(&mut track.muted, announcement.muted);
        track.height = announcement.height;
        track.heights = announcement.heights;
        track.chosen = announcement.chosen;
        let recoded = track.recoded(&encodings);
        let is_active = |encoding: &Encoding| encoding.last_packet.is_some();
        let active_changed = !track.encodings.iter().map(is_active).eq(encodings.iter().map(is_active));
        track.encodings = encodings;
        let room = track.room;
        if was_muted != announcement.muted {
            if announcement.muted {
                self.silence(number, room);
            }
            self.track_changed(now, number, room);
        }
        for &encoding in &recoded {
            self.begin_anew(Source { track: number, encoding });
        }
        if active_changed || !recoded.is_empty() {
            self.encodings_changed(now, number);
        }
    }

    /// Forgets the tracks of other shards in a room that nobody here is in any more.
    pub(super) fn forget_remote_tracks(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let tracks = &mut self.tracks;
        room.tracks.retain(|number| {
            let is_remote = tracks.get(number).is_some_and(|track| !track.is_local());
            if is_remote {
                tracks.remove(number);
                room.speakers.remove(*number);
            }
            !is_remote
        });
    }
}
