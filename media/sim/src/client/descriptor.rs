//! VP8's payload descriptor as the simulated encoder writes it: a picture id of 15 bits, and behind it the first byte of the
//! payload header (RFC 7741, section 4.2).

/// Its length.
pub const DESCRIPTOR_BYTES: usize = 5;

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The packet is the first of its picture.
    pub starts: bool,
    /// The picture, with 15 bits.
    pub picture_id: u16,
    /// The packet begins a keyframe.
    pub is_keyframe: bool,
}

impl Descriptor {
    /// A payload that holds nothing else yet.
    pub fn write(self) -> Vec<u8> {
        let [high, low] = (self.picture_id & 0x7fff).to_be_bytes();
        let begins_keyframe = self.starts && self.is_keyframe;
        vec![0x80 | u8::from(self.starts) << 4, 0x80, 0x80 | high, low, u8::from(!begins_keyframe)]
    }

    /// Reads that of a payload.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let &[first, extension, high, low, header, ..] = payload else { return None };
        let has_picture_id = first & 0x80 != 0 && extension & 0x80 != 0 && high & 0x80 != 0;
        let starts = first & 0x17 == 0x10;
        has_picture_id.then(|| Self {
            starts,
            picture_id: u16::from_be_bytes([high & 0x7f, low]),
            is_keyframe: starts && header & 1 == 0,
        })
    }
}
