//! One direction of a network path: a queue in front of a rate limit, then delay and accidents.

use std::time::{Duration, Instant};

use crate::random::Random;

/// What IPv4 and UDP add to a datagram.
pub const OVERHEAD_BYTES: usize = 28;
/// How far a packet that loses its place falls back.
const REORDERED_BY: (Duration, Duration) = (Duration::from_millis(3), Duration::from_millis(25));

/// How packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each with this probability.
    Random(f64),
    /// In bursts (Gilbert and Elliott): the probability that a burst begins and ends at a packet. In a burst all are lost.
    Bursts {
        /// That one begins.
        begin: f64,
        /// That it ends.
        end: f64,
    },
}

/// What a link is like.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LinkConfig {
    /// Bits per second; no limit when absent.
    pub rate_bps: Option<u64>,
    /// How long a packet may wait for the rate limit; what would wait longer is lost. 100 ms when absent.
    pub queue: Option<Duration>,
    /// Time on the way.
    pub delay: Duration,
    /// Standard deviation of what is added to it. Packets keep their order.
    pub jitter: Duration,
    /// Losses on the way.
    pub loss: Loss,
    /// Probability that a packet is overtaken.
    pub reordered: f64,
    /// Probability that a packet arrives twice.
    pub duplicated: f64,
}

/// A link and what is on its way. Several receivers may share one.
#[derive(Debug)]
pub struct Link {
    /// What it is like now.
    pub config: LinkConfig,
    /// What it did.
    pub counters: LinkCounters,
    /// How long packets waited for the rate limit.
    pub waits: Waits,
    random: Random,
    free_at: Option<Instant>,
    last_arrival: Option<Instant>,
    in_burst: bool,
}

/// What a link did.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkCounters {
    /// Datagrams given to it.
    pub sent: u64,
    /// Their bytes, with headers.
    pub bytes: u64,
    /// Datagrams that found the queue full.
    pub overflowed: u64,
    /// Datagrams that were lost otherwise.
    pub lost: u64,
}

/// Waiting times, by the millisecond.
#[derive(Debug, Default)]
pub struct Waits(std::collections::BTreeMap<u64, u64>);

impl Waits {
    fn note(&mut self, wait: Duration) {
        *self.0.entry(wait.as_millis() as u64).or_default() += 1;
    }

    /// What this share of the packets waited at most.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut left = (self.0.values().sum::<u64>() as f64 * share) as u64;
        let found = self.0.iter().find(|(_, count)| {
            left = left.saturating_sub(**count);
            left == 0
        });
        Duration::from_millis(found.map_or(0, |(ms, _)| *ms))
    }
}

impl Link {
    /// A link without traffic.
    pub fn new(config: LinkConfig, random: Random) -> Self {
        let counters = LinkCounters::default();
        Self { config, counters, waits: Waits::default(), random, free_at: None, last_arrival: None, in_burst: false }
    }

    /// Takes a datagram; says when it arrives: never, once or twice.
    pub fn send(&mut self, now: Instant, bytes: usize) -> [Option<Instant>; 2] {
        let config = self.config;
        let bytes = bytes + OVERHEAD_BYTES;
        self.counters.sent += 1;
        self.counters.bytes += bytes as u64;
        let mut leaves_at = now;
        if let Some(rate_bps) = config.rate_bps {
            let begins = self.free_at.map_or(now, |free_at| free_at.max(now));
            if begins.saturating_duration_since(now) > config.queue.unwrap_or(Duration::from_millis(100)) {
                self.counters.overflowed += 1;
                return [None; 2];
            }
            self.waits.note(begins.saturating_duration_since(now));
            leaves_at = begins + Duration::from_secs_f64(bytes as f64 * 8.0 / rate_bps.max(1) as f64);
            self.free_at = Some(leaves_at);
        }
        if self.is_lost() {
            self.counters.lost += 1;
            return [None; 2];
        }
        let jitter = config.jitter.mul_f64(self.random.normal().abs());
        let arrival = leaves_at + config.delay + jitter;
        let arrival = self.last_arrival.map_or(arrival, |last| last.max(arrival));
        if self.random.chance(config.reordered) {
            // The others need not wait for it.
            let late = self.random.duration(REORDERED_BY.0, REORDERED_BY.1);
            return [Some(arrival + late), None];
        }
        self.last_arrival = Some(arrival);
        let again = self.random.chance(config.duplicated).then(|| arrival + Duration::from_millis(1));
        [Some(arrival), again]
    }

    fn is_lost(&mut self) -> bool {
        match self.config.loss {
            Loss::None => false,
            Loss::Random(probability) => self.random.chance(probability),
            Loss::Bursts { begin, end } => {
                let changes = self.random.chance(if self.in_burst { end } else { begin });
                self.in_burst ^= changes;
                self.in_burst
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(config: LinkConfig) -> (Link, Instant) {
        (Link::new(config, Random::new(1)), Instant::now())
    }

    #[test]
    fn a_rate_limit_queues_then_drops() {
        let (mut link, now) = link(LinkConfig { rate_bps: Some(1_000_000), ..LinkConfig::default() });
        let arrivals: Vec<_> = (0..20).map(|_| link.send(now, 1_222)[0]).collect();
        assert_eq!(arrivals[0], Some(now + Duration::from_millis(10)));
        assert_eq!(arrivals[9], Some(now + Duration::from_millis(100)));
        assert_eq!(arrivals[11], None, "more than 100 ms wait");
        assert_eq!(link.counters.overflowed, 9);
        assert_eq!([0.0, 0.5, 1.0].map(|share| link.waits.quantile(share).as_millis()), [0, 40, 100]);
        assert!(link.send(now + Duration::from_millis(200), 1_222)[0].is_some(), "the queue empties");
    }

    #[test]
    fn losses_are_as_many_as_said() {
        let (mut random, now) = link(LinkConfig { loss: Loss::Random(0.1), ..LinkConfig::default() });
        let (mut bursts, _) =
            link(LinkConfig { loss: Loss::Bursts { begin: 0.01, end: 0.2 }, ..LinkConfig::default() });
        let mut runs = Vec::new();
        for _ in 0..50_000 {
            random.send(now, 100);
            match (bursts.send(now, 100)[0], runs.last_mut()) {
                (None, Some(run)) => *run += 1,
                (Some(_), Some(0)) => {}
                _ => runs.push(0_u32),
            }
        }
        assert!((4_500..5_500).contains(&random.counters.lost), "{:?}", random.counters);
        assert!((2_000..2_800).contains(&bursts.counters.lost), "{:?}", bursts.counters);
        let mean = f64::from(runs.iter().sum::<u32>()) / runs.iter().filter(|run| **run > 0).count() as f64;
        assert!((4.0..6.0).contains(&mean), "a burst of {mean}");
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let config =
            LinkConfig { delay: Duration::from_millis(50), jitter: Duration::from_millis(20), ..LinkConfig::default() };
        let (mut link, now) = link(config);
        let send = |link: &mut Link| -> Vec<Instant> {
            (0..500).filter_map(|n| link.send(now + Duration::from_millis(n), 100)[0]).collect()
        };
        assert!(send(&mut link).is_sorted());
        link.config.reordered = 0.1;
        assert!(!send(&mut link).is_sorted());
        link.config.duplicated = 1.0;
        link.config.reordered = 0.0;
        assert!(link.send(now, 100)[1].is_some());
    }
}
