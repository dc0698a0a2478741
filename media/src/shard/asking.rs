//! Asking publishers for keyframes.

use std::cmp::Reverse;
use std::time::Instant;

use boltorezka_proto::TrackNumber;

use super::messages::PeerMessage;
use super::track::Origin;
use super::{ConnectionKey, ShardCore, random_u32};
use crate::router::Source;

/// When the publishers of tracks are asked, the next first. One entry for each track that somebody waits for.
pub type KeyframesDue = std::collections::BinaryHeap<Reverse<(Instant, TrackNumber)>>;

impl ShardCore {
    /// Asks for a keyframe of a track, here or at its publisher's shard.
    pub(super) fn need_keyframe(&mut self, now: Instant, source: Source) {
        let Some(track) = self.tracks.get_mut(&source.track) else { return };
        match &mut track.origin {
            Origin::Local { keyframes, .. } => {
                let entropy = &mut self.config.entropy;
                let due = keyframes.request(now, source.encoding, || random_u32(entropy));
                self.keyframes_due.extend(due.map(|due| Reverse((due, source.track))));
            }
            Origin::Remote { shard } => {
                let message = PeerMessage::Keyframe { track: source.track, encoding: source.encoding };
                self.peer_messages.push((*shard, message));
            }
        }
    }

    /// A subscriber's decoder lost its way.
    pub(super) fn keyframe_requested(&mut self, now: Instant, key: ConnectionKey, slot: usize) {
        let Self { connections, tracks, .. } = self;
        let Some(slot) = connections.get_mut(key).and_then(|connection| connection.slots.get_mut(slot)) else { return };
        let Some(source) = slot.forwarder.current() else { return };
        let encoding = tracks.get(&source.track).and_then(|track| track.encodings.get(usize::from(source.encoding)));
        let bitrate_bps = encoding.and_then(|encoding| encoding.bitrates_bps).map_or(0, |rates| rates.total());
        if slot.keyframes.request(now, bitrate_bps, slot.takes_bps) {
            self.need_keyframe(now, source);
        }
    }

    /// Repeats the requests of slots that still wait.
    pub(super) fn repeat_keyframe_requests(&mut self, now: Instant) {
        let slots = self.connections.values_mut().flat_map(|connection| &mut connection.slots);
        let awaited = slots.filter(|slot| slot.is_video).filter_map(|slot| {
            let requested = slot.forwarder.current().filter(|_| slot.keyframes.poll(now));
            slot.forwarder.awaited().or(requested)
        });
        let awaited: Vec<_> = awaited.collect();
        for source in awaited.into_iter().chain(self.awaited_by_taps(now)) {
            self.need_keyframe(now, source);
        }
    }

    /// Asks the publishers whose time has come.
    pub(super) fn request_keyframes(&mut self, now: Instant) {
        while self.keyframes_due.peek().is_some_and(|Reverse((due, _))| *due <= now)
            && let Some(Reverse((_, number))) = self.keyframes_due.pop()
        {
            let Some(track) = self.tracks.get_mut(&number) else { continue };
            let Origin::Local { connection, mid, keyframes, .. } = &mut track.origin else { continue };
            let (key, mid) = (*connection, *mid);
            for encoding in keyframes.poll(now) {
                let Some(publisher) = self.connections.get_mut(key) else { continue };
                let section = publisher.sections.iter().find(|section| section.mid == mid);
                let rid = section.and_then(|section| section.rids.get(usize::from(encoding)).copied());
                publisher.transport.request_keyframe(mid, rid);
            }
            self.mark_dirty(key);
        }
    }
}
