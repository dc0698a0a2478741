//! What one connection is sent.

use std::any::Any;
use std::time::{Duration, Instant};

use super::batch::{MESSAGE_BYTES_MAX, SEGMENTS_MAX, SendBatch};
use super::content::{descriptor, header_of, is_described, payload_of, rewrite_payload};
use super::header::Header;
use super::path::{Path, Via};
use super::rtcp::{self, Feedback};
use super::rtx_budget::RtxBudget;
use super::srtp::{Opener, Sealer, SrtpError};
use super::stream::{Stream, StreamConfig};
use crate::bwe::{Estimator, Pace, Probe};
use crate::router::Munged;
use crate::rtp::Packet;
use crate::rtp::dependency::DESCRIPTOR_BYTES_MAX;
use crate::tcp::{Content, TcpId};

/// Packets of about the same size leave as one message when padding makes them equal. More than this would cost more
/// bandwidth than it is worth.
const EQUALISING_PADDING_MAX: usize = 32;
/// Padding in one packet: its number stands in one byte.
const PADDING_BYTES: u8 = 255;
/// Length of the original number in front of a retransmitted payload (RFC 4588, section 4).
const ORIGINAL_SEQUENCE_BYTES: usize = 2;
/// Our clock's zero as an NTP timestamp, 2026-01-01. Only differences matter to a receiver.
const NTP_BASE: u64 = 3_976_214_400 << 32;

/// A packet that is to leave in a slot.
#[derive(Debug, Clone, Copy)]
pub struct Queued {
    /// Index among the packets that are given with it.
    pub packet: usize,
    /// Payload type that the client has for it.
    pub payload_type: u8,
    /// Its numbers.
    pub munged: Munged,
    /// Redundant audio: the type of what it wraps. `None` where only that leaves.
    pub block_type: Option<u8>,
    /// Whether it left before.
    pub is_retransmission: bool,
}

/// Everything about what a connection is sent. Slots are named by their index, in the order in which they were added.
#[derive(Debug)]
pub struct Sender {
    streams: Vec<Stream>,
    association: Option<(Sealer, Opener)>,
    path: Option<Path>,
    estimator: Estimator,
    transport_wide: u64,
    started: Instant,
    cname: String,
    rtt: Option<Duration>,
    rtx_budget: RtxBudget,
}

/// What a receiver wants of the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// A packet of a slot again, by the number that it left with.
    Resend {
        /// Index of the slot.
        slot: usize,
        /// The number, with its rollovers counted.
        sequence: u64,
    },
    /// A keyframe in a slot.
    Keyframe {
        /// Index of the slot.
        slot: usize,
    },
    /// The report also speaks of what the client sends: whoever receives that must read it too.
    PassOn,
}

impl Sender {
    /// A sender without keys, which sends nothing yet. `started` is the zero of the reports' clock; all senders of a shard
    /// have the same.
    pub fn new(now: Instant, started: Instant, cname: String, estimate_start_bps: u64) -> Self {
        Self {
            streams: Vec::new(),
            association: None,
            path: None,
            estimator: Estimator::new(now, estimate_start_bps),
            transport_wide: 0,
            started,
            cname,
            rtt: None,
            rtx_budget: RtxBudget::new(now, estimate_start_bps),
        }
    }

    /// Takes the keys. The first are kept: a connection has one DTLS association.
    pub fn set_association(&mut self, association: (Sealer, Opener)) {
        self.association.get_or_insert(association);
    }

    /// Says where datagrams go, while nothing authentic has shown it.
    pub fn suggest_path(&mut self, path: Path) {
        self.path.get_or_insert(path);
    }

    /// Where datagrams go now.
    pub fn path(&self) -> Option<Path> {
        self.path
    }

    /// Something authentic came from there: media follows the client.
    pub fn follow(&mut self, path: Path) {
        self.path = Some(path);
    }

    /// A TCP connection is closed. What went there takes `other`, where there is one.
    pub fn close_tcp(&mut self, id: TcpId, other: Option<Path>) {
        if self.path.is_some_and(|path| path.via == Via::Tcp(id)) {
            self.path = other;
        }
    }

    /// Adds the stream of the next slot.
    pub fn add_stream(&mut self, stream: Stream) {
        self.streams.push(stream);
    }

    /// Takes what a later offer agreed on for a slot.
    pub fn reconfigure(&mut self, slot: usize, config: StreamConfig) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.reconfigure(config);
        }
    }

    /// The number behind the highest that left in a slot.
    pub fn next_sequence(&self, slot: usize) -> u64 {
        self.streams.get(slot).map_or(0, Stream::next_sequence)
    }

    /// Estimated bandwidth towards the client.
    pub fn estimate_bps(&self) -> u64 {
        self.estimator.estimate_bps()
    }

    /// What the client's link carries once a queue that stands in it is gone.
    pub fn sustained_bps(&self) -> u64 {
        self.estimator.sustained_bps()
    }

    /// How fast the client's link should be sent to, and what stands in it.
    pub fn pace(&self, now: Instant) -> Pace {
        self.estimator.pace(now)
    }

    /// Says what the client's slots take in all, so that the estimator looks for that much.
    pub fn set_desired_bps(&mut self, bitrate_bps: u64) {
        self.estimator.set_desired_bps(bitrate_bps);
    }

    /// Round-trip time by the client's last report.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// When [`Sender::handle_timeout`] has to be called, if at all.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.estimator.poll_timeout().filter(|_| self.association.is_some())
    }

    /// Lets time pass for the estimator.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.estimator.handle_timeout(now);
    }

    /// Opens an RTCP datagram of the client and takes what concerns this sender; `requests` gets the rest.
    ///
    /// # Errors
    /// [`SrtpError`] when it is not the client's.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        datagram: &[u8],
        opened: &mut Vec<u8>,
        requests: &mut Vec<Request>,
    ) -> Result<(), SrtpError> {
        let (_, opener) = self.association.as_mut().ok_or(SrtpError::Keys)?;
        opener.open_rtcp(datagram, opened)?;
        let ntp = ntp_of(self.started, now);
        let Self { streams, estimator, rtt, .. } = self;
        let slot_of = |ssrc: u32| streams.iter().position(|stream| stream.config().ssrc == ssrc);
        rtcp::read_compound(opened, |feedback| match feedback {
            Feedback::Report(report) => {
                if slot_of(report.ssrc).is_some()
                    && let Some(measured) = report.round_trip_time(ntp)
                {
                    *rtt = Some(measured);
                    estimator.set_rtt(measured);
                }
            }
            Feedback::Nack { ssrc, pairs } => match slot_of(ssrc) {
                Some(slot) => requests.extend(rtcp::nacked(pairs).filter_map(|sequence| {
                    let sequence = streams.get(slot)?.sent_sequence(sequence)?;
                    Some(Request::Resend { slot, sequence })
                })),
                None => requests.push(Request::PassOn),
            },
            Feedback::KeyframeRequest { ssrc } => requests.extend(slot_of(ssrc).map(|slot| Request::Keyframe { slot })),
            Feedback::TransportWide(packet) => {
                if let Err(error) = estimator.handle_feedback(now, packet) {
                    tracing::debug!(?error, "transport-wide feedback could not be read");
                }
            }
            Feedback::Other => requests.push(Request::PassOn),
        });
        Ok(())
    }

    /// Whether a packet of `bytes` that is asked for may leave again; notes that it does.
    pub fn may_resend(&mut self, now: Instant, slot: usize, sequence: u64, bytes: usize) -> bool {
        let Self { streams, estimator, rtx_budget, rtt, .. } = self;
        let Some(stream) = streams.get_mut(slot) else { return false };
        let may_resend = rtx_budget.has_room(now, estimator.estimate_bps(), bytes)
            && stream.may_resend(now, sequence, rtt.unwrap_or_default());
        if may_resend {
            rtx_budget.spend(bytes);
        }
        may_resend
    }

    /// What retransmissions took lately, in bits per second.
    pub fn resent_bps(&self, now: Instant) -> u64 {
        self.rtx_budget.spent_bps(now)
    }

    /// What [`Sender::send`] touches for a slot, so that it can be fetched ahead.
    pub fn touched(&self, slot: usize) -> impl Iterator<Item = &dyn Any> {
        let stream = self.streams.get(slot).map(|stream| stream as &dyn Any);
        let own = [&self.association as &dyn Any, &self.path];
        own.into_iter().chain(stream).chain(self.estimator.touched(self.transport_wide))
    }

    /// Writes and seals packets of a slot, and its report when that is due. `queue` names them among `packets`.
    pub fn send(
        &mut self,
        now: Instant,
        slot: usize,
        queue: &[Queued],
        packets: &[Packet],
        batch: &mut SendBatch,
    ) -> Written {
        let mut written = Written::default();
        let Some(path) = self.path.filter(|_| self.association.is_some()) else {
            written.refused = queue.len() as u64;
            return written;
        };
        let is_video = packets.first().is_some_and(|packet| packet.format.codec.is_video());
        let content = if is_video { Content::Video } else { Content::Audio };
        let mut rest = queue;
        while !rest.is_empty() {
            let run = match path.via {
                Via::Udp => self.run(slot, rest, packets),
                Via::Tcp(_) => Run::ALONE,
            };
            let (current, later) = rest.split_at(run.length.clamp(1, rest.len()));
            let start = batch.arena().len();
            for (place, queued) in current.iter().enumerate() {
                let is_last = place + 1 == current.len();
                let padded_to = if is_last { 0 } else { run.segment_bytes };
                match self.write_packet(now, slot, queued, padded_to, packets, batch.arena()) {
                    true => written.packets += 1,
                    false => written.refused += 1,
                }
            }
            batch.finish(start, run.segment_bytes, path, content);
            rest = later;
        }
        self.write_report(now, slot, path, batch);
        written
    }

    /// Writes the probes that the estimator wants now.
    pub fn send_probes(&mut self, now: Instant, batch: &mut SendBatch) {
        let Some(path) = self.path.filter(|_| self.association.is_some()) else { return };
        while let Some(probe) = self.estimator.poll_probe(now) {
            self.write_probe(now, path, &probe, batch);
        }
    }

    /// How many of the first packets can leave as one message, and the size that all but the last are padded to.
    fn run(&self, slot: usize, queue: &[Queued], packets: &[Packet]) -> Run {
        if queue.len() == 1 {
            return Run::ALONE;
        }
        let (mut lowest, mut highest, mut total) = (usize::MAX, 0, 0);
        for (length, queued) in queue.iter().enumerate() {
            let bytes = self.datagram_bytes(slot, queued, packets);
            total += bytes;
            let (low, high) = (lowest.min(bytes), highest.max(bytes));
            if length == SEGMENTS_MAX || total + EQUALISING_PADDING_MAX * length > MESSAGE_BYTES_MAX {
                return Run { length, segment_bytes: highest };
            }
            if length > 0 && high - low > EQUALISING_PADDING_MAX {
                // A shorter one may still be the last.
                return Run { length: length + usize::from(bytes < lowest), segment_bytes: highest };
            }
            (lowest, highest) = (low, high);
        }
        Run { length: queue.len(), segment_bytes: highest }
    }

    fn datagram_bytes(&self, slot: usize, queued: &Queued, packets: &[Packet]) -> usize {
        let Some(packet) = packets.get(queued.packet) else { return 0 };
        let Some(stream) = self.streams.get(slot) else { return 0 };
        let tag = self.association.as_ref().map_or(0, |(sealer, _)| sealer.tag_bytes());
        let original = if queued.is_retransmission { ORIGINAL_SEQUENCE_BYTES } else { 0 };
        let ids = &stream.config().extensions;
        let mut room;
        let dependency = match is_described(packet, ids) {
            true => {
                room = [0; DESCRIPTOR_BYTES_MAX];
                descriptor(packet, queued, &mut room)
            }
            false => &[],
        };
        header_of(packet, queued, dependency, 0, 0).length(ids) + original + payload_of(packet, queued).len() + tag
    }

    /// Appends one sealed packet to the arena, padded to a length where it is shorter. `false`: it was not written, as its
    /// number was used before.
    fn write_packet(
        &mut self,
        now: Instant,
        slot: usize,
        queued: &Queued,
        padded_to: usize,
        packets: &[Packet],
        arena: &mut Vec<u8>,
    ) -> bool {
        // One that leaves alone, as most do, is not measured again.
        let padding = match padded_to {
            0 => 0,
            bytes => bytes.saturating_sub(self.datagram_bytes(slot, queued, packets)),
        };
        let padding_bytes = padding.min(usize::from(PADDING_BYTES)) as u8;
        let Self { streams, association, estimator, transport_wide, .. } = self;
        let (Some((sealer, _)), Some(packet)) = (association, packets.get(queued.packet)) else { return false };
        let Some(stream) = streams.get_mut(slot) else { return false };
        let Munged { sequence, timestamp, .. } = queued.munged;
        let mut room;
        let is_described = is_described(packet, &stream.config().extensions);
        let dependency = match is_described {
            true => {
                room = [0; DESCRIPTOR_BYTES_MAX];
                descriptor(packet, queued, &mut room)
            }
            false => &[],
        };
        let mut header = header_of(packet, queued, dependency, padding_bytes, *transport_wide as u16);
        let (ssrc, index) = if queued.is_retransmission {
            let Some((ssrc, payload_type)) = stream.rtx(queued.payload_type) else { return false };
            header.payload_type = payload_type;
            (ssrc, stream.next_rtx_sequence())
        } else if stream.use_sequence(sequence) {
            stream.count(
                payload_of(packet, queued).len(),
                timestamp,
                packet.arrival,
                packet.format.codec.clock_rate_hz(),
            );
            (stream.config().ssrc, sequence)
        } else {
            return false;
        };
        (header.ssrc, header.sequence) = (ssrc, index as u16);
        let start = arena.len();
        header.write(&stream.config().extensions, arena);
        let header_bytes = arena.len() - start;
        if queued.is_retransmission {
            arena.extend_from_slice(&(sequence as u16).to_be_bytes());
        }
        let payload_at = arena.len();
        arena.extend_from_slice(payload_of(packet, queued));
        let payload = arena.get_mut(payload_at..).unwrap_or_default();
        rewrite_payload(packet, queued, is_described, payload);
        pad(arena, padding_bytes);
        if let Err(error) = sealer.seal_rtp(arena, start, header_bytes, ssrc, index) {
            tracing::warn!(%error, "a packet could not be sealed");
            arena.truncate(start);
            return false;
        }
        if stream.config().extensions.transport_wide.is_some() {
            estimator.sent(now, *transport_wide, arena.len() - start, None);
            *transport_wide += 1;
        }
        true
    }

    fn write_report(&mut self, now: Instant, slot: usize, path: Path, batch: &mut SendBatch) {
        let Self { streams, association, started, cname, .. } = self;
        let (Some((sealer, _)), Some(stream)) = (association, streams.get_mut(slot)) else { return };
        let Some(report) = stream.poll_report(now, ntp_of(*started, now), cname) else { return };
        let start = batch.arena().len();
        report.write(batch.arena());
        if let Err(error) = sealer.seal_rtcp(batch.arena(), start) {
            tracing::warn!(%error, "a sender report could not be sealed");
            batch.arena().truncate(start);
        }
        let bytes = batch.arena().len() - start;
        batch.finish_generated(start, bytes, path, Content::Control);
    }

    /// Padding on a retransmission stream, which receivers measure and throw away. It leaves as one burst.
    fn write_probe(&mut self, now: Instant, path: Path, probe: &Probe, batch: &mut SendBatch) {
        let Self { streams, association, estimator, transport_wide, .. } = self;
        let Some((sealer, _)) = association else { return };
        let stream = streams
            .iter_mut()
            .find(|stream| stream.padding().is_some() && stream.config().extensions.transport_wide.is_some());
        let Some((stream, (ssrc, payload_type))) = stream.and_then(|s| s.padding().map(|padding| (s, padding))) else {
            return;
        };
        let start = batch.arena().len();
        let mut datagram_bytes = 0;
        for _ in 0..SEGMENTS_MAX {
            let index = stream.next_rtx_sequence();
            let header = Header {
                payload_type,
                marker: false,
                sequence: index as u16,
                timestamp: stream.timestamp(),
                ssrc,
                csrc: 0,
                transport_wide: *transport_wide as u16,
                audio_level: None,
                video_orientation: None,
                dependency: &[],
                padding_bytes: PADDING_BYTES,
            };
            let packet_start = batch.arena().len();
            header.write(&stream.config().extensions, batch.arena());
            let header_bytes = batch.arena().len() - packet_start;
            pad(batch.arena(), PADDING_BYTES);
            if sealer.seal_rtp(batch.arena(), packet_start, header_bytes, ssrc, index).is_err() {
                batch.arena().truncate(packet_start);
                break;
            }
            datagram_bytes = batch.arena().len() - packet_start;
            estimator.sent(now, *transport_wide, datagram_bytes, Some(probe.id));
            *transport_wide += 1;
            if batch.arena().len() - start >= probe.bytes {
                break;
            }
        }
        batch.finish_generated(start, datagram_bytes, path, Content::Video);
    }
}

/// What became of packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Packets that leave.
    pub packets: u64,
    /// Packets that do not: there are no keys yet, or their number was used before.
    pub refused: u64,
}

struct Run {
    length: usize,
    segment_bytes: usize,
}

impl Run {
    /// One packet, whose length is that of no other. On TCP nothing is gained by more.
    const ALONE: Self = Self { length: 1, segment_bytes: usize::MAX };
}

/// Appends padding, whose last byte says how much it is (RFC 3550, section 5.1).
fn pad(arena: &mut Vec<u8>, bytes: u8) {
    if let Some(zeros) = usize::from(bytes).checked_sub(1) {
        arena.resize(arena.len() + zeros, 0);
        arena.push(bytes);
    }
}

fn ntp_of(started: Instant, now: Instant) -> u64 {
    let elapsed = now.saturating_duration_since(started);
    let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    NTP_BASE.wrapping_add((elapsed.as_secs() << 32) + fraction)
}
