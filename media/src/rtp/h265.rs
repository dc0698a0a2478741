//! H265 NAL unit headers (RFC 7798). Only headers are read, never slice data.

/// Intra random access point pictures: BLA, IDR, CRA and two that are reserved.
const IRAP: std::ops::RangeInclusive<u8> = 16..=23;
const VPS: u8 = 32;
const SPS: u8 = 33;
const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;
const FRAGMENT_TYPE_MASK: u8 = 0x3f;
/// `S` of the FU header (section 4.4.3): the first fragment.
const FRAGMENT_START: u8 = 0x80;

/// Whether a decoder can start here: the packet holds a parameter set of the sequence, or a picture of random access begins
/// in it.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    let is_start = |kind: u8| matches!(kind, VPS | SPS) || IRAP.contains(&kind);
    let Some((header, rest)) = payload.split_first_chunk::<2>() else { return false };
    match (kind(header), rest) {
        (AGGREGATION, units) => aggregated_types(units).any(is_start),
        (FRAGMENTATION, [fragment, ..]) => fragment & FRAGMENT_START != 0 && is_start(fragment & FRAGMENT_TYPE_MASK),
        (kind, _) => is_start(kind),
    }
}

/// The type in a NAL unit's header of two bytes.
fn kind([first, _]: &[u8; 2]) -> u8 {
    (first >> 1) & 0x3f
}

/// The types of the NAL units in an aggregation packet, each behind a length of two bytes. (With `sprop-max-don-diff` there
/// would be more in between; browsers do not use it.)
fn aggregated_types(mut units: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (length, rest) = units.split_first_chunk::<2>()?;
        let (header, _) = rest.split_first_chunk::<2>()?;
        units = rest.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
        Some(kind(header))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_and_random_access_pictures_start_one() {
        assert!(starts_keyframe(&[0x40, 1, 9]), "VPS");
        assert!(starts_keyframe(&[0x42, 1, 9]), "SPS");
        assert!(starts_keyframe(&[0x26, 1, 9]), "IDR");
        assert!(starts_keyframe(&[0x2a, 1, 9]), "CRA");
        assert!(!starts_keyframe(&[0x44, 1, 9]), "PPS");
        assert!(!starts_keyframe(&[0x02, 1, 9]), "a trailing picture");
    }

    #[test]
    fn they_are_found_in_aggregates_and_first_fragments() {
        assert!(starts_keyframe(&[0x60, 1, 0, 2, 0x44, 1, 0, 3, 0x26, 1, 9]), "PPS, then IDR");
        assert!(!starts_keyframe(&[0x60, 1, 0, 2, 0x44, 1, 0, 3, 0x02, 1, 9]));
        assert!(starts_keyframe(&[0x62, 1, 0x93, 9]), "first fragment of an IDR");
        assert!(!starts_keyframe(&[0x62, 1, 0x13, 9]), "a later one");
        assert!(!starts_keyframe(&[0x62, 1]));
        assert!(!starts_keyframe(&[]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
            starts_keyframe(&bytes);
        }
    }
}
