//! How much a connection's way to its receiver carries: the send-side estimator.
//!
//! In the spirit of draft-ietf-rmcat-gcc-02: the delay of groups of packets and the loss decide when the rate must fall,
//! the acknowledged rate says to what. What differs is made for a forwarder, which mostly sends less than it could, on
//! machines that stop for moments: see [`Estimator`].

use std::any::Any;
use std::time::{Duration, Instant};

use super::backlog::{Backlog, Pace};
use super::delay::Delay;
use super::feedback::{Feedback, FeedbackError};
use super::history::{History, State};
use super::loss::{Loss, Verdict};
use super::probe::{Probe, ProbeId, Prober};
use super::rate::AckedRate;
use super::rivals::Rivals;

/// The estimate's limits. The least is enough for one voice: with less nothing would ever be measured.
const ESTIMATE_BPS_MIN: f64 = 50_000.0;
const ESTIMATE_BPS_MAX: f64 = 200_000_000.0;
/// Round trip until one is known.
const RTT_US_AT_FIRST: i64 = 100_000;

/// Growth a second while the link's capacity is unknown, and near a known one.
const GROWTH: f64 = 0.08;
const GROWTH_NEAR: f64 = 0.02;
/// Near it at least so much a second: those who share a link get equal shares over time because the small ones grow as fast as
/// the large ones, and fall by less.
const GROWTH_NEAR_BPS: f64 = 40_000.0;
/// Where "near" begins and where the capacity turns out to be another, as shares of it.
const NEAR_RATIO: f64 = 0.9;
const BEYOND_RATIO: f64 = 1.15;
/// A capacity is remembered this long.
const CAPACITY_US: i64 = 30_000_000;
/// The estimate does not grow beyond this multiple of what arrives: what is not used is not known. Probes raise it further.
const ACKED_RATIO_MAX: f64 = 1.5;
/// An estimate above this multiple of what arrives is not what limits the application.
const LIMITED_RATIO: f64 = 1.3;
/// Share of what arrives that the rate falls to, so that the queue empties.
const FALL_RATIO: f64 = 0.85;
/// An application that sends little shows little: no fall is deeper than this at once.
const FALL_RATIO_MIN: f64 = 0.5;
/// Where others fill the queue, only a trend above this is ours: what a download does to it is slower.
const RIVALS_SLOPE_MIN: f64 = 0.1;
/// Share of what arrived through the full link that is sent once the queue is empty.
const FULL_RATIO: f64 = 0.95;
/// Share of the estimate up to which what plays may go on while no long queue stands.
const KEPT_RATIO: f64 = 1.12;
/// Bursts are sent at so many times the estimate; and while the link was never seen full, unless the estimate is narrow: there
/// a keyframe at twice what the link carries fills its queue, and the sounds behind it are lost.
const PACE_RATIO: f64 = 1.1;
const PACE_RATIO_UNKNOWN: f64 = 2.0;
const PACE_NARROW_BPS: f64 = 1_000_000.0;
/// Time, beyond the round trip, after which another fall may follow: reports must speak of what was sent after the last.
const FALL_GAP_US: i64 = 200_000;
/// A queue below this is empty; above this it is one even where little is sent; above this nothing is added to it; above this
/// it must not stay.
const EMPTY_US: i64 = 10_000;
const SEVERE_US: i64 = 30_000;
const FULL_US: i64 = 50_000;
const LONG_US: i64 = 80_000;
/// How long the queue is given to empty before the rate grows again.
const DRAIN_US_MAX: i64 = 3_000_000;
/// Growth is counted over at most this much time, when reports come late.
const GROWTH_US_MAX: i64 = 500_000;

/// Packets that a lost report is taken to have named.
const BRIDGE_PACKETS_MAX: u64 = 512;
/// Time without reports after which the rate falls, to which share, and from how many unreported packets on.
const SILENCE_US: i64 = 1_500_000;
const SILENCE_RATIO: f64 = 0.7;
const SILENCE_PACKETS: u32 = 10;

/// The estimator of one connection. It reads no clock and does nothing by itself.
///
/// - A queue that grows, seen by the trend of the delay and by none of the last moments' packets having come through
///   quickly, lets the estimate fall to 0.85 of what arrives; once the queue is empty it is 0.95 of that.
/// - Where the queue does not get shorter after that, others fill it (`rivals.rs`), and only a steep trend counts for a while.
/// - Loss above 10 % lets it fall, unless the loss stays the same when less is sent.
/// - It grows by 8 % a second, near a known capacity by 2 % or 40 kb/s, up to 1.5 times what arrives, and beyond that by probes alone.
/// - Once every 1.5 s without any report it falls by 0.3.
///
/// Memory: 3 KiB, and 16 bytes a packet of the last second, at most 64 KiB; see `history.rs` for what happens then.
#[derive(Debug)]
pub struct Estimator {
    origin: Instant,
    history: History,
    rate: AckedRate,
    delay: Delay,
    loss: Loss,
    prober: Prober,
    backlog: Backlog,
    estimate_bps: f64,
    rtt_us: i64,
    /// The newest packet that was reported.
    reported_to: Option<u64>,
    updated_us: i64,
    fell_us: Option<i64>,
    /// Since when the queue is given time to empty, and what the estimate is afterwards.
    draining: Option<(i64, f64)>,
    rivals: Rivals,
    /// What the full link carried, and when.
    capacity: Option<(i64, f64)>,
    /// Packets sent since the last report, and when silence began.
    unreported_packets: u32,
    silent_since_us: Option<i64>,
    /// Reports stopped coming, for longer than they may.
    is_cut_off: bool,
}

impl Estimator {
    /// An estimator that knows nothing but a first guess, in bits per second.
    pub fn new(now: Instant, start_bps: u64) -> Self {
        Self {
            origin: now,
            history: History::default(),
            rate: AckedRate::default(),
            delay: Delay::default(),
            loss: Loss::default(),
            prober: Prober::new(),
            backlog: Backlog::default(),
            estimate_bps: (start_bps as f64).clamp(ESTIMATE_BPS_MIN, ESTIMATE_BPS_MAX),
            rtt_us: RTT_US_AT_FIRST,
            reported_to: None,
            updated_us: 0,
            fell_us: None,
            draining: None,
            rivals: Rivals::default(),
            capacity: None,
            unreported_packets: 0,
            silent_since_us: None,
            is_cut_off: false,
        }
    }

    /// Notes a packet that leaves, padding and retransmissions included. `sequence` is its transport-wide number with
    /// rollovers counted, `bytes` its size on the wire, `probe` the probe that it is a part of.
    pub fn sent(&mut self, now: Instant, sequence: u64, bytes: usize, probe: Option<ProbeId>) {
        let now_us = self.micros(now);
        self.history.sent(now_us, sequence, bytes, probe);
        self.rivals.sent(bytes);
        self.backlog.add(now_us, bytes, self.pace_bps());
        self.unreported_packets = self.unreported_packets.saturating_add(1);
        if self.silent_since_us.is_none() && self.reported_to.is_some() {
            self.silent_since_us = Some(now_us);
        }
        if let Some(id) = probe {
            self.prober.sent(now_us, id, sequence, bytes);
        }
    }

    /// What [`Estimator::sent`] touches for a packet, so that it can be fetched ahead.
    pub fn touched(&self, sequence: u64) -> impl Iterator<Item = &dyn Any> {
        let place = self.history.place(sequence).map(|place| place as &dyn Any);
        [&self.unreported_packets as &dyn Any].into_iter().chain(place)
    }

    /// Takes an RTCP transport-wide feedback packet (type 205, format 15), header included: one packet of a compound.
    /// Reports of packets that were never sent, or were reported before, change nothing.
    ///
    /// # Errors
    /// The packet is malformed, and nothing of it was used.
    pub fn handle_feedback(&mut self, now: Instant, packet: &[u8]) -> Result<(), FeedbackError> {
        let now_us = self.micros(now);
        let feedback = Feedback::parse(packet)?;
        let reference_us = feedback.reference_us();
        self.bridge(feedback.base_sequence());
        for (low, arrival_us) in feedback.statuses() {
            self.reported(low, arrival_us.map(|arrival_us| reference_us + arrival_us));
        }
        self.unreported_packets = 0;
        self.silent_since_us = None;
        if std::mem::take(&mut self.is_cut_off) {
            self.prober.begin_anew(now_us);
        }
        self.update(now_us);
        Ok(())
    }

    /// The round-trip time, from receiver reports.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt_us = i64::try_from(rtt.as_micros()).unwrap_or(i64::MAX).min(SILENCE_US);
    }

    /// What all that is wanted would take, in bits per second: the estimator probes until it has found that much and a
    /// quarter more, and not beyond. 0 for a connection that wants nothing: it is not probed.
    pub fn set_desired_bps(&mut self, bps: u64) {
        self.prober.set_desired_bps(bps);
    }

    /// What the way to the receiver carries, in bits per second, all packets included.
    pub fn estimate_bps(&self) -> u64 {
        self.estimate_bps as u64
    }

    /// What may be sent of what is sent already: what the way carries once a queue that stands in it is gone, and while there
    /// is no long one somewhat more. What is given up for a moment of delay (jitter, a keyframe) makes less arrive, and the
    /// next fall deeper, until nothing is left; what is really too much makes a long queue.
    pub fn sustained_bps(&self) -> u64 {
        let full_bps = self.full_bps();
        let ratio = if self.delay.standing_us() > LONG_US { 1.0 } else { KEPT_RATIO };
        (full_bps * ratio) as u64
    }

    /// How fast the link should be sent to, and what stands in it by our own account.
    pub fn pace(&self, now: Instant) -> Pace {
        let bps = self.pace_bps();
        Pace { backlog_us: self.backlog.wait_us(self.micros(now), bps), bps }
    }

    /// Share of the packets of about the last second that were lost on the way, 0 to 1; without those of probes.
    pub fn loss_ratio(&self) -> f32 {
        self.loss.ratio() as f32
    }

    /// A probe that should be sent now. To be called after [`Self::handle_timeout`] and [`Self::handle_feedback`], and
    /// after the desired rate rose.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        self.prober.poll(self.micros(now), self.estimate_bps)
    }

    /// When to call [`Self::handle_timeout`] next; `None` for a connection that has nothing in flight and wants no more.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let silence_us = self.silent_since_us.map(|since_us| since_us + SILENCE_US);
        let probe_us = self.prober.timeout_us(self.estimate_bps, self.rtt_us);
        let next_us = silence_us.into_iter().chain(probe_us).min()?;
        Some(self.origin + Duration::from_micros(next_us.max(0) as u64))
    }

    /// Does what time alone brings about. [`Self::poll_probe`] should follow.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now_us = self.micros(now);
        if self.silent_since_us.is_some_and(|since_us| now_us - since_us >= SILENCE_US) {
            // The next packet that is sent starts the clock again: what is not used needs no timeouts.
            self.silent_since_us = None;
            if std::mem::take(&mut self.unreported_packets) >= SILENCE_PACKETS {
                self.is_cut_off = true;
                self.fall_to(self.estimate_bps * SILENCE_RATIO, now_us);
            }
        }
        self.prober.handle_timeout(now_us, self.estimate_bps, self.rtt_us);
    }

    /// Counts what lies between the last report and this one, whose report was lost, as having arrived like the last
    /// packet: otherwise less would seem to arrive, and the next fall would be too deep.
    fn bridge(&mut self, base: u16) {
        let (Some(last), Some(first), Some(delay_us)) =
            (self.reported_to, self.history.expand(base), self.delay.last_us())
        else {
            return;
        };
        for sequence in (last + 1).max(first.saturating_sub(BRIDGE_PACKETS_MAX))..first {
            if let Some(sent) = self.history.get(sequence).filter(|sent| sent.state == State::Unreported) {
                sent.state = State::Presumed;
                self.rate.add(sent.sent_us + delay_us, sent.bytes);
            }
        }
    }

    /// One packet of a report.
    fn reported(&mut self, low: u16, arrival_us: Option<i64>) {
        let Some(sequence) = self.history.expand(low) else { return };
        let Some(sent) = self.history.get(sequence) else { return };
        let before = sent.state;
        let state = if arrival_us.is_some() { State::Received } else { State::Missing };
        if before == State::Received || before == state {
            return;
        }
        sent.state = state;
        let sent = *sent;
        self.reported_to = self.reported_to.max(Some(sequence));
        if before == State::Missing {
            self.loss.found();
        } else {
            self.prober.reported(sequence, &sent, arrival_us);
            if sent.probe.is_none() {
                let lost_behind_us = arrival_us.is_none().then(|| self.queued_us());
                self.loss.packet(sent.sent_us, sent.bytes, lost_behind_us);
            }
        }
        let Some(arrival_us) = arrival_us else { return };
        if self.delay.packet(sent.sent_us, arrival_us) {
            self.rate = AckedRate::default();
        }
        if before != State::Presumed {
            self.rate.add(arrival_us, sent.bytes);
        }
    }

    fn update(&mut self, now_us: i64) {
        let elapsed_us = (now_us - self.updated_us).clamp(0, GROWTH_US_MAX);
        self.updated_us = now_us;
        if let Some(shared_bps) = self.rivals.conclude(now_us, self.rtt_us, self.delay.standing_us()) {
            self.estimate_bps = self.estimate_bps.max(shared_bps);
            self.draining = None;
        }
        let has_rivals = self.rivals.are_there(now_us, self.delay.standing_us());
        let is_growing = self.delay.evaluate(if has_rivals { RIVALS_SLOPE_MIN } else { 0.0 });
        let verdict = self.loss.evaluate(now_us);
        let may_fall = self.fell_us.is_none_or(|fell_us| now_us - fell_us >= self.rtt_us + FALL_GAP_US);

        if is_growing {
            if may_fall {
                self.fall_by_delay(now_us);
            }
        } else if let Some(capacity_bps) = self.overfull(now_us).filter(|_| !has_rivals) {
            if may_fall {
                self.drain_from(capacity_bps, now_us);
            }
        } else if self.drained(now_us) && verdict == Verdict::Rise && (has_rivals || !self.is_full()) {
            self.grow(now_us, elapsed_us as f64 / 1e6);
        }
        if let Verdict::Fall(ratio) = verdict {
            let floor_bps = self.rate.bps().unwrap_or(0.0).min(self.estimate_bps);
            self.fall_to((self.estimate_bps * ratio).max(floor_bps), now_us);
        }
        let shown_bps = self.prober.conclude(now_us, self.delay.base_us(), self.loss.inherent());
        if let Some(shown_bps) = shown_bps
            && shown_bps > self.estimate_bps
        {
            self.estimate_bps = shown_bps.min(ESTIMATE_BPS_MAX);
            self.draining = None;
        }
    }

    fn fall_by_delay(&mut self, now_us: i64) {
        let Some(acked_bps) = self.rate.full_bps() else { return };
        let limited = self.estimate_bps > acked_bps * LIMITED_RATIO;
        if limited && self.delay.standing_us() < SEVERE_US {
            // It could still be something else than a full link: what arrives need not be all that could.
            self.fall_to(acked_bps.max(self.estimate_bps * FALL_RATIO), now_us);
        } else {
            self.capacity = Some((now_us, acked_bps));
            self.drain_from(acked_bps, now_us);
        }
    }

    /// Falls so far below what the link carries that the queue empties, and says what comes afterwards.
    fn drain_from(&mut self, capacity_bps: f64, now_us: i64) {
        self.draining = Some((now_us, capacity_bps * FULL_RATIO));
        let standing_us = self.delay.standing_us();
        self.rivals.try_less(now_us, capacity_bps, standing_us);
        self.backlog.raise_to(now_us, standing_us, capacity_bps);
        self.fall_to((capacity_bps * FALL_RATIO).max(self.estimate_bps * FALL_RATIO_MIN), now_us);
    }

    /// The capacity, when a long queue stays although what the link carries is known. An estimate below that is let
    /// be: a queue that another flow fills would push it down for ever.
    fn overfull(&self, now_us: i64) -> Option<f64> {
        let (known_us, capacity_bps) = self.capacity?;
        let known = now_us - known_us < CAPACITY_US && self.delay.standing_us() > LONG_US;
        (known && self.estimate_bps > capacity_bps * NEAR_RATIO).then_some(capacity_bps)
    }

    /// A queue stands in the link: it must not get longer.
    fn is_full(&self) -> bool {
        self.delay.standing_us() > FULL_US
    }

    /// What the way carries once a queue that stands in it is gone.
    fn full_bps(&self) -> f64 {
        self.draining.map_or(self.estimate_bps, |(_, full_bps)| full_bps.max(self.estimate_bps))
    }

    /// The rate at which bursts are sent.
    fn pace_bps(&self) -> f64 {
        let full_bps = self.full_bps();
        let is_careful = self.capacity.is_some() || full_bps < PACE_NARROW_BPS;
        full_bps * if is_careful { PACE_RATIO } else { PACE_RATIO_UNKNOWN }
    }

    fn fall_to(&mut self, bps: f64, now_us: i64) {
        self.estimate_bps = bps.min(self.estimate_bps).max(ESTIMATE_BPS_MIN);
        self.fell_us = Some(now_us);
        self.prober.hold(now_us);
    }

    /// How long the last packet that arrived stood in a queue.
    fn queued_us(&self) -> i64 {
        self.delay.last_us().zip(self.delay.base_us()).map_or(0, |(last_us, base_us)| last_us - base_us)
    }

    /// Whether the queue has had its time to empty; if it did, the estimate is what the full link carried.
    fn drained(&mut self, now_us: i64) -> bool {
        let Some((since_us, full_bps)) = self.draining else { return true };
        let empty = self.delay.standing_us() <= EMPTY_US;
        if empty {
            self.estimate_bps = self.estimate_bps.max(full_bps);
        }
        if empty || now_us - since_us > DRAIN_US_MAX {
            self.draining = None;
        }
        self.draining.is_none()
    }

    fn grow(&mut self, now_us: i64, seconds: f64) {
        let Some(acked_bps) = self.rate.bps() else { return };
        self.capacity = self.capacity.filter(|&(known_us, capacity_bps)| {
            now_us - known_us < CAPACITY_US && self.estimate_bps < capacity_bps * BEYOND_RATIO
        });
        let near = self.capacity.is_some_and(|(_, capacity_bps)| self.estimate_bps > capacity_bps * NEAR_RATIO);
        let most_bps = self.estimate_bps * GROWTH;
        let growth_bps =
            if near { (self.estimate_bps * GROWTH_NEAR).max(GROWTH_NEAR_BPS).min(most_bps) } else { most_bps };
        let grown_bps = self.estimate_bps + growth_bps * seconds;
        let limit_bps = (acked_bps * ACKED_RATIO_MAX).max(self.estimate_bps).min(ESTIMATE_BPS_MAX);
        self.estimate_bps = grown_bps.min(limit_bps);
    }

    fn micros(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(self.origin);
        since.as_secs() as i64 * 1_000_000 + i64::from(since.subsec_micros())
    }
}

#[cfg(test)]
mod tests;
