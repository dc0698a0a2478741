//! H264 NAL unit headers (RFC 6184). Only headers are read, never slice data.

const TYPE_MASK: u8 = 0x1f;
const SPS: u8 = 7;
const STAP_A: u8 = 24;

/// Whether a decoder can start here: the packet holds a sequence parameter set.
///
/// Browsers repeat the parameter sets before each IDR picture. A switch at the IDR itself would leave the decoder
/// without them and freeze it.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    match payload.split_first() {
        Some((header, rest)) if header & TYPE_MASK == STAP_A => aggregated_types(rest).any(|kind| kind == SPS),
        Some((header, _)) => header & TYPE_MASK == SPS,
        None => false,
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
        assert!(!starts_keyframe(&[0x65, 1, 2]), "IDR");
        assert!(!starts_keyframe(&[0x7c, 0x85, 2]), "fragment of an IDR");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
            starts_keyframe(&bytes);
        }
    }
}
