//! H264 NAL unit headers (RFC 6184). Only headers are read, never slice data.

const TYPE_MASK: u8 = 0x1f;
const IDR: u8 = 5;
const SPS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// `S` of the FU header (section 5.8): the first fragment.
const FRAGMENT_START: u8 = 0x80;

/// Whether a decoder can start here: the packet holds a sequence parameter set, or an IDR picture begins in it.
///
/// Browsers repeat the parameter sets before each IDR picture, and the start is found there. Encoders that send them in
/// the session description only have nothing but the picture itself.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    let is_start = |kind: u8| kind == SPS || kind == IDR;
    let Some((header, rest)) = payload.split_first() else { return false };
    match (header & TYPE_MASK, rest) {
        (STAP_A, units) => aggregated_types(units).any(is_start),
        (FU_A, [fragment, ..]) => fragment & FRAGMENT_START != 0 && is_start(fragment & TYPE_MASK),
        (kind, _) => is_start(kind),
    }
}

/// The types of the NAL units in a STAP-A, each behind a length of two bytes.
fn aggregated_types(mut units: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (length, rest) = units.split_first_chunk::<2>()?;
        let header = rest.first()?;
        units = rest.get(usize::from(u16::from_be_bytes(*length))..).unwrap_or_default();
        Some(header & TYPE_MASK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_set_starts_a_picture_alone_or_aggregated() {
        assert!(starts_keyframe(&[0x67, 1, 2]));
        assert!(starts_keyframe(&[0x78, 0, 2, 0x06, 0, 0, 2, 0x67, 1]), "SEI, then SPS");
        assert!(!starts_keyframe(&[0x78, 0, 2, 0x06, 0]), "SEI alone");
    }

    #[test]
    fn an_idr_picture_starts_one_without_parameter_sets() {
        assert!(starts_keyframe(&[0x65, 1, 2]));
        assert!(starts_keyframe(&[0x78, 0, 2, 0x68, 0, 0, 2, 0x65, 1]), "PPS, then IDR");
        assert!(starts_keyframe(&[0x7c, 0x85, 2]), "its first fragment");
        assert!(!starts_keyframe(&[0x7c, 0x05, 2]), "a later fragment");
        assert!(!starts_keyframe(&[0x7c, 0x81, 2]), "the first fragment of another picture");
        assert!(!starts_keyframe(&[0x41, 1, 2]));
        assert!(!starts_keyframe(&[0x7c]));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
            starts_keyframe(&bytes);
        }
    }
}
