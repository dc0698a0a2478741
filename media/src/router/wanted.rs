//! What the publisher of a track is told to send of it.

use std::time::{Duration, Instant};

/// An encoding that nobody watched for this long is told not to be sent: shorter pauses, as when people turn pages or a
/// slot changes its layer for a moment, would only cost keyframes.
const UNWANTED_AFTER: Duration = Duration::from_secs(5);
/// A publisher is told of a lower limit when it has held for this long: an estimate that dips and comes back is nothing
/// that an encoder should follow.
const LIMIT_LOWER_AFTER: Duration = Duration::from_secs(2);
/// A limit is told anew when it differs by more than one part in this.
const LIMIT_STEP: u64 = 8;
/// Above this there is no limit: no camera or screen takes more.
const LIMIT_BPS_MAX: u64 = 8_000_000;
/// Publishers go back to the codec of their choice when nobody lacked it for this long: each change costs a keyframe.
const FALLBACK_HOLD: Duration = Duration::from_secs(10);

/// What subscribers want of a track, merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Bit `n` for encoding `n`: it plays in a slot, or is to.
    pub encodings: u8,
    /// What the best subscriber can take, in bits per second; 0 without subscribers.
    pub bitrate_bps: u64,
    /// Somebody cannot take the codec that the publisher chose, but VP8.
    pub lacks_codec: bool,
}

impl Needs {
    /// What both want.
    pub fn merge(self, other: Self) -> Self {
        Self {
            encodings: self.encodings | other.encodings,
            bitrate_bps: self.bitrate_bps.max(other.bitrate_bps),
            lacks_codec: self.lacks_codec || other.lacks_codec,
        }
    }
}

/// What a publisher is told of one track. What is wanted is told at once, what is not any more after a while.
#[derive(Debug)]
pub struct Wanted {
    told: u8,
    unwanted_since: [Option<Instant>; 8],
    limit_bps: Option<u64>,
    lower_since: Option<Instant>,
    falls_back: bool,
    lacked: Option<Instant>,
}

impl Default for Wanted {
    /// Everything, as a client sends that was told nothing.
    fn default() -> Self {
        Self {
            told: u8::MAX,
            unwanted_since: [None; 8],
            limit_bps: None,
            lower_since: None,
            falls_back: false,
            lacked: None,
        }
    }
}

impl Wanted {
    /// Whether an encoding is to be sent.
    pub fn is_wanted(&self, encoding: u8) -> bool {
        self.told & (1 << (encoding & 7)) != 0
    }

    /// What the best subscriber can take, in bits per second, where that is a limit.
    pub fn limit_bps(&self) -> Option<u64> {
        self.limit_bps
    }

    /// Whether the publisher is to send VP8.
    pub fn falls_back(&self) -> bool {
        self.falls_back
    }

    /// Somebody needs these; says whether there is something new to tell.
    pub fn want(&mut self, needs: Needs) -> bool {
        let told = self.told | needs.encodings;
        let falls_back = self.falls_back || needs.lacks_codec;
        let is_new = (told, falls_back) != (self.told, self.falls_back);
        (self.told, self.falls_back) = (told, falls_back);
        is_new
    }

    /// Notes what is needed as of now; says whether there is something new to tell.
    pub fn update(&mut self, now: Instant, needs: Needs) -> bool {
        let mut is_new = self.want(needs);
        for (encoding, since) in self.unwanted_since.iter_mut().enumerate() {
            let bit = 1 << encoding;
            if needs.encodings & bit != 0 {
                *since = None;
            } else if now.saturating_duration_since(*since.get_or_insert(now)) >= UNWANTED_AFTER {
                is_new |= self.told & bit != 0;
                self.told &= !bit;
            }
        }
        if needs.lacks_codec {
            self.lacked = Some(now);
        } else if self.lacked.is_none_or(|at| now.saturating_duration_since(at) >= FALLBACK_HOLD) {
            is_new |= std::mem::take(&mut self.falls_back);
        }
        is_new | self.update_limit(now, needs.bitrate_bps)
    }

    fn update_limit(&mut self, now: Instant, bitrate_bps: u64) -> bool {
        let limit_bps = Some(bitrate_bps).filter(|bps| (1..LIMIT_BPS_MAX).contains(bps));
        // Without subscribers what was told stays: whoever comes first has something to begin with.
        if bitrate_bps == 0 {
            return false;
        }
        let (new_bps, told_bps) = (limit_bps.unwrap_or(u64::MAX), self.limit_bps.unwrap_or(u64::MAX));
        if new_bps.abs_diff(told_bps) <= told_bps.min(new_bps) / LIMIT_STEP {
            self.lower_since = None;
            return false;
        }
        let is_lower = new_bps < told_bps;
        let since = *self.lower_since.get_or_insert(now);
        if is_lower && now.saturating_duration_since(since) < LIMIT_LOWER_AFTER {
            return false;
        }
        self.lower_since = None;
        self.limit_bps = limit_bps;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn needs(encodings: u8) -> Needs {
        Needs { encodings, ..Needs::default() }
    }

    #[test]
    fn what_nobody_watches_is_told_late_and_what_is_wanted_at_once() {
        let mut wanted = Wanted::default();
        let start = Instant::now();
        assert!(!wanted.update(start, needs(0b001)));
        assert!(!wanted.update(start + SECOND * 4, needs(0b001)));
        assert!(!wanted.update(start + SECOND * 4, needs(0b011)), "for a moment");
        assert!(wanted.update(start + SECOND * 5, needs(0b001)));
        assert_eq!([0, 1, 2].map(|encoding| wanted.is_wanted(encoding)), [true, true, false]);
        assert!(!wanted.update(start + SECOND * 9, needs(0b001)), "the second was wanted in between");
        assert!(wanted.update(start + SECOND * 10, needs(0b001)));
        assert!(!wanted.is_wanted(1));
        assert!(wanted.want(needs(0b010)) && wanted.is_wanted(1));
        assert!(!wanted.want(needs(0b010)));
    }

    #[test]
    fn a_limit_rises_at_once_and_falls_when_it_holds() {
        let mut wanted = Wanted::default();
        let start = Instant::now();
        let at = |bitrate_bps| Needs { encodings: u8::MAX, bitrate_bps, lacks_codec: false };
        assert!(!wanted.update(start, at(1_000_000)));
        assert!(wanted.update(start + SECOND * 2, at(1_000_000)));
        assert_eq!(wanted.limit_bps(), Some(1_000_000));
        assert!(!wanted.update(start + SECOND * 3, at(1_100_000)), "too little to tell");
        assert!(wanted.update(start + SECOND * 3, at(1_200_000)));
        assert!(!wanted.update(start + SECOND * 4, at(500_000)));
        assert!(!wanted.update(start + SECOND * 5, at(1_200_000)), "a dip");
        assert!(!wanted.update(start + SECOND * 6, at(500_000)));
        assert!(!wanted.update(start + SECOND * 7, at(0)), "nobody is there");
        assert!(wanted.update(start + SECOND * 8, at(9_000_000)));
        assert_eq!(wanted.limit_bps(), None);
    }

    #[test]
    fn a_codec_that_somebody_lacks_comes_back_a_while_after_nobody_does() {
        let mut wanted = Wanted::default();
        let start = Instant::now();
        let lacks = |lacks_codec| Needs { encodings: u8::MAX, bitrate_bps: 0, lacks_codec };
        assert!(wanted.want(lacks(true)) && wanted.falls_back());
        assert!(!wanted.update(start, lacks(true)));
        assert!(!wanted.update(start + SECOND * 9, lacks(false)));
        assert!(!wanted.update(start + SECOND * 9, lacks(true)));
        assert!(!wanted.update(start + SECOND * 18, lacks(false)));
        assert!(wanted.update(start + SECOND * 19, lacks(false)) && !wanted.falls_back());
    }
}
