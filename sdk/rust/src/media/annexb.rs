//! H.264 byte streams (ITU-T H.264, Annex B): NAL units behind start codes, grouped into access units.

use std::ops::Range;

use super::{Codec, FRAMES_MAX, FileFrame, MediaFile, MediaFileError, keyframe};

const NALU_NON_IDR: u8 = 1;
const NALU_IDR: u8 = 5;
const NALU_SEI: u8 = 6;
const NALU_AUD: u8 = 9;

/// Where each access unit (the NAL units of one picture) lies in a byte stream, start codes included.
///
/// A unit begins at an access unit delimiter, a parameter set, SEI or reserved type 14 to 18 that follows a slice, or
/// at a slice whose first macroblock is the picture's first (section 7.4.1.2.3, for streams without redundant slices).
pub fn split_access_units(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    let mut start = None;
    let mut has_slice = false;
    for nalu in nalus(bytes) {
        let header = bytes.get(nalu.payload.start).copied().unwrap_or(0);
        let is_slice = matches!(header & 0x1f, NALU_NON_IDR..=NALU_IDR);
        let begins = if is_slice {
            // ue(v) of 0 is a single 1 bit.
            bytes.get(nalu.payload.start + 1).is_some_and(|byte| byte & 0x80 != 0)
        } else {
            matches!(header & 0x1f, NALU_SEI..=NALU_AUD | 14..=18)
        };
        match start {
            None => start = Some(nalu.start),
            Some(from) if has_slice && begins => {
                units.push(from..nalu.start);
                start = Some(nalu.start);
                has_slice = false;
            }
            Some(_) => {}
        }
        has_slice |= is_slice;
    }
    if let (Some(from), true) = (start, has_slice) {
        units.push(from..bytes.len());
    }
    units
}

pub(super) fn read(bytes: &[u8], fps: u32) -> Result<MediaFile, MediaFileError> {
    let fps = u64::from(fps.max(1));
    let units = split_access_units(bytes);
    if units.len() > FRAMES_MAX {
        return Err(MediaFileError::TooLarge);
    }
    let frames: Vec<FileFrame> = (0u64..)
        .zip(units)
        .filter_map(|(index, range)| {
            let data = bytes.get(range)?;
            let keyframe = keyframe::is_keyframe(Codec::H264, data);
            Some(FileFrame { time: index * 90_000 / fps, keyframe, data: data.into() })
        })
        .collect();
    let duration = (frames.len() as u64 * 90_000 / fps).max(1);
    Ok(MediaFile { codec: Codec::H264, frames, duration, height: None })
}

/// Types of the NAL units of a byte stream.
pub(super) fn nalu_types(bytes: &[u8]) -> impl Iterator<Item = u8> {
    nalus(bytes).filter_map(|nalu| bytes.get(nalu.payload.start)).map(|header| header & 0x1f)
}

struct Nalu {
    /// Of the start code.
    start: usize,
    payload: Range<usize>,
}

fn nalus(bytes: &[u8]) -> impl Iterator<Item = Nalu> {
    let mut next = find_start_code(bytes, 0);
    std::iter::from_fn(move || {
        let (start, payload_start) = next?;
        next = find_start_code(bytes, payload_start);
        let end = next.map_or(bytes.len(), |(start, _)| start);
        Some(Nalu { start, payload: payload_start..end })
    })
}

/// The next start code at or after `from`: where it begins (its leading zero included) and where it ends.
fn find_start_code(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let at = from + bytes.get(from..)?.windows(3).position(|window| window == [0, 0, 1])?;
    let has_leading_zero = at > from && bytes.get(at - 1) == Some(&0);
    Some((at - usize::from(has_leading_zero), at + 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42];
    const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xce];
    const IDR: &[u8] = &[0, 0, 0, 1, 0x65, 0x88, 1, 2];
    const IDR_SECOND_SLICE: &[u8] = &[0, 0, 1, 0x65, 0x08, 3];
    const P: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a, 4];
    const SEI: &[u8] = &[0, 0, 0, 1, 0x06, 5];

    #[test]
    fn parameter_sets_and_all_slices_stay_with_their_picture() {
        let parts = [SPS, PPS, SEI, IDR, IDR_SECOND_SLICE, P, SEI, P, SPS, PPS, IDR];
        let file = MediaFile::parse(&parts.concat(), 25).unwrap();
        let expected = [[SPS, PPS, SEI, IDR, IDR_SECOND_SLICE].concat(), P.to_vec(), [SEI, P].concat()];
        for (frame, expected) in file.frames.iter().zip(&expected) {
            assert_eq!(&frame.data[..], &expected[..]);
        }
        let seen: Vec<(u64, bool)> = file.frames.iter().map(|frame| (frame.time, frame.keyframe)).collect();
        assert_eq!(seen, [(0, true), (3600, false), (7200, false), (10_800, true)]);
    }

    #[test]
    fn parameter_sets_without_a_slice_are_no_picture() {
        assert!(matches!(MediaFile::parse(&[SPS, PPS].concat(), 30), Err(MediaFileError::Empty)));
    }

    proptest! {
        #[test]
        fn units_follow_each_other_without_a_gap(bytes in proptest::collection::vec(0u8..3, 0..300)) {
            let mut bytes = bytes;
            bytes.splice(0..0, [0, 0, 1, 0x65, 0x88]);
            let units = split_access_units(&bytes);
            prop_assert_eq!(units.first().map(|unit| unit.start), Some(0));
            prop_assert_eq!(units.last().map(|unit| unit.end), Some(bytes.len()));
            for pair in units.windows(2) {
                prop_assert_eq!(pair[0].end, pair[1].start);
            }
        }
    }
}
