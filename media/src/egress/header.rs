//! RTP headers as we write them (RFC 3550, section 5.1; header extensions RFC 8285).

/// Fixed header, one contributing source, and the head of the extensions.
const FIXED_BYTES: usize = 12 + 4 + 4;

const VERSION: u8 = 2 << 6;
const PADDING: u8 = 1 << 5;
const EXTENSION: u8 = 1 << 4;
const ONE_BYTE_PROFILE: u16 = 0xbede;
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
}

/// What the header of a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
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
    /// Bytes of padding behind the payload; their number is in the last of them.
    pub padding_bytes: u8,
}

impl Header {
    /// Bytes that [`Header::write`] adds.
    pub fn length(&self, ids: &ExtensionIds) -> usize {
        let extensions = self.extension_bytes(ids);
        if extensions == 0 { FIXED_BYTES - 4 } else { FIXED_BYTES + extensions.next_multiple_of(4) }
    }

    fn extension_bytes(&self, ids: &ExtensionIds) -> usize {
        let transport_wide = if ids.transport_wide.is_some() { 3 } else { 0 };
        let level = if ids.audio_level.and(self.audio_level).is_some() { 2 } else { 0 };
        let orientation = if ids.video_orientation.and(self.video_orientation).is_some() { 2 } else { 0 };
        transport_wide + level + orientation
    }

    /// Appends the header.
    pub fn write(&self, ids: &ExtensionIds, out: &mut Vec<u8>) {
        let extensions = self.extension_bytes(ids);
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
        let [p0, p1] = ONE_BYTE_PROFILE.to_be_bytes();
        out.extend_from_slice(&[p0, p1, 0, words as u8]);
        if let Some(id) = ids.transport_wide {
            let [high, low] = self.transport_wide.to_be_bytes();
            out.extend_from_slice(&[(id << 4) | 1, high, low]);
        }
        if let (Some(id), Some((level, voice))) = (ids.audio_level, self.audio_level) {
            let value = level.unsigned_abs().min(127) | if voice { VOICE } else { 0 };
            out.extend_from_slice(&[id << 4, value]);
        }
        if let (Some(id), Some(bits)) = (ids.video_orientation, self.video_orientation) {
            out.extend_from_slice(&[id << 4, bits]);
        }
        for _ in extensions..4 * words {
            out.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        payload_type: 96,
        marker: true,
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090a,
        csrc: 5,
        transport_wide: 0xabcd,
        audio_level: None,
        video_orientation: None,
        padding_bytes: 0,
    };

    fn written(header: Header, ids: ExtensionIds) -> Vec<u8> {
        let mut out = Vec::new();
        header.write(&ids, &mut out);
        assert_eq!(out.len(), header.length(&ids));
        // Three extensions of 3, 2 and 2 bytes, padded to whole words.
        assert!(out.len() <= FIXED_BYTES + 8);
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
        let ids = ExtensionIds { transport_wide: Some(3), audio_level: Some(1), video_orientation: Some(4) };
        let video = Header { video_orientation: Some(2), ..HEADER };
        assert_eq!(written(video, ids)[16..], [0xbe, 0xde, 0, 2, 0x31, 0xab, 0xcd, 0x40, 2, 0, 0, 0]);
        let audio = Header { audio_level: Some((-30, true)), ..HEADER };
        assert_eq!(written(audio, ids)[16..], [0xbe, 0xde, 0, 2, 0x31, 0xab, 0xcd, 0x10, 0x80 | 30, 0, 0, 0]);
        let silent = Header { audio_level: Some((-127, false)), ..HEADER };
        let only_level = ExtensionIds { audio_level: Some(1), ..ExtensionIds::default() };
        assert_eq!(written(silent, only_level)[16..], [0xbe, 0xde, 0, 1, 0x10, 127, 0, 0]);
    }
}
