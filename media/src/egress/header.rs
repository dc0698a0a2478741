//! RTP headers as we write them (RFC 3550, section 5.1; header extensions RFC 8285).

/// Fixed header, one contributing source, and the head of the extensions.
const FIXED_BYTES: usize = 12 + 4 + 4;

const VERSION: u8 = 2 << 6;
const PADDING: u8 = 1 << 5;
const EXTENSION: u8 = 1 << 4;
/// Identifier and length of an element share one byte (RFC 8285, section 4.2).
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// Each has its own (section 4.3).
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// The highest identifier, and the longest element, of the one-byte form.
const ONE_BYTE_ID_MAX: u8 = 14;
const ONE_BYTE_LENGTH_MAX: usize = 16;
const VOICE: u8 = 0x80;

/// The identifiers that a client gave to the header extensions that we write; `None` where it did not take one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionIds {
    /// Transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    pub transport_wide: Option<u8>,
    /// Audio level (RFC 6464).
    pub audio_level: Option<u8>,
    /// Video orientation (3GPP TS 26.114, section 7.4.5).
    pub video_orientation: Option<u8>,
    /// Dependency Descriptor (AV1 RTP specification, appendix A).
    pub dependency: Option<u8>,
}

/// What the header of a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the codec.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// The one contributing source: the number of the track.
    pub csrc: u32,
    /// Transport-wide sequence number.
    pub transport_wide: u16,
    /// Loudness in dBov, 0 to -127, and whether it is a voice.
    pub audio_level: Option<(i8, bool)>,
    /// Rotation bits.
    pub video_orientation: Option<u8>,
    /// The Dependency Descriptor, empty where there is none. That of a keyframe is too long for the one-byte form.
    pub dependency: &'a [u8],
    /// Bytes of padding behind the payload; their number is in the last of them.
    pub padding_bytes: u8,
}

impl Header<'_> {
    /// Bytes that [`Header::write`] adds.
    pub fn length(&self, ids: &ExtensionIds) -> usize {
        let extensions = self.extension_bytes(ids, self.is_two_byte(ids));
        if extensions == 0 { FIXED_BYTES - 4 } else { FIXED_BYTES + extensions.next_multiple_of(4) }
    }

    /// Whether the elements have heads of two bytes.
    fn is_two_byte(&self, ids: &ExtensionIds) -> bool {
        let id = |id: Option<u8>| id.unwrap_or(0);
        let highest = id(ids.transport_wide).max(id(ids.audio_level));
        let highest = highest.max(id(ids.video_orientation)).max(id(ids.dependency));
        highest > ONE_BYTE_ID_MAX || (self.dependency.len() > ONE_BYTE_LENGTH_MAX && ids.dependency.is_some())
    }

    fn extension_bytes(&self, ids: &ExtensionIds, is_two_byte: bool) -> usize {
        let head = 1 + usize::from(is_two_byte);
        let transport_wide = if ids.transport_wide.is_some() { head + 2 } else { 0 };
        let level = if ids.audio_level.and(self.audio_level).is_some() { head + 1 } else { 0 };
        let orientation = if ids.video_orientation.and(self.video_orientation).is_some() { head + 1 } else { 0 };
        let has_dependency = ids.dependency.is_some() && !self.dependency.is_empty();
        let dependency = if has_dependency { head + self.dependency.len() } else { 0 };
        transport_wide + level + orientation + dependency
    }

    /// Appends the header.
    pub fn write(&self, ids: &ExtensionIds, out: &mut Vec<u8>) {
        let is_two_byte = self.is_two_byte(ids);
        let extensions = self.extension_bytes(ids, is_two_byte);
        let mut first = VERSION | 1;
        if extensions > 0 {
            first |= EXTENSION;
        }
        if self.padding_bytes > 0 {
            first |= PADDING;
        }
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [r0, r1, r2, r3] = self.ssrc.to_be_bytes();
        let [c0, c1, c2, c3] = self.csrc.to_be_bytes();
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        out.extend_from_slice(&[first, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3, c0, c1, c2, c3]);
        if extensions == 0 {
            return;
        }
        let words = extensions.div_ceil(4);
        let [p0, p1] = if is_two_byte { TWO_BYTE_PROFILE } else { ONE_BYTE_PROFILE }.to_be_bytes();
        out.extend_from_slice(&[p0, p1, 0, words as u8]);
        if let Some(id) = ids.transport_wide {
            let [high, low] = self.transport_wide.to_be_bytes();
            match is_two_byte {
                true => out.extend_from_slice(&[id, 2, high, low]),
                false => out.extend_from_slice(&[(id << 4) | 1, high, low]),
            }
        }
        let mut byte = |id: u8, value: u8| match is_two_byte {
            true => out.extend_from_slice(&[id, 1, value]),
            false => out.extend_from_slice(&[id << 4, value]),
        };
        if let (Some(id), Some((level, voice))) = (ids.audio_level, self.audio_level) {
            byte(id, level.unsigned_abs().min(127) | if voice { VOICE } else { 0 });
        }
        if let (Some(id), Some(bits)) = (ids.video_orientation, self.video_orientation) {
            byte(id, bits);
        }
        if let (Some(id), Some(before_last)) = (ids.dependency, self.dependency.len().checked_sub(1)) {
            match is_two_byte {
                true => out.extend_from_slice(&[id, self.dependency.len() as u8]),
                false => out.push((id << 4) | before_last as u8),
            }
            out.extend_from_slice(self.dependency);
        }
        for _ in extensions..4 * words {
            out.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header<'_> = Header {
        payload_type: 96,
        marker: true,
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090a,
        csrc: 5,
        transport_wide: 0xabcd,
        audio_level: None,
        video_orientation: None,
        dependency: &[],
        padding_bytes: 0,
    };

    fn written(header: Header<'_>, ids: ExtensionIds) -> Vec<u8> {
        let mut out = Vec::new();
        header.write(&ids, &mut out);
        assert_eq!(out.len(), header.length(&ids));
        out
    }

    #[test]
    fn without_extensions() {
        let expected = [0x81, 0x80 | 96, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 5];
        assert_eq!(written(HEADER, ExtensionIds::default()), expected);
        let padded = written(Header { padding_bytes: 3, ..HEADER }, ExtensionIds::default());
        assert_eq!(padded[0], 0xa1);
    }

    #[test]
    fn with_extensions() {
        let ids = ExtensionIds {
            transport_wide: Some(3),
            audio_level: Some(1),
            video_orientation: Some(4),
            dependency: None,
        };
        let video = Header { video_orientation: Some(2), ..HEADER };
        assert_eq!(written(video, ids)[16..], [0xbe, 0xde, 0, 2, 0x31, 0xab, 0xcd, 0x40, 2, 0, 0, 0]);
        let audio = Header { audio_level: Some((-30, true)), ..HEADER };
        assert_eq!(written(audio, ids)[16..], [0xbe, 0xde, 0, 2, 0x31, 0xab, 0xcd, 0x10, 0x80 | 30, 0, 0, 0]);
        let silent = Header { audio_level: Some((-127, false)), ..HEADER };
        let only_level = ExtensionIds { audio_level: Some(1), ..ExtensionIds::default() };
        assert_eq!(written(silent, only_level)[16..], [0xbe, 0xde, 0, 1, 0x10, 127, 0, 0]);
    }

    #[test]
    fn a_descriptor_of_a_keyframe_makes_all_elements_long() {
        let ids = ExtensionIds { transport_wide: Some(3), dependency: Some(12), ..ExtensionIds::default() };
        let short = Header { dependency: &[7; 16], ..HEADER };
        let out = written(short, ids);
        assert_eq!(out[16..24], [0xbe, 0xde, 0, 5, 0x31, 0xab, 0xcd, 0xcf]);
        assert_eq!(out[24..], [7; 16]);
        let long = Header { dependency: &[7; 17], ..HEADER };
        let out = written(long, ids);
        assert_eq!(out[16..26], [0x10, 0, 0, 6, 3, 2, 0xab, 0xcd, 12, 17]);
        assert_eq!(out[26..], [[7_u8; 17].as_slice(), &[0]].concat());
        assert_eq!(written(long, ExtensionIds { dependency: None, ..ids }).len() % 4, 0, "not told to who takes none");
    }

    #[test]
    fn an_identifier_beyond_fourteen_makes_all_elements_long() {
        let ids = ExtensionIds { transport_wide: Some(16), ..ExtensionIds::default() };
        assert_eq!(written(HEADER, ids)[16..], [0x10, 0, 0, 1, 16, 2, 0xab, 0xcd]);
    }
}
