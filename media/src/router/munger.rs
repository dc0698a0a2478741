//! Rewrites sequence numbers, timestamps and picture numbers, so that a slot looks like one stream from one encoder
//! while its source changes and parts of it are left out.

use std::collections::VecDeque;
use std::time::Instant;

use super::Source;
use super::selection::Selection;
use crate::rtp::dependency::DependencyRewrite;
use crate::rtp::{Codec, Packet, Rewrite};

/// Stretches that late packets may belong to, and that packets may be asked for again from: at 60 pictures in a second of
/// which each second one is left out, more than the time that packets are kept. When it is full the oldest go.
const PAST_STRETCHES_MAX: usize = 64;

/// The rewriting state of one slot.
#[derive(Debug)]
pub struct Munger {
    last: Last,
    stretch: Option<Stretch>,
    /// Ended stretches, the newest at the back.
    past: VecDeque<Stretch>,
    /// Where the running source began.
    source_began: u64,
    /// The newest packet of the running source that was sent or left out.
    highest: u64,
    left_out: LeftOut,
}

/// A packet's numbers as the slot's receiver sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Munged {
    /// Sequence number with its rollovers counted.
    pub sequence: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
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
    frame_number: u16,
}

/// A stretch of packets from one encoder of which nothing is left out. The offsets are added, wrapping.
#[derive(Clone, Debug)]
struct Stretch {
    source: Source,
    selection: Selection,
    /// First number at the source.
    from: u64,
    /// The number behind the last one; `u64::MAX` while it runs.
    end: u64,
    sequence: u64,
    timestamp: u32,
    picture_id: u16,
    tl0_pic_idx: u8,
    frame_number: u16,
    /// The timestamp with which the source began.
    began: u32,
    /// The packet that came late and ends its picture, since the rest of that was left out.
    ends_picture: Option<u64>,
}

/// What was left out since the running stretch was interrupted.
#[derive(Debug, Default)]
struct LeftOut {
    is_interrupted: bool,
    /// Pictures since then whose numbers are closed up.
    pictures: u16,
    /// The newest of them.
    picture_id: Option<u16>,
    /// The timestamp of the picture of which something was left out last, and what was sent of it.
    newest: Option<(u32, Selection)>,
}

const PICTURE_ID_MASK: u16 = 0x7fff;

impl Munger {
    /// `sequence` and `timestamp` come before the first ones that are sent. They should be random (RFC 3550, section
    /// 5.1); the receiver starts with rollover counter zero, so that `sequence` has 16 bits.
    pub fn new(sequence: u16, timestamp: u32) -> Self {
        let last = Last {
            sequence: u64::from(sequence),
            timestamp,
            arrival: None,
            picture_id: 0,
            tl0_pic_idx: 0,
            frame_number: 0,
        };
        let left_out = LeftOut::default();
        Self { last, stretch: None, past: VecDeque::new(), source_began: 0, highest: 0, left_out }
    }

    /// Begins with another encoder at `packet`: the next number follows the newest one sent, the timestamp moves on by the
    /// time that passed since.
    pub fn start(&mut self, packet: &Packet, selection: Selection) {
        let last = &self.last;
        let elapsed = last.arrival.map_or(0.0, |at| packet.arrival.saturating_duration_since(at).as_secs_f64());
        // A float converts to an integer saturating, and the timestamp wraps by design.
        let ticks = (elapsed * f64::from(packet.format.codec.clock_rate_hz())) as u32;
        let timestamp = last.timestamp.wrapping_add(ticks.max(1));
        let picture_id = packet.descriptor.picture_id.map_or(0, |(id, _)| id);
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.unwrap_or(0);
        let frame_number = packet.dependency.as_ref().map_or(0, |dependency| dependency.frame_number);
        let stretch = Stretch {
            source: Source::of(packet),
            selection,
            from: packet.sequence,
            end: u64::MAX,
            sequence: last.sequence.wrapping_add(1).wrapping_sub(packet.sequence),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            picture_id: last.picture_id.wrapping_add(1).wrapping_sub(picture_id),
            tl0_pic_idx: last.tl0_pic_idx.wrapping_add(1).wrapping_sub(tl0_pic_idx),
            frame_number: last.frame_number.wrapping_add(1).wrapping_sub(frame_number),
            began: packet.timestamp,
            ends_picture: None,
        };
        let ended = self.highest.saturating_add(1);
        self.replace(stretch, ended);
        self.source_began = packet.sequence;
        self.highest = packet.sequence.saturating_sub(1);
        self.left_out = LeftOut::default();
    }

    /// Whether a packet with a higher number of the same source was seen before `packet`.
    pub fn is_late(&self, packet: &Packet) -> bool {
        packet.sequence <= self.highest
    }

    /// The numbers for the next packet of the running source, as part of `selection`. Numbers between it and what came
    /// before are kept free: those packets were lost, or come late.
    pub fn pass(&mut self, packet: &Packet, selection: Selection) -> Option<Munged> {
        if self.left_out.is_interrupted {
            self.resume(self.highest.saturating_add(1));
        }
        if self.stretch.as_ref()?.selection != selection {
            let changed =
                self.stretch.clone().map(|running| Stretch { selection, from: packet.sequence, ..running })?;
            self.replace(changed, packet.sequence);
        }
        self.highest = packet.sequence;
        let munged = self.stretch.as_ref()?.numbers(packet);
        self.last = Last {
            sequence: munged.sequence,
            timestamp: munged.timestamp,
            arrival: Some(packet.arrival),
            picture_id: munged.rewrite.picture_id.unwrap_or(self.last.picture_id),
            tl0_pic_idx: munged.rewrite.tl0_pic_idx.unwrap_or(self.last.tl0_pic_idx),
            frame_number: munged.rewrite.dependency.map_or(self.last.frame_number, |new| new.frame_number),
        };
        Some(munged)
    }

    /// Leaves out the next packet of the running source, which is no part of `selection`: the numbers of what follows close up.
    pub fn leave_out(&mut self, packet: &Packet, selection: Selection) {
        self.left_out.newest = Some((packet.timestamp, selection));
        let lost_from = self.highest.saturating_add(1);
        if self.left_out.is_interrupted && lost_from < packet.sequence {
            self.resume(lost_from);
        }
        if !self.left_out.is_interrupted {
            if let Some(stretch) = &mut self.stretch {
                stretch.end = packet.sequence;
            }
            self.left_out.is_interrupted = true;
        }
        self.highest = packet.sequence;
        // A VP8 picture is of one temporal layer, and receivers take a gap in its numbers for a loss. The numbers of VP9
        // say where in its pattern a picture is, and count what it refers to: they stay (RFC 9628, section 4.2).
        let id = packet.descriptor.picture_id.map(|(id, _)| id);
        if packet.format.codec == Codec::Vp8 && id.is_some() && id != self.left_out.picture_id {
            self.left_out.picture_id = id;
            self.left_out.pictures = self.left_out.pictures.wrapping_add(1);
        }
    }

    /// The numbers for a packet that comes late; `None` when it was left out, or is older than what is known.
    pub fn pass_late(&mut self, packet: &Packet) -> Option<Munged> {
        if packet.sequence < self.source_began {
            return None;
        }
        let mut newest_first = self.stretch.iter_mut().chain(self.past.iter_mut().rev());
        let stretch = newest_first.find(|stretch| stretch.from <= packet.sequence)?;
        if !stretch.holds(packet) {
            return None;
        }
        // The rest of its picture came first, and was left out: then this may be the end of it.
        let of_picture = self.left_out.newest.filter(|(timestamp, _)| *timestamp == packet.timestamp);
        if of_picture.is_some_and(|(_, selection)| selection.ends_picture(packet)) {
            stretch.ends_picture = Some(packet.sequence);
        }
        Some(stretch.numbers(packet))
    }

    /// Where the packet that left as `sequence` came from: its source, and its number there.
    pub fn origin(&self, sequence: u64) -> Option<(Source, u64)> {
        let stretch = self.stretch_of(sequence)?;
        Some((stretch.source, sequence.wrapping_sub(stretch.sequence)))
    }

    /// The numbers that `packet` left with as `sequence`.
    pub fn numbers_again(&self, sequence: u64, packet: &Packet) -> Option<Munged> {
        let stretch = self.stretch_of(sequence)?;
        // A number that was kept free for a packet that was to be left out stays a gap.
        let munged = stretch.holds(packet).then(|| stretch.numbers(packet))?;
        (munged.sequence == sequence).then_some(munged)
    }

    fn stretch_of(&self, sequence: u64) -> Option<&Stretch> {
        let newest_first = self.stretch.iter().chain(self.past.iter().rev());
        newest_first.into_iter().find(|stretch| stretch.first_sequence() <= sequence)
    }

    /// Goes on at the source's number `from`, with the next free number here.
    fn resume(&mut self, from: u64) {
        let Some(ended) = &self.stretch else { return };
        let next = ended.end.wrapping_add(ended.sequence);
        let pictures = std::mem::take(&mut self.left_out.pictures);
        let stretch = Stretch {
            from,
            end: u64::MAX,
            sequence: next.wrapping_sub(from),
            picture_id: ended.picture_id.wrapping_sub(pictures),
            ..*ended
        };
        let end = ended.end;
        self.left_out.is_interrupted = false;
        self.replace(stretch, end);
    }

    /// Runs `stretch` from now on; the one before it ended at `end` at the latest.
    fn replace(&mut self, stretch: Stretch, end: u64) {
        let Some(mut ended) = self.stretch.replace(stretch) else { return };
        ended.end = ended.end.min(end);
        if ended.from >= ended.end {
            return;
        }
        if self.past.len() == PAST_STRETCHES_MAX {
            self.past.pop_front();
        }
        self.past.push_back(ended);
    }
}

impl Stretch {
    fn first_sequence(&self) -> u64 {
        self.from.wrapping_add(self.sequence)
    }

    fn holds(&self, packet: &Packet) -> bool {
        (self.from..self.end).contains(&packet.sequence) && self.selection.includes(packet)
    }

    fn numbers(&self, packet: &Packet) -> Munged {
        let picture_id = packet.descriptor.picture_id.map(|(id, wide)| {
            let mask = if wide { PICTURE_ID_MASK } else { 0x7f };
            id.wrapping_add(self.picture_id) & mask
        });
        let tl0_pic_idx = packet.descriptor.tl0_pic_idx.map(|id| id.wrapping_add(self.tl0_pic_idx));
        let dependency = packet.dependency.as_ref().map(|dependency| DependencyRewrite {
            frame_number: dependency.frame_number.wrapping_add(self.frame_number),
            active_targets: self.selection.active_targets(dependency),
        });
        // A block of before was never sent under this slot's clock: it would be played in the middle of another voice.
        let strips_redundancy = packet.descriptor.redundancy.is_some_and(|redundancy| {
            let age = packet.timestamp.wrapping_sub(self.began);
            redundancy.oldest_ticks.is_none_or(|oldest| u32::from(oldest) > age)
        });
        Munged {
            sequence: packet.sequence.wrapping_add(self.sequence),
            timestamp: packet.timestamp.wrapping_add(self.timestamp),
            marker: self.selection.ends_picture(packet) || self.ends_picture == Some(packet.sequence),
            rewrite: Rewrite { picture_id, tl0_pic_idx, dependency, strips_redundancy },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::packet;
    use super::*;
    use crate::rtp::Layer;
    use crate::rtp::red::Redundancy;

    const WHOLE: Selection = Selection::up_to(Layer::ALL);
    const BASE: Selection = Selection::up_to(Layer { spatial: Layer::TOP, temporal: 0 });

    impl Munger {
        /// What a forwarder does with a packet of the running source.
        fn take(&mut self, packet: &Packet, selection: Selection) -> Option<Munged> {
            if self.is_late(packet) {
                return self.pass_late(packet);
            }
            if selection.includes(packet) {
                return self.pass(packet, selection);
            }
            self.leave_out(packet, selection);
            None
        }
    }

    #[test]
    fn a_segment_keeps_gaps_and_order() {
        let now = Instant::now();
        let mut munger = Munger::new(100, 5_000);
        munger.start(&packet(70_000, 9, now), WHOLE);
        let mut sequence_of = |n| munger.take(&packet(n, 9, now), WHOLE).map(|m| m.sequence);
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
        munger.start(&first, WHOLE);
        let a = munger.pass(&first, WHOLE).unwrap();
        let second = numbered(90_000, 77, now + Duration::from_millis(100), 0x7fff, 255);
        munger.start(&second, WHOLE);
        let b = munger.pass(&second, WHOLE).unwrap();
        assert_eq!(b.sequence, a.sequence + 1);
        assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 9_000);
        assert_eq!(b.rewrite.picture_id, a.rewrite.picture_id.map(|id| id + 1));
        assert_eq!(b.rewrite.tl0_pic_idx, a.rewrite.tl0_pic_idx.map(|id| id + 1));
        let third = numbered(90_001, 3_077, now + Duration::from_millis(133), 0, 0);
        let c = munger.pass(&third, WHOLE).unwrap();
        assert_eq!(c.rewrite.picture_id, b.rewrite.picture_id.map(|id| id + 1), "wraps in 15 bits");
        assert_eq!(c.rewrite.tl0_pic_idx, b.rewrite.tl0_pic_idx.map(|id| id + 1), "wraps in 8 bits");
    }

    #[test]
    fn what_left_is_found_again_after_a_switch() {
        let now = Instant::now();
        let mut munger = Munger::new(100, 0);
        let mut old = packet(5, 50, now);
        old.descriptor.picture_id = Some((9, true));
        munger.start(&old, WHOLE);
        let sent = munger.pass(&old, WHOLE).unwrap();
        let mut new = packet(900, 7, now);
        new.encoding = 2;
        munger.start(&new, WHOLE);
        let switched = munger.pass(&new, WHOLE).unwrap();
        assert_eq!(munger.origin(sent.sequence), Some((Source::of(&old), 5)));
        assert_eq!(munger.origin(switched.sequence), Some((Source::of(&new), 900)));
        assert_eq!(munger.numbers_again(sent.sequence, &old), Some(sent));
        assert_eq!(munger.numbers_again(switched.sequence, &old), None, "another packet");
        assert_eq!(munger.origin(100), None, "never sent");
    }

    /// One packet of a picture of a temporal layer.
    fn picture(sequence: u64, temporal: u8, picture_id: u16) -> Packet {
        let mut packet = packet(sequence, u32::from(picture_id) * 3_000, Instant::now());
        packet.descriptor.layer.temporal = temporal;
        packet.descriptor.picture_id = Some((picture_id, true));
        packet
    }

    fn sent(munger: &mut Munger, packet: &Packet) -> Option<(u64, u16)> {
        munger.take(packet, BASE).map(|munged| (munged.sequence, munged.rewrite.picture_id.unwrap()))
    }

    #[test]
    fn numbers_close_up_over_what_is_left_out() {
        let mut munger = Munger::new(0, 0);
        munger.start(&picture(10, 0, 50), BASE);
        let mut sent = |sequence, temporal, id| sent(&mut munger, &picture(sequence, temporal, id));
        assert_eq!(sent(10, 0, 50), Some((1, 1)));
        assert_eq!([sent(11, 2, 51), sent(12, 2, 51), sent(13, 1, 52), sent(14, 2, 53)], [None; 4]);
        assert_eq!([sent(15, 0, 54), sent(16, 0, 54)], [Some((2, 2)), Some((3, 2))]);
        assert_eq!(sent(17, 1, 55), None);
        assert_eq!(sent(18, 0, 56), Some((4, 3)));
    }

    #[test]
    fn a_loss_stays_a_gap_and_what_comes_late_fits_in() {
        let mut munger = Munger::new(0, 0);
        munger.start(&picture(10, 0, 50), BASE);
        let mut sent = |sequence, temporal, id| sent(&mut munger, &picture(sequence, temporal, id));
        assert_eq!(sent(10, 0, 50), Some((1, 1)));
        assert_eq!(sent(12, 1, 51), None);
        assert_eq!(sent(15, 1, 53), None, "13 and 14 were lost in between");
        assert_eq!(sent(17, 0, 55), Some((6, 4)), "11, 13, 14 and 16 may still come");
        assert_eq!(sent(11, 0, 50), Some((2, 1)));
        assert_eq!(sent(13, 0, 52), Some((3, 2)));
        assert_eq!(sent(16, 0, 54), Some((5, 3)));
        assert_eq!(sent(14, 2, 52), None, "it is of a layer that is left out");
        assert_eq!(sent(12, 0, 51), None, "this number was closed up");
        assert_eq!(munger.origin(4), Some((Source::of(&picture(0, 0, 0)), 14)));
        assert_eq!(munger.numbers_again(4, &picture(14, 2, 52)), None, "not sent when it is asked for either");
        assert_eq!(munger.numbers_again(3, &picture(13, 0, 52)).map(|munged| munged.sequence), Some(3));
    }

    #[test]
    fn what_ends_its_picture_since_the_rest_was_left_out_does_so_each_time() {
        let low = Selection::up_to(Layer { spatial: 0, temporal: Layer::TOP });
        let part = |sequence: u64, id: u16, spatial: u8| {
            let mut packet = picture(sequence, 0, id);
            packet.descriptor.layer.spatial = spatial;
            (packet.descriptor.starts_frame, packet.descriptor.ends_frame) = (true, true);
            packet
        };
        let mut munger = Munger::new(0, 0);
        munger.start(&part(10, 1, 0), WHOLE);
        assert!(!munger.take(&part(10, 1, 0), WHOLE).unwrap().marker, "the upper part comes behind it");
        assert!(munger.take(&part(11, 1, 1), WHOLE).is_some());
        assert_eq!(munger.take(&part(13, 2, 1), low), None, "the upper part first");
        let late = munger.take(&part(12, 2, 0), low).unwrap();
        assert!(late.marker);
        assert_eq!(munger.numbers_again(late.sequence, &part(12, 2, 0)), Some(late));
        for sequence in (14..40).step_by(2) {
            assert!(munger.take(&part(sequence, sequence as u16, 0), low).is_some());
            assert_eq!(munger.take(&part(sequence + 1, sequence as u16, 1), low), None);
        }
        assert_eq!(munger.numbers_again(late.sequence, &part(12, 2, 0)), Some(late), "also much later");
    }

    #[test]
    fn vp9_pictures_keep_their_distances() {
        let mut munger = Munger::new(0, 0);
        let vp9 = |sequence, temporal, id| {
            let mut packet = picture(sequence, temporal, id);
            packet.format.codec = Codec::Vp9;
            packet
        };
        munger.start(&vp9(10, 0, 50), BASE);
        assert_eq!(sent(&mut munger, &vp9(10, 0, 50)), Some((1, 1)));
        assert_eq!(sent(&mut munger, &vp9(11, 1, 51)), None);
        assert_eq!(sent(&mut munger, &vp9(12, 0, 52)), Some((2, 3)));
    }

    #[test]
    fn nothing_of_before_a_switch_is_repeated_after_it() {
        let now = Instant::now();
        let mut munger = Munger::new(0, 0);
        let mut voice = |timestamp: u32, oldest_ticks, start| {
            let mut packet = packet(u64::from(timestamp / 960), timestamp, now);
            packet.descriptor.redundancy = Some(Redundancy { primary_at: 5, oldest_ticks });
            if start {
                munger.start(&packet, WHOLE);
            }
            munger.pass(&packet, WHOLE).unwrap().rewrite.strips_redundancy
        };
        assert!(voice(9_600, Some(1_920), true));
        assert!(voice(10_560, Some(1_920), false), "it still reaches back before the switch");
        assert!(!voice(11_520, Some(1_920), false));
        assert!(voice(12_480, None, false), "a block that nobody can use");
        assert!(voice(960, Some(960), true), "another voice");
    }

    proptest::proptest! {
        /// Packets are lost, come late and are left out: what is sent keeps its order and its gaps, no number is given
        /// twice, and each is found again.
        #[test]
        fn sent_numbers_are_those_of_a_stream_without_what_is_left_out(
            layers in proptest::collection::vec((0_u8..3, 0_u8..10), 1..200),
        ) {
            let mut munger = Munger::new(0, 0);
            let all: Vec<Packet> =
                layers.iter().enumerate().map(|(n, (layer, _))| picture(1_000 + n as u64, *layer, n as u16)).collect();
            munger.start(&all[0], BASE);
            // One of ten is lost, one of ten comes three later.
            let mut arrivals: Vec<(usize, &Packet)> = all.iter().enumerate()
                .filter(|(n, _)| *n == 0 || layers[*n].1 != 0)
                .map(|(n, packet)| (if n > 0 && layers[n].1 == 1 { n + 3 } else { n }, packet))
                .collect();
            arrivals.sort_by_key(|(at, _)| *at);
            let mut sent: Vec<(u64, u64, u16)> = Vec::new();
            for (_, packet) in &arrivals {
                if let Some(munged) = munger.take(packet, BASE) {
                    proptest::prop_assert_eq!(munger.numbers_again(munged.sequence, packet), Some(munged));
                    sent.push((packet.sequence, munged.sequence, munged.rewrite.picture_id.unwrap()));
                }
            }
            sent.sort_unstable();
            for pair in sent.windows(2) {
                let ((source_a, a, picture_a), (source_b, b, picture_b)) = (pair[0], pair[1]);
                proptest::prop_assert!(a < b && picture_a < picture_b);
                // What was left out in order is closed up; all else keeps its number.
                let in_order = |n: u64| {
                    let n = (n - 1_000) as usize;
                    let is_left_out = layers[n].0 > 0 && layers[n].1 != 0;
                    let is_overtaken = arrivals.iter().take_while(|(_, p)| p.sequence != all[n].sequence)
                        .any(|(_, p)| p.sequence > all[n].sequence);
                    is_left_out && !is_overtaken
                };
                let closed = (source_a + 1..source_b).filter(|n| in_order(*n)).count() as u64;
                proptest::prop_assert_eq!(b - a, source_b - source_a - closed);
            }
        }
    }
}
