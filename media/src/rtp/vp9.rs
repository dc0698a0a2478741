//! VP9 payload descriptor (RFC 9628, section 4.2).

use super::{Descriptor, Layer, Rewrite, TemporalSwitch, picture_id};

const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PREDICTED: u8 = 0x40;
const HAS_LAYERS: u8 = 0x20;
/// `F`: pictures name what they refer to, and there is no `TL0PICIDX`.
const FLEXIBLE: u8 = 0x10;
const START_OF_FRAME: u8 = 0x08;
const END_OF_FRAME: u8 = 0x04;
/// `U` of the layer octet: later pictures of higher temporal layers use none of those layers from before this one.
const SWITCHING_UP_POINT: u8 = 0x10;
/// `D` of the layer octet: the frame uses the spatial layer below it.
const INTER_LAYER: u8 = 0x01;

/// Reads the descriptor of `payload`; `None` when it is cut short.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut bytes = payload.iter().copied();
    let first = bytes.next()?;
    let mut descriptor = Descriptor::default();
    if first & HAS_PICTURE_ID != 0 {
        descriptor.picture_id = Some(picture_id::read(&mut bytes)?);
    }
    let mut is_base = true;
    if first & HAS_LAYERS != 0 {
        let octet = bytes.next()?;
        descriptor.layer = Layer { spatial: (octet >> 1) & 7, temporal: octet >> 5 };
        if octet & SWITCHING_UP_POINT != 0 {
            descriptor.temporal_switch = TemporalSwitch::Above;
        }
        if first & FLEXIBLE == 0 {
            descriptor.tl0_pic_idx = Some(bytes.next()?);
        }
        is_base = descriptor.layer.spatial == 0 && octet & INTER_LAYER == 0;
    }
    descriptor.starts_frame = first & START_OF_FRAME != 0;
    descriptor.ends_frame = first & END_OF_FRAME != 0;
    descriptor.is_independent = first & INTER_PREDICTED == 0;
    descriptor.keyframe_start = descriptor.is_independent && descriptor.starts_frame && is_base;
    Some(descriptor)
}

/// Writes new numbers into the descriptor of `payload`, where it has the fields.
pub fn rewrite(payload: &mut [u8], numbers: Rewrite) {
    let mut bytes = payload.iter_mut();
    let Some(first) = bytes.next().map(|first| *first) else { return };
    if first & HAS_PICTURE_ID != 0 && picture_id::write(&mut bytes, numbers.picture_id).is_none() {
        return;
    }
    if first & HAS_LAYERS != 0
        && first & FLEXIBLE == 0
        && let (Some(_layers), Some(place), Some(index)) = (bytes.next(), bytes.next(), numbers.tl0_pic_idx)
    {
        *place = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_picture_starts_on_the_lowest_spatial_layer() {
        assert!(parse(&[0x88, 0x80, 0x05]).unwrap().keyframe_start);
        assert!(!parse(&[0xc8, 0x80, 0x05]).unwrap().keyframe_start, "inter-predicted");
        assert!(!parse(&[0xa8, 0x05, 0x02, 9]).unwrap().keyframe_start, "spatial layer 1");
        assert!(!parse(&[0x80, 0x05]).unwrap().keyframe_start, "not the start of a frame");
    }

    #[test]
    fn layers_and_where_they_may_be_added() {
        // I P L B | picture id | TID=1 U SID=2 D | TL0PICIDX
        let inter = parse(&[0xe8, 0x05, 0x35, 0x09]).unwrap();
        assert_eq!(inter.layer, Layer { spatial: 2, temporal: 1 });
        assert_eq!((inter.temporal_switch, inter.tl0_pic_idx), (TemporalSwitch::Above, Some(9)));
        assert!(inter.starts_frame && !inter.ends_frame && !inter.is_independent);
        // I L F E, without U: no TL0PICIDX in flexible mode.
        let flexible = parse(&[0xb4, 0x05, 0x44]).unwrap();
        assert_eq!(flexible.layer, Layer { spatial: 2, temporal: 2 });
        assert_eq!((flexible.temporal_switch, flexible.tl0_pic_idx), (TemporalSwitch::None, None));
        assert!(!flexible.starts_frame && flexible.ends_frame && flexible.is_independent);
    }

    #[test]
    fn numbers_are_rewritten_in_their_width() {
        let numbers = Rewrite { picture_id: Some(0x1234), tl0_pic_idx: Some(7), ..Rewrite::default() };
        let mut wide = [0xa8, 0x80, 0x05, 0x00, 0x01, 0xff];
        rewrite(&mut wide, numbers);
        assert_eq!(wide, [0xa8, 0x92, 0x34, 0x00, 7, 0xff]);
        let mut narrow = [0x88, 0x05, 0xff];
        rewrite(&mut narrow, numbers);
        assert_eq!(narrow, [0x88, 0x34, 0xff]);
        let mut flexible = [0xb8, 0x05, 0x00, 0x01];
        rewrite(&mut flexible, numbers);
        assert_eq!(flexible, [0xb8, 0x34, 0x00, 0x01], "no TL0PICIDX");
        let mut none = [0x08, 0x05];
        rewrite(&mut none, numbers);
        assert_eq!(none, [0x08, 0x05]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_and_written_without_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..8)) {
            let before = parse(&bytes);
            rewrite(&mut bytes, Rewrite { picture_id: Some(0x7fff), tl0_pic_idx: Some(1), ..Rewrite::default() });
            proptest::prop_assert_eq!(before.map(|d| (d.keyframe_start, d.layer)), parse(&bytes).map(|d| (d.keyframe_start, d.layer)));
        }
    }
}
