//! AV1 aggregation header (AOMedia RTP payload specification, section 4.4).

/// `N`: first packet of a coded video sequence.
const NEW_SEQUENCE: u8 = 0x08;

/// Whether a decoder can start here.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    payload.first().is_some_and(|header| header & NEW_SEQUENCE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_sequence_starts_a_picture() {
        assert!(starts_keyframe(&[0x18, 0]));
        assert!(!starts_keyframe(&[0x10, 0]));
        assert!(!starts_keyframe(&[]));
    }
}
