//! How long a slot that fell back stays there.

use std::time::{Duration, Instant};

/// After a slot fell back to a lower layer it stays there at least this long: a link at its limit would flap. Each time that a
/// rise turns out to have been too much, twice as long as before, ...
const HOLD: Duration = Duration::from_secs(3);
/// ... up to this.
const HOLD_MAX: Duration = Duration::from_secs(10);
/// More frames of the same picture are tried sooner: they need no keyframe, and nobody sees them come and go.
const HOLD_FRAMES: Duration = Duration::from_secs(1);
/// A layer that is given up within this time after a rise was too much.
const PROBATION: Duration = Duration::from_secs(10);
/// An estimate that is so many times what it was at the fall is another link.
const OTHER_LINK_RATIO: f64 = 1.25;

/// The hold on one slot.
#[derive(Debug, Default)]
pub struct Hold {
    fell_at: Option<Instant>,
    length: Duration,
    rose_at: Option<Instant>,
    fell_at_bps: u64,
}

impl Hold {
    /// Whether the slot may have a better layer; `same_picture` says that only the frame rate is better.
    pub fn allows(&self, now: Instant, estimate_bps: u64, same_picture: bool) -> bool {
        let length = if same_picture { HOLD_FRAMES } else { self.length };
        self.fell_at.is_none_or(|at| now.saturating_duration_since(at) >= length)
            || estimate_bps as f64 > self.fell_at_bps as f64 * OTHER_LINK_RATIO
    }

    /// How long it still lasts for a better picture, on the same link.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let until = self.fell_at? + self.length;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// It has a better picture.
    pub fn rose(&mut self, now: Instant) {
        self.rose_at = Some(now);
    }

    /// It had to give a layer up for want of bandwidth; `estimate_bps` is what there is.
    pub fn fell(&mut self, now: Instant, estimate_bps: u64) {
        let too_much = self.rose_at.take().is_some_and(|at| now.saturating_duration_since(at) < PROBATION);
        let still_held = self.fell_at.is_some_and(|at| now.saturating_duration_since(at) < self.length);
        if too_much {
            self.length = (self.length * 2).clamp(HOLD, HOLD_MAX);
        } else if !still_held {
            self.length = HOLD;
        }
        self.fell_at = Some(now);
        self.fell_at_bps = estimate_bps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rise_that_was_too_much_is_waited_for_longer() {
        let (mut hold, mut now) = (Hold::default(), Instant::now());
        let mut holds = Vec::new();
        for _ in 0..6 {
            assert!(hold.allows(now, 1_000, false));
            hold.rose(now);
            now += Duration::from_secs(1);
            hold.fell(now, 1_000);
            let fell_at = now;
            assert_eq!(hold.left(now), Some(hold.length));
            while !hold.allows(now, 1_000, false) {
                now += Duration::from_secs(1);
            }
            holds.push((now - fell_at).as_secs());
        }
        assert_eq!(holds, [3, 6, 10, 10, 10, 10]);
        hold.rose(now);
        now += PROBATION;
        hold.fell(now, 1_000);
        assert!(!hold.allows(now + HOLD - Duration::from_secs(1), 1_249, false), "long ago");
        assert!(hold.allows(now + HOLD, 1_249, false) && hold.allows(now + HOLD_FRAMES, 1_249, true));
        assert!(hold.allows(now, 1_251, false), "another link");
    }
}
