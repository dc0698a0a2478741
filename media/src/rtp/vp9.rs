//! VP9 payload descriptor (RFC 9628, section 4.2).

use super::Descriptor;

const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PREDICTED: u8 = 0x40;
const HAS_LAYERS: u8 = 0x20;
const START_OF_FRAME: u8 = 0x08;
const PICTURE_ID_15_BITS: u8 = 0x80;
/// Bits of the spatial layer in the layer octet.
const SPATIAL_LAYER: u8 = 0x0e;

/// Reads the descriptor of `payload`; `None` when it is cut short.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut bytes = payload.iter().copied();
    let first = bytes.next()?;
    let mut descriptor = Descriptor::default();
    if first & HAS_PICTURE_ID != 0 {
        let high = bytes.next()?;
        let wide = high & PICTURE_ID_15_BITS != 0;
        let value = if wide { u16::from_be_bytes([high & 0x7f, bytes.next()?]) } else { u16::from(high) };
        descriptor.picture_id = Some((value, wide));
    }
    let spatial_layer = if first & HAS_LAYERS != 0 { (bytes.next()? & SPATIAL_LAYER) >> 1 } else { 0 };
    descriptor.keyframe_start = first & INTER_PREDICTED == 0 && first & START_OF_FRAME != 0 && spatial_layer == 0;
    Some(descriptor)
}

/// Writes `picture_id` into the descriptor of `payload`, where it has one.
pub fn set_picture_id(payload: &mut [u8], picture_id: u16) {
    match payload {
        [first, high, low, ..] if *first & HAS_PICTURE_ID != 0 && *high & PICTURE_ID_15_BITS != 0 => {
            let [new_high, new_low] = picture_id.to_be_bytes();
            *high = PICTURE_ID_15_BITS | new_high;
            *low = new_low;
        }
        [first, id, ..] if *first & HAS_PICTURE_ID != 0 => {
            *id = (picture_id & 0x7f) as u8;
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_picture_starts_on_the_lowest_spatial_layer() {
        assert!(parse(&[0x88, 0x80, 0x05]).unwrap().keyframe_start);
        assert!(!parse(&[0xc8, 0x80, 0x05]).unwrap().keyframe_start, "inter-predicted");
        assert!(!parse(&[0xa8, 0x05, 0x02]).unwrap().keyframe_start, "spatial layer 1");
        assert!(!parse(&[0x80, 0x05]).unwrap().keyframe_start, "not the start of a frame");
    }

    #[test]
    fn the_picture_id_is_rewritten_in_its_width() {
        let mut wide = [0x88, 0x80, 0x05, 0xff];
        set_picture_id(&mut wide, 0x1234);
        assert_eq!(parse(&wide).unwrap().picture_id, Some((0x1234, true)));
        let mut narrow = [0x88, 0x05, 0xff];
        set_picture_id(&mut narrow, 0x1234);
        assert_eq!(parse(&narrow).unwrap().picture_id, Some((0x34, false)));
        let mut none = [0x08, 0x05];
        set_picture_id(&mut none, 1);
        assert_eq!(none, [0x08, 0x05]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_and_written_without_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..6)) {
            parse(&bytes);
            set_picture_id(&mut bytes, 0x7fff);
        }
    }
}
