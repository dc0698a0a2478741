//! Times by their frequency, to 3 %.

/// Steps within a doubling.
const STEPS: u64 = 32;
const STEPS_BITS: u32 = STEPS.trailing_zeros();
const BUCKETS: usize = ((64 - STEPS_BITS as usize) + 1) * STEPS as usize;

/// Counts of values, in buckets that grow with them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0 }
    }
}

impl Histogram {
    /// Counts a value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(bucket(value)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The value that this share of all, 0 to 1, does not exceed; 0 when nothing was counted.
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(bucket);
            }
        }
        0.0
    }

    /// What was counted since `earlier`, a former state of this one.
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        Self { counts: counts.collect(), total: self.total.saturating_sub(earlier.total) }
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - STEPS_BITS;
    ((u64::from(shift) + 1) * STEPS + ((value >> shift) - STEPS)) as usize
}

fn middle(bucket: usize) -> f64 {
    let (shift, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if shift == 0 {
        return step as f64;
    }
    let width = 2f64.powi((shift - 1) as i32);
    ((STEPS + step) as f64 + 0.5) * width
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), 0.0);
        (1..=1000u64).for_each(|n| histogram.add(n * 1000));
        for (share, expected) in [(0.5, 500_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)] {
            let found = histogram.quantile(share);
            assert!((found / expected - 1.0f64).abs() < 0.03, "{share}: {found}");
        }
    }

    #[test]
    fn differences_are_those_of_the_time_between() {
        let mut histogram = Histogram::default();
        histogram.add(5);
        let earlier = histogram.clone();
        histogram.add(100);
        let since = histogram.since(&earlier);
        assert_eq!(since.total(), 1);
        assert!((since.quantile(0.5) - 100.0).abs() < 4.0);
    }

    proptest! {
        #[test]
        fn every_value_has_a_bucket_near_it(value in any::<u64>()) {
            let near = middle(bucket(value));
            prop_assert!((near - value as f64).abs() <= value as f64 / 31.0);
        }
    }
}
