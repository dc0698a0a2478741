//! Encoders with layers, and what a decoder would make of what arrives.
//!
//! Each frame is one packet. Behind the codec's descriptor, at the end of the payload, stand the frames that it uses and its
//! own number, so that a test can tell whether a decoder could have decoded it.

use std::collections::HashSet;

use str0m::format::Codec;

use super::client::Heard;
#[path = "../../src/rtp/dependency/testing.rs"]
mod dependency;
use dependency::{Frame as Descriptor, L1T3, L3T3};

/// What an encoder writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// VP8 with three temporal layers.
    Vp8,
    /// VP9 with three spatial and three temporal layers.
    Vp9,
    /// Three temporal layers, told by a Dependency Descriptor only: the payload is noise, as if it were encrypted.
    DescribedTemporal,
    /// The same as VP8, with [`NOISE`] where its descriptor would be.
    DescribedVp8,
    /// Three temporal layers of each of three spatial ones.
    Described,
}

/// Looks like a descriptor of VP8, with a picture number.
pub const NOISE: [u8; 6] = [0x90, 0xe0, 0x81, 0x23, 7, 0x20];

/// One encoder.
pub struct Encoder {
    pub coding: Coding,
    /// Pictures since the last keyframe.
    picture: u32,
    picture_id: u16,
    tl0: u8,
    next_frame: u32,
}

/// A frame, without what fills it up.
pub struct Encoded {
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    pub spatial: u8,
    pub is_last: bool,
    pub descriptor: Option<Vec<u8>>,
}

/// The temporal layers of pictures.
const PATTERN: [u8; 4] = [0, 2, 1, 2];
/// How many pictures before it is the one that each uses.
const USED: [u32; 4] = [4, 1, 2, 1];

impl Encoder {
    pub fn new(coding: Coding) -> Self {
        Self { coding, picture: 0, picture_id: 500, tl0: 0, next_frame: 70_000 }
    }

    pub fn codec(&self) -> Codec {
        match self.coding {
            Coding::Vp8 | Coding::DescribedVp8 => Codec::Vp8,
            Coding::Vp9 => Codec::Vp9,
            Coding::DescribedTemporal | Coding::Described => Codec::Av1,
        }
    }

    fn spatial_layers(&self) -> u32 {
        if matches!(self.coding, Coding::Vp9 | Coding::Described) { 3 } else { 1 }
    }

    /// The frames of the next picture.
    pub fn encode(&mut self, is_key: bool) -> Vec<Encoded> {
        self.picture = if is_key { 0 } else { self.picture + 1 };
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        let place = (self.picture % 4) as usize;
        if PATTERN[place] == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        let layers = self.spatial_layers();
        let frames = (0..layers).map(|spatial| {
            let frame = self.next_frame + spatial;
            let mut used: Vec<u32> = if is_key { vec![] } else { vec![frame - USED[place] * layers] };
            used.extend((spatial > 0).then(|| frame - 1));
            let mut tail: Vec<u8> = used.iter().flat_map(|used| used.to_be_bytes()).collect();
            tail.push(used.len() as u8);
            tail.extend(frame.to_be_bytes());
            let spatial = spatial as u8;
            let is_last = u32::from(spatial) + 1 == layers;
            let descriptor = self.descriptor(is_key, place, spatial, frame as u16);
            Encoded { head: self.head(is_key, place, spatial), tail, spatial, is_last, descriptor }
        });
        let frames = frames.collect();
        self.next_frame += layers;
        frames
    }

    fn head(&self, is_key: bool, place: usize, spatial: u8) -> Vec<u8> {
        let [high, low] = (self.picture_id | 0x8000).to_be_bytes();
        let temporal = PATTERN[place];
        match self.coding {
            Coding::Vp8 => {
                let sync = u8::from(place == 1 || place == 2) << 5;
                vec![0x90, 0xe0, high, low, self.tl0, (temporal << 6) | sync, u8::from(!is_key)]
            }
            Coding::Vp9 => {
                let inter = u8::from(!is_key) << 6;
                let switching = u8::from(temporal == 0) << 4;
                let layer = (temporal << 5) | switching | (spatial << 1) | u8::from(spatial > 0);
                vec![0xac | inter, high, low, layer, self.tl0]
            }
            Coding::DescribedVp8 => NOISE.to_vec(),
            // `N` of the aggregation header must not be believed.
            Coding::DescribedTemporal | Coding::Described => vec![0xff; 3],
        }
    }

    fn descriptor(&self, is_key: bool, place: usize, spatial: u8, number: u16) -> Option<Vec<u8>> {
        let base = 4 * u32::from(spatial);
        let (template, mode) = match self.coding {
            Coding::DescribedTemporal | Coding::DescribedVp8 => (if is_key { 0 } else { [1, 3, 2, 4][place] }, &L1T3),
            Coding::Described => (base + if is_key { 0 } else { [1, 3, 2, 3][place] }, &L3T3),
            _ => return None,
        };
        let mut frame = Descriptor { ends: true, ..Descriptor::of_template(template, number) };
        frame.has_structure = is_key && spatial == 0;
        if self.coding == Coding::Described && place == 3 {
            let behind = u32::from(spatial);
            frame.custom_chains = [9, 8, 7].map(|diff| diff + behind).to_vec();
        }
        Some(frame.write(mode))
    }
}

/// A frame that arrived: the mark of its source, its number there, and the numbers of those that it uses.
pub fn frame(payload: &[u8]) -> (u8, u32, Vec<u32>) {
    let word = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let (mark, rest) = payload.split_last().unwrap();
    let (rest, number) = rest.split_at(rest.len() - 4);
    let (count, rest) = rest.split_last().unwrap();
    let used = rest[rest.len() - 4 * usize::from(*count)..].chunks(4).map(word).collect();
    (*mark, word(number), used)
}

/// Requires that each frame can be decoded and each picture is ended by its marker, with no gap in the numbers; `heard` is
/// from the beginning of the slot.
pub fn assert_decodable(heard: &[Heard]) {
    assert!(heard.len() > 10, "only {} packets", heard.len());
    let mut decoded = HashSet::new();
    for (place, packet) in heard.iter().enumerate() {
        let (mark, number, used) = frame(&packet.payload);
        for used in used {
            assert!(
                decoded.contains(&(mark, used)),
                "{place}: frame {number} of {mark} uses {used}, which did not come"
            );
        }
        assert!(decoded.insert((mark, number)), "frame {number} twice");
    }
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1, "a gap, or a number twice");
        let is_new_picture = pair[0].timestamp != pair[1].timestamp;
        assert_eq!(pair[0].marker, is_new_picture, "the marker ends a picture at {}", pair[0].sequence);
    }
}

/// Frames of each second that arrived from `mark` within the last `seconds`.
pub fn frames_per_second(heard: &[Heard], mark: u8, now: std::time::Instant, seconds: u32) -> u32 {
    let since = std::time::Duration::from_secs(seconds.into());
    let recent = heard.iter().filter(|heard| heard.at + since > now && heard.payload.last() == Some(&mark));
    let mut pictures: Vec<u32> = recent.map(|heard| heard.timestamp).collect();
    pictures.dedup();
    pictures.len() as u32 / seconds
}
