//! What publishers are told: which of their encodings somebody needs, what the best subscriber can take, which codec.

use std::time::Instant;

use boltorezka_proto::TrackNumber;
use boltorezka_proto::call::{TrackSource, VideoCodec, WantedEncoding, WantedTrack};

use super::connection::{Connection, Slot};
use super::formats::payload_type;
use super::messages::PeerMessage;
use super::track::{Encoding, Origin, Track};
use super::{ConnectionKey, ShardCore};
use crate::router::{Needs, Source};
use crate::rtp::{Codec, Format};

impl ShardCore {
    /// A slot's sources changed. The publisher, or its shard, is told at once what is needed now; the rest is the business of
    /// [`ShardCore::tell_publishers`].
    pub(super) fn update_wanted(&mut self, number: TrackNumber) {
        let Some(track) = self.tracks.get(&number).filter(|track| track.source.is_video()) else { return };
        let needs = self.needs_here(track);
        self.wants(number, needs);
    }

    /// Subscribers of this shard need something of a track.
    fn wants(&mut self, number: TrackNumber, needs: Needs) {
        let Some(track) = self.tracks.get_mut(&number) else { return };
        match &mut track.origin {
            Origin::Local { connection, wanted, .. } => {
                if wanted.want(needs) {
                    let key = *connection;
                    self.say_wanted(key);
                }
            }
            Origin::Remote { shard } => {
                if std::mem::replace(&mut track.needs, needs) != needs {
                    self.peer_messages.push((*shard, PeerMessage::Wanted { track: number, needs }));
                }
            }
        }
    }

    /// Another shard's subscribers need something of a track of this one.
    pub(super) fn wanted_by(&mut self, from: u8, number: TrackNumber, needs: Needs) {
        if let Some(Track { origin: Origin::Local { wanted_by, .. }, .. }) = self.tracks.get_mut(&number)
            && let Some(known) = wanted_by.get_mut(usize::from(from))
        {
            *known = needs;
            self.wants(number, needs);
        }
    }

    /// Looks at all pictures anew: what nobody needs any more, and how much the best subscriber can take.
    pub(super) fn tell_publishers(&mut self, now: Instant) {
        let pictures = self.tracks.values().filter(|track| track.source.is_video());
        let needs: Vec<_> = pictures.map(|track| (track.number, self.needs_here(track))).collect();
        for (number, needs) in needs {
            let Some(track) = self.tracks.get_mut(&number) else { continue };
            if let Origin::Local { connection, .. } = &track.origin
                && self.connections.get(*connection).is_none_or(|connection| connection.call.channel.is_none())
            {
                // It cannot be told.
                continue;
            }
            if !track.is_local() {
                self.wants(number, needs);
            } else if let Some(key) = track.update_wanted(now, needs) {
                self.say_wanted(key);
            }
        }
    }

    /// An encoding's pictures are coded with something else now: its decoders begin anew, with a keyframe.
    pub(super) fn begin_anew(&mut self, source: Source) {
        let Some(track) = self.tracks.get(&source.track) else { return };
        if let Some(room) = self.rooms.get_mut(&track.room) {
            room.taps.iter_mut().for_each(|tap| tap.restart(source.track));
        }
        for subscription in &track.subscriptions {
            let connection = self.connections.get_mut(subscription.connection);
            if let Some(slot) = connection.and_then(|connection| connection.slots.get_mut(subscription.slot))
                && slot.forwarder.current() == Some(source)
            {
                slot.forwarder.restart();
            }
        }
    }

    fn say_wanted(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.call.wanted_changed();
            self.mark_dirty(key);
        }
    }

    /// What the slots of this shard need of a track.
    fn needs_here(&self, track: &Track) -> Needs {
        let mut needs = self.tap_needs(track);
        for subscription in &track.subscriptions {
            let connection = self.connections.get(subscription.connection);
            let Some(slot) = connection.and_then(|connection| connection.slots.get(subscription.slot)) else {
                continue;
            };
            let sources = [slot.forwarder.current(), slot.forwarder.target()].into_iter().flatten();
            let of_track = sources.filter(|source| source.track == track.number);
            needs = needs.merge(Needs {
                encodings: of_track.fold(0, |mask, source| mask | (1 << (source.encoding & 7))),
                bitrate_bps: slot.takes_bps,
                lacks_codec: track.chosen.is_some_and(|format| slot.lacks(format) && slot.takes_fallback()),
            });
        }
        needs
    }

    /// What a publisher is told.
    pub(super) fn wanted_tracks(&self, connection: &Connection) -> Vec<WantedTrack> {
        let numbers = connection.sections.iter().filter_map(|section| section.track);
        numbers.filter_map(|number| self.tracks.get(&number)?.wanted_track()).collect()
    }
}

impl Slot {
    /// Whether the receiver cannot take a format.
    pub fn lacks(&self, format: Format) -> bool {
        payload_type(&self.formats, format.redundant(false)).is_none()
    }

    fn takes_fallback(&self) -> bool {
        !self.lacks(Format::plain(Codec::Vp8))
    }
}

impl Track {
    /// The encodings that `now` are coded with something else.
    pub fn recoded(&self, now: &[Encoding]) -> Vec<u8> {
        let pairs = (0..).zip(self.encodings.iter().zip(now));
        let recoded = pairs.filter(|(_, (before, after))| before.format.is_some() && before.format != after.format);
        recoded.map(|(index, _)| index).collect()
    }

    /// Notes what is needed; gives the publisher's connection when there is something new to tell it.
    fn update_wanted(&mut self, now: Instant, needs_here: Needs) -> Option<ConnectionKey> {
        let idle = self.idle_encodings();
        let fallback = self.fallback();
        let Origin::Local { connection, wanted, wanted_by, .. } = &mut self.origin else { return None };
        let mut needs = wanted_by.iter().fold(needs_here, |needs, other| needs.merge(*other));
        if needs.encodings != 0 {
            needs.encodings |= fallback;
        }
        // What the client does not send by itself costs nothing, and it may begin when it can.
        needs.encodings |= idle;
        let is_new = wanted.update(now, needs);
        for (index, encoding) in self.encodings.iter_mut().enumerate() {
            encoding.set_wanted(now, wanted.is_wanted(index as u8));
        }
        is_new.then_some(*connection)
    }

    /// What of a camera is sent as long as anything of it is watched, as a bit mask: who falls from a high encoding since the
    /// link has become narrow needs the lowest at once. An encoder that must be started first takes a second and more, all of
    /// which the picture stands. A screen is sent at its full size in all encodings, which is too much for that.
    fn fallback(&self) -> u8 {
        let lowest = self.ladder().first().map_or(0, |rung| 1 << (rung.encoding & 7));
        if self.source == TrackSource::Camera { lowest } else { 0 }
    }

    fn wanted_track(&self) -> Option<WantedTrack> {
        let Origin::Local { mid, wanted, .. } = &self.origin else { return None };
        let encoding =
            |index: usize| WantedEncoding { rid: self.rids.get(index).cloned(), wanted: wanted.is_wanted(index as u8) };
        self.source.is_video().then(|| WantedTrack {
            mid: mid.to_string(),
            encodings: (0..self.encodings.len()).map(encoding).collect(),
            bitrate_bps: wanted.limit_bps(),
            codec: wanted.falls_back().then_some(VideoCodec::Vp8),
        })
    }
}
