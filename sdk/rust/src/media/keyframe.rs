//! Whether a frame can be decoded without others, told from its first bytes.

use super::Codec;

const AV1_OBU_SEQUENCE_HEADER: u8 = 1;
const H264_NALU_IDR: u8 = 5;

/// Whether decoding can start at this frame. Audio always can.
pub fn is_keyframe(codec: Codec, data: &[u8]) -> bool {
    match codec {
        Codec::Opus => true,
        // RFC 6386, section 9.1: the lowest bit of the frame tag is 0 for a keyframe.
        Codec::Vp8 => data.first().is_some_and(|tag| tag & 1 == 0),
        Codec::Vp9 => is_vp9_keyframe(data),
        Codec::Av1 => av1_obu_types(data).any(|kind| kind == AV1_OBU_SEQUENCE_HEADER),
        Codec::H264 => super::annexb::nalu_types(data).any(|kind| kind == H264_NALU_IDR),
    }
}

/// VP9 bitstream, section 6.2: frame_marker (2 bits), profile (2 bits, and a reserved one in profile 3),
/// show_existing_frame, frame_type.
fn is_vp9_keyframe(data: &[u8]) -> bool {
    let Some(&byte) = data.first() else { return false };
    let is_profile_3 = byte & 0b0011_0000 == 0b0011_0000;
    let rest = if is_profile_3 { byte << 1 } else { byte };
    let show_existing = rest & 0b0000_1000 != 0;
    let inter = rest & 0b0000_0100 != 0;
    byte & 0b1100_0000 == 0b1000_0000 && !show_existing && !inter
}

/// Types of the OBUs of a temporal unit whose OBUs carry their size (AV1 specification, section 5.3).
fn av1_obu_types(mut data: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (&header, rest) = data.split_first()?;
        let kind = (header >> 3) & 0x0f;
        let rest = if header & 0b100 != 0 { rest.get(1..)? } else { rest };
        if header & 0b10 == 0 {
            data = &[];
            return Some(kind);
        }
        let (length, rest) = leb128(rest)?;
        data = rest.get(length..).unwrap_or(&[]);
        Some(kind)
    })
}

/// A little-endian base-128 number of at most 4 bytes, and what follows it.
fn leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (index, &byte) in data.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, data.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_bytes_tell() {
        assert!(is_keyframe(Codec::Vp8, &[0x10, 0, 0]) && !is_keyframe(Codec::Vp8, &[0x11]));
        assert!(is_keyframe(Codec::Vp9, &[0x82]) && !is_keyframe(Codec::Vp9, &[0x86]));
        assert!(!is_keyframe(Codec::Vp9, &[0x8a]), "an existing frame that is shown again");
        // A temporal delimiter, a sequence header of one byte, a frame.
        assert!(is_keyframe(Codec::Av1, &[0x12, 0, 0x0a, 1, 0, 0x32, 1, 0]));
        assert!(!is_keyframe(Codec::Av1, &[0x12, 0, 0x32, 1, 0]));
        assert!(is_keyframe(Codec::H264, &[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 2]));
        assert!(!is_keyframe(Codec::H264, &[0, 0, 0, 1, 0x41, 1]));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H264] {
                let _ = is_keyframe(codec, &data);
            }
        }
    }
}
