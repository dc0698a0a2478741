//! What a client does with what arrives: counts, asks again for what is missing, and looks into a sample.

use super::counters::Counters;
use super::feedback::Feedback;
use super::rtcp::Block;
use super::rtp::{self, Header};
use super::session::{Received, Receiving};
use super::srtp::Keys;
use super::vp8;

/// Streams that are told apart; packets of further ones are not counted.
const STREAMS_MAX: usize = 256;
/// Missing packets of a stream that are asked for; with more, a keyframe is the cure.
const MISSING_MAX: usize = 500;
/// Times that a packet is asked for, and the time between two (the round-trip time that browsers begin with).
const TRIES_MAX: u8 = 10;
const TRY_AGAIN_NS: u64 = 100_000_000;
/// How long a new picture may begin without a keyframe before one is asked for, and the time between two requests.
const KEYFRAME_PATIENCE_NS: u64 = 200_000_000;
const KEYFRAME_AGAIN_NS: u64 = 500_000_000;
/// A latency above this is no latency but a stamp that was misread.
const LATENCY_NS_MAX: u64 = 60_000_000_000;

/// When a packet arrived, by the engine's clock.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When the kernel took it.
    pub at_ns: u64,
    /// Whether to decrypt it.
    pub sample: bool,
}

#[derive(Debug)]
struct Missing {
    index: i64,
    tried_ns: u64,
    tries: u8,
}

/// One stream.
#[derive(Debug)]
struct Stream {
    ssrc: u32,
    kind: Received,
    first: i64,
    highest: i64,
    received: u64,
    repaired: u64,
    missing: Vec<Missing>,
    needs_keyframe: bool,
    began_ns: u64,
    keyframe_asked_ns: Option<u64>,
    last_report: Option<(u32, u64)>,
    reported: (u64, u64),
}

/// Everything that a client receives.
#[derive(Debug, Default)]
pub struct Receiver {
    receiving: Receiving,
    streams: Vec<Stream>,
    last: usize,
    feedback: Feedback,
    last_ssrc: u32,
    has_new_missing: bool,
}

impl Receiver {
    /// What packets mean from now on.
    pub fn set(&mut self, receiving: Receiving) {
        self.receiving = receiving;
    }

    /// Takes an RTP packet, and says whether it is media.
    #[inline]
    pub fn take(
        &mut self,
        packet: &[u8],
        arrival: Arrival,
        keys: &Keys,
        scratch: &mut Vec<u8>,
        counters: &mut Counters,
    ) -> bool {
        let Some(header) = rtp::parse(packet, self.receiving.transport_wide) else { return false };
        if let Some(sequence) = header.transport_wide {
            self.feedback.add(sequence, (arrival.at_ns / 1000) as i64);
            self.last_ssrc = header.ssrc;
        }
        let Some(index) = self.stream(&header, arrival.at_ns) else { return false };
        let Some(stream) = self.streams.get_mut(index) else { return false };
        let (extended, is_gap) = stream.count(header.sequence, arrival.at_ns);
        let payload_bytes = packet.len().saturating_sub(header.bytes) as u64;
        match stream.kind {
            Received::Audio => {
                counters.received_audio += 1;
                counters.received_bytes += payload_bytes;
            }
            Received::Video => {
                counters.received_video += 1;
                counters.received_bytes += payload_bytes;
                self.has_new_missing |= is_gap;
                if arrival.sample || stream.needs_keyframe {
                    stream.look(packet, &header, extended, arrival, keys, scratch, counters);
                }
                return true;
            }
            Received::Repair => {
                counters.received_repair += 1;
                if let Some(payload) = keys.open_rtp(packet, header.bytes, header.ssrc, extended as u64, scratch)
                    && let Some(original) = payload.get(..2).and_then(|bytes| bytes.try_into().ok())
                {
                    self.repair(u16::from_be_bytes(original), counters);
                }
                return false;
            }
        }
        if arrival.sample {
            stream.look(packet, &header, extended, arrival, keys, scratch, counters);
        }
        true
    }

    /// Whether a gap has opened since the last time this was asked.
    pub fn has_new_gap(&mut self) -> bool {
        std::mem::take(&mut self.has_new_missing)
    }

    /// The packets of each stream that are to be asked for now.
    pub fn nacks(&mut self, now_ns: u64, mut ask: impl FnMut(u32, &[u16])) {
        let mut sequences = Vec::new();
        for stream in self.streams.iter_mut().filter(|stream| !stream.missing.is_empty()) {
            sequences.clear();
            for missing in &mut stream.missing {
                if missing.tries == 0 || now_ns.saturating_sub(missing.tried_ns) >= TRY_AGAIN_NS {
                    missing.tries += 1;
                    missing.tried_ns = now_ns;
                    sequences.push(missing.index as u16);
                }
            }
            if !sequences.is_empty() {
                ask(stream.ssrc, &sequences);
            }
            if stream.missing.iter().any(|missing| missing.tries >= TRIES_MAX) {
                stream.missing.clear();
                stream.needs_keyframe = true;
            }
        }
    }

    /// The streams that need a keyframe to be asked for now.
    pub fn keyframe_requests(&mut self, now_ns: u64, mut ask: impl FnMut(u32)) {
        for stream in self.streams.iter_mut().filter(|stream| stream.needs_keyframe) {
            let (since, patience) = match stream.keyframe_asked_ns {
                Some(asked_ns) => (asked_ns, KEYFRAME_AGAIN_NS),
                None => (stream.began_ns, KEYFRAME_PATIENCE_NS),
            };
            if now_ns.saturating_sub(since) >= patience {
                stream.keyframe_asked_ns = Some(now_ns);
                ask(stream.ssrc);
            }
        }
    }

    /// What is to be told of arrivals, and a stream to name in it.
    pub fn feedback(&mut self) -> (&mut Feedback, u32) {
        (&mut self.feedback, self.last_ssrc)
    }

    /// A sender has reported.
    pub fn take_sender_report(&mut self, ssrc: u32, ntp_middle: u32, now_ns: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.last_report = Some((ntp_middle, now_ns));
        }
    }

    /// What is to be reported of each stream.
    pub fn reports(&mut self, now_ns: u64) -> Vec<Block> {
        self.streams
            .iter_mut()
            .filter(|stream| stream.kind != Received::Repair)
            .map(|stream| stream.report(now_ns))
            .collect()
    }

    /// Packets that were to be expected, and those of them that did not arrive.
    pub fn expected_and_lost(&self) -> (u64, u64) {
        let media = self.streams.iter().filter(|stream| stream.kind != Received::Repair);
        media.fold((0, 0), |(expected, lost), stream| {
            let all = stream.expected();
            (expected + all, lost + all.saturating_sub(stream.received + stream.repaired))
        })
    }

    fn stream(&mut self, header: &Header, now_ns: u64) -> Option<usize> {
        if self.streams.get(self.last).is_some_and(|stream| stream.ssrc == header.ssrc) {
            return Some(self.last);
        }
        let known = self.streams.iter().position(|stream| stream.ssrc == header.ssrc);
        let index = match known {
            Some(index) => index,
            None => {
                let types = &self.receiving.payload_types;
                let kind = types.iter().find(|(payload_type, _)| *payload_type == header.payload_type)?.1;
                if self.streams.len() >= STREAMS_MAX {
                    return None;
                }
                self.streams.push(Stream::new(header, kind, now_ns));
                self.streams.len() - 1
            }
        };
        self.last = index;
        Some(index)
    }

    /// A retransmission has come. It does not say of which stream it is; a missing packet of its number does.
    fn repair(&mut self, sequence: u16, counters: &mut Counters) {
        for stream in &mut self.streams {
            if let Some(place) = stream.missing.iter().position(|missing| missing.index as u16 == sequence) {
                stream.missing.remove(place);
                stream.repaired += 1;
                counters.repaired += 1;
                return;
            }
        }
    }
}

impl Stream {
    fn new(header: &Header, kind: Received, now_ns: u64) -> Self {
        let first = i64::from(header.sequence);
        Self {
            ssrc: header.ssrc,
            kind,
            first,
            highest: first - 1,
            received: 0,
            repaired: 0,
            missing: Vec::new(),
            needs_keyframe: kind == Received::Video,
            began_ns: now_ns,
            keyframe_asked_ns: None,
            last_report: None,
            reported: (0, 0),
        }
    }

    /// Counts a packet; returns its extended number, and whether some before it are newly missing.
    #[inline]
    fn count(&mut self, sequence: u16, now_ns: u64) -> (i64, bool) {
        let step = i64::from(sequence.wrapping_sub(self.highest as u16).cast_signed());
        let index = self.highest + step;
        self.received += 1;
        if step == 1 {
            self.highest = index;
            return (index, false);
        }
        if step <= 0 {
            // Late. Whether it is counted twice shows in what was missing.
            match self.missing.iter().position(|missing| missing.index == index) {
                Some(place) => drop(self.missing.remove(place)),
                None if self.kind == Received::Video && index >= self.first => self.received -= 1,
                None => self.first = self.first.min(index),
            }
            return (index, false);
        }
        let gap = self.highest + 1..index;
        self.highest = index;
        if self.kind != Received::Video {
            return (index, false);
        }
        if self.missing.len() + step as usize > MISSING_MAX {
            self.missing.clear();
            self.needs_keyframe = true;
            return (index, false);
        }
        self.missing.extend(gap.map(|index| Missing { index, tried_ns: now_ns, tries: 0 }));
        (index, true)
    }

    /// Decrypts a packet: when was it sent, and does a keyframe begin?
    #[allow(clippy::too_many_arguments)] // All of them are of one packet.
    fn look(
        &mut self,
        packet: &[u8],
        header: &Header,
        extended: i64,
        arrival: Arrival,
        keys: &Keys,
        scratch: &mut Vec<u8>,
        counters: &mut Counters,
    ) {
        let Some(payload) = keys.open_rtp(packet, header.bytes, header.ssrc, extended as u64, scratch) else {
            counters.unreadable += 1;
            return;
        };
        let start = match self.kind {
            Received::Video => {
                let Some(start) = vp8::parse(payload) else { return };
                if start.is_first && start.is_keyframe {
                    self.needs_keyframe = false;
                    self.keyframe_asked_ns = None;
                }
                start.bytes
            }
            // The first byte tells how Opus is coded (RFC 6716, section 3.1).
            Received::Audio | Received::Repair => 1,
        };
        if let Some(sent_ns) = payload.get(start..).and_then(rtp::read_stamp) {
            let latency_ns = arrival.at_ns.saturating_sub(sent_ns);
            if latency_ns < LATENCY_NS_MAX {
                counters.latency.add(latency_ns);
            }
        }
    }

    fn expected(&self) -> u64 {
        (self.highest + 1 - self.first).unsigned_abs()
    }

    fn report(&mut self, now_ns: u64) -> Block {
        let (expected, received) = (self.expected(), self.received + self.repaired);
        let (new_expected, new_received) =
            (expected - self.reported.0.min(expected), received - self.reported.1.min(received));
        self.reported = (expected, received);
        let fraction = new_expected.saturating_sub(new_received) * 256 / new_expected.max(1);
        let (last_report, since) = self.last_report.unwrap_or((0, now_ns));
        Block {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: expected.saturating_sub(received).min(0x7f_ffff) as u32,
            highest: self.highest as u32,
            last_report,
            since_last_report: ((now_ns.saturating_sub(since)) / 15_259) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(kind: Received) -> Stream {
        Stream::new(&Header { sequence: 65_530, ssrc: 1, ..Header::default() }, kind, 0)
    }

    #[test]
    fn gaps_count_as_lost_until_they_are_filled() {
        let mut stream = stream(Received::Video);
        for sequence in [65_530, 65_531, 65_534, 65_535, 0, 3] {
            stream.count(sequence, 5);
        }
        assert_eq!((stream.expected(), stream.received), (10, 6));
        stream.count(1, 6);
        assert_eq!(stream.received, 7, "a late packet fills its gap");
        stream.count(1, 6);
        assert_eq!(stream.received, 7, "once");
        let mut receiver = Receiver { streams: vec![stream], ..Receiver::default() };
        assert_eq!(receiver.expected_and_lost(), (10, 3));
        let mut counters = Counters::default();
        receiver.repair(65_532, &mut counters);
        receiver.repair(65_532, &mut counters);
        assert_eq!((receiver.expected_and_lost(), counters.repaired), ((10, 2), 1));
    }

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_ever_again_until_a_keyframe_is_the_cure() {
        let mut stream = stream(Received::Video);
        stream.needs_keyframe = false;
        assert_eq!(stream.count(65_530, 0), (65_530, false));
        assert_eq!(stream.count(65_533, 0), (65_533, true));
        let mut receiver = Receiver { streams: vec![stream], ..Receiver::default() };
        let mut asked = 0;
        for ms in 0..2_000u64 {
            receiver.nacks(ms * 1_000_000, |ssrc, sequences| {
                assert_eq!((ssrc, sequences), (1, &[65_531, 65_532][..]));
                asked += 1;
            });
        }
        assert_eq!(asked, TRIES_MAX);
        let mut keyframes = 0;
        receiver.keyframe_requests(2_000_000_000, |_| keyframes += 1);
        receiver.keyframe_requests(2_100_000_000, |_| keyframes += 1);
        receiver.keyframe_requests(2_600_000_000, |_| keyframes += 1);
        assert_eq!(keyframes, 2);
    }

    #[test]
    fn reports_tell_of_the_time_since_the_last() {
        let mut stream = stream(Received::Audio);
        for n in 0..4u16 {
            stream.count(65_530u16.wrapping_add(n * 2), 0);
        }
        stream.last_report = Some((77, 1_000_000_000));
        let block = stream.report(2_000_000_000);
        assert_eq!((block.lost, block.fraction_lost, block.last_report), (3, (3 * 256 / 7) as u8, 77));
        assert!((65_500..65_600).contains(&block.since_last_report));
        assert_eq!(stream.report(2_000_000_000).fraction_lost, 0);
    }
}
