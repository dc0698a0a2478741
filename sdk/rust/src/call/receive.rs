//! Receive slots: frames with the track they belong to, and counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::call::{TrackInfo, TrackSource};
use boltorezka_proto::{ParticipantId, TrackNumber};
use str0m::media::{MediaData, Mid};

use super::rtp::{RtpHeader, SequenceCounter};
use crate::media::{Codec, is_keyframe};

/// Changes of a slot's track that are remembered until the frames around them have been put together.
const TRACK_CHANGES_MAX: usize = 16;
/// Tracks with counts of their own; those of further tracks are not kept.
const TRACK_STATS_MAX: usize = 4_096;

/// A frame that arrived in a slot.
#[derive(Clone, Debug)]
pub struct SlotFrame {
    /// The slot's place among all receive slots of the offer, audio first.
    pub slot: usize,
    /// The track, as its packets say; as the slot map says when they do not.
    pub track: Option<TrackNumber>,
    /// Whose track it is, once the server has told.
    pub participant_id: Option<ParticipantId>,
    /// What the track shows or sounds, once the server has told.
    pub source: Option<TrackSource>,
    /// How it is encoded.
    pub codec: Codec,
    /// Time stamp in ticks of [`Codec::clock_hz`]. It runs on within a slot, whatever the slot carries.
    pub time: u64,
    /// When its first packet came.
    pub received_at: Instant,
    /// Whether decoding can start here. Always true for audio.
    pub keyframe: bool,
    /// Whether nothing is missing between the frame before and this one.
    pub contiguous: bool,
    /// The frame, as its codec defines it; Annex B for H.264, without temporal delimiter for AV1.
    pub data: Arc<[u8]>,
}

/// Counts of one receive slot, over all tracks that it carried.
#[derive(Clone, Debug, Default)]
pub struct SlotStats {
    /// The section's `a=mid`.
    pub mid: String,
    /// Whether it carries pictures.
    pub is_video: bool,
    /// RTP packets, without retransmissions.
    pub packets: u64,
    /// Bytes of those packets, headers included.
    pub bytes: u64,
    /// Packets that did not arrive, whether or not a retransmission came.
    pub packets_lost: u64,
    /// Retransmitted packets.
    pub packets_repaired: u64,
    /// Complete frames.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Frames before which something is missing.
    pub frame_gaps: u64,
    /// From the offer to the first frame.
    pub first_frame_after: Option<Duration>,
    /// From the offer to the first frame that a decoder can show or sound.
    pub first_keyframe_after: Option<Duration>,
    /// Track of the latest packet that named one.
    pub track: Option<TrackNumber>,
    /// Height of the latest VP8 keyframe in pixels.
    pub height: Option<u16>,
}

/// Counts of one received track, over all slots that carried it.
#[derive(Clone, Debug, Default)]
pub struct TrackStats {
    /// RTP packets that named the track.
    pub packets: u64,
    /// When the latest of them came.
    pub last_packet_at: Option<Instant>,
}

pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) stats: SlotStats,
    sequence: SequenceCounter,
    /// Sequence number of the first packet of a track, oldest first.
    track_changes: VecDeque<(u16, TrackNumber)>,
}

impl Slot {
    pub(super) fn new(mid: Mid, is_video: bool) -> Self {
        let stats = SlotStats { mid: mid.to_string(), is_video, ..SlotStats::default() };
        Self { mid, stats, sequence: SequenceCounter::default(), track_changes: VecDeque::new() }
    }

    fn add_packet(&mut self, header: RtpHeader, length: usize) {
        self.sequence.add(header.sequence);
        self.stats.packets += 1;
        self.stats.bytes += length as u64;
        self.stats.packets_lost = self.sequence.lost();
        let Some(track) = header.csrc.map(TrackNumber) else { return };
        self.stats.track = Some(track);
        let is_newer = |(first, _): &(u16, TrackNumber)| header.sequence.wrapping_sub(*first).cast_signed() > 0;
        match self.track_changes.back() {
            Some((_, last)) if *last == track => {}
            Some(last) if !is_newer(last) => {}
            _ => {
                if self.track_changes.len() >= TRACK_CHANGES_MAX {
                    self.track_changes.pop_front();
                }
                self.track_changes.push_back((header.sequence, track));
            }
        }
    }

    fn track_at(&self, sequence: u16) -> Option<TrackNumber> {
        let is_not_later = |(first, _): &&(u16, TrackNumber)| sequence.wrapping_sub(*first).cast_signed() >= 0;
        self.track_changes.iter().rev().find(is_not_later).map(|(_, track)| *track)
    }

    /// The frame, with `fallback` as its track when the packets name none.
    pub(super) fn add_frame(
        &mut self,
        index: usize,
        media: MediaData,
        fallback: Option<TrackNumber>,
        tracks: &[TrackInfo],
        offered_at: Instant,
    ) -> Option<SlotFrame> {
        let codec = Codec::from_str0m(media.params.spec().codec)?;
        let keyframe = media.is_keyframe() || is_keyframe(codec, &media.data);
        let after = media.network_time.saturating_duration_since(offered_at);
        let stats = &mut self.stats;
        stats.frames += 1;
        stats.keyframes += u64::from(keyframe);
        stats.frame_gaps += u64::from(!media.contiguous);
        stats.first_frame_after.get_or_insert(after);
        if keyframe {
            stats.first_keyframe_after.get_or_insert(after);
            if codec == Codec::Vp8 {
                stats.height = vp8_height(&media.data);
            }
        }
        let track = self.track_at(media.seq_range.start().as_u16()).or(fallback);
        let info = track.and_then(|track| tracks.iter().find(|info| info.track == track));
        Some(SlotFrame {
            slot: index,
            track,
            participant_id: info.map(|info| info.participant_id),
            source: info.map(|info| info.source),
            codec,
            time: media.time.numer(),
            received_at: media.network_time,
            keyframe,
            contiguous: media.contiguous,
            data: media.data,
        })
    }
}

/// Height of a VP8 keyframe (RFC 6386, section 9.1).
fn vp8_height(data: &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(8..10)?.try_into().ok()?) & 0x3fff)
}

/// All slots of a call, and which of them a packet belongs to.
#[derive(Default)]
pub(super) struct Receiver {
    pub(super) slots: Vec<Slot>,
    pub(super) tracks: BTreeMap<TrackNumber, TrackStats>,
    pub(super) packets: u64,
    pub(super) last_packet_at: Option<Instant>,
    /// Slot and whether it is its retransmission stream, by SSRC. Two for each slot, so a list is as fast as a map.
    streams: Vec<(u32, usize, bool)>,
}

impl Receiver {
    /// Whether a packet of this stream can be counted, or [`Receiver::add_stream`] has to be called before.
    pub(super) fn knows(&self, ssrc: u32) -> bool {
        self.streams.iter().any(|(known, ..)| *known == ssrc)
    }

    pub(super) fn add_stream(&mut self, ssrc: u32, mid: Mid, is_repair: bool) {
        if let Some(slot) = self.slots.iter().position(|slot| slot.mid == mid)
            && self.streams.len() < self.slots.len() * 4
        {
            self.streams.push((ssrc, slot, is_repair));
        }
    }

    /// Counts a packet that was decrypted.
    pub(super) fn add_packet(&mut self, now: Instant, header: RtpHeader, length: usize) {
        self.packets += 1;
        self.last_packet_at = Some(now);
        let stream = self.streams.iter().find(|(ssrc, ..)| *ssrc == header.ssrc);
        if let Some(&(_, index, is_repair)) = stream
            && let Some(slot) = self.slots.get_mut(index)
        {
            if is_repair {
                slot.stats.packets_repaired += 1;
            } else {
                slot.add_packet(header, length);
            }
        }
        if let Some(track) = header.csrc.map(TrackNumber)
            && (self.tracks.len() < TRACK_STATS_MAX || self.tracks.contains_key(&track))
        {
            let stats = self.tracks.entry(track).or_default();
            stats.packets += 1;
            stats.last_packet_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, track: u32) -> RtpHeader {
        RtpHeader { ssrc: 1, sequence, csrc: Some(track) }
    }

    #[test]
    fn frames_belong_to_the_track_that_their_packets_named() {
        let mut slot = Slot::new(Mid::from("v0"), true);
        for (sequence, track) in [(65_534, 1), (65_535, 1), (1, 2), (0, 2), (2, 2)] {
            slot.add_packet(packet(sequence, track), 100);
        }
        assert_eq!(slot.track_at(65_535), Some(TrackNumber(1)));
        assert_eq!(slot.track_at(1), Some(TrackNumber(2)));
        assert_eq!(slot.track_at(500), Some(TrackNumber(2)));
        assert_eq!(slot.track_at(60_000), None, "before all that is known");
        assert_eq!((slot.stats.packets, slot.stats.packets_lost), (5, 0));
    }

    #[test]
    fn the_list_of_changes_is_bounded() {
        let mut slot = Slot::new(Mid::from("v0"), true);
        for change in 0..1000u16 {
            slot.add_packet(packet(change, u32::from(change)), 100);
        }
        assert_eq!(slot.track_changes.len(), TRACK_CHANGES_MAX);
        assert_eq!(slot.track_at(999), Some(TrackNumber(999)));
    }

    #[test]
    fn retransmissions_are_counted_apart() {
        let mut receiver = Receiver { slots: vec![Slot::new(Mid::from("v0"), true)], ..Receiver::default() };
        receiver.add_stream(1, Mid::from("v0"), false);
        receiver.add_stream(2, Mid::from("v0"), true);
        assert!(receiver.knows(2) && !receiver.knows(3));
        let now = Instant::now();
        receiver.add_packet(now, packet(1, 7), 10);
        receiver.add_packet(now, packet(3, 7), 10);
        receiver.add_packet(now, RtpHeader { ssrc: 2, sequence: 9, csrc: None }, 10);
        let stats = &receiver.slots[0].stats;
        assert_eq!((stats.packets, stats.packets_lost, stats.packets_repaired), (2, 1, 1));
        assert_eq!(receiver.tracks[&TrackNumber(7)].packets, 2);
    }
}
