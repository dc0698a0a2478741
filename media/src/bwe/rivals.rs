//! Whose queue it is that stands in a link: ours gets shorter when we send less, that of a download, or what is only jitter,
//! does not.

/// How long less is sent, beyond a round trip, before the queue is looked at.
const TRIAL_US: i64 = 800_000;
/// Who sent more than this share of what the link carried has tried nothing.
const TRIED_RATIO: f64 = 0.93;
/// A queue of ours is shorter by this share of what was not sent, at least, ...
const SHRUNK_RATIO: f64 = 0.5;
/// ... or this short.
const SHORT_US: f64 = 30_000.0;
/// For how long others are then taken to fill it, unless it gets so much longer: a link may have become narrower meanwhile. The
/// next fall tries again.
const FOREIGN_US: i64 = 15_000_000;
const LONGER_US: i64 = 150_000;

/// Watches what becomes of the queue after each fall of the rate.
#[derive(Debug, Default)]
pub(super) struct Rivals {
    trial: Option<Trial>,
    /// Until when others fill the queue, and up to which length.
    foreign: Option<(i64, i64)>,
}

/// A time in which less is sent than the link carries.
#[derive(Debug)]
struct Trial {
    since_us: i64,
    capacity_bps: f64,
    standing_us: i64,
    sent_bytes: u64,
}

impl Rivals {
    /// The rate falls below what the link carried, with a queue of `standing_us` in it. A trial that runs goes on.
    pub fn try_less(&mut self, now_us: i64, capacity_bps: f64, standing_us: i64) {
        self.trial.get_or_insert(Trial { since_us: now_us, capacity_bps, standing_us, sent_bytes: 0 });
    }

    /// Bytes leave.
    pub fn sent(&mut self, bytes: usize) {
        if let Some(trial) = &mut self.trial {
            trial.sent_bytes += bytes as u64;
        }
    }

    /// Looks at the queue when it is time. Where others fill it: what the link carried of ours before.
    pub fn conclude(&mut self, now_us: i64, rtt_us: i64, standing_us: i64) -> Option<f64> {
        let trial = self.trial.take_if(|trial| now_us - trial.since_us >= rtt_us + TRIAL_US)?;
        let elapsed_us = (now_us - trial.since_us) as f64;
        let share = (trial.sent_bytes * 8) as f64 * 1e6 / elapsed_us / trial.capacity_bps.max(1.0);
        let spared_us = (1.0 - share) * (elapsed_us - rtt_us as f64);
        let shorter_us = trial.standing_us as f64 - spared_us * SHRUNK_RATIO;
        if share > TRIED_RATIO || standing_us as f64 <= shorter_us.max(SHORT_US) {
            return None;
        }
        self.foreign = Some((now_us + FOREIGN_US, standing_us + LONGER_US));
        Some(trial.capacity_bps)
    }

    /// Whether others fill the queue, which is `standing_us` long.
    pub fn are_there(&mut self, now_us: i64, standing_us: i64) -> bool {
        self.foreign = self.foreign.filter(|&(until_us, length_us)| now_us < until_us && standing_us < length_us);
        self.foreign.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT_US: i64 = 100_000;

    /// Sends this share of 1 Mb/s for a second after a fall; what the queue of 200 ms has become by then.
    fn after(share: f64, standing_us: i64) -> (Option<f64>, bool) {
        let mut rivals = Rivals::default();
        rivals.try_less(0, 1e6, 200_000);
        (0..10).for_each(|_| rivals.sent((share * 12_500.0) as usize));
        assert_eq!(rivals.conclude(RTT_US + TRIAL_US - 1, RTT_US, standing_us), None);
        (rivals.conclude(1_000_000, RTT_US, standing_us), rivals.are_there(1_000_001, standing_us))
    }

    #[test]
    fn a_queue_that_stays_when_less_is_sent_is_anothers() {
        assert_eq!(after(0.8, 190_000), (Some(1e6), true));
        assert_eq!(after(0.8, 100_000), (None, false), "180 ms less were sent into it");
        assert_eq!(after(0.95, 190_000), (None, false), "that is not less");
        assert_eq!(after(1e9, 190_000), (None, false), "nothing got through when it began");
    }

    #[test]
    fn after_a_while_it_is_tried_again() {
        let mut rivals = Rivals::default();
        rivals.try_less(0, 1e6, 200_000);
        assert_eq!(rivals.conclude(1_000_000, RTT_US, 200_000), Some(1e6));
        assert!(rivals.are_there(999_999 + FOREIGN_US, 300_000) && !rivals.are_there(1_000_000 + FOREIGN_US, 300_000));
        rivals.try_less(20_000_000, 1e6, 200_000);
        rivals.try_less(20_500_000, 5e5, 100_000);
        assert_eq!(rivals.conclude(21_000_000, RTT_US, 200_000), Some(1e6), "the first fall began it");
        assert!(!rivals.are_there(21_000_001, 350_000), "that is more than others do");
        assert!(!rivals.are_there(21_000_002, 200_000));
    }
}
