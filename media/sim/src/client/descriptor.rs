//! Payload descriptors as simulated encoders write them, and what a receiver reads in them: VP8 (RFC 7741, section 4.2), VP9
//! in flexible mode (RFC 9628, section 4.2), H264 in fragments (RFC 6184, section 5.8). Written apart from the node's own.

use str0m::format::Codec;

use super::coding::{Coding, Plan};

/// What a packet says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The packet is the first of its frame.
    pub starts: bool,
    /// The packet is the last of its frame, where that is not the marker's part to say.
    pub ends: bool,
    /// The frame needs nothing.
    pub is_keyframe: bool,
    /// The picture, with 15 bits; 0 with H264; the frame's number, with 16 bits, in a Dependency Descriptor.
    pub picture: u16,
    /// The spatial layer.
    pub spatial: u8,
    /// The temporal layer.
    pub temporal: u8,
    /// What the frame builds on.
    pub needs: Needs,
}

/// What a receiver takes a frame to build on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// The frame before it.
    Previous,
    /// VP8: the base layer picture before the one of this index for one of the base layer; that one for a picture with `Y`;
    /// all from that one on for others.
    Base {
        /// `TL0PICIDX`.
        index: u8,
        /// `Y`.
        is_sync: bool,
    },
    /// VP9: the same spatial layer of the pictures so far back, and the layer below.
    Named {
        /// `P_DIFF`.
        distances: Vec<u16>,
        /// `D`.
        uses_below: bool,
    },
    /// A Dependency Descriptor: the frames of these numbers.
    Numbered {
        /// Bit `n` for the frame `n + 1` before.
        near: u64,
        /// One is further back than that.
        is_far: bool,
    },
}

/// What an encoder knows of a packet.
#[derive(Debug, Clone, Copy)]
pub struct Writes {
    /// The frame.
    pub plan: Plan,
    /// The picture.
    pub picture: u32,
    /// Base layer pictures so far.
    pub base_pictures: u32,
    /// It is the first packet of the frame.
    pub starts: bool,
    /// It is the last packet of the frame.
    pub ends: bool,
    /// The picture is a keyframe.
    pub is_keyframe: bool,
}

impl Writes {
    /// A payload that holds nothing but the descriptor.
    pub fn write(self, coding: Coding) -> Vec<u8> {
        let Self { plan, picture, base_pictures, starts, ends, is_keyframe } = self;
        let [high, low] = (picture as u16 & 0x7fff).to_be_bytes();
        let bit = |is_set: bool, at: u8| u8::from(is_set) << at;
        match coding {
            Coding::Vp8 { .. } => vec![
                0x80 | bit(starts, 4),
                0xe0,
                0x80 | high,
                low,
                base_pictures as u8,
                plan.temporal << 6 | bit(plan.is_sync, 5),
                bit(!(starts && is_keyframe), 0),
            ],
            Coding::Vp9 { .. } => {
                let inter = plan.distance.filter(|_| !is_keyframe);
                let first = 0xb0 | bit(inter.is_some(), 6) | bit(starts, 3) | bit(ends, 2);
                // Higher layers use nothing from before a picture that is not of the highest.
                let switches_up = plan.temporal < 2;
                let layer = plan.temporal << 5 | bit(switches_up, 4) | plan.spatial << 1 | bit(plan.uses_below, 0);
                let mut bytes = vec![first, 0x80 | high, low, layer];
                bytes.extend(inter.map(|distance| (distance as u8) << 1));
                bytes
            }
            Coding::H264 => {
                vec![0x7c, bit(starts, 7) | bit(ends, 6) | if is_keyframe { 5 } else { 1 }]
            }
            Coding::Described(_) => Vec::new(),
        }
    }
}

impl Descriptor {
    /// Reads the descriptor of a payload; also hands out what follows it.
    pub fn read(codec: Codec, payload: &[u8]) -> Option<(Self, &[u8])> {
        match codec {
            Codec::Vp8 => Self::read_vp8(payload),
            Codec::Vp9 => Self::read_vp9(payload),
            Codec::H264 => Self::read_h264(payload),
            _ => None,
        }
    }

    fn read_vp8(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&[first, 0xe0, high, low, index, layer, header], rest) = payload.split_first_chunk()? else { return None };
        let starts = first & 0x17 == 0x10;
        let is_keyframe = starts && header & 1 == 0;
        let (temporal, needs) = (layer >> 6, Needs::Base { index, is_sync: layer & 0x20 != 0 });
        let picture = u16::from_be_bytes([high & 0x7f, low]);
        Some((Self { starts, ends: false, is_keyframe, picture, spatial: 0, temporal, needs }, rest))
    }

    fn read_vp9(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&[first, high, low, layer], mut rest) = payload.split_first_chunk()?;
        let (is_inter, uses_below) = (first & 0x40 != 0, layer & 1 != 0);
        let mut distances = Vec::new();
        while is_inter && distances.len() < 3 {
            let (&difference, after) = rest.split_first()?;
            rest = after;
            distances.push(u16::from(difference >> 1));
            if difference & 1 == 0 {
                break;
            }
        }
        let descriptor = Self {
            starts: first & 8 != 0,
            ends: first & 4 != 0,
            is_keyframe: !is_inter && !uses_below && layer >> 1 & 7 == 0,
            picture: u16::from_be_bytes([high & 0x7f, low]),
            spatial: layer >> 1 & 7,
            temporal: layer >> 5,
            needs: Needs::Named { distances, uses_below },
        };
        Some((descriptor, rest))
    }

    fn read_h264(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (&[0x7c, fragment], rest) = payload.split_first_chunk()? else { return None };
        let descriptor = Self {
            starts: fragment & 0x80 != 0,
            ends: fragment & 0x40 != 0,
            is_keyframe: fragment & 0x1f == 5,
            picture: 0,
            spatial: 0,
            temporal: 0,
            needs: Needs::Previous,
        };
        Some((descriptor, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let plan = |coding: Coding, picture| *coding.plan(picture).last().unwrap();
        for coding in
            [Coding::H264, Coding::Vp8 { temporal: 3 }, Coding::Vp9 { spatial: 2, temporal: 3, only_key: false }]
        {
            for picture in 0..5 {
                let (starts, ends, is_keyframe) = (picture % 2 == 0, picture % 3 == 0, picture == 0);
                let plan = plan(coding, picture);
                let mut payload =
                    Writes { plan, picture: 0x7ffe + picture, base_pictures: 300, starts, ends, is_keyframe }
                        .write(coding);
                payload.push(9);
                let (read, rest) = Descriptor::read(coding.codec(), &payload).unwrap();
                assert_eq!((read.starts, read.spatial, rest), (starts, plan.spatial, &[9][..]), "{coding:?}");
                match read.needs {
                    Needs::Numbered { .. } => panic!("only a Dependency Descriptor has that"),
                    Needs::Previous => assert_eq!((read.ends, read.is_keyframe), (ends, is_keyframe)),
                    Needs::Base { index, is_sync } => {
                        assert_eq!((index, read.temporal, is_sync), (44, plan.temporal, plan.is_sync));
                    }
                    Needs::Named { distances, uses_below } => {
                        assert_eq!(distances, plan.distance.map(|back| back as u16).into_iter().collect::<Vec<_>>());
                        assert!(uses_below && read.ends == ends);
                    }
                }
            }
        }
    }
}
