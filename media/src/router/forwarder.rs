//! Decides for one slot, packet by packet, what goes out.

use std::ops::RangeInclusive;

use boltorezka_proto::TrackNumber;

use super::munger::{Munged, Munger};
use super::selector::Selector;
use crate::rtp::{Layer, Packet};

/// An encoding of a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    /// The track.
    pub track: TrackNumber,
    /// Index of the encoding in it.
    pub encoding: u8,
}

impl Source {
    /// That of a packet.
    pub fn of(packet: &Packet) -> Self {
        Self { track: packet.track, encoding: packet.encoding }
    }
}

/// The forwarding state of one slot. The source in force plays on until a decoder can start with the wanted one.
#[derive(Debug)]
pub struct Forwarder {
    munger: Munger,
    selector: Selector,
    current: Option<Source>,
    target: Option<Source>,
    /// What is wanted of the target.
    layer: Layer,
    /// The source's number of the newest packet sent at which a decoder can start.
    keyframe: u64,
}

impl Forwarder {
    /// A forwarder that forwards nothing yet.
    pub fn new(munger: Munger) -> Self {
        Self { munger, selector: Selector::default(), current: None, target: None, layer: Layer::ALL, keyframe: 0 }
    }

    /// Says what the slot should carry, with the layers up to `layer`; `None` stops at once.
    pub fn set_target(&mut self, target: Option<Source>, layer: Layer) {
        self.target = target;
        self.layer = layer;
        if target.is_none() {
            self.current = None;
        }
        if self.current == target {
            self.selector.set_wanted(layer);
        }
    }

    /// Has what plays on until the target can start take as little as it can: the target was chosen since there is no room.
    /// Where even that is far too much, nothing plays on.
    pub fn thin_out(&mut self, is_far_too_much: bool) {
        if self.current == self.target {
            return;
        }
        if is_far_too_much {
            self.current = None;
        } else {
            self.selector.set_wanted(Layer { temporal: 0, ..self.selector.wanted() });
        }
    }

    /// Leaves out temporal layers above this one for the moment: the link has no room for bursts just now.
    pub fn limit_temporal(&mut self, temporal_max: u8) {
        self.selector.limit_temporal(temporal_max);
    }

    /// Forgets a track that is gone.
    pub fn forget(&mut self, track: TrackNumber) {
        self.current = self.current.filter(|source| source.track != track);
        self.target = self.target.filter(|source| source.track != track);
    }

    /// Makes the next packet of the target wait for a place where a decoder can start.
    pub fn restart(&mut self) {
        self.current = None;
    }

    /// Packets with these numbers will never leave. They are free again where nothing is forwarded any more, and nothing has a
    /// number behind them.
    pub fn take_back(&mut self, numbers: RangeInclusive<u64>) {
        if self.current.is_none() {
            self.munger.take_back(numbers);
        }
    }

    /// What is forwarded now.
    pub fn current(&self) -> Option<Source> {
        self.current
    }

    /// What is to be forwarded.
    pub fn target(&self) -> Option<Source> {
        self.target
    }

    /// What is wanted of the target.
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// What is forwarded now, and up to which layer it is wanted.
    pub fn playing(&self) -> Option<(Source, Layer)> {
        self.current.map(|source| (source, self.selector.wanted()))
    }

    /// The source that a keyframe is needed of.
    pub fn awaited(&self) -> Option<Source> {
        self.target.filter(|_| self.current != self.target || self.selector.awaits_keyframe())
    }

    /// The numbers under which packets left.
    pub fn munger(&self) -> &Munger {
        &self.munger
    }

    /// What left under a number and may be of use once more. What left before the source in force is of none: a decoder goes on
    /// with the keyframe that this one began with, and after a fall of bandwidth its share for repeats is soon used up.
    pub fn origin(&self, sequence: u64) -> Option<(Source, u64)> {
        self.munger.origin(sequence).filter(|(source, _)| self.current == Some(*source))
    }

    /// Whether a decoder needs what the source in force sent under a number: it does not begin anew behind that.
    pub fn is_needed(&self, source_sequence: u64) -> bool {
        source_sequence >= self.keyframe
    }

    /// The numbers under which `packet` leaves, or `None` when it does not.
    pub fn forward(&mut self, packet: &Packet) -> Option<Munged> {
        let source = Source::of(packet);
        if self.current != Some(source) {
            if self.target != Some(source) || !packet.descriptor.keyframe_start {
                return None;
            }
            self.selector.start(packet, self.layer);
            self.munger.start(packet, self.selector.selection());
            self.current = Some(source);
            self.keyframe = packet.sequence;
        } else if self.munger.is_late(packet) {
            return self.munger.pass_late(packet).inspect(|_| self.selector.sent_late(packet));
        }
        let selection = self.selector.advance(packet);
        if selection.includes(packet) {
            if packet.descriptor.keyframe_start {
                self.keyframe = packet.sequence;
            }
            return self.munger.pass(packet, selection);
        }
        self.munger.leave_out(packet, selection);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::packet;
    use super::*;

    fn source(track: u32, encoding: u8) -> Source {
        Source { track: TrackNumber(track), encoding }
    }

    fn of(source: Source, sequence: u64, keyframe_start: bool) -> Packet {
        let mut packet = packet(sequence, 0, Instant::now());
        packet.track = source.track;
        packet.encoding = source.encoding;
        packet.descriptor.keyframe_start = keyframe_start;
        packet
    }

    #[test]
    fn nothing_goes_out_before_a_keyframe() {
        let mut forwarder = Forwarder::new(Munger::new(0, 0));
        let low = source(1, 0);
        forwarder.set_target(Some(low), Layer::ALL);
        assert_eq!(forwarder.awaited(), Some(low));
        assert!(forwarder.forward(&of(low, 5, false)).is_none());
        assert!(forwarder.forward(&of(low, 6, true)).is_some());
        assert!(forwarder.forward(&of(low, 7, false)).is_some());
        assert_eq!(forwarder.awaited(), None);
    }

    #[test]
    fn the_old_source_plays_until_the_new_one_can_start() {
        let mut forwarder = Forwarder::new(Munger::new(0, 0));
        let (old, new) = (source(1, 0), source(2, 1));
        forwarder.set_target(Some(old), Layer::ALL);
        let a = forwarder.forward(&of(old, 100, true)).unwrap();
        forwarder.set_target(Some(new), Layer::ALL);
        assert!(forwarder.forward(&of(new, 7, false)).is_none());
        let b = forwarder.forward(&of(old, 101, false)).unwrap();
        let c = forwarder.forward(&of(new, 8, true)).unwrap();
        assert!(forwarder.forward(&of(old, 102, false)).is_none());
        assert_eq!([b.sequence, c.sequence], [a.sequence + 1, a.sequence + 2]);
    }

    #[test]
    fn what_left_before_a_switch_is_not_sent_again() {
        let mut forwarder = Forwarder::new(Munger::new(0, 0));
        let (old, new) = (source(1, 2), source(1, 1));
        forwarder.set_target(Some(old), Layer::ALL);
        let before = forwarder.forward(&of(old, 100, true)).unwrap();
        assert_eq!(forwarder.origin(before.sequence), Some((old, 100)));
        forwarder.set_target(Some(new), Layer::ALL);
        assert_eq!(forwarder.origin(before.sequence), Some((old, 100)), "it plays on until the other can start");
        let after = forwarder.forward(&of(new, 8, true)).unwrap();
        assert_eq!(forwarder.origin(before.sequence), None);
        assert_eq!(forwarder.origin(after.sequence), Some((new, 8)));
    }

    #[test]
    fn numbers_that_did_not_leave_are_given_out_again() {
        let mut forwarder = Forwarder::new(Munger::new(0, 0));
        let (first, second) = (source(1, 0), source(2, 0));
        forwarder.set_target(Some(first), Layer::ALL);
        let sent = [10, 11, 12, 13].map(|n| forwarder.forward(&of(first, n, n == 10)).unwrap().sequence);
        assert_eq!(sent, [1, 2, 3, 4]);
        forwarder.take_back(3..=4);
        forwarder.set_target(Some(second), Layer::ALL);
        assert_eq!(forwarder.forward(&of(second, 70, true)).unwrap().sequence, 5, "it played on");
        forwarder.restart();
        forwarder.take_back(3..=4);
        forwarder.take_back(5..=5);
        assert_eq!(forwarder.forward(&of(second, 80, true)).unwrap().sequence, 5, "3 and 4 had one behind them");
        assert_eq!(forwarder.origin(5), Some((second, 80)));
    }

    #[test]
    fn what_comes_behind_a_part_that_is_left_out_ends_its_picture() {
        let only = source(1, 0);
        let layer = |sequence: u64, timestamp: u32, spatial: u8| {
            let mut packet = of(only, sequence, sequence == 1);
            packet.timestamp = timestamp;
            packet.descriptor.layer.spatial = spatial;
            packet.descriptor.starts_frame = true;
            packet.descriptor.ends_frame = true;
            packet.marker = spatial == 1;
            packet
        };
        let mut forwarder = Forwarder::new(Munger::new(0, 0));
        forwarder.set_target(Some(only), Layer::ALL);
        let both = [layer(1, 10, 0), layer(2, 10, 1)].map(|packet| forwarder.forward(&packet).unwrap().marker);
        assert_eq!(both, [false, true]);
        forwarder.set_target(Some(only), Layer { spatial: 0, ..Layer::ALL });
        assert!(forwarder.forward(&layer(4, 20, 1)).is_none(), "its base is still to come");
        let base = forwarder.forward(&layer(3, 20, 0)).unwrap();
        assert!(base.marker && base.sequence == 3);
    }

    #[test]
    fn a_stopped_slot_is_silent_at_once() {
        let mut forwarder = Forwarder::new(Munger::new(0, 0));
        let only = source(1, 0);
        forwarder.set_target(Some(only), Layer::ALL);
        forwarder.forward(&of(only, 1, true)).unwrap();
        forwarder.set_target(None, Layer::ALL);
        assert!(forwarder.forward(&of(only, 2, true)).is_none());
        forwarder.set_target(Some(only), Layer::ALL);
        forwarder.forget(only.track);
        assert!(forwarder.forward(&of(only, 3, true)).is_none());
    }
}
