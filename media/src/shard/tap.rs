//! Taps: subscriptions that belong to no connection, such as a recorder's.
//!
//! A tap lives on each shard, in the room that it listens to, and is given the envelopes of that shard's own publishers
//! beside the other shards that need them ([`ShardCore::relay`]): nothing crosses between shards for it. What its consumer
//! does not take is dropped in whole packets and counted; no shard ever waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use boltorezka_proto::call::TrackSource;
use boltorezka_proto::{ParticipantId, RoomId, TrackNumber};
use tokio::sync::mpsc;

use super::ShardCore;
use super::messages::Counters;
use super::room::Room;
use super::track::Track;
use crate::router::{Needs, Source};
use crate::rtp::Packet;

/// Packets that may wait for a consumer at most: about a second of thirty cameras, 6 MB.
pub const QUEUE_PACKETS_MAX: usize = 4096;
/// And at least: a keyframe of a screen takes some hundred, and half of the queue must hold it.
pub const QUEUE_PACKETS_MIN: usize = 256;
/// A publisher is asked for another keyframe this long after packets for a tap were dropped: keyframes cost all who watch.
const ASKS_AFTER: Duration = Duration::from_secs(2);
/// A consumer takes whatever an encoder gives: no limit of the bitrate comes of it.
const TAKES_BPS: u64 = u64::MAX;

/// What a tap listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapWish {
    /// Where.
    pub room: RoomId,
    /// These tracks only; `None` for all, also those to come.
    pub tracks: Option<Vec<TrackNumber>>,
    /// The smallest encoding of a picture that is at least this high; `None` for the largest.
    pub height: Option<u32>,
    /// Packets that may wait for the consumer, within [`QUEUE_PACKETS_MIN`] and [`QUEUE_PACKETS_MAX`].
    pub queue_packets: usize,
}

/// A packet for a tap's consumer: decrypted, with the numbers that its publisher gave it.
#[derive(Debug, Clone)]
pub struct TapPacket {
    /// Who sent it.
    pub participant_id: ParticipantId,
    /// What its track carries.
    pub source: TrackSource,
    /// The envelope. A picture's first packet of an encoding begins a keyframe, and so does the first after packets were missed.
    pub packet: Packet,
    /// The sender's clock, once it has reported it.
    pub clock: Option<SenderClock>,
    /// Packets of the track that the consumer was too slow for, right before this one.
    pub missed: u64,
}

/// A moment on a sender's clocks, of its newest report (RFC 3550, section 6.4.1): puts the tracks of one sender in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderClock {
    /// Its wall clock.
    pub at: SystemTime,
    /// The RTP timestamp of that moment.
    pub timestamp: u32,
}

/// The consumer's end. The tap is closed when it is dropped.
#[derive(Debug)]
pub struct Tap {
    packets: mpsc::Receiver<TapPacket>,
}

/// The shards' end. The tap has ended when the last of them is gone.
#[derive(Debug, Clone)]
pub struct TapLink {
    /// What the tap listens to.
    pub wish: Arc<TapWish>,
    packets: mpsc::Sender<TapPacket>,
}

/// Whether a tap is there, without keeping it there.
#[derive(Debug)]
pub struct TapWatch {
    room: RoomId,
    packets: mpsc::WeakSender<TapPacket>,
}

/// A tap on a shard.
#[derive(Debug)]
pub struct RoomTap {
    link: TapLink,
    tracks: HashMap<TrackNumber, Tapped>,
}

/// What a tap is given of a track.
#[derive(Debug, Default)]
struct Tapped {
    /// The encoding in force, and the number that it began with.
    current: Option<(u8, u64)>,
    /// The encoding that is wanted.
    target: Option<u8>,
    missed: u64,
    dropped_at: Option<Instant>,
}

/// Makes the two ends of a tap.
pub fn tap(mut wish: TapWish) -> (TapLink, Tap) {
    wish.queue_packets = wish.queue_packets.clamp(QUEUE_PACKETS_MIN, QUEUE_PACKETS_MAX);
    let (sender, receiver) = mpsc::channel(wish.queue_packets);
    (TapLink { wish: Arc::new(wish), packets: sender }, Tap { packets: receiver })
}

impl Tap {
    /// The next packet; `None` when the tap has ended.
    pub async fn next(&mut self) -> Option<TapPacket> {
        self.packets.recv().await
    }

    /// The next packet that is there already.
    pub fn try_next(&mut self) -> Option<TapPacket> {
        self.packets.try_recv().ok()
    }

    /// Whether nothing more will come.
    pub fn has_ended(&self) -> bool {
        self.packets.is_closed() && self.packets.is_empty()
    }
}

impl TapLink {
    /// Sees the tap without keeping it open.
    pub fn watch(&self) -> TapWatch {
        TapWatch { room: self.wish.room, packets: self.packets.downgrade() }
    }

    /// A picture begins only where half of the queue is free: it would not be over before the next drop.
    fn has_room(&self) -> bool {
        self.packets.capacity() >= self.wish.queue_packets / 2
    }
}

impl TapWatch {
    /// The room, while the tap is there.
    pub fn room(&self) -> Option<RoomId> {
        self.packets.upgrade().filter(|packets| !packets.is_closed()).map(|_| self.room)
    }
}

impl RoomTap {
    fn listens_to(&self, number: TrackNumber) -> bool {
        self.link.wish.tracks.as_ref().is_none_or(|tracks| tracks.contains(&number))
    }

    /// Gives a packet to the consumer, where it is of what the tap listens to.
    pub fn take(&mut self, track: &Track, packet: &Packet, clock: Option<SenderClock>, counters: &mut Counters) {
        if !self.listens_to(track.number) {
            return;
        }
        let has_room = self.link.has_room();
        let tapped = self.tracks.entry(track.number).or_default();
        if track.source.is_video() && !tapped.selects(packet, has_room) {
            return;
        }
        let (participant_id, source, missed) = (track.participant_id, track.source, tapped.missed);
        let given = TapPacket { participant_id, source, packet: packet.clone(), clock, missed };
        match self.link.packets.try_send(given) {
            Ok(()) => tapped.missed = 0,
            Err(mpsc::error::TrySendError::Full(_)) => {
                counters.drop("tap_full");
                *tapped = Tapped {
                    missed: tapped.missed + 1,
                    dropped_at: Some(packet.arrival),
                    current: None,
                    target: tapped.target,
                };
            }
            // It is taken away with the next measurement.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    /// Chooses the encoding of a picture anew; says whether it is another.
    fn choose(&mut self, track: &Track) -> bool {
        if !track.source.is_video() || !self.listens_to(track.number) {
            return false;
        }
        let ladder = track.ladder();
        let is_enough = |height: &u32| self.link.wish.height.is_some_and(|wanted| *height >= wanted);
        let height_max = ladder.iter().map(|rung| rung.height).find(is_enough).unwrap_or(u32::MAX);
        let best = ladder.iter().rev().find(|rung| rung.height <= height_max).map(|rung| rung.encoding);
        let tapped = self.tracks.entry(track.number).or_default();
        std::mem::replace(&mut tapped.target, best) != best
    }

    /// Has a track's picture begin anew, with a keyframe.
    pub fn restart(&mut self, number: TrackNumber) {
        if let Some(tapped) = self.tracks.get_mut(&number) {
            tapped.current = None;
        }
    }

    /// Forgets a track that is gone.
    pub fn forget(&mut self, number: TrackNumber) {
        self.tracks.remove(&number);
    }
}

impl Tapped {
    /// Whether a picture's packet is of the encoding in force, or puts the wanted one in force.
    fn selects(&mut self, packet: &Packet, has_room: bool) -> bool {
        if let Some((encoding, began)) = self.current
            && encoding == packet.encoding
        {
            return packet.sequence >= began;
        }
        let begins = packet.descriptor.keyframe_start && self.target == Some(packet.encoding) && has_room;
        if begins {
            self.current = Some((packet.encoding, packet.sequence));
        }
        begins
    }

    /// The encodings that it needs, as a bit mask.
    fn encodings(&self) -> u8 {
        let current = self.current.map(|(encoding, _)| encoding);
        [current, self.target].into_iter().flatten().fold(0, |mask, encoding| mask | (1 << (encoding & 7)))
    }

    /// The encoding that a keyframe is needed of.
    fn awaited(&self, now: Instant) -> Option<u8> {
        let may_ask = self.dropped_at.is_none_or(|at| now.saturating_duration_since(at) >= ASKS_AFTER);
        self.target.filter(|target| may_ask && self.current.is_none_or(|(encoding, _)| encoding != *target))
    }
}

impl ShardCore {
    /// Opens a tap on this shard.
    pub(super) fn open_tap(&mut self, link: TapLink) {
        let (heard_max, room_id) = (self.config.heard_max, link.wish.room);
        let room = self.rooms.entry(room_id).or_insert_with(|| Room::new(heard_max));
        room.taps.push(RoomTap { link, tracks: HashMap::new() });
        self.retain_taps(room_id, |_| true);
    }

    /// Ends all taps of a room that is closed.
    pub(super) fn close_taps(&mut self, room_id: RoomId) {
        self.retain_taps(room_id, |_| false);
    }

    /// Takes away the taps whose consumers are gone, and has the others choose what they are given by what is sent now.
    pub(super) fn look_after_taps(&mut self) {
        let tapped: Vec<_> = self.rooms.iter().filter(|(_, room)| !room.taps.is_empty()).map(|(id, _)| *id).collect();
        for room_id in tapped {
            self.retain_taps(room_id, |tap| !tap.link.packets.is_closed());
        }
    }

    fn retain_taps(&mut self, room_id: RoomId, is_kept: impl Fn(&RoomTap) -> bool) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.taps.retain(is_kept);
        let tracks = room.tracks.clone();
        if room.is_empty() {
            self.rooms.remove(&room_id);
        }
        tracks.into_iter().for_each(|number| self.choose_tapped(number));
    }

    /// Taps, or the encodings of a track, came or went: its taps choose again.
    pub(super) fn choose_tapped(&mut self, number: TrackNumber) {
        let Some(track) = self.tracks.get_mut(&number).filter(|track| track.is_local()) else { return };
        let Some(room) = self.rooms.get_mut(&track.room) else { return };
        track.is_tapped = room.taps.iter().any(|tap| tap.listens_to(number));
        let mut changed = false;
        for tap in &mut room.taps {
            changed |= tap.choose(track);
        }
        if changed {
            self.update_wanted(number);
        }
    }

    /// What the taps need of a track.
    pub(super) fn tap_needs(&self, track: &Track) -> Needs {
        let taps = self.rooms.get(&track.room).map_or(&[][..], |room| &room.taps);
        let of_track = taps.iter().filter_map(|tap| tap.tracks.get(&track.number));
        let encodings = of_track.fold(0, |mask, tapped| mask | tapped.encodings());
        if encodings == 0 { Needs::default() } else { Needs { encodings, bitrate_bps: TAKES_BPS, lacks_codec: false } }
    }

    /// The pictures that taps wait for. A consumer that takes nothing has no keyframes asked for it.
    pub(super) fn awaited_by_taps(&self, now: Instant) -> Vec<Source> {
        let taps = self.rooms.values().flat_map(|room| &room.taps).filter(|tap| tap.link.has_room());
        let tapped = taps.flat_map(|tap| &tap.tracks);
        tapped.filter_map(|(&track, tapped)| Some(Source { track, encoding: tapped.awaited(now)? })).collect()
    }
}
