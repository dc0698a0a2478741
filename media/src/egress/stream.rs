//! One source that we send: a slot's media, and its retransmissions.

use std::time::{Duration, Instant};

use super::header::ExtensionIds;
use super::replay::ReplayWindow;
use super::rtcp::SenderReport;

/// How often a stream that sends is reported on (RFC 3550, section 6.2: the reduced minimum for video is below a second).
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Requests for the same packet within this, or within the round-trip time, were on their way when it was sent again.
const RESEND_PAUSE: Duration = Duration::from_millis(10);
/// Packets that are remembered as sent again: more than a receiver asks for at a time.
const RESENT_MAX: usize = 64;

/// What was agreed on for a slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamConfig {
    /// Source of the media.
    pub ssrc: u32,
    /// Source of the retransmissions (RFC 4588), where the client takes them.
    pub rtx_ssrc: Option<u32>,
    /// For each payload type the one that its retransmissions have.
    pub rtx_payload_types: Vec<(u8, u8)>,
    /// Identifiers of header extensions.
    pub extensions: ExtensionIds,
}

/// The sending state of a slot. It lives as long as its slot, over later offers and changes of network: no number is
/// ever used twice under one key.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    sent: ReplayWindow,
    rtx_sequence: u64,
    packets: u32,
    octets: u32,
    clock: Option<MediaClock>,
    reported_at: Option<Instant>,
    resent: Vec<(u64, Instant)>,
    resent_next: usize,
}

/// A moment on the stream's clock.
#[derive(Debug, Clone, Copy)]
struct MediaClock {
    timestamp: u32,
    at: Instant,
    rate_hz: u32,
}

impl Stream {
    /// A stream that has sent nothing. `rtx_sequence` should be random, below 2^15.
    pub fn new(config: StreamConfig, rtx_sequence: u16) -> Self {
        Self {
            config,
            sent: ReplayWindow::default(),
            rtx_sequence: u64::from(rtx_sequence),
            packets: 0,
            octets: 0,
            clock: None,
            reported_at: None,
            resent: Vec::new(),
            resent_next: 0,
        }
    }

    /// What was agreed on.
    pub fn config(&self) -> &StreamConfig {
        &self.config
    }

    /// Takes what a later offer agreed on. Sources stay as they are.
    pub fn reconfigure(&mut self, config: StreamConfig) {
        let Self { config: StreamConfig { ssrc, rtx_ssrc, .. }, .. } = *self;
        self.config = StreamConfig { ssrc, rtx_ssrc: rtx_ssrc.or(config.rtx_ssrc), ..config };
    }

    /// Uses up a number of the media; `false` when it was used before, or may have been.
    pub(super) fn use_sequence(&mut self, sequence: u64) -> bool {
        self.sent.accept(sequence)
    }

    /// The number behind the highest of the media that was used.
    pub(super) fn next_sequence(&self) -> u64 {
        self.sent.highest().saturating_add(1)
    }

    /// The next number of the retransmissions.
    pub(super) fn next_rtx_sequence(&mut self) -> u64 {
        self.rtx_sequence += 1;
        self.rtx_sequence
    }

    /// The timestamp that the newest packet had.
    pub(super) fn timestamp(&self) -> u32 {
        self.clock.map_or(0, |clock| clock.timestamp)
    }

    /// Source and payload type of retransmissions of `payload_type`.
    pub(super) fn rtx(&self, payload_type: u8) -> Option<(u32, u8)> {
        let types = self.config.rtx_payload_types.iter();
        let (_, rtx_type) = types.copied().find(|(main, _)| *main == payload_type)?;
        Some((self.config.rtx_ssrc?, rtx_type))
    }

    /// Source and a payload type under which padding can be sent.
    pub(super) fn padding(&self) -> Option<(u32, u8)> {
        let (_, rtx_type) = self.config.rtx_payload_types.first()?;
        Some((self.config.rtx_ssrc?, *rtx_type))
    }

    /// Counts a packet of the media for sender reports.
    pub(super) fn count(&mut self, payload_bytes: usize, timestamp: u32, at: Instant, rate_hz: u32) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload_bytes as u32);
        self.clock = Some(MediaClock { timestamp, at, rate_hz });
    }

    /// The report that is due, for a stream that sends.
    pub(super) fn poll_report<'a>(&mut self, now: Instant, ntp: u64, cname: &'a str) -> Option<SenderReport<'a>> {
        let is_due = self.reported_at.is_none_or(|at| now.saturating_duration_since(at) >= REPORT_INTERVAL);
        let clock = self.clock.filter(|_| is_due)?;
        self.reported_at = Some(now);
        let elapsed = now.saturating_duration_since(clock.at).as_secs_f64();
        // A float converts to an integer saturating, and the timestamp wraps by design.
        let timestamp = clock.timestamp.wrapping_add((elapsed * f64::from(clock.rate_hz)) as u32);
        let Self { packets, octets, .. } = *self;
        Some(SenderReport { ssrc: self.config.ssrc, ntp, timestamp, packets, octets, cname })
    }

    /// The number that a receiver means by its lower half; `None` for one that was not sent.
    pub fn sent_sequence(&self, sequence: u16) -> Option<u64> {
        let highest = self.sent.highest();
        let step = sequence.wrapping_sub(highest as u16).cast_signed();
        highest.checked_add_signed(i64::from(step)).filter(|sequence| *sequence <= highest)
    }

    /// Whether a packet that is asked for should be sent again now; notes that it is.
    pub fn may_resend(&mut self, now: Instant, sequence: u64, rtt: Duration) -> bool {
        let pause = rtt.max(RESEND_PAUSE);
        if let Some((_, at)) = self.resent.iter_mut().find(|(known, _)| *known == sequence) {
            let is_new = now.saturating_duration_since(*at) >= pause;
            if is_new {
                *at = now;
            }
            return is_new;
        }
        match self.resent.get_mut(self.resent_next) {
            Some(place) => *place = (sequence, now),
            None => self.resent.push((sequence, now)),
        }
        self.resent_next = (self.resent_next + 1) % RESENT_MAX;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leaves_once() {
        let mut stream = Stream::new(StreamConfig::default(), 0);
        assert!(stream.use_sequence(0xffff));
        assert!(!stream.use_sequence(0xffff));
        assert!(stream.use_sequence(0x1_0000), "the next after a wrap-around");
        assert_eq!(stream.sent_sequence(0xffff), Some(0xffff));
        assert_eq!(stream.sent_sequence(0), Some(0x1_0000));
        assert_eq!(stream.sent_sequence(1), None, "not sent yet");
        assert_eq!((stream.next_rtx_sequence(), stream.next_rtx_sequence()), (1, 2));
    }

    #[test]
    fn the_same_request_within_a_round_trip_is_ignored() {
        let now = Instant::now();
        let rtt = Duration::from_millis(100);
        let mut stream = Stream::new(StreamConfig::default(), 0);
        assert!(stream.may_resend(now, 5, rtt));
        assert!(!stream.may_resend(now + rtt / 2, 5, rtt));
        assert!(stream.may_resend(now + rtt, 5, rtt));
        for sequence in 100..100 + RESENT_MAX as u64 {
            assert!(stream.may_resend(now, sequence, rtt));
        }
        assert_eq!(stream.resent.len(), RESENT_MAX);
    }

    #[test]
    fn a_report_maps_the_moment_to_the_streams_clock() {
        let now = Instant::now();
        let mut stream = Stream::new(StreamConfig { ssrc: 4, ..StreamConfig::default() }, 0);
        assert_eq!(stream.poll_report(now, 0, "x"), None, "nothing was sent");
        stream.count(1_000, 90_000, now, 90_000);
        let report = stream.poll_report(now + Duration::from_millis(500), 77, "x").unwrap();
        let expected = SenderReport { ssrc: 4, ntp: 77, timestamp: 135_000, packets: 1, octets: 1_000, cname: "x" };
        assert_eq!(report, expected);
        assert_eq!(stream.poll_report(now + Duration::from_millis(1_400), 0, "x"), None);
        assert!(stream.poll_report(now + Duration::from_millis(1_500), 0, "x").is_some());
    }

    #[test]
    fn a_later_offer_keeps_the_sources() {
        let first = StreamConfig { ssrc: 1, rtx_ssrc: Some(2), ..StreamConfig::default() };
        let mut stream = Stream::new(first, 0);
        let ids = ExtensionIds { transport_wide: Some(5), ..ExtensionIds::default() };
        stream.reconfigure(StreamConfig { ssrc: 8, rtx_ssrc: Some(9), extensions: ids, ..StreamConfig::default() });
        assert_eq!((stream.config.ssrc, stream.config.rtx_ssrc, stream.config.extensions), (1, Some(2), ids));
    }
}
