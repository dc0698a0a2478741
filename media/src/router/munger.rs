//! Rewrites sequence numbers, timestamps and picture numbers, so that a slot looks like one stream from one encoder
//! while its source changes.

use std::collections::VecDeque;
use std::time::Instant;

use super::Source;
use crate::rtp::{Packet, Rewrite};

/// Segments that packets may be asked for again from: several switches within the time that packets are kept.
const PAST_SEGMENTS_MAX: usize = 8;

/// The rewriting state of one slot.
#[derive(Debug)]
pub struct Munger {
    last: Last,
    segment: Option<Segment>,
    past: VecDeque<Segment>,
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
    source: Source,
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
        Self { last, segment: None, past: VecDeque::new() }
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
        let segment = Segment {
            source: Source::of(packet),
            first_source_sequence: packet.sequence,
            sequence: last.sequence.wrapping_add(1).wrapping_sub(packet.sequence),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: last.picture_id.wrapping_add(1).wrapping_sub(picture_id),
            tl0_pic_idx: last.tl0_pic_idx.wrapping_add(1).wrapping_sub(tl0_pic_idx),
        };
        if let Some(ended) = self.segment.replace(segment) {
            if self.past.len() == PAST_SEGMENTS_MAX {
                self.past.pop_front();
            }
            self.past.push_back(ended);
        }
    }

    /// The numbers for `packet` of the running segment; `None` for a late one from before its start.
    pub fn rewrite(&mut self, packet: &Packet) -> Option<Munged> {
        let segment = self.segment.as_ref()?;
        if packet.sequence < segment.first_source_sequence {
            return None;
        }
        let munged = segment.numbers(packet);
        if munged.sequence > self.last.sequence {
            self.last = Last {
                sequence: munged.sequence,
                timestamp: munged.timestamp,
                arrival: Some(packet.arrival),
                picture_id: munged.rewrite.picture_id.unwrap_or(self.last.picture_id),
                tl0_pic_idx: munged.rewrite.tl0_pic_idx.unwrap_or(self.last.tl0_pic_idx),
            };
        }
        Some(munged)
    }

    /// Where the packet that left as `sequence` came from: its source, and its number there.
    pub fn origin(&self, sequence: u64) -> Option<(Source, u64)> {
        let segment = self.segment_of(sequence)?;
        Some((segment.source, sequence.wrapping_sub(segment.sequence)))
    }

    /// The numbers that `packet` left with as `sequence`.
    pub fn numbers_again(&self, sequence: u64, packet: &Packet) -> Option<Munged> {
        let munged = self.segment_of(sequence)?.numbers(packet);
        (munged.sequence == sequence).then_some(munged)
    }

    fn segment_of(&self, sequence: u64) -> Option<&Segment> {
        let newest_first = self.segment.iter().chain(self.past.iter().rev());
        newest_first.into_iter().find(|segment| segment.first_sequence() <= sequence)
    }
}

impl Segment {
    fn first_sequence(&self) -> u64 {
        self.first_source_sequence.wrapping_add(self.sequence)
    }

    fn numbers(&self, packet: &Packet) -> Munged {
        let picture_id = packet.descriptor.picture_id.map(|(id, wide)| {
            let mask = if wide { PICTURE_ID_MASK } else { 0x7f };
            id.wrapping_add(self.picture_id) & mask
        });
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.map(|id| id.wrapping_add(self.tl0_pic_idx));
        Munged {
            sequence: packet.sequence.wrapping_add(self.sequence),
            timestamp: packet.timestamp.wrapping_add(self.timestamp),
            rewrite: Rewrite { picture_id, tl0_pic_idx },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::packet;
    use super::*;

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

    #[test]
    fn what_left_is_found_again_after_a_switch() {
        let now = Instant::now();
        let mut munger = Munger::new(100, 0);
        let mut old = packet(5, 50, now);
        old.descriptor.picture_id = Some((9, true));
        munger.start(&old);
        let sent = munger.rewrite(&old).unwrap();
        let mut new = packet(900, 7, now);
        new.encoding = 2;
        munger.start(&new);
        let switched = munger.rewrite(&new).unwrap();
        assert_eq!(munger.origin(sent.sequence), Some((Source::of(&old), 5)));
        assert_eq!(munger.origin(switched.sequence), Some((Source::of(&new), 900)));
        assert_eq!(munger.numbers_again(sent.sequence, &old), Some(sent));
        assert_eq!(munger.numbers_again(switched.sequence, &old), None, "another packet");
        assert_eq!(munger.origin(100), None, "never sent");
    }
}
