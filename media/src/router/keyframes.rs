//! Merges and throttles the keyframe requests for one published track.

use std::time::{Duration, Instant};

/// A keyframe costs several times an ordinary picture, and a request for one encoding gives keyframes on all in both
/// browsers: one request in this time serves everybody who waits.
const INTERVAL_MIN: Duration = Duration::from_millis(400);

/// The requests for one track.
#[derive(Debug, Default)]
pub struct KeyframeThrottle {
    last_request: Option<Instant>,
    pending: Option<u8>,
}

impl KeyframeThrottle {
    /// Notes that a subscriber needs a keyframe of `encoding`.
    pub fn request(&mut self, encoding: u8) {
        self.pending = Some(encoding);
    }

    /// The encoding to ask the publisher for now, when there is one and the time has come.
    pub fn poll(&mut self, now: Instant) -> Option<u8> {
        if self.last_request.is_some_and(|at| now.saturating_duration_since(at) < INTERVAL_MIN) {
            return None;
        }
        let encoding = self.pending.take()?;
        self.last_request = Some(now);
        Some(encoding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_merged_and_spaced() {
        let mut throttle = KeyframeThrottle::default();
        let now = Instant::now();
        assert_eq!(throttle.poll(now), None);
        throttle.request(0);
        throttle.request(2);
        assert_eq!(throttle.poll(now), Some(2));
        throttle.request(1);
        assert_eq!(throttle.poll(now + INTERVAL_MIN / 2), None, "too soon");
        assert_eq!(throttle.poll(now + INTERVAL_MIN), Some(1), "but not forgotten");
        assert_eq!(throttle.poll(now + INTERVAL_MIN * 2), None);
    }
}
