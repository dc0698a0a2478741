//! Numbers, packet by packet.

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

#[test]
fn what_comes_late_of_a_picture_that_is_left_out_is_left_out_too() {
    let now = Instant::now();
    let of = |sequence: u64, timestamp: u32, temporal: u8| {
        let mut packet = packet(sequence, timestamp, now);
        packet.descriptor.layer.temporal = temporal;
        packet
    };
    let mut munger = Munger::new(0, 0);
    munger.start(&of(10, 1, 0), WHOLE);
    assert_eq!(munger.take(&of(10, 1, 0), WHOLE).unwrap().sequence, 1);
    // The third part of a picture comes first, and just then less is sent.
    assert!(munger.take(&of(14, 2, 2), BASE).is_none());
    assert!(munger.take(&of(13, 2, 2), BASE).is_none() && munger.take(&of(12, 2, 2), BASE).is_none());
    assert_eq!(munger.take(&of(11, 1, 0), BASE).unwrap().sequence, 2, "of the picture before");
    assert_eq!(munger.take(&of(15, 3, 0), BASE).unwrap().sequence, 3, "they use no numbers up");
    // The same, where the rest comes when others have their numbers.
    assert!(munger.take(&of(16, 4, 2), BASE).is_none());
    assert_eq!(munger.take(&of(18, 5, 0), WHOLE).unwrap().sequence, 5);
    assert!(munger.take(&of(17, 4, 2), WHOLE).is_none());
    assert!(munger.numbers_again(4, &of(17, 4, 2)).is_none());
}

/// A number is free for it, since it could have been of the base layer.
#[test]
fn what_was_lost_behind_what_was_left_out_does_not_come_back_with_more() {
    let mut munger = Munger::new(0, 0);
    munger.start(&picture(10, 0, 50), WHOLE);
    assert_eq!(munger.take(&picture(10, 0, 50), WHOLE).unwrap().sequence, 1);
    assert!(munger.take(&picture(11, 2, 51), BASE).is_none() && munger.take(&picture(12, 1, 52), BASE).is_none());
    // 13 is lost, and builds on 12.
    assert_eq!(munger.take(&picture(14, 0, 54), WHOLE).unwrap().sequence, 3);
    assert_eq!(munger.take(&picture(13, 2, 53), WHOLE), None);
    assert_eq!(munger.numbers_again(2, &picture(13, 2, 53)), None);
    assert_eq!(munger.take(&picture(13, 0, 53), WHOLE).unwrap().sequence, 2, "if it is of the base layer, it is sent");
}
