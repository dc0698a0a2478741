//! How much of a client's link retransmissions may take.

use std::time::Instant;

/// Share of the estimate that retransmissions may take: beyond that the link is full, and more would make it worse.
const SHARE_MAX: f64 = 0.3;
/// Retransmissions at once, after a pause, as time of the whole link: more would hold up what is new.
const BURST_S: f64 = 0.2;
/// Time over which the rate of retransmissions is smoothed.
const SMOOTHED_S: f64 = 1.0;

/// What may be sent again now, and what was lately.
#[derive(Debug)]
pub struct RtxBudget {
    bytes: f64,
    /// What they took lately, in bits per second.
    spent_bps: f64,
    refilled: Instant,
}

impl RtxBudget {
    /// A full one.
    pub fn new(now: Instant, estimate_bps: u64) -> Self {
        Self { bytes: estimate_bps as f64 / 8.0 * BURST_S, spent_bps: 0.0, refilled: now }
    }

    /// Lets time pass, and says whether there is room for a packet of `bytes`.
    pub fn has_room(&mut self, now: Instant, estimate_bps: u64, bytes: usize) -> bool {
        let elapsed_s = now.saturating_duration_since(std::mem::replace(&mut self.refilled, now)).as_secs_f64();
        let bytes_per_s = estimate_bps as f64 / 8.0;
        self.bytes = (self.bytes + elapsed_s * bytes_per_s * SHARE_MAX).min(bytes_per_s * BURST_S);
        self.spent_bps *= (-elapsed_s / SMOOTHED_S).exp();
        self.bytes >= bytes as f64
    }

    /// Counts a packet.
    pub fn spend(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
        self.spent_bps += bytes as f64 * 8.0 / SMOOTHED_S;
    }

    /// What retransmissions took lately, in bits per second.
    pub fn spent_bps(&self, now: Instant) -> u64 {
        let elapsed_s = now.saturating_duration_since(self.refilled).as_secs_f64();
        (self.spent_bps * (-elapsed_s / SMOOTHED_S).exp()) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ESTIMATE_BPS: u64 = 800_000;

    #[test]
    fn a_share_of_the_link_and_some_at_once() {
        let start = Instant::now();
        let mut budget = RtxBudget::new(start, ESTIMATE_BPS);
        let mut spend_all = |now| {
            let mut packets = 0;
            while budget.has_room(now, ESTIMATE_BPS, 1_000) {
                budget.spend(1_000);
                packets += 1;
            }
            packets
        };
        assert_eq!(spend_all(start), 20, "a fifth of a second");
        assert_eq!(spend_all(start + Duration::from_millis(100)), 3, "three tenths of it");
        assert_eq!(spend_all(start + Duration::from_secs(60)), 20);
        assert_eq!(budget.spent_bps(start + Duration::from_secs(60)), 160_000);
        assert!(budget.spent_bps(start + Duration::from_secs(65)) < 1_600);
    }
}
