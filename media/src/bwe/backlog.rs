//! What stands in the queue of a receiver's link by our own account: what was sent, less what the link carries.

/// Bits that were sent faster than the link takes them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backlog {
    bits: f64,
    at_us: i64,
}

impl Backlog {
    /// A packet leaves, over a link that carries `rate_bps`.
    pub fn add(&mut self, now_us: i64, bytes: usize, rate_bps: f64) {
        self.bits = self.left_bits(now_us, rate_bps) + (bytes * 8) as f64;
        self.at_us = now_us;
    }

    /// The link was seen to hold a queue of this length: there is at least that much.
    pub fn raise_to(&mut self, now_us: i64, wait_us: i64, rate_bps: f64) {
        self.bits = self.left_bits(now_us, rate_bps).max(wait_us as f64 / 1e6 * rate_bps);
        self.at_us = now_us;
    }

    /// How long a packet that leaves now waits for those before it.
    pub fn wait_us(&self, now_us: i64, rate_bps: f64) -> i64 {
        (self.left_bits(now_us, rate_bps) / rate_bps * 1e6) as i64
    }

    fn left_bits(&self, now_us: i64, rate_bps: f64) -> f64 {
        (self.bits - (now_us - self.at_us).max(0) as f64 / 1e6 * rate_bps).max(0.0)
    }
}

/// A link at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long what is sent now waits for what was sent before it, in microseconds.
    pub backlog_us: i64,
    /// The rate at which bursts are sent to it, in bits per second.
    pub bps: f64,
}

impl Pace {
    /// How long so many bytes take, in microseconds.
    pub fn takes_us(&self, bytes: usize) -> i64 {
        ((bytes * 8) as f64 * 1e6 / self.bps) as i64
    }

    /// How many bytes are taken in so many microseconds.
    pub fn bytes_in(&self, us: i64) -> usize {
        (us as f64 * self.bps / 8e6) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_faster_than_it_is_taken_waits() {
        let mut backlog = Backlog::default();
        (0..10).for_each(|_| backlog.add(1_000_000, 1250, 1e6));
        assert_eq!(backlog.wait_us(1_000_000, 1e6), 100_000);
        assert_eq!(backlog.wait_us(1_040_000, 1e6), 60_000);
        assert_eq!(backlog.wait_us(1_040_000, 3e6), 0, "a faster link took it all");
        backlog.raise_to(1_040_000, 50_000, 1e6);
        assert_eq!(backlog.wait_us(1_040_000, 1e6), 60_000);
        backlog.raise_to(1_040_000, 80_000, 1e6);
        assert_eq!(backlog.wait_us(1_060_000, 1e6), 60_000);
    }
}
