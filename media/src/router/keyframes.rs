//! Merges and throttles the keyframe requests for one published track.

use std::time::{Duration, Instant};

/// A keyframe costs several times an ordinary picture, and a request for one encoding gives keyframes on all in both
/// browsers: one request in this time serves everybody who waits.
const INTERVAL_MIN: Duration = Duration::from_millis(400);

/// The requests for one track.
#[derive(Debug, Default)]
pub struct KeyframeThrottle {
    last_request: Option<Instant>,
    /// Bit `n` for encoding `n`.
    pending: u8,
}

impl KeyframeThrottle {
    /// Notes that a subscriber needs a keyframe of `encoding`.
    pub fn request(&mut self, encoding: u8) {
        self.pending |= 1 << (encoding & 7);
    }

    /// The encodings to ask the publisher for now, when the time has come.
    pub fn poll(&mut self, now: Instant) -> impl Iterator<Item = u8> + use<> {
        if self.last_request.is_some_and(|at| now.saturating_duration_since(at) < INTERVAL_MIN) {
            return encodings(0);
        }
        let pending = std::mem::take(&mut self.pending);
        if pending != 0 {
            self.last_request = Some(now);
        }
        encodings(pending)
    }
}

fn encodings(mask: u8) -> impl Iterator<Item = u8> {
    (0..8).filter(move |encoding| mask & (1 << encoding) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_merged_and_spaced() {
        let mut throttle = KeyframeThrottle::default();
        let now = Instant::now();
        let mut poll = |request: &[u8], at| {
            request.iter().for_each(|&encoding| throttle.request(encoding));
            throttle.poll(at).collect::<Vec<_>>()
        };
        assert!(poll(&[], now).is_empty());
        assert_eq!(poll(&[0, 2, 2], now), [0, 2]);
        assert!(poll(&[1], now + INTERVAL_MIN / 2).is_empty(), "too soon");
        assert_eq!(poll(&[], now + INTERVAL_MIN), [1], "but not forgotten");
        assert!(poll(&[], now + INTERVAL_MIN * 2).is_empty());
    }
}
