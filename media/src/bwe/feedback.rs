//! Transport-wide feedback on the wire: draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1.

/// RTCP payload type for transport-layer feedback (RFC 4585, section 6.1).
const PACKET_TYPE: u8 = 205;
/// Feedback message type of transport-wide feedback.
const FORMAT: u8 = 15;
/// RTCP header, two SSRCs, first number and count, reference time and number of the report.
const HEADER_BYTES: usize = 20;
/// Statuses that are read from one packet. A few bytes can name 65,535 packets, each of which costs a look-up; a
/// receiver that reports ten times a second names 4,096 only beyond 400 Mb/s. A packet that names more is refused whole.
pub const STATUS_COUNT_MAX: u16 = 4096;
/// What a written packet may take, so that it fits any path together with other reports.
const WRITTEN_BYTES_MAX: usize = 1100;
/// Unit of arrival times, in microseconds.
const TICK_US: i64 = 250;
/// Unit of the reference time, in ticks.
const REFERENCE_TICKS: i64 = 256;

/// Why a feedback packet was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedbackError {
    /// Another kind of RTCP packet.
    #[error("not a transport-wide feedback packet: RTCP version 2, type 205, format 15 is expected")]
    OtherPacket,
    /// It ends in the middle.
    #[error("the feedback packet ends before all that it announces")]
    Truncated,
    /// It names more packets than are read.
    #[error("the feedback packet names {0} packets, at most {STATUS_COUNT_MAX} are allowed")]
    TooMany(u16),
    /// It uses the one symbol that has no meaning.
    #[error("the feedback packet uses the reserved status 3")]
    Reserved,
}

/// A valid feedback packet.
#[derive(Clone, Copy, Debug)]
pub struct Feedback<'a> {
    base_sequence: u16,
    reference_us: i64,
    status_count: u16,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> Feedback<'a> {
    /// Reads a whole RTCP packet, header included. All of it is checked here: nothing of a malformed packet is used.
    ///
    /// # Errors
    /// Says what is wrong; the packet is to be ignored.
    pub fn parse(packet: &'a [u8]) -> Result<Self, FeedbackError> {
        let (header, _) = packet.split_first_chunk::<HEADER_BYTES>().ok_or(FeedbackError::Truncated)?;
        let &[flags, kind, length_high, length_low, _, _, _, _, _, _, _, _, rest @ ..] = header;
        let [base_high, base_low, count_high, count_low, time_high, time_mid, time_low, _] = rest;
        if flags >> 6 != 2 || flags & 0x1f != FORMAT || kind != PACKET_TYPE {
            return Err(FeedbackError::OtherPacket);
        }
        let bytes = (usize::from(u16::from_be_bytes([length_high, length_low])) + 1) * 4;
        let padding_bytes = match packet.get(..bytes).ok_or(FeedbackError::Truncated)?.last() {
            Some(&padding_bytes) if flags & 0x20 != 0 => usize::from(padding_bytes),
            _ => 0,
        };
        let body = bytes.checked_sub(padding_bytes).and_then(|end| packet.get(HEADER_BYTES..end));
        let body = body.ok_or(FeedbackError::Truncated)?;

        let status_count = u16::from_be_bytes([count_high, count_low]);
        if status_count > STATUS_COUNT_MAX {
            return Err(FeedbackError::TooMany(status_count));
        }
        let (chunk_bytes, delta_bytes) = measure(body, status_count)?;
        let (chunks, deltas) = body.split_at_checked(chunk_bytes).ok_or(FeedbackError::Truncated)?;
        if deltas.len() < delta_bytes {
            return Err(FeedbackError::Truncated);
        }
        Ok(Self {
            base_sequence: u16::from_be_bytes([base_high, base_low]),
            reference_us: i64::from(u32::from_be_bytes([0, time_high, time_mid, time_low])) * REFERENCE_TICKS * TICK_US,
            status_count,
            chunks,
            deltas,
        })
    }

    /// Transport-wide number of the first packet named.
    pub fn base_sequence(&self) -> u16 {
        self.base_sequence
    }

    /// The time that the arrivals count from: microseconds on the receiver's clock, which has 24 bits of 64 ms
    /// and comes round after twelve days.
    pub fn reference_us(&self) -> i64 {
        self.reference_us
    }

    /// Each packet named, by rising number: its transport-wide number and, if it arrived, how many microseconds after
    /// [`Self::reference_us`].
    pub fn statuses(&self) -> Statuses<'a> {
        Statuses {
            sequence: self.base_sequence,
            left: self.status_count,
            chunk: Chunk { bits: 0, left: 0 },
            chunks: self.chunks,
            deltas: self.deltas,
            ticks: 0,
        }
    }
}

/// What the status chunks and the arrival times of a packet's body take, in bytes.
fn measure(body: &[u8], status_count: u16) -> Result<(usize, usize), FeedbackError> {
    let (mut left, mut delta_bytes, mut chunk_bytes) = (status_count, 0, 0);
    let mut chunks = body.chunks_exact(2);
    while left > 0 {
        let Some(&[high, low]) = chunks.next() else { return Err(FeedbackError::Truncated) };
        let mut chunk = Chunk::new(u16::from_be_bytes([high, low]));
        chunk.left = chunk.left.min(left);
        chunk_bytes += 2;
        left -= chunk.left;
        delta_bytes += chunk.delta_bytes()?;
    }
    Ok((chunk_bytes, delta_bytes))
}

/// A status chunk of which `left` symbols are still to be read. A symbol's value is the size of its arrival time.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Vectors are shifted left as they are read.
    bits: u16,
    left: u16,
}

impl Chunk {
    const RUN_LENGTH_MAX: u16 = 0x1fff;
    const VECTOR: u16 = 0x8000;
    const TWO_BITS: u16 = 0x4000;

    fn new(bits: u16) -> Self {
        let left = match bits & (Self::VECTOR | Self::TWO_BITS) {
            0 | Self::TWO_BITS => bits & Self::RUN_LENGTH_MAX,
            Self::VECTOR => 14,
            _ => 7,
        };
        Self { bits, left }
    }

    fn next(&mut self) -> u16 {
        self.left = self.left.saturating_sub(1);
        let flags = self.bits & (Self::VECTOR | Self::TWO_BITS);
        if self.bits & Self::VECTOR == 0 {
            return (self.bits >> 13) & 3;
        }
        let (symbol, width) =
            if flags == Self::VECTOR { ((self.bits >> 13) & 1, 1) } else { ((self.bits >> 12) & 3, 2) };
        self.bits = flags | ((self.bits << width) & 0x3fff);
        symbol
    }

    /// Size of all arrival times that belong to the chunk.
    fn delta_bytes(mut self) -> Result<usize, FeedbackError> {
        if self.bits & Self::VECTOR == 0 {
            let left = self.left;
            return match self.next() {
                3 => Err(FeedbackError::Reserved),
                symbol => Ok(usize::from(symbol) * usize::from(left)),
            };
        }
        let mut bytes = 0;
        while self.left > 0 {
            match self.next() {
                3 => return Err(FeedbackError::Reserved),
                symbol => bytes += usize::from(symbol),
            }
        }
        Ok(bytes)
    }
}

/// Iterator of [`Feedback::statuses`].
#[derive(Clone, Debug)]
pub struct Statuses<'a> {
    sequence: u16,
    left: u16,
    chunk: Chunk,
    chunks: &'a [u8],
    deltas: &'a [u8],
    ticks: i64,
}

impl Iterator for Statuses<'_> {
    type Item = (u16, Option<i64>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        while self.chunk.left == 0 {
            let (&[high, low], rest) = self.chunks.split_first_chunk::<2>()?;
            self.chunk = Chunk::new(u16::from_be_bytes([high, low]));
            self.chunks = rest;
        }
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let delta = match self.chunk.next() {
            0 => return Some((sequence, None)),
            1 => {
                let (&delta, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                i64::from(delta)
            }
            _ => {
                let (&delta, rest) = self.deltas.split_first_chunk::<2>()?;
                self.deltas = rest;
                i64::from(i16::from_be_bytes(delta))
            }
        };
        self.ticks += delta;
        Some((sequence, Some(self.ticks * TICK_US)))
    }
}

/// What a written feedback packet says beside the arrivals.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeedbackReport {
    /// Who reports.
    pub sender_ssrc: u32,
    /// Any stream of the one whose packets are reported.
    pub media_ssrc: u32,
    /// Number of this report, for its receiver to notice lost ones.
    pub number: u8,
    /// Transport-wide number of the first packet named.
    pub base_sequence: u16,
}

impl FeedbackReport {
    /// Writes a whole RTCP packet that names one packet after the other: when each arrived, in microseconds on the
    /// writer's clock, or that it did not. Returns it with how many of `arrivals` it names: the rest (more than fits,
    /// or eight seconds apart from those before) belongs into a further packet.
    pub fn write(&self, arrivals: &[Option<i64>]) -> (Vec<u8>, usize) {
        let ticks = |arrival_us: i64| arrival_us.div_euclid(TICK_US);
        let reference = arrivals.iter().flatten().next().map_or(0, |&first| ticks(first).div_euclid(REFERENCE_TICKS));

        let (mut symbols, mut deltas) = (Vec::new(), Vec::new());
        let mut last = reference * REFERENCE_TICKS;
        for arrival in arrivals.iter().take(usize::from(STATUS_COUNT_MAX)) {
            let chunk_bytes = (symbols.len() / 7 + 1) * 2;
            if HEADER_BYTES + chunk_bytes + deltas.len() + 4 > WRITTEN_BYTES_MAX {
                break;
            }
            let Some(arrival_us) = *arrival else {
                symbols.push(0);
                continue;
            };
            let delta = ticks(arrival_us) - last;
            if let Ok(delta) = u8::try_from(delta) {
                symbols.push(1);
                deltas.push(delta);
            } else if let Ok(delta) = i16::try_from(delta) {
                symbols.push(2);
                deltas.extend(delta.to_be_bytes());
            } else {
                break;
            }
            last += delta;
        }

        let mut packet = vec![0x80 | FORMAT, PACKET_TYPE, 0, 0];
        packet.extend(self.sender_ssrc.to_be_bytes());
        packet.extend(self.media_ssrc.to_be_bytes());
        packet.extend(self.base_sequence.to_be_bytes());
        packet.extend((symbols.len() as u16).to_be_bytes());
        packet.extend(reference.to_be_bytes().iter().skip(5));
        packet.push(self.number);
        write_chunks(&symbols, &mut packet);
        packet.extend(deltas);
        let padding_bytes = packet.len().wrapping_neg() % 4;
        if padding_bytes > 0 {
            packet.resize(packet.len() + padding_bytes - 1, 0);
            packet.push(padding_bytes as u8);
        }
        let length = (packet.len() / 4 - 1) as u16;
        if let Some([flags, _, length_field @ ..]) = packet.first_chunk_mut::<4>() {
            *flags |= if padding_bytes > 0 { 0x20 } else { 0 };
            *length_field = length.to_be_bytes();
        }
        (packet, symbols.len())
    }
}

/// Appends status chunks for `symbols`: runs where they are long, else the densest vector.
fn write_chunks(mut symbols: &[u16], packet: &mut Vec<u8>) {
    while let Some(&first) = symbols.first() {
        let run = symbols.iter().take(usize::from(Chunk::RUN_LENGTH_MAX)).take_while(|&&s| s == first).count();
        let narrow = symbols.iter().take(14).all(|&symbol| symbol < 2);
        let vector = |flags: u16, count: usize, width: usize| {
            let places = symbols.iter().take(count).zip((0..count).rev());
            flags | places.map(|(&symbol, place)| symbol << (place * width)).sum::<u16>()
        };
        let (bits, taken) = if run >= 14 || run == symbols.len() || (run >= 7 && !narrow) {
            ((first << 13) | run as u16, run)
        } else if narrow {
            (vector(Chunk::VECTOR, 14, 1), 14)
        } else {
            (vector(Chunk::VECTOR | Chunk::TWO_BITS, 7, 2), 7)
        };
        packet.extend(bits.to_be_bytes());
        symbols = symbols.get(taken..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
        let feedback = Feedback::parse(packet).unwrap();
        let absolute = |arrival_us: i64| feedback.reference_us() + arrival_us;
        feedback.statuses().map(|(sequence, arrival)| (sequence, arrival.map(absolute))).collect()
    }

    #[test]
    fn reads_each_kind_of_chunk() {
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        packet.extend([0xff, 0xfe]); // first number
        packet.extend([0, 8, 0, 0, 2, 9]); // 8 packets from 2 * 64 ms on, report 9
        packet.extend([0b0010_0000, 2]); // a run of two with short times
        packet.extend([0b1010_0000, 0]); // one-bit vector: arrived, and 13 lost of which the next chunk's count decides
        packet.extend([4, 8, 255]);
        packet.push(0);
        packet[3] = (packet.len() / 4 - 1) as u8;
        let mut expected = vec![(0xfffe, Some(129_000)), (0xffff, Some(131_000)), (0, Some(194_750))];
        expected.extend((1..6).map(|sequence| (sequence, None)));
        assert_eq!(read(&packet), expected);

        packet[15] = 3;
        packet[22..24].copy_from_slice(&[0b1110_0000, 0]); // two-bit vector: a long time, which may be negative
        packet[26..28].copy_from_slice(&(-4_i16).to_be_bytes());
        assert_eq!(read(&packet)[2], (0, Some(130_000)));
    }

    #[test]
    fn refuses_what_it_cannot_use() {
        let (packet, _) = FeedbackReport::default().write(&[Some(0), None, Some(500)]);
        let change = |index: usize, value: u8| {
            let mut packet = packet.clone();
            packet[index] = value;
            Feedback::parse(&packet).map(|_| ())
        };
        assert_eq!(change(1, 206), Err(FeedbackError::OtherPacket));
        assert_eq!(change(0, 0x8e), Err(FeedbackError::OtherPacket));
        assert_eq!(change(3, 6), Err(FeedbackError::Truncated), "longer than what came");
        assert_eq!(change(15, 200), Err(FeedbackError::Truncated), "fewer chunks than announced");
        assert_eq!(change(14, 0x20), Err(FeedbackError::TooMany(0x2003)));
        assert_eq!(change(20, 0x60), Err(FeedbackError::Reserved));
        assert_eq!(change(0, 0x8f), Ok(()));
    }

    #[test]
    fn what_does_not_fit_waits_for_the_next_packet() {
        let (_, named) = FeedbackReport::default().write(&[Some(0), Some(9_000_000)]);
        assert_eq!(named, 1, "eight seconds apart");
        let (packet, named) = FeedbackReport::default().write(&vec![Some(70_000); 5000]);
        assert!(packet.len() <= WRITTEN_BYTES_MAX && named > 500, "{named} in {} bytes", packet.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(tail in prop::collection::vec(any::<u8>(), 0..200), frame in any::<bool>()) {
            let mut packet = tail;
            if frame && packet.len() >= HEADER_BYTES {
                let length = (packet.len() / 4 - 1) as u16;
                packet[0] = 0x8f;
                packet[1] = PACKET_TYPE;
                packet[2..4].copy_from_slice(&length.to_be_bytes());
                packet[14] &= 0x0f;
            }
            if let Ok(feedback) = Feedback::parse(&packet) {
                prop_assert_eq!(feedback.statuses().count(), usize::from(feedback.status_count));
            }
        }

        #[test]
        fn what_is_written_reads_back(
            base_sequence in any::<u16>(),
            start_us in 0_i64..1_000_000_000_000,
            steps in prop::collection::vec(prop::option::weighted(0.7, prop_oneof![0_i64..2_000, -90_000_i64..900_000]), 1..300),
        ) {
            let mut arrival_us = start_us;
            let step = |step: Option<i64>| step.map(|step| { arrival_us = (arrival_us + step).max(0); arrival_us / 250 * 250 });
            let arrivals: Vec<_> = steps.into_iter().map(step).collect();
            let mut back = Vec::new();
            while back.len() < arrivals.len() {
                let base_sequence = base_sequence.wrapping_add(back.len() as u16);
                let (packet, named) = FeedbackReport { base_sequence, ..FeedbackReport::default() }.write(&arrivals[back.len()..]);
                let statuses = read(&packet);
                prop_assert_eq!(statuses[0].0, base_sequence);
                prop_assert_eq!(statuses.len(), named);
                back.extend(statuses.into_iter().map(|(_, arrival)| arrival));
            }
            prop_assert_eq!(back, arrivals);
        }
    }
}
