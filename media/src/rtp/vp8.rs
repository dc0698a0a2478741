//! VP8 payload descriptor (RFC 7741, section 4.2).

use super::{Descriptor, Rewrite, TemporalSwitch, picture_id};

const EXTENDED: u8 = 0x80;
const START_OF_PARTITION: u8 = 0x10;
const PARTITION_INDEX: u8 = 0x07;
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0_PIC_IDX: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY_IDX: u8 = 0x10;
/// `Y`: the picture uses the base layer only.
const LAYER_SYNC: u8 = 0x20;
/// `P` of the payload header (section 4.3): set on all but key frames.
const INTER_FRAME: u8 = 0x01;

/// Reads the descriptor of `payload`; `None` when it is cut short.
pub fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut bytes = payload.iter().copied();
    let first = bytes.next()?;
    let mut descriptor = Descriptor::default();
    if first & EXTENDED != 0 {
        let extension = bytes.next()?;
        if extension & HAS_PICTURE_ID != 0 {
            descriptor.picture_id = Some(picture_id::read(&mut bytes)?);
        }
        if extension & HAS_TL0_PIC_IDX != 0 {
            descriptor.tl0_pic_idx = Some(bytes.next()?);
        }
        if extension & (HAS_TID | HAS_KEY_IDX) != 0 {
            let layer = bytes.next()?;
            if extension & HAS_TID != 0 {
                descriptor.layer.temporal = layer >> 6;
                if layer & LAYER_SYNC != 0 {
                    descriptor.temporal_switch = TemporalSwitch::Into;
                }
            }
        }
    }
    let header = bytes.next()?;
    descriptor.starts_frame = first & START_OF_PARTITION != 0 && first & PARTITION_INDEX == 0;
    descriptor.keyframe_start = descriptor.starts_frame && header & INTER_FRAME == 0;
    Some(descriptor)
}

/// Writes new numbers into the descriptor of `payload`, where it has the fields.
pub fn rewrite(payload: &mut [u8], numbers: Rewrite) {
    let mut bytes = payload.iter_mut();
    if bytes.next().is_none_or(|first| *first & EXTENDED == 0) {
        return;
    }
    let Some(extension) = bytes.next().map(|extension| *extension) else { return };
    if extension & HAS_PICTURE_ID != 0 && picture_id::write(&mut bytes, numbers.picture_id).is_none() {
        return;
    }
    if extension & HAS_TL0_PIC_IDX != 0
        && let (Some(place), Some(index)) = (bytes.next(), numbers.tl0_pic_idx)
    {
        *place = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_with_all_fields() {
        // X S PID=0 | I L T K | M + 15 bits | TL0PICIDX | TID Y KEYIDX | key frame header
        let descriptor = parse(&[0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x10, 0, 0]).unwrap();
        assert_eq!(
            descriptor,
            Descriptor {
                keyframe_start: true,
                starts_frame: true,
                temporal_switch: TemporalSwitch::Into,
                picture_id: Some((0x102, true)),
                tl0_pic_idx: Some(7),
                ..Descriptor::default()
            }
        );
    }

    #[test]
    fn the_temporal_layer_counts_only_where_it_is_said() {
        let with = |extension, layer| parse(&[0x90, extension, layer, 0x01]).unwrap();
        let synced = with(0x20, 0xa0);
        assert_eq!((synced.layer.temporal, synced.temporal_switch), (2, TemporalSwitch::Into));
        let plain = with(0x20, 0x40);
        assert_eq!((plain.layer.temporal, plain.temporal_switch), (1, TemporalSwitch::None));
        let only_key_idx = with(0x10, 0xff);
        assert_eq!((only_key_idx.layer.temporal, only_key_idx.temporal_switch), (0, TemporalSwitch::None));
    }

    #[test]
    fn an_inter_frame_and_a_later_packet_do_not_start_a_picture() {
        assert!(!parse(&[0x10, 0x01]).unwrap().keyframe_start);
        assert!(!parse(&[0x00, 0x00]).unwrap().keyframe_start);
        assert!(parse(&[0x10, 0x00]).unwrap().keyframe_start);
    }

    #[test]
    fn a_short_picture_id() {
        assert_eq!(parse(&[0x90, 0x80, 0x11, 0x01]).unwrap().picture_id, Some((0x11, false)));
    }

    #[test]
    fn numbers_are_rewritten_in_their_width() {
        let numbers = Rewrite { picture_id: Some(0x1234), tl0_pic_idx: Some(9), ..Rewrite::default() };
        let mut wide = [0x90, 0xf0, 0x81, 0x02, 7, 0x20, 0x10, 0, 0];
        rewrite(&mut wide, numbers);
        assert_eq!(wide, [0x90, 0xf0, 0x92, 0x34, 9, 0x20, 0x10, 0, 0]);
        let mut narrow = [0x90, 0x80, 0x11, 0x01];
        rewrite(&mut narrow, numbers);
        assert_eq!(narrow, [0x90, 0x80, 0x34, 0x01]);
        rewrite(&mut narrow, Rewrite::default());
        assert_eq!(narrow, [0x90, 0x80, 0x34, 0x01]);
        let mut none = [0x10, 0x01, 2];
        rewrite(&mut none, numbers);
        assert_eq!(none, [0x10, 0x01, 2]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..12)) {
            let before = parse(&bytes);
            rewrite(&mut bytes, Rewrite { picture_id: Some(0x7fff), tl0_pic_idx: Some(1), ..Rewrite::default() });
            proptest::prop_assert_eq!(before.map(|d| d.keyframe_start), parse(&bytes).map(|d| d.keyframe_start));
        }
    }
}
