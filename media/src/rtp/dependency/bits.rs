//! Bits in network order, as the Dependency Descriptor is written.

/// Reads bits of a slice. Beyond its end nothing is read.
#[derive(Debug, Clone)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// A reader at the first bit.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bits were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        (8 * self.bytes.len()).saturating_sub(self.at)
    }

    /// The next `count` bits, at most 32; `None` when there are not as many.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        if self.left() < count as usize {
            return None;
        }
        let mut value = 0_u64;
        let mut taken = 0;
        while taken < count as usize {
            let byte = u64::from(*self.bytes.get(self.at / 8)?);
            let (offset, missing) = (self.at % 8, count as usize - taken);
            let step = (8 - offset).min(missing);
            let part = (byte >> (8 - offset - step)) & ((1 << step) - 1);
            value = (value << step) | part;
            self.at += step;
            taken += step;
        }
        u32::try_from(value).ok()
    }

    /// The next bit.
    pub fn flag(&mut self) -> Option<bool> {
        self.bits(1).map(|bit| bit == 1)
    }

    /// A number below `count`, as many bits as it needs (`ns(n)` of the AV1 specification, section 4.10.7).
    pub fn non_symmetric(&mut self, count: u32) -> Option<u32> {
        let width = u32::BITS - count.leading_zeros();
        let short = (1_u32 << width.min(31)).checked_sub(count)?;
        let value = self.bits(width.checked_sub(1)?)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.bits(1)?)
    }
}

/// Writes bits into a buffer. What does not fit is left out, and [`BitWriter::finish`] says so.
#[derive(Debug)]
pub struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl<'a> BitWriter<'a> {
    /// A writer at the first bit of `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Appends the lower `count` bits of `value`.
    pub fn bits(&mut self, value: u32, count: u32) {
        let mut left = count as usize;
        while left > 0 {
            let offset = self.at % 8;
            let step = (8 - offset).min(left);
            let part = (value >> (left - step)) & ((1 << step) - 1);
            if let Some(byte) = self.bytes.get_mut(self.at / 8) {
                let kept = if offset == 0 { 0 } else { *byte };
                *byte = kept | (part << (8 - offset - step)) as u8;
            }
            self.at += step;
            left -= step;
        }
    }

    /// Appends the first `count` bits of `bytes`.
    pub fn copy(&mut self, bytes: &[u8], count: usize) {
        let mut reader = BitReader::new(bytes);
        let mut left = count;
        while left > 0 {
            let step = left.min(32) as u32;
            self.bits(reader.bits(step).unwrap_or_default(), step);
            left -= step as usize;
        }
    }

    /// How many bytes were written, the last one filled up with zeros; `None` when they did not fit.
    pub fn finish(self) -> Option<usize> {
        let length = self.at.div_ceil(8);
        (length <= self.bytes.len()).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_cross_bytes() {
        let mut reader = BitReader::new(&[0b1010_0101, 0b1100_0011]);
        assert_eq!([reader.bits(3), reader.bits(7), reader.bits(6)], [Some(0b101), Some(0b0010111), Some(0b00_0011)]);
        assert_eq!((reader.bits(1), reader.left(), reader.position()), (None, 0, 16));
    }

    #[test]
    fn numbers_below_five_take_two_or_three_bits() {
        let read = |bits: u8| BitReader::new(&[bits]).non_symmetric(5);
        assert_eq!([read(0b0000_0000), read(0b0100_0000), read(0b1000_0000)], [Some(0), Some(1), Some(2)]);
        assert_eq!([read(0b1100_0000), read(0b1110_0000)], [Some(3), Some(4)]);
        assert_eq!(BitReader::new(&[0xff]).non_symmetric(1), Some(0), "no bits at all");
        assert_eq!(BitReader::new(&[0xff]).non_symmetric(0), None);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let mut bytes = [0xff; 2];
        let mut writer = BitWriter::new(&mut bytes);
        writer.bits(0b101, 3);
        writer.copy(&[0b1111_0000, 0xff], 9);
        assert_eq!(writer.finish(), Some(2));
        assert_eq!(bytes, [0b1011_1110, 0b0001_0000]);
        let mut writer = BitWriter::new(&mut bytes);
        writer.bits(0, 17);
        assert_eq!(writer.finish(), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(parts in proptest::collection::vec((0_u32.., 1_u32..=32), 0..30)) {
            let mut bytes = [0xaa; 128];
            let mut writer = BitWriter::new(&mut bytes);
            parts.iter().for_each(|(value, count)| writer.bits(*value, *count));
            proptest::prop_assert!(writer.finish().is_some());
            let mut reader = BitReader::new(&bytes);
            for (value, count) in parts {
                proptest::prop_assert_eq!(reader.bits(count), Some((u64::from(value) & ((1 << count) - 1)) as u32));
            }
        }
    }
}
