//! A download that shares a link: one flow that fills the queue and halves when it overflows (Reno, RFC 5681, without slow
//! start's end game).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::link::Link;

const PACKET_BYTES: usize = 1_448;
/// The way back of its acknowledgements.
const BACK: Duration = Duration::from_millis(25);

/// The sender of a download.
#[derive(Debug)]
pub struct Competitor {
    window: f64,
    in_flight: usize,
    /// Acknowledgements on their way, and whether they tell of a loss.
    coming: VecDeque<(Instant, bool)>,
    halved_at: Option<Instant>,
    /// Bytes that arrived.
    pub received_bytes: u64,
}

impl Competitor {
    /// A download that has just begun.
    pub fn new() -> Self {
        Self { window: 10.0, in_flight: 0, coming: VecDeque::new(), halved_at: None, received_bytes: 0 }
    }

    /// Takes what was acknowledged, and sends what the window has room for.
    pub fn run(&mut self, now: Instant, link: &mut Link) {
        while let Some(&(_, is_lost)) = self.coming.front().filter(|(at, _)| *at <= now) {
            self.coming.pop_front();
            self.in_flight -= 1;
            if !is_lost {
                self.received_bytes += PACKET_BYTES as u64;
                self.window += 1.0 / self.window;
            } else if self.halved_at.is_none_or(|at| now.saturating_duration_since(at) > 4 * BACK) {
                self.window = (self.window / 2.0).max(2.0);
                self.halved_at = Some(now);
            }
        }
        while self.in_flight < self.window as usize {
            let [arrival, _] = link.send(now, PACKET_BYTES);
            self.in_flight += 1;
            let told_at = arrival.unwrap_or(now + link.config.delay + link.config.queue.unwrap_or_default()) + BACK;
            let at = self.coming.back().map_or(told_at, |(last, _)| told_at.max(*last));
            self.coming.push_back((at, arrival.is_none()));
        }
    }
}

impl Default for Competitor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::LinkConfig;
    use crate::random::Random;

    #[test]
    fn alone_it_takes_the_whole_link() {
        let config = LinkConfig { rate_bps: Some(4_000_000), delay: BACK, ..LinkConfig::default() };
        let mut link = Link::new(config, Random::new(1));
        let mut download = Competitor::new();
        let began = Instant::now();
        for ms in 0..20_000 {
            download.run(began + Duration::from_millis(ms), &mut link);
        }
        let bps = download.received_bytes * 8 / 20;
        assert!((3_200_000..4_000_000).contains(&bps), "{bps}");
        assert!(link.counters.overflowed > 5);
    }
}
