//! RTP headers (RFC 3550, section 5.1) and their extensions (RFC 8285).

use super::session::ExtensionIds;

/// Time from the sender's clock in a payload: a mark, then nanoseconds of the monotonic clock.
pub const STAMP_BYTES: usize = 10;
const STAMP_MARK: [u8; 2] = [0xb0, 0x17];
/// Length of a header without sources and extensions.
pub const FIXED_BYTES: usize = 12;
const ONE_BYTE_PROFILE: u16 = 0xbede;

/// What a receiver needs of a header. Nothing of it is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Stream.
    pub ssrc: u32,
    /// Length of the header: where the payload begins.
    pub bytes: usize,
    /// Transport-wide sequence number.
    pub transport_wide: Option<u16>,
    /// Whether the payload ends with padding.
    pub has_padding: bool,
}

/// Whether a datagram is RTP or RTCP, and not STUN or DTLS (RFC 7983).
pub fn is_media(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| (128..192).contains(first))
}

/// Whether what [`is_media`] is RTCP (RFC 5761, section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|second| (192..224).contains(second))
}

/// Reads a header. `transport_wide` is the extension's id; 0 reads none.
#[inline]
pub fn parse(packet: &[u8], transport_wide: u8) -> Option<Header> {
    let (fixed, rest) = packet.split_at_checked(FIXED_BYTES)?;
    let &[first, second, s0, s1, _, _, _, _, c0, c1, c2, c3] = fixed else { return None };
    let csrcs = usize::from(first & 0x0f) * 4;
    let mut header = Header {
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        bytes: FIXED_BYTES + csrcs,
        transport_wide: None,
        has_padding: first & 0x20 != 0,
    };
    if first & 0x10 != 0 {
        let rest = rest.get(csrcs..)?;
        let &[p0, p1, l0, l1, ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
        let extensions = rest.get(4..4 + length)?;
        header.bytes += 4 + length;
        if transport_wide != 0 && u16::from_be_bytes([p0, p1]) == ONE_BYTE_PROFILE {
            header.transport_wide = find(extensions, transport_wide);
        }
    }
    (header.bytes <= packet.len()).then_some(header)
}

fn find(mut extensions: &[u8], id: u8) -> Option<u16> {
    while let [first, rest @ ..] = extensions {
        let length = usize::from(first & 0x0f) + 1;
        match first >> 4 {
            0 => extensions = rest,
            15 => return None,
            found if found == id => return Some(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?)),
            _ => extensions = rest.get(length..)?,
        }
    }
    None
}

/// What a sender puts into a header.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Payload type.
    pub payload_type: u8,
    /// Last packet of a picture, or first after a silence.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Time stamp in ticks of the codec's clock.
    pub timestamp: u32,
    /// Stream.
    pub ssrc: u32,
    /// The extensions' ids; those that are 0 are left out.
    pub ids: ExtensionIds,
    /// Section; written while it is `Some`.
    pub mid: Option<&'a str>,
    /// Restriction id; written while it is `Some`.
    pub rid: Option<&'a str>,
    /// Transport-wide sequence number.
    pub transport_wide: u16,
    /// Level in −dBov, and whether it is a voice (RFC 6464).
    pub audio_level: Option<(u8, bool)>,
}

/// Writes a header and returns its length; `None` when there is no room.
pub fn write(buffer: &mut [u8], fields: &Fields<'_>) -> Option<usize> {
    let fixed: &mut [u8; FIXED_BYTES] = buffer.get_mut(..FIXED_BYTES)?.try_into().ok()?;
    let ([s0, s1], [t0, t1, t2, t3]) = (fields.sequence.to_be_bytes(), fields.timestamp.to_be_bytes());
    let [c0, c1, c2, c3] = fields.ssrc.to_be_bytes();
    let second = fields.payload_type | if fields.marker { 0x80 } else { 0 };
    *fixed = [0x90, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
    let mut end = FIXED_BYTES + 4;
    let mut put = |id: u8, value: &[u8]| -> Option<()> {
        if id != 0 && !value.is_empty() {
            let place = buffer.get_mut(end..end + 1 + value.len())?;
            let (first, contents) = place.split_first_mut()?;
            *first = (id << 4) | (value.len() as u8 - 1);
            contents.copy_from_slice(value);
            end += 1 + value.len();
        }
        Some(())
    };
    if let Some((level, is_voice)) = fields.audio_level {
        put(fields.ids.audio_level, &[(level & 0x7f) | if is_voice { 0x80 } else { 0 }])?;
    }
    put(fields.ids.transport_wide, &fields.transport_wide.to_be_bytes())?;
    put(fields.ids.mid, fields.mid.unwrap_or_default().as_bytes())?;
    put(fields.ids.rid, fields.rid.unwrap_or_default().as_bytes())?;
    let padded = end.next_multiple_of(4);
    buffer.get_mut(end..padded)?.fill(0);
    let words = ((padded - FIXED_BYTES - 4) / 4) as u16;
    let ([p0, p1], [l0, l1]) = (ONE_BYTE_PROFILE.to_be_bytes(), words.to_be_bytes());
    buffer.get_mut(FIXED_BYTES..FIXED_BYTES + 4)?.copy_from_slice(&[p0, p1, l0, l1]);
    Some(padded)
}

/// Writes the sender's time, where there is room for it.
pub fn write_stamp(payload: &mut [u8], now_ns: u64) {
    if let Some(place) = payload.get_mut(..STAMP_BYTES) {
        let (mark, time) = place.split_at_mut(STAMP_MARK.len());
        mark.copy_from_slice(&STAMP_MARK);
        time.copy_from_slice(&now_ns.to_be_bytes());
    }
}

/// Reads the sender's time; `None` when there is none.
pub fn read_stamp(payload: &[u8]) -> Option<u64> {
    let (mark, time) = payload.get(..STAMP_BYTES)?.split_at_checked(STAMP_MARK.len())?;
    (mark == STAMP_MARK).then_some(u64::from_be_bytes(time.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDS: ExtensionIds = ExtensionIds { mid: 4, rid: 10, transport_wide: 3, audio_level: 1 };

    fn fields() -> Fields<'static> {
        Fields {
            payload_type: 96,
            marker: true,
            sequence: 0xfffe,
            timestamp: 7,
            ssrc: 0x0102_0304,
            ids: IDS,
            mid: Some("1"),
            rid: Some("h"),
            transport_wide: 0xabcd,
            audio_level: Some((30, true)),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut buffer = [0xff; 64];
        let length = write(&mut buffer, &fields()).unwrap();
        assert_eq!(length % 4, 0);
        let expected = Header {
            payload_type: 96,
            sequence: 0xfffe,
            ssrc: 0x0102_0304,
            bytes: length,
            transport_wide: Some(0xabcd),
            has_padding: false,
        };
        assert_eq!(parse(&buffer[..length + 10], 3), Some(expected));
        assert_eq!(parse(&buffer[..length + 10], 5).unwrap().transport_wide, None, "another id");
        assert_eq!(parse(&buffer[..length - 1], 3), None, "cut off");
        assert_eq!(write(&mut [0; 20], &fields()), None, "no room");
        assert!(is_media(&buffer) && !is_rtcp(&buffer));
    }

    #[test]
    fn contributing_sources_are_stepped_over() {
        let mut packet = vec![0x91, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 77];
        packet.extend([0xbe, 0xde, 0, 1, 0x31, 0x12, 0x34, 0, 1, 2, 3]);
        let header = parse(&packet, 3).unwrap();
        assert_eq!((header.bytes, header.transport_wide, header.ssrc), (24, Some(0x1234), 9));
    }

    #[test]
    fn stamps_are_known_by_their_mark() {
        let mut payload = [0; 12];
        write_stamp(&mut payload, 123_456_789);
        assert_eq!(read_stamp(&payload), Some(123_456_789));
        assert_eq!(read_stamp(&[0; 12]), None);
        assert_eq!(read_stamp(&payload[..9]), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(packet in proptest::collection::vec(any::<u8>(), 0..64), id in 0u8..15) {
            let _ = parse(&packet, id);
        }
    }
}
