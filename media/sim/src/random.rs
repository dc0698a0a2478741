//! The one source of chance in a simulation.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): small, copied freely, and the
/// same on every machine. Not for secrets.
#[derive(Debug, Clone, Copy)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A source of its own for a part of the simulation: what it draws does not change what others draw.
    pub fn split(&mut self) -> Self {
        Self(self.next_u64())
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1.
    pub fn ratio(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.ratio() < probability
    }

    /// A number of `from..to`; `from` when that is empty.
    pub fn below(&mut self, from: u64, to: u64) -> u64 {
        from + self.next_u64() % to.saturating_sub(from).max(1)
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(0, of.len() as u64) as usize)
    }

    /// A time of `from..to`.
    pub fn duration(&mut self, from: Duration, to: Duration) -> Duration {
        Duration::from_micros(self.below(from.as_micros() as u64, to.as_micros() as u64))
    }

    /// A number around 0 with standard deviation 1, close to normal (the sum of twelve).
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.ratio()).sum::<f64>() - 6.0
    }

    /// An id. Those that `uuid` makes of the time go on from thread to thread.
    pub fn uuid(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Fills a buffer.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next_u64().to_le_bytes();
            chunk.iter_mut().zip(number).for_each(|(byte, random)| *byte = random);
        }
    }
}
