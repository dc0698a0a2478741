//! VP8 over RTP, as far as it is not encrypted further: the payload descriptor (RFC 7741, section 4.2) and the first
//! bytes of a picture (RFC 6386, section 9.1).

/// Length of the descriptor that is written: with a picture id of 15 bits.
pub const DESCRIPTOR_BYTES: usize = 4;
/// What a keyframe's first packet begins with: frame tag, start code, width and height.
const KEYFRAME_HEADER: [u8; 10] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];
/// What a delta picture's first packet begins with: the frame tag.
const DELTA_HEADER: [u8; 3] = [0x11, 0x02, 0x00];

/// What a payload begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// Whether a picture begins here.
    pub is_first: bool,
    /// Whether that is a keyframe.
    pub is_keyframe: bool,
    /// Where the sender's own bytes begin.
    pub bytes: usize,
}

/// Writes the start of a payload and returns its length; `None` when there is no room.
pub fn write(payload: &mut [u8], picture_id: u16, is_first: bool, is_keyframe: bool) -> Option<usize> {
    let [high, low] = (picture_id & 0x7fff | 0x8000).to_be_bytes();
    let first = 0x80 | if is_first { 0x10 } else { 0 };
    payload.get_mut(..DESCRIPTOR_BYTES)?.copy_from_slice(&[first, 0x80, high, low]);
    let header: &[u8] = match (is_first, is_keyframe) {
        (true, true) => &KEYFRAME_HEADER,
        (true, false) => &DELTA_HEADER,
        (false, _) => &[],
    };
    let end = DESCRIPTOR_BYTES + header.len();
    payload.get_mut(DESCRIPTOR_BYTES..end)?.copy_from_slice(header);
    Some(end)
}

/// Reads the start of a payload, whatever a server made of the descriptor; `None` when it is cut off.
pub fn parse(payload: &[u8]) -> Option<Start> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let extended = *payload.get(1)?;
        at += 1;
        if extended & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(extended & 0x40 != 0) + usize::from(extended & 0x30 != 0);
    }
    let is_first = first & 0x10 != 0 && first & 0x07 == 0;
    if !is_first {
        return Some(Start { is_first, is_keyframe: false, bytes: at });
    }
    let is_keyframe = payload.get(at)? & 1 == 0;
    let header = if is_keyframe { KEYFRAME_HEADER.len() } else { DELTA_HEADER.len() };
    Some(Start { is_first, is_keyframe, bytes: at + header })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut payload = [0; 40];
        for (is_first, is_keyframe, bytes) in [(true, true, 14), (true, false, 7), (false, false, 4), (false, true, 4)]
        {
            assert_eq!(write(&mut payload, 0x7fff, is_first, is_keyframe), Some(bytes));
            assert_eq!(parse(&payload), Some(Start { is_first, is_keyframe: is_first && is_keyframe, bytes }));
        }
        assert_eq!(write(&mut [0; 6], 1, true, true), None);
    }

    #[test]
    fn descriptors_of_others_are_read() {
        let short_id = [0x90, 0xe0, 0x05, 0x01, 0x20, 0x11, 0, 0, 9];
        assert_eq!(parse(&short_id), Some(Start { is_first: true, is_keyframe: false, bytes: 8 }));
        assert_eq!(parse(&[0x10, 0x10]), Some(Start { is_first: true, is_keyframe: true, bytes: 11 }));
        assert_eq!(parse(&[0x90, 0x80]), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..16)) {
            let _ = parse(&payload);
        }
    }
}
