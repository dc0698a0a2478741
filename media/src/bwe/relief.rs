//! What a link is spared while it has a backlog: frames that nothing builds on, and more keyframes.

use std::time::{Duration, Instant};

use crate::rtp::Layer;

/// From this backlog on the highest temporal layer is left out, from this one on all but the base; and until it is below this.
/// A keyframe that stands in the link is gone in half the time that way, and what is left out nobody misses.
const THIN_US: i64 = 60_000;
const THINNER_US: i64 = 120_000;
const EMPTY_US: i64 = 25_000;
/// What is left out stays left out for at least so long: where it came back with each picture that is through, receivers would be
/// promised pictures that they do not get (a Dependency Descriptor says with each frame which layers are sent).
const HELD: Duration = Duration::from_millis(300);
/// A keyframe takes about as much as so much time of its encoding.
const KEYFRAME_S: f64 = 0.35;
/// Keyframes are asked for while they and the backlog make the link wait for no longer than this.
const BEGIN_US_MAX: i64 = 100_000;
/// Keyframes that a receiver asks for take so much of what it can take, and no more: what builds on them has to come as well.
const KEYFRAMES_RATIO: f64 = 0.5;
/// However narrow the link is, one may come after this long.
const KEYFRAMES_APART_MAX: Duration = Duration::from_secs(3);
/// How long one that was asked for is expected.
const EXPECTED: Duration = Duration::from_millis(700);

/// How much of what is forwarded is left out.
#[derive(Debug, Default)]
pub struct Relief {
    level: u8,
    held_until: Option<Instant>,
}

impl Relief {
    /// The highest temporal layer that is forwarded while a picture waits for `wait_us` microseconds.
    pub fn update(&mut self, now: Instant, wait_us: i64) -> u8 {
        let least = match wait_us {
            THINNER_US.. => 2,
            THIN_US.. => 1,
            _ => 0,
        };
        if least > 0 {
            self.level = self.level.max(least);
            self.held_until = Some(now + HELD);
        } else if wait_us <= EMPTY_US && self.held_until.is_none_or(|until| now >= until) {
            self.level = 0;
        }
        match self.level {
            0 => Layer::TOP,
            1 => 1,
            _ => 0,
        }
    }
}

/// Keyframes that were asked for and have not come yet, as far as is known.
#[derive(Debug, Default)]
pub struct Upcoming {
    bits: f64,
    until: Option<Instant>,
}

impl Upcoming {
    /// Whether a slot may begin with a better encoding that takes `bitrate_bps`, over a link of `estimate_bps` in which a picture
    /// waits for `wait_us` microseconds: when there is room for its keyframe, or it is the only one. If so, it is expected.
    pub fn may_rise(&mut self, now: Instant, bitrate_bps: u64, estimate_bps: u64, wait_us: i64) -> bool {
        let is_alone = self.expected(now) == 0.0 && wait_us <= EMPTY_US;
        if is_alone {
            self.expect(now, bitrate_bps);
        }
        is_alone || self.may_begin(now, bitrate_bps, estimate_bps, wait_us)
    }

    /// Whether a slot that shows nothing, or has to show less, may begin with an encoding: when there is room for its keyframe. If
    /// so, it is expected.
    pub fn may_begin(&mut self, now: Instant, bitrate_bps: u64, estimate_bps: u64, wait_us: i64) -> bool {
        let bits = self.expected(now) + keyframe_bits(bitrate_bps);
        let has_room = wait_us as f64 + bits * 1e6 / estimate_bps.max(1) as f64 <= BEGIN_US_MAX as f64;
        if has_room {
            self.expect(now, bitrate_bps);
        }
        has_room
    }

    /// Expects a keyframe of an encoding that begins in any case.
    pub fn expect(&mut self, now: Instant, bitrate_bps: u64) {
        self.bits = self.expected(now) + keyframe_bits(bitrate_bps);
        self.until = Some(now + EXPECTED);
    }

    fn expected(&self, now: Instant) -> f64 {
        if self.until.is_some_and(|until| now < until) { self.bits } else { 0.0 }
    }
}

/// The keyframes that one receiver asks for since it lost its way. On a link that is too narrow each is lost as well, and asked for
/// again, until nothing but keyframes is sent (seed 591: eight seconds without a picture).
#[derive(Debug, Default)]
pub struct KeyframeShare {
    asked: Option<Instant>,
    due: Option<Instant>,
}

impl KeyframeShare {
    /// Whether the publisher is asked now for a keyframe of an encoding of `bitrate_bps`, of which the receiver can take
    /// `takes_bps`; if not, [`KeyframeShare::poll`] says when.
    pub fn request(&mut self, now: Instant, bitrate_bps: u64, takes_bps: u64) -> bool {
        let seconds = keyframe_bits(bitrate_bps) / (takes_bps.max(1) as f64 * KEYFRAMES_RATIO);
        let apart = Duration::from_secs_f64(seconds.min(KEYFRAMES_APART_MAX.as_secs_f64()));
        self.due = self.due.or(Some(self.asked.map_or(now, |asked| asked + apart)));
        self.poll(now)
    }

    /// Whether the publisher is asked now for what had to wait.
    pub fn poll(&mut self, now: Instant) -> bool {
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            (self.asked, self.due) = (Some(now), None);
        }
        is_due
    }
}

fn keyframe_bits(bitrate_bps: u64) -> f64 {
    bitrate_bps as f64 * KEYFRAME_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_left_out_until_the_link_is_empty() {
        let mut relief = Relief::default();
        let now = Instant::now();
        let caps = [(0, 0), (0, 59), (0, 60), (0, 119), (0, 120), (0, 70), (400, 26), (400, 25)]
            .map(|(at_ms, wait_ms)| relief.update(now + Duration::from_millis(at_ms), wait_ms * 1_000));
        assert_eq!(caps, [Layer::TOP, Layer::TOP, 1, 1, 0, 0, 0, Layer::TOP]);
    }

    #[test]
    fn what_is_left_out_does_not_come_back_with_the_next_picture() {
        let mut relief = Relief::default();
        let now = Instant::now();
        let caps = [(0, 60), (33, 0), (66, 60), (99, 0), (365, 0), (366, 0)]
            .map(|(at_ms, wait_ms)| relief.update(now + Duration::from_millis(at_ms), wait_ms * 1_000));
        assert_eq!(caps, [1, 1, 1, 1, 1, Layer::TOP]);
    }

    #[test]
    fn keyframes_take_a_part_of_what_a_receiver_can_take() {
        let (began, bitrate_bps) = (Instant::now(), 300_000);
        let asked_in_10_s = |takes_bps: u64| {
            let mut share = KeyframeShare::default();
            let times = (0..100).map(|step| began + Duration::from_millis(100) * step);
            times.filter(|now| share.request(*now, bitrate_bps, takes_bps)).count()
        };
        // A keyframe has 105 kb: of 300 kb/s each 0.7 s.
        assert_eq!([asked_in_10_s(50_000), asked_in_10_s(300_000), asked_in_10_s(5_000_000)], [4, 15, 100]);
        let mut share = KeyframeShare::default();
        assert!(share.request(began, bitrate_bps, 300_000) && !share.request(began, bitrate_bps, 300_000));
        let at = |ms: u64| began + Duration::from_millis(ms);
        assert_eq!([699, 700, 701].map(|ms| share.poll(at(ms))), [false, true, false], "it is not forgotten");
    }

    #[test]
    fn keyframes_come_one_after_the_other_on_a_narrow_link_and_at_once_on_a_wide_one() {
        let now = Instant::now();
        let began = |estimate_bps: u64| {
            let mut upcoming = Upcoming::default();
            (0..4).filter(|_| upcoming.may_rise(now, 400_000, estimate_bps, 0)).count()
        };
        assert_eq!([began(300_000), began(3_000_000), began(10_000_000)], [1, 2, 4]);
        let mut upcoming = Upcoming::default();
        assert!(!upcoming.may_begin(now, 400_000, 1_000_000, 0), "nothing is shown yet: a smaller one comes sooner");
        upcoming.expect(now, 100_000);
        assert!(!upcoming.may_rise(now, 400_000, 1_000_000, 0));
        assert!(!upcoming.may_rise(now + EXPECTED, 400_000, 1_000_000, 26_000), "the link is not empty");
        assert!(upcoming.may_rise(now + EXPECTED, 400_000, 1_000_000, 25_000));
    }
}
