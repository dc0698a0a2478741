//! Rewrites sequence numbers, timestamps and picture numbers, so that a slot looks like one stream from one encoder
//! while its source changes.

use std::time::Instant;

use crate::rtp::{Packet, Rewrite};

/// The rewriting state of one slot.
#[derive(Debug)]
pub struct Munger {
    last: Last,
    segment: Option<Segment>,
}

/// A packet's numbers as the slot's receiver sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Munged {
    /// Sequence number with its rollovers counted.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Changes to the payload descriptor.
    pub rewrite: Rewrite,
}

/// The newest numbers that were sent.
#[derive(Debug)]
struct Last {
    sequence: u64,
    timestamp: u32,
    arrival: Option<Instant>,
    picture_id: u16,
    tl0_pic_idx: u8,
}

/// A stretch of packets from one encoder; the offsets are added, wrapping.
#[derive(Debug)]
struct Segment {
    first_source_sequence: u64,
    sequence: u64,
    timestamp: u32,
    picture_id: u16,
    tl0_pic_idx: u8,
}

const PICTURE_ID_MASK: u16 = 0x7fff;

impl Munger {
    /// `sequence` and `timestamp` come before the first ones that are sent. They should be random (RFC 3550, section
    /// 5.1); the receiver starts with rollover counter zero, so that `sequence` has 16 bits.
    pub fn new(sequence: u16, timestamp: u32) -> Self {
        let last = Last { sequence: u64::from(sequence), timestamp, arrival: None, picture_id: 0, tl0_pic_idx: 0 };
        Self { last, segment: None }
    }

    /// Begins a new segment with `packet`: the next number follows the newest one sent, the timestamp moves on by the
    /// time that passed since.
    pub fn start(&mut self, packet: &Packet) {
        let last = &self.last;
        let elapsed = last.arrival.map_or(0.0, |at| packet.arrival.saturating_duration_since(at).as_secs_f64());
        // A float converts to an integer saturating, and the timestamp wraps by design.
        let ticks = (elapsed * f64::from(packet.format.codec.clock_rate_hz())) as u32;
        let timestamp = last.timestamp.wrapping_add(ticks.max(1));
        let picture_id = packet.descriptor.picture_id.map_or(0, |(id, _)| id);
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.unwrap_or(0);
        self.segment = Some(Segment {
            first_source_sequence: packet.sequence,
            sequence: last.sequence.wrapping_add(1).wrapping_sub(packet.sequence),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: last.picture_id.wrapping_add(1).wrapping_sub(picture_id),
            tl0_pic_idx: last.tl0_pic_idx.wrapping_add(1).wrapping_sub(tl0_pic_idx),
        });
    }

    /// The numbers for `packet` of the running segment; `None` for a late one from before its start.
    pub fn rewrite(&mut self, packet: &Packet) -> Option<Munged> {
        let segment = self.segment.as_ref()?;
        if packet.sequence < segment.first_source_sequence {
            return None;
        }
        let sequence = packet.sequence.wrapping_add(segment.sequence);
        let timestamp = packet.timestamp.wrapping_add(segment.timestamp);
        let picture_id = packet.descriptor.picture_id.map(|(id, wide)| {
            let mask = if wide { PICTURE_ID_MASK } else { 0x7f };
            id.wrapping_add(segment.picture_id) & mask
        });
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.map(|id| id.wrapping_add(segment.tl0_pic_idx));
        if sequence > self.last.sequence {
            self.last = Last {
                sequence,
                timestamp,
                arrival: Some(packet.arrival),
                picture_id: picture_id.unwrap_or(self.last.picture_id),
                tl0_pic_idx: tl0_pic_idx.unwrap_or(self.last.tl0_pic_idx),
            };
        }
        Some(Munged { sequence, timestamp, rewrite: Rewrite { picture_id, tl0_pic_idx } })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use boltorezka_proto::TrackNumber;

    use super::*;
    use crate::rtp::{Codec, Descriptor, Format};

    pub fn packet(sequence: u64, timestamp: u32, arrival: Instant) -> Packet {
        Packet {
            track: TrackNumber(1),
            encoding: 0,
            format: Format::plain(Codec::Vp8),
            sequence,
            timestamp,
            marker: false,
            descriptor: Descriptor::default(),
            audio_level_dbov: None,
            voice: None,
            rotation: None,
            arrival,
            payload: Vec::new().into(),
        }
    }

    #[test]
    fn a_segment_keeps_gaps_and_order() {
        let now = Instant::now();
        let mut munger = Munger::new(100, 5_000);
        munger.start(&packet(70_000, 9, now));
        let mut sequence_of = |n| munger.rewrite(&packet(n, 9, now)).map(|m| m.sequence);
        assert_eq!(sequence_of(70_000), Some(101));
        assert_eq!(sequence_of(70_003), Some(104));
        assert_eq!(sequence_of(70_001), Some(102), "reordered, not renumbered");
        assert_eq!(sequence_of(69_999), None, "before the start");
    }

    #[test]
    fn a_switch_continues_numbers_and_lets_time_pass() {
        let now = Instant::now();
        let mut munger = Munger::new(0, 0);
        let numbered = |sequence, timestamp, arrival, picture_id, tl0| {
            let mut packet = packet(sequence, timestamp, arrival);
            packet.descriptor.picture_id = Some((picture_id, true));
            packet.descriptor.tl0_pic_idx = Some(tl0);
            packet
        };
        let first = numbered(10, 1_000, now, 500, 200);
        munger.start(&first);
        let a = munger.rewrite(&first).unwrap();
        let second = numbered(90_000, 77, now + Duration::from_millis(100), 0x7fff, 255);
        munger.start(&second);
        let b = munger.rewrite(&second).unwrap();
        assert_eq!(b.sequence, a.sequence + 1);
        assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 9_000);
        assert_eq!(b.rewrite.picture_id, a.rewrite.picture_id.map(|id| id + 1));
        assert_eq!(b.rewrite.tl0_pic_idx, a.rewrite.tl0_pic_idx.map(|id| id + 1));
        let third = numbered(90_001, 3_077, now + Duration::from_millis(133), 0, 0);
        let c = munger.rewrite(&third).unwrap();
        assert_eq!(c.rewrite.picture_id, b.rewrite.picture_id.map(|id| id + 1), "wraps in 15 bits");
        assert_eq!(c.rewrite.tl0_pic_idx, b.rewrite.tl0_pic_idx.map(|id| id + 1), "wraps in 8 bits");
    }
}
