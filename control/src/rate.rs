//! Rate limits: the generic cell rate algorithm, one timestamp for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;

use crate::sync::lock;

/// Keys that are remembered at once: some 5 MiB. When they are all in use, strangers wait until some are not.
const KEYS_MAX: usize = 100_000;
/// What a stranger is told while all keys are in use.
const RETRY_WHEN_FULL_MS: u64 = 1000;

/// `count` per `period_ms`, at most `burst` at once.
#[derive(Clone, Copy, Debug)]
struct Rate {
    interval_us: i64,
    tolerance_us: i64,
}

impl Rate {
    fn new(count: u32, period_ms: u32, burst: u32) -> Self {
        let interval_us = (i64::from(period_ms) * 1000 / i64::from(count.max(1))).max(1);
        Self { interval_us, tolerance_us: interval_us.saturating_mul(i64::from(burst.max(1)) - 1) }
    }

    /// Moves the theoretical arrival time, or tells how long to wait.
    fn take(self, arrival_us: &mut i64, now_ms: i64) -> Result<(), u64> {
        let now_us = now_ms.saturating_mul(1000);
        let ahead_us = arrival_us.saturating_sub(now_us).max(0);
        if ahead_us > self.tolerance_us {
            let wait_us = u64::try_from(ahead_us - self.tolerance_us).unwrap_or(0);
            return Err(wait_us.div_ceil(1000));
        }
        *arrival_us = now_us.saturating_add(ahead_us).saturating_add(self.interval_us);
        Ok(())
    }
}

/// One limit for one thing. `None` lets everything pass.
#[derive(Debug)]
pub struct Bucket {
    rate: Option<Rate>,
    arrival_us: i64,
}

impl Bucket {
    /// `count` a second, `burst` times as many at once; no limit when absent.
    pub fn per_second(count: Option<u32>, burst: u32) -> Self {
        Self { rate: count.map(|count| Rate::new(count, 1000, count.saturating_mul(burst))), arrival_us: 0 }
    }

    /// Takes one, or tells after how many milliseconds to try again.
    ///
    /// # Errors
    /// The milliseconds to wait.
    pub fn take(&mut self, now_ms: i64) -> Result<(), u64> {
        self.rate.map_or(Ok(()), |rate| rate.take(&mut self.arrival_us, now_ms))
    }
}

/// One limit for each key.
#[derive(Debug)]
pub struct RateLimiter<K> {
    rate: Option<Rate>,
    arrivals_us: Mutex<HashMap<K, i64>>,
}

impl<K: Hash + Eq> RateLimiter<K> {
    /// `count` a minute, all of them at once if need be; no limit when absent.
    pub fn per_minute(count: Option<u32>) -> Self {
        Self::new(count.map(|count| Rate::new(count, 60_000, count)))
    }

    /// `count` a second, `burst` times as many at once; no limit when absent.
    pub fn per_second(count: Option<u32>, burst: u32) -> Self {
        Self::new(count.map(|count| Rate::new(count, 1000, count.saturating_mul(burst))))
    }

    fn new(rate: Option<Rate>) -> Self {
        Self { rate, arrivals_us: Mutex::default() }
    }

    /// Takes one for `key`, or tells after how many milliseconds to try again.
    ///
    /// # Errors
    /// The milliseconds to wait.
    pub fn take(&self, key: K, now_ms: i64) -> Result<(), u64> {
        let Some(rate) = self.rate else { return Ok(()) };
        let mut arrivals_us = lock(&self.arrivals_us);
        if arrivals_us.len() >= KEYS_MAX && !arrivals_us.contains_key(&key) {
            let now_us = now_ms.saturating_mul(1000);
            arrivals_us.retain(|_, arrival_us| *arrival_us > now_us);
            if arrivals_us.len() >= KEYS_MAX {
                return Err(RETRY_WHEN_FULL_MS);
            }
        }
        rate.take(arrivals_us.entry(key).or_insert(0), now_ms)
    }
}

/// The part of an address that one customer commonly has: IPv4 whole, IPv6 the /64.
pub fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let limiter = RateLimiter::per_minute(Some(3));
        for _ in 0..3 {
            assert_eq!(limiter.take("a", 1_000_000), Ok(()));
        }
        assert_eq!(limiter.take("a", 1_000_000), Err(20_000));
        assert_eq!(limiter.take("b", 1_000_000), Ok(()));
        assert_eq!(limiter.take("a", 1_019_999), Err(1));
        assert_eq!(limiter.take("a", 1_020_000), Ok(()));
        assert!(limiter.take("a", 1_020_000).is_err());
    }

    #[test]
    fn a_limit_that_is_off_lets_everything_pass() {
        let mut bucket = Bucket::per_second(None, 1);
        assert!((0..10_000).all(|_| bucket.take(0).is_ok()));
        let mut bucket = Bucket::per_second(Some(10), 2);
        assert_eq!((0..100).filter(|_| bucket.take(5000).is_ok()).count(), 20);
    }

    #[test]
    fn full_tables_forget_the_idle_and_refuse_strangers() {
        let limiter = RateLimiter::per_second(Some(1), 1);
        for key in 0..KEYS_MAX {
            assert_eq!(limiter.take(key, 0), Ok(()));
        }
        assert_eq!(limiter.take(KEYS_MAX, 0), Err(RETRY_WHEN_FULL_MS));
        assert_eq!(limiter.take(KEYS_MAX, 1001), Ok(()));
    }

    #[test]
    fn neighbours_in_a_slash_64_share_a_key() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
