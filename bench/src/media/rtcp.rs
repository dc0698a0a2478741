//! RTCP: what a browser sends (RFC 3550, RFC 4585), and what one reads.

/// Longest packet that is written, before it is sealed.
pub const PACKET_BYTES_MAX: usize = 1_200;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const FORMAT_NACK: u8 = 1;
const FORMAT_PLI: u8 = 1;
const FORMAT_FIR: u8 = 4;
/// Report blocks in one packet (RFC 3550, section 6.4.1).
pub const BLOCKS_MAX: usize = 31;
/// Names of lost packets in one NACK, each for up to 17: what fits.
const NACK_ITEMS_MAX: usize = 250;

/// What a packet asks or tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A picture that can be decoded by itself is wanted from this stream.
    Keyframe {
        /// The stream.
        ssrc: u32,
    },
    /// These packets of a stream are missing.
    Nack {
        /// The stream.
        ssrc: u32,
        /// Their sequence numbers.
        sequences: Vec<u16>,
    },
    /// A sender's report: the middle 32 bits of its time.
    SenderReport {
        /// The stream.
        ssrc: u32,
        /// To be echoed in receiver reports.
        ntp_middle: u32,
    },
}

/// Reads a compound packet; what is not understood is left out.
pub fn parse(mut compound: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let [first, kind, l0, l1, ..] = *compound {
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        let Some((packet, rest)) = compound.split_at_checked(length) else { break };
        parse_one(first & 0x1f, kind, packet, &mut messages);
        compound = rest;
    }
    messages
}

fn parse_one(format: u8, kind: u8, packet: &[u8], messages: &mut Vec<Message>) {
    let word = |at: usize| packet.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    match (kind, format) {
        (SENDER_REPORT, _) => {
            if let (Some(ssrc), Some(high), Some(low)) = (word(4), word(8), word(12)) {
                messages.push(Message::SenderReport { ssrc, ntp_middle: (high << 16) | (low >> 16) });
            }
        }
        (PAYLOAD_FEEDBACK, FORMAT_PLI) => messages.extend(word(8).map(|ssrc| Message::Keyframe { ssrc })),
        (PAYLOAD_FEEDBACK, FORMAT_FIR) => {
            let streams = (12..packet.len()).step_by(8).filter_map(word);
            messages.extend(streams.map(|ssrc| Message::Keyframe { ssrc }));
        }
        (TRANSPORT_FEEDBACK, FORMAT_NACK) => {
            let Some(ssrc) = word(8) else { return };
            let mut sequences = Vec::new();
            for item in (12..packet.len()).step_by(4).filter_map(word) {
                let (first, more) = ((item >> 16) as u16, item as u16);
                sequences.push(first);
                let bits = (0..16).filter(|bit| more & (1 << bit) != 0);
                sequences.extend(bits.map(|bit| first.wrapping_add(bit + 1)));
            }
            messages.push(Message::Nack { ssrc, sequences });
        }
        _ => {}
    }
}

/// What a receiver reports of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block {
    /// The stream.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all.
    pub lost: u32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// The last sender report's time.
    pub last_report: u32,
    /// Time since that came, in 1/65536 s.
    pub since_last_report: u32,
}

/// Writes a receiver report of the first [`BLOCKS_MAX`] streams; returns its length.
pub fn write_receiver_report(buffer: &mut [u8], ssrc: u32, blocks: &[Block]) -> Option<usize> {
    let blocks = blocks.get(..blocks.len().min(BLOCKS_MAX))?;
    let mut writer = Writer { buffer, length: 0 };
    writer.header(blocks.len() as u8, RECEIVER_REPORT, 1 + 6 * blocks.len())?;
    writer.word(ssrc)?;
    for block in blocks {
        writer.word(block.ssrc)?;
        writer.word((u32::from(block.fraction_lost) << 24) | (block.lost & 0x007f_ffff))?;
        for word in [block.highest, 0, block.last_report, block.since_last_report] {
            writer.word(word)?;
        }
    }
    Some(writer.length)
}

/// What a sender reports of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderInfo {
    /// The stream.
    pub ssrc: u32,
    /// Time of the report, in 1/2³² s since 1900.
    pub ntp: u64,
    /// The same moment by the codec's clock.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Bytes of payload sent.
    pub bytes: u32,
}

/// Writes a sender report and the source's name; returns its length.
pub fn write_sender_report(buffer: &mut [u8], info: &SenderInfo, name: &str) -> Option<usize> {
    let mut writer = Writer { buffer, length: 0 };
    writer.header(0, SENDER_REPORT, 6)?;
    for word in [info.ssrc, (info.ntp >> 32) as u32, info.ntp as u32, info.rtp_timestamp, info.packets, info.bytes] {
        writer.word(word)?;
    }
    // One chunk: the stream, item 1 (CNAME), and zeros up to the next word, one at least.
    let item_bytes = (2 + name.len() + 1).next_multiple_of(4);
    writer.header(1, DESCRIPTION, 1 + item_bytes / 4)?;
    writer.word(info.ssrc)?;
    let place = writer.buffer.get_mut(writer.length..writer.length + item_bytes)?;
    place.fill(0);
    place.get_mut(..2)?.copy_from_slice(&[1, name.len() as u8]);
    place.get_mut(2..2 + name.len())?.copy_from_slice(name.as_bytes());
    Some(writer.length + item_bytes)
}

/// Writes a picture loss indication (RFC 4585, section 6.3.1); returns its length.
pub fn write_pli(buffer: &mut [u8], ssrc: u32, media_ssrc: u32) -> Option<usize> {
    let mut writer = Writer { buffer, length: 0 };
    writer.header(FORMAT_PLI, PAYLOAD_FEEDBACK, 2)?;
    writer.word(ssrc)?;
    writer.word(media_ssrc)?;
    Some(writer.length)
}

/// Writes a NACK of sequence numbers in rising order (RFC 4585, section 6.2.1); returns its length. What does not fit is
/// asked for another time.
pub fn write_nack(buffer: &mut [u8], ssrc: u32, media_ssrc: u32, sequences: &[u16]) -> Option<usize> {
    let mut items: Vec<(u16, u16)> = Vec::new();
    for &sequence in sequences {
        let is_full = items.len() >= NACK_ITEMS_MAX;
        match items.last_mut().map(|item| (sequence.wrapping_sub(item.0), item)) {
            Some((distance @ 1..=16, item)) => item.1 |= 1 << (distance - 1),
            _ if is_full => break,
            _ => items.push((sequence, 0)),
        }
    }
    let mut writer = Writer { buffer, length: 0 };
    writer.header(FORMAT_NACK, TRANSPORT_FEEDBACK, 2 + items.len())?;
    writer.word(ssrc)?;
    writer.word(media_ssrc)?;
    for (first, more) in items {
        writer.word((u32::from(first) << 16) | u32::from(more))?;
    }
    Some(writer.length)
}

struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl Writer<'_> {
    /// `words` counts those after this one.
    fn header(&mut self, count: u8, kind: u8, words: usize) -> Option<()> {
        self.word((u32::from(0x80 | count) << 24) | (u32::from(kind) << 16) | (words as u32 & 0xffff))
    }

    fn word(&mut self, word: u32) -> Option<()> {
        self.buffer.get_mut(self.length..self.length + 4)?.copy_from_slice(&word.to_be_bytes());
        self.length += 4;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_read_as_they_are_written() {
        let mut buffer = [0; PACKET_BYTES_MAX];
        let length = write_pli(&mut buffer, 1, 2).unwrap();
        assert_eq!(parse(&buffer[..length]), [Message::Keyframe { ssrc: 2 }]);
        let sequences = vec![65_530, 65_535, 0, 10, 11, 200];
        let length = write_nack(&mut buffer, 1, 2, &sequences).unwrap();
        assert_eq!(length, 12 + 3 * 4);
        assert_eq!(parse(&buffer[..length]), [Message::Nack { ssrc: 2, sequences }]);
        let fir = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];
        assert_eq!(parse(&fir), [Message::Keyframe { ssrc: 9 }]);
    }

    #[test]
    fn reports_have_the_lengths_that_they_say() {
        let mut buffer = [0; PACKET_BYTES_MAX];
        let info = SenderInfo { ssrc: 5, ntp: 0x0001_0002_0003_0004, rtp_timestamp: 9, packets: 1, bytes: 2 };
        let length = write_sender_report(&mut buffer, &info, "bench").unwrap();
        assert_eq!(parse(&buffer[..length]), [Message::SenderReport { ssrc: 5, ntp_middle: 0x0002_0003 }]);
        assert_eq!(length, 28 + 8 + 8);
        let end = 28 + (usize::from(buffer[31]) + 1) * 4;
        assert_eq!(end, length, "the description ends with the packet");
        let length = write_receiver_report(&mut buffer, 1, &[Block::default(); 40]).unwrap();
        assert_eq!(length, 8 + 24 * BLOCKS_MAX);
        assert_eq!(usize::from(u16::from_be_bytes([buffer[2], buffer[3]])) * 4 + 4, length);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(compound in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&compound);
        }
    }
}
