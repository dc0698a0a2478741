//! Redundant audio (RFC 2198): a packet that repeats what earlier ones carried.

/// `F`: another block's header follows.
const FOLLOWS: u8 = 0x80;
const TYPE_MASK: u8 = 0x7f;
/// Header of a block that repeats something; the last header, of the primary block, has one byte.
const HEADER_BYTES: usize = 4;

/// What a packet repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Redundancy {
    /// Where the primary block begins.
    pub primary_at: u16,
    /// How long before the packet the oldest block that it repeats was sent, in ticks; `None` when it repeats something of
    /// another codec, which nobody here can use.
    pub oldest_ticks: Option<u16>,
}

/// Reads the block headers of `payload`, whose primary block must have the payload type `primary`.
pub fn parse(payload: &[u8], primary: u8) -> Option<Redundancy> {
    let (mut rest, mut at) = (payload, 0);
    let mut oldest_ticks = Some(0);
    while let [first, second, third, fourth, ..] = *rest
        && first & FOLLOWS != 0
    {
        let word = u32::from_be_bytes([0, second, third, fourth]);
        let (ticks, length) = ((word >> 10) as u16, (word & 0x3ff) as usize);
        oldest_ticks = oldest_ticks.filter(|_| first & TYPE_MASK == primary).map(|oldest: u16| oldest.max(ticks));
        at += HEADER_BYTES + length;
        rest = rest.get(HEADER_BYTES..)?;
    }
    let is_primary = rest.first().is_some_and(|last| *last == primary);
    let primary_at = u16::try_from(at + 1).ok()?;
    (is_primary && usize::from(primary_at) <= payload.len()).then_some(Redundancy { primary_at, oldest_ticks })
}

/// Gives all blocks of `payload` the payload type that its receiver has for them.
pub fn set_types(payload: &mut [u8], payload_type: u8) {
    let mut rest = payload;
    while let Some(first) = rest.first_mut() {
        let is_last = *first & FOLLOWS == 0;
        *first = (*first & FOLLOWS) | (payload_type & TYPE_MASK);
        if is_last {
            return;
        }
        rest = rest.get_mut(HEADER_BYTES..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks of 2 and 1 bytes, 1,920 and 960 ticks old, then the primary one.
    const TWO: [u8; 14] = [0x80 | 111, 0x1e, 0x00, 2, 0x80 | 111, 0x0f, 0x00, 1, 111, 1, 2, 3, 4, 5];

    #[test]
    fn blocks_are_measured() {
        assert_eq!(parse(&TWO, 111), Some(Redundancy { primary_at: 12, oldest_ticks: Some(1_920) }));
        assert_eq!(TWO[12..], [4, 5]);
        assert_eq!(parse(&[111, 4, 5], 111), Some(Redundancy { primary_at: 1, oldest_ticks: Some(0) }));
    }

    #[test]
    fn what_is_of_another_codec_or_cut_short_is_told() {
        assert_eq!(parse(&TWO, 96), None);
        let mut other = TWO;
        other[0] = 0x80 | 13;
        assert_eq!(parse(&other, 111), Some(Redundancy { primary_at: 12, oldest_ticks: None }));
        (0..12).for_each(|length| assert_eq!(parse(&TWO[..length], 111), None, "{length} bytes"));
    }

    #[test]
    fn the_types_are_the_receivers() {
        let mut payload = TWO;
        set_types(&mut payload, 96);
        assert_eq!(payload[..9], [0x80 | 96, 0x1e, 0x00, 2, 0x80 | 96, 0x0f, 0x00, 1, 96]);
        assert_eq!(payload[9..], TWO[9..]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_and_written_without_panic(
            mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        ) {
            if let Some(Redundancy { primary_at, .. }) = parse(&bytes, 5) {
                proptest::prop_assert!(usize::from(primary_at) <= bytes.len());
                let primary = bytes[usize::from(primary_at)..].to_vec();
                set_types(&mut bytes, 6);
                proptest::prop_assert_eq!(&primary, &bytes[usize::from(primary_at)..]);
                proptest::prop_assert!(parse(&bytes, 6).is_some());
            }
            set_types(&mut bytes, 7);
        }
    }
}
