//! The acknowledged rate: what arrives.

/// Length of a bucket: longer than a frame of video at 30 a second.
const BUCKET_US: i64 = 50_000;
/// Whole buckets that are counted: half a second levels out what scheduling at the receiver moves.
const BUCKETS: usize = 10;
/// Whole buckets without which there is no rate, and that are enough where the link is full.
const BUCKETS_MIN: i64 = 4;
/// Bytes that these must hold: with a handful of packets, where one falls decides too much.
const FULL_BYTES_MIN: u64 = 6_000;

/// Bytes over the time at which they arrived.
#[derive(Debug, Default)]
pub(super) struct AckedRate {
    /// The bucket that is being filled, and the whole ones before it: a ring by their numbers.
    bytes: [u32; BUCKETS + 1],
    /// Number of the first bucket ever and of the one that is being filled.
    range: Option<(i64, i64)>,
}

impl AckedRate {
    /// Counts a packet. One that is older than all buckets is left out.
    pub fn add(&mut self, arrival_us: i64, bytes: u16) {
        let number = arrival_us.div_euclid(BUCKET_US);
        let (first, newest) = *self.range.get_or_insert((number, number));
        if number > newest {
            for empty in (newest + 1..=number).rev().take(self.bytes.len()) {
                self.change(empty, |_| 0);
            }
            self.range = Some((first, number));
        }
        if number >= first.max(newest - BUCKETS as i64) {
            self.change(number, |sum| sum.saturating_add(u32::from(bytes)));
        }
    }

    /// Bits per second over the last half second; `None` before a fifth of a second was seen.
    pub fn bps(&self) -> Option<f64> {
        let (first, newest) = self.range?;
        let whole = (newest - first).min(BUCKETS as i64);
        (whole >= BUCKETS_MIN).then(|| bps(self.newest_bytes(whole), whole))
    }

    /// Bits per second over the last fifth of a second. While a queue stands that long this is what the link carries,
    /// however little was sent before.
    pub fn full_bps(&self) -> Option<f64> {
        let bytes = self.newest_bytes(BUCKETS_MIN);
        let recent_bps = (bytes >= FULL_BYTES_MIN).then(|| bps(bytes, BUCKETS_MIN));
        self.bps().map(|long_bps| recent_bps.unwrap_or(long_bps))
    }

    fn newest_bytes(&self, whole: i64) -> u64 {
        let newest = self.range.map_or(0, |(_, newest)| newest);
        let bytes = (newest - whole..newest).filter_map(|number| self.bytes.get(place(number)));
        bytes.map(|&bytes| u64::from(bytes)).sum()
    }

    fn change(&mut self, number: i64, change: impl FnOnce(u32) -> u32) {
        if let Some(bytes) = self.bytes.get_mut(place(number)) {
            *bytes = change(*bytes);
        }
    }
}

fn bps(bytes: u64, buckets: i64) -> f64 {
    (bytes * 8) as f64 * 1e6 / (buckets * BUCKET_US) as f64
}

fn place(number: i64) -> usize {
    number.rem_euclid(BUCKETS as i64 + 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_measured_and_a_pause_is_no_rate() {
        let mut rate = AckedRate::default();
        let packet_us = 10_000;
        for packet in 0..15 {
            rate.add(7_000_000 + packet * packet_us, 1250);
        }
        assert_eq!(rate.bps(), None, "too little was seen");
        for packet in 15..300 {
            rate.add(7_000_000 + packet * packet_us, 1250);
        }
        assert_eq!(rate.bps(), Some(1_000_000.0));
        rate.add(11_000_000, 1250);
        assert_eq!(rate.bps(), Some(0.0));
    }

    #[test]
    fn late_packets_count_where_they_belong_and_old_ones_not() {
        let mut rate = AckedRate::default();
        rate.add(1_000_000, 1000);
        rate.add(2_000_000, 1000);
        rate.add(1_700_000, 5000);
        rate.add(1_400_000, 9000);
        assert_eq!(rate.bps(), Some(80_000.0));
    }
}
