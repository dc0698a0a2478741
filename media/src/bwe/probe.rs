//! Probes: short clusters of packets at a higher rate that show whether a link carries more than is sent.

use std::num::NonZeroU8;

use super::history::Sent;

/// How much of what is wanted is enough: the allocator does not give out the whole estimate. Somewhat more is asked for,
/// as a probe that passes may show a little less than its rate.
const ENOUGH_RATIO: f64 = 1.25;
const ASKED_RATIO: f64 = 1.4;
/// Length of a cluster at its rate: long enough that a pacer's turns blur, short enough that on a link that carries half
/// of it the queue stays below that of a frame.
const CLUSTER_SECONDS: f64 = 0.025;
/// Least size of a cluster, five small packets: less would measure the scheduler, more would fill a narrow link's queue.
const CLUSTER_BYTES_MIN: usize = 2_500;
/// Largest size of a cluster: a burst that every queue on the way takes, and still 6 ms at 20 Mb/s.
const CLUSTER_BYTES_MAX: usize = 16_000;

/// A probe's rate as a multiple of the estimate: the first (nothing is known yet), after one that passed, and after one
/// that failed.
const STEP_FIRST: f64 = 3.0;
const STEP_PASSED: f64 = 2.0;
const STEP_FAILED: f64 = 1.5;

/// Time to the next probe after one failed; doubles up to the maximum, which bounds how long a link that recovered is
/// left unused.
const INTERVAL_US: i64 = 1_000_000;
const INTERVAL_US_MAX: i64 = 5_000_000;
/// The maximum where probes are not even reported or not sent.
const UNANSWERED_INTERVAL_US_MAX: i64 = 60_000_000;
/// Time to the next one after a probe that a stop of either end spoilt, and how many such count as one that failed.
const UNCLEAR_INTERVAL_US: i64 = 200_000;
const UNCLEAR_MAX: u32 = 3;
/// Time without probes after a fall.
const HELD_US: i64 = 1_000_000;
/// Least time between probes when the desired rate rises again and again.
const RAISE_GAP_US: i64 = 1_000_000;
/// How long a report is waited for, beyond the round trip.
const ANSWER_US_MAX: i64 = 1_000_000;
/// A cluster that got no packet for so long is not continued.
const SENDING_GAP_US: i64 = 100_000;

/// Share of a cluster's rate that must arrive for it to have passed.
const PASSED_RATIO: f64 = 0.8;
/// Measures of one cluster that differ by more than this were spoilt by a stop.
const UNCLEAR_RATIO: f64 = 1.4;
/// Share of a measured rate that is used: what fills the link leaves no room to drain a queue.
const MEASURED_RATIO: f64 = 0.95;
/// Share of a cluster that may be lost beyond what the link always loses.
const LOSS_MAX: f64 = 0.2;
/// Share of a cluster that must be reported.
const REPORTED_RATIO_MIN: f64 = 0.6;

/// Names a probe's packets in [`super::Estimator::sent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeId(NonZeroU8);

/// A cluster of packets that should be sent now, beside or as part of what is sent anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// To be named for each of its packets.
    pub id: ProbeId,
    /// The rate at which it should be sent, in bits per second; all at once does as well.
    pub bitrate_bps: u64,
    /// Its size in all, in bytes; in packets of at most 1,200 bytes, at best five or more.
    pub bytes: usize,
}

/// Decides when to probe and reads what came of it. All times are in microseconds.
#[derive(Debug)]
pub(super) struct Prober {
    desired_bps: f64,
    cluster: Option<Cluster>,
    last_id: ProbeId,
    last_asked_us: i64,
    next_us: i64,
    /// A probe that is due was announced by a timeout, and is not announced again.
    announced: bool,
    held_until_us: i64,
    interval_us: i64,
    unclear: u32,
    step: f64,
}

/// A probe under way.
#[derive(Debug)]
struct Cluster {
    probe: Probe,
    asked_us: i64,
    sent_packets: u32,
    sent_bytes: usize,
    sequences: (u64, u64),
    sent_us: (i64, i64),
    reported_packets: u32,
    received_packets: u32,
    /// Newest number reported.
    reported_to: u64,
    arrivals: Option<Arrivals>,
}

/// What arrived of a cluster, and of other packets in between: they take their share of the link too.
#[derive(Debug)]
struct Arrivals {
    first_us: i64,
    last_us: i64,
    first_bytes: u64,
    bytes: u64,
    /// Other packets since the cluster's last.
    pending_bytes: u64,
}

/// What a cluster showed.
enum Outcome {
    Passed(f64),
    Failed(f64),
    Unclear,
}

impl Prober {
    pub fn new() -> Self {
        Self {
            desired_bps: 0.0,
            cluster: None,
            last_id: ProbeId(NonZeroU8::MAX),
            last_asked_us: -RAISE_GAP_US,
            next_us: 0,
            announced: false,
            held_until_us: 0,
            interval_us: INTERVAL_US,
            unclear: 0,
            step: STEP_FIRST,
        }
    }

    /// What all that is wanted would take.
    pub fn set_desired_bps(&mut self, bps: u64) {
        let bps = bps as f64;
        if bps > self.desired_bps {
            self.next_us = self.next_us.min(self.last_asked_us + RAISE_GAP_US);
            self.announced = false;
        }
        self.desired_bps = bps;
    }

    /// No probes for a moment: the estimate fell, and the queue must empty first.
    pub fn hold(&mut self, now_us: i64) {
        self.held_until_us = now_us + HELD_US;
    }

    /// The way to the receiver is open again after a time in which nothing was heard: what was learned before, and how long
    /// probes went unanswered, does not count any more.
    pub fn begin_anew(&mut self, now_us: i64) {
        self.cluster = None;
        self.announced = false;
        self.step = STEP_FIRST;
        self.interval_us = INTERVAL_US;
        self.next_us = now_us;
    }

    /// The next probe, if it is time.
    pub fn poll(&mut self, now_us: i64, estimate_bps: f64) -> Option<Probe> {
        if self.cluster.is_some() || now_us < self.due_us(estimate_bps)? {
            return None;
        }
        self.last_id = ProbeId(self.last_id.0.checked_add(1).unwrap_or(NonZeroU8::MIN));
        self.last_asked_us = now_us;
        self.announced = false;
        let bps = (estimate_bps * self.step).min(self.desired_bps * ASKED_RATIO);
        let bytes = ((bps * CLUSTER_SECONDS / 8.0) as usize).clamp(CLUSTER_BYTES_MIN, CLUSTER_BYTES_MAX);
        let probe = Probe { id: self.last_id, bitrate_bps: bps as u64, bytes };
        self.cluster = Some(Cluster::new(probe, now_us));
        Some(probe)
    }

    /// When [`Self::poll`] or [`Self::handle_timeout`] should be called.
    pub fn timeout_us(&self, estimate_bps: f64, rtt_us: i64) -> Option<i64> {
        match &self.cluster {
            Some(cluster) => Some(cluster.deadline_us(rtt_us)),
            None if self.announced => None,
            None => self.due_us(estimate_bps),
        }
    }

    /// Gives up a probe that nobody reports.
    pub fn handle_timeout(&mut self, now_us: i64, estimate_bps: f64, rtt_us: i64) {
        if self.cluster.as_ref().is_some_and(|cluster| now_us >= cluster.deadline_us(rtt_us)) {
            self.cluster = None;
            self.next_us = now_us + self.interval_us;
            self.interval_us = (self.interval_us * 2).min(UNANSWERED_INTERVAL_US_MAX);
        }
        self.announced = self.due_us(estimate_bps).is_some_and(|due_us| now_us >= due_us);
    }

    /// A packet of a probe that leaves.
    pub fn sent(&mut self, now_us: i64, id: ProbeId, sequence: u64, bytes: usize) {
        if let Some(cluster) = &mut self.cluster
            && cluster.probe.id == id
        {
            if cluster.sent_packets == 0 {
                cluster.sequences.0 = sequence;
                cluster.sent_us.0 = now_us;
            }
            cluster.sequences.1 = sequence;
            cluster.sent_us.1 = now_us;
            cluster.sent_packets += 1;
            cluster.sent_bytes += bytes;
        }
    }

    /// A packet that is reported for the first time.
    pub fn reported(&mut self, sequence: u64, sent: &Sent, arrival_us: Option<i64>) {
        if let Some(cluster) = &mut self.cluster
            && cluster.sent_packets > 0
            && sequence >= cluster.sequences.0
        {
            cluster.reported(sequence, sent, arrival_us);
        }
    }

    /// To be called after the packets of a report: the rate that a finished probe has shown, if any.
    pub fn conclude(&mut self, now_us: i64, base_us: Option<i64>, inherent_loss: f64) -> Option<f64> {
        let cluster = self.cluster.take_if(|cluster| cluster.is_finished(now_us))?;
        let outcome = match cluster.outcome(base_us, inherent_loss) {
            // The estimate fell since: what was true of the link before is not any more.
            _ if self.held_until_us > cluster.asked_us + HELD_US => Outcome::Failed(0.0),
            outcome => outcome,
        };
        let unclear = matches!(outcome, Outcome::Unclear) && self.unclear < UNCLEAR_MAX;
        self.unclear = if unclear { self.unclear + 1 } else { 0 };
        match outcome {
            Outcome::Passed(bps) => {
                self.step = STEP_PASSED;
                self.interval_us = INTERVAL_US;
                self.next_us = now_us;
                Some(bps)
            }
            _ if unclear => {
                self.next_us = now_us + UNCLEAR_INTERVAL_US;
                None
            }
            Outcome::Failed(_) | Outcome::Unclear => {
                self.step = STEP_FAILED;
                self.interval_us = self.interval_us.min(INTERVAL_US_MAX);
                self.next_us = now_us + self.interval_us;
                self.interval_us = (self.interval_us * 2).min(INTERVAL_US_MAX);
                if let Outcome::Failed(bps) = outcome { Some(bps * MEASURED_RATIO) } else { None }
            }
        }
    }

    fn due_us(&self, estimate_bps: f64) -> Option<i64> {
        (estimate_bps < self.desired_bps * ENOUGH_RATIO).then(|| self.next_us.max(self.held_until_us))
    }
}

impl Cluster {
    fn new(probe: Probe, asked_us: i64) -> Self {
        Self {
            probe,
            asked_us,
            sent_packets: 0,
            sent_bytes: 0,
            sequences: (0, 0),
            sent_us: (asked_us, asked_us),
            reported_packets: 0,
            received_packets: 0,
            reported_to: 0,
            arrivals: None,
        }
    }

    fn deadline_us(&self, rtt_us: i64) -> i64 {
        self.sent_us.1.max(self.asked_us) + rtt_us + ANSWER_US_MAX
    }

    fn reported(&mut self, sequence: u64, sent: &Sent, arrival_us: Option<i64>) {
        self.reported_to = sequence.max(self.reported_to);
        let own = sent.probe == Some(self.probe.id);
        self.reported_packets += u32::from(own);
        let Some(arrival_us) = arrival_us else { return };
        self.received_packets += u32::from(own);
        let bytes = u64::from(sent.bytes);
        match &mut self.arrivals {
            None if own => {
                let (first_us, last_us) = (arrival_us, arrival_us);
                self.arrivals = Some(Arrivals { first_us, last_us, first_bytes: bytes, bytes, pending_bytes: 0 });
            }
            None => {}
            Some(arrivals) if own => {
                arrivals.bytes += bytes + std::mem::take(&mut arrivals.pending_bytes);
                arrivals.first_us = arrival_us.min(arrivals.first_us);
                arrivals.last_us = arrival_us.max(arrivals.last_us);
            }
            Some(arrivals) => arrivals.pending_bytes += bytes,
        }
    }

    fn is_finished(&self, now_us: i64) -> bool {
        let enough = self.sent_bytes as f64 >= self.probe.bytes as f64 * PASSED_RATIO;
        let sent = self.sent_packets > 0 && (enough || now_us - self.sent_us.1 > SENDING_GAP_US);
        sent && (self.reported_packets == self.sent_packets || self.reported_to > self.sequences.1)
    }

    fn outcome(&self, base_us: Option<i64>, inherent_loss: f64) -> Outcome {
        let (Some(arrivals), Some(base_us)) = (&self.arrivals, base_us) else { return Outcome::Unclear };
        let enough = self.sent_bytes as f64 >= self.probe.bytes as f64 * PASSED_RATIO;
        let reported = f64::from(self.reported_packets) / f64::from(self.sent_packets.max(1));
        if !enough || reported < REPORTED_RATIO_MIN {
            return Outcome::Unclear;
        }
        let received = f64::from(self.received_packets) / f64::from(self.reported_packets.max(1));
        let bitrate_bps = self.probe.bitrate_bps as f64;
        let bps = |bytes: u64, us: i64| (bytes * 8) as f64 * 1e6 / us.max(1) as f64;

        // A stop of the receiver squeezes the arrivals and delays the last: the first measure is then too high, the
        // second too low. Where both agree they are the link's.
        let spread_bps = bps(arrivals.bytes - arrivals.first_bytes, arrivals.last_us - arrivals.first_us);
        let transit_bps = bps(arrivals.bytes, arrivals.last_us - self.sent_us.0 - base_us);
        let low_bps = spread_bps.min(transit_bps).min(bitrate_bps);
        let high_bps = spread_bps.max(transit_bps).min(bitrate_bps);
        // Slower than asked for, it shows no more than that.
        let sent_bps = bps(self.sent_bytes as u64, self.sent_us.1 - self.sent_us.0).min(bitrate_bps);
        if received < 1.0 - inherent_loss - LOSS_MAX {
            Outcome::Failed(low_bps.min(high_bps * received))
        } else if low_bps >= sent_bps * PASSED_RATIO {
            Outcome::Passed(low_bps)
        } else if high_bps > low_bps * UNCLEAR_RATIO {
            Outcome::Unclear
        } else {
            Outcome::Failed(low_bps)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::{History, Sent};
    use super::*;

    const RTT_US: i64 = 50_000;

    /// Sends the probe that is due at once, packet by packet at its rate, and reports when each arrives; what it showed.
    fn answer(
        prober: &mut Prober,
        now_us: i64,
        estimate_bps: f64,
        arrival_us: impl Fn(i64, usize) -> i64,
    ) -> Option<f64> {
        answer_with_losses(prober, now_us, estimate_bps, |sent_us, packet| Some(arrival_us(sent_us, packet)))
    }

    fn answer_with_losses(
        prober: &mut Prober,
        now_us: i64,
        estimate_bps: f64,
        arrival_us: impl Fn(i64, usize) -> Option<i64>,
    ) -> Option<f64> {
        let probe = prober.poll(now_us, estimate_bps)?;
        let mut history = History::default();
        let bytes = 1000;
        let count = probe.bytes.div_ceil(bytes);
        let mut sent: Vec<(u64, Sent, Option<i64>)> = Vec::new();
        for packet in 0..count {
            let sent_us = now_us + (packet * bytes * 8) as i64 * 1_000_000 / probe.bitrate_bps as i64;
            history.sent(sent_us, packet as u64, bytes, Some(probe.id));
            prober.sent(sent_us, probe.id, packet as u64, bytes);
            sent.push((packet as u64, *history.get(packet as u64).unwrap(), arrival_us(sent_us, packet)));
        }
        for (sequence, sent, arrival_us) in &sent {
            prober.reported(*sequence, sent, *arrival_us);
        }
        prober.conclude(now_us + RTT_US, Some(0), 0.0)
    }

    fn prober() -> Prober {
        let mut prober = Prober::new();
        prober.set_desired_bps(10_000_000);
        prober
    }

    #[test]
    fn a_wide_link_is_found_in_a_few_steps_and_then_let_be() {
        let mut prober = prober();
        let mut estimate_bps = 1e6;
        let mut now_us = 0;
        while let Some(shown_bps) = answer(&mut prober, now_us, estimate_bps, |sent_us, _| sent_us) {
            estimate_bps = shown_bps;
            now_us += 100_000;
        }
        assert_eq!(estimate_bps, 14e6, "what is wanted and the headroom");
        assert!(now_us <= 400_000);
        assert_eq!(prober.timeout_us(estimate_bps, RTT_US), None);
        prober.set_desired_bps(20_000_000);
        assert!(prober.poll(now_us, estimate_bps).is_some(), "more is wanted");
    }

    #[test]
    fn a_narrow_link_is_measured_and_asked_again_ever_later() {
        let mut prober = prober();
        let narrow = |now_us: i64| move |_, packet| now_us + (packet as i64 + 1) * 4_000;
        let shown_bps = answer(&mut prober, 0, 2e6, narrow(0)).unwrap();
        assert!((1.8e6..2e6).contains(&shown_bps), "{shown_bps}");
        let (mut now_us, mut gaps) = (RTT_US, Vec::new());
        for _ in 0..5 {
            let due_us = prober.timeout_us(2e6, RTT_US).unwrap();
            gaps.push((due_us - now_us) / 1_000_000);
            answer(&mut prober, due_us, 2e6, narrow(due_us));
            now_us = due_us + RTT_US;
        }
        assert_eq!(gaps, [1, 2, 4, 5, 5]);
        prober.set_desired_bps(20_000_000);
        assert_eq!(prober.timeout_us(2e6, RTT_US), Some(now_us - RTT_US + RAISE_GAP_US), "more is wanted");
    }

    #[test]
    fn a_stop_spoils_a_probe_and_it_is_soon_repeated() {
        let mut prober = prober();
        assert_eq!(answer(&mut prober, 0, 2e6, |_, packet| 100_000 + packet as i64), None);
        assert_eq!(prober.timeout_us(2e6, RTT_US), Some(RTT_US + UNCLEAR_INTERVAL_US));
    }

    #[test]
    fn a_probe_whose_end_is_lost_has_not_passed() {
        let mut prober = prober();
        let queue = |sent_us, packet| (packet < 8).then_some(sent_us);
        let shown_bps = answer_with_losses(&mut prober, 0, 2e6, queue).unwrap();
        assert!(shown_bps < 4e6, "{shown_bps}");
        assert_eq!(prober.timeout_us(2e6, RTT_US), Some(RTT_US + INTERVAL_US));
    }

    #[test]
    fn a_probe_before_a_fall_says_nothing_after_it() {
        let mut prober = prober();
        let probe = prober.poll(0, 2e6).unwrap();
        prober.hold(10_000);
        let mut history = History::default();
        for packet in 0..16 {
            history.sent(0, packet, 1_000, Some(probe.id));
            prober.sent(0, probe.id, packet, 1_000);
            prober.reported(packet, history.get(packet).unwrap(), Some(packet as i64));
        }
        assert_eq!(prober.conclude(RTT_US, Some(0), 0.0), Some(0.0));
    }

    #[test]
    fn probes_that_nobody_answers_become_rare() {
        let mut prober = prober();
        let (mut now_us, mut probes) = (0, 0);
        while now_us < 600_000_000 {
            prober.handle_timeout(now_us, 2e6, RTT_US);
            probes += u32::from(prober.poll(now_us, 2e6).is_some());
            now_us = prober.timeout_us(2e6, RTT_US).unwrap();
        }
        assert!(probes < 20, "{probes}");
    }

    #[test]
    fn a_due_probe_that_nobody_fetches_wakes_once() {
        let mut prober = prober();
        assert_eq!(prober.timeout_us(2e6, RTT_US), Some(0));
        prober.handle_timeout(0, 2e6, RTT_US);
        assert_eq!(prober.timeout_us(2e6, RTT_US), None);
        assert!(prober.poll(5_000_000, 2e6).is_some());
    }
}
