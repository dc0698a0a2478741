//! Merges, throttles and spreads the keyframe requests for one published track.

use std::time::{Duration, Instant};

/// A keyframe costs several times an ordinary picture, and a request for one encoding gives keyframes on all in both
/// browsers: one request in this time serves everybody who waits.
const INTERVAL_MIN: Duration = Duration::from_millis(400);
/// A request waits for up to this long, at random. After something that the whole node feels, such as many who come back at
/// once, the publishers' keyframes would otherwise all leave in the same millisecond. Less than a picture, so that nobody who
/// waits notices.
pub const JITTER_MAX: Duration = Duration::from_millis(30);

/// The requests for one track.
#[derive(Debug, Default)]
pub struct KeyframeThrottle {
    last_request: Option<Instant>,
    /// When the publisher is asked for what is pending.
    due: Option<Instant>,
    /// Bit `n` for encoding `n`.
    pending: u8,
}

impl KeyframeThrottle {
    /// Notes that a subscriber needs a keyframe of `encoding`. When nothing was pending, says when to poll; `random` spreads
    /// that, its whole range over [`JITTER_MAX`].
    pub fn request(&mut self, now: Instant, encoding: u8, random: impl FnOnce() -> u32) -> Option<Instant> {
        self.pending |= 1 << (encoding & 7);
        if self.due.is_some() {
            return None;
        }
        let earliest = self.last_request.map_or(now, |at| now.max(at + INTERVAL_MIN));
        self.due = Some(earliest + JITTER_MAX.mul_f64(f64::from(random()) / f64::from(u32::MAX)));
        self.due
    }

    /// The encodings to ask the publisher for now, when the time has come.
    pub fn poll(&mut self, now: Instant) -> impl Iterator<Item = u8> + use<> {
        if self.due.is_none_or(|due| now < due) {
            return encodings(0);
        }
        self.due = None;
        self.last_request = Some(now);
        encodings(std::mem::take(&mut self.pending))
    }
}

fn encodings(mask: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |encoding| mask & (1 << encoding) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(throttle: &mut KeyframeThrottle, at: Instant) -> Vec<u8> {
        throttle.poll(at).collect()
    }

    #[test]
    fn requests_are_merged_and_spaced() {
        let mut throttle = KeyframeThrottle::default();
        let now = Instant::now();
        assert!(asked(&mut throttle, now).is_empty());
        assert_eq!(throttle.request(now, 0, || 0), Some(now));
        assert_eq!((throttle.request(now, 2, || 0), throttle.request(now, 2, || 0)), (None, None), "one time for all");
        assert_eq!(asked(&mut throttle, now), [0, 2]);
        let soon = now + INTERVAL_MIN / 2;
        assert_eq!(throttle.request(soon, 1, || 0), Some(now + INTERVAL_MIN), "too soon");
        assert!(asked(&mut throttle, soon).is_empty());
        assert_eq!(asked(&mut throttle, now + INTERVAL_MIN), [1], "but not forgotten");
        assert!(asked(&mut throttle, now + INTERVAL_MIN * 2).is_empty());
    }

    #[test]
    fn a_request_waits_no_longer_than_the_jitter() {
        let now = Instant::now();
        let due = |random: u32| KeyframeThrottle::default().request(now, 0, || random).unwrap() - now;
        assert_eq!((due(0), due(u32::MAX)), (Duration::ZERO, JITTER_MAX));
        assert!((due(u32::MAX / 2).as_secs_f64() / JITTER_MAX.as_secs_f64() - 0.5).abs() < 0.001);
    }
}
