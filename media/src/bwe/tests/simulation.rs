//! A link, a receiver and an application in virtual time, from one seed: what the estimator makes of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::estimator::Estimator;
use super::super::feedback::FeedbackReport;
use super::super::probe::ProbeId;

const TICK_US: i64 = 1_000;
const PACKET_BYTES: usize = 1_200;
const FRAME_US: i64 = 33_000;
const SOUND_US: i64 = 20_000;
const SOUND_BYTES: usize = 120;

/// Where and when something stops: for `length_us` every `period_us`.
#[derive(Clone, Copy)]
pub(super) struct Stop {
    pub period_us: i64,
    pub length_us: i64,
}

impl Stop {
    /// The end of the stop that `now_us` is in, or `now_us`.
    fn end(stop: Option<Self>, now_us: i64) -> i64 {
        let Some(stop) = stop else { return now_us };
        let into_us = (now_us + stop.period_us / 2) % stop.period_us;
        if into_us < stop.length_us { now_us - into_us + stop.length_us } else { now_us }
    }
}

/// What the scenario is. Rates are in bits per second, times in seconds where not said.
pub(super) struct Scenario {
    pub seed: u64,
    pub start_bps: u64,
    /// What the bottleneck carries at a time.
    pub link_bps: fn(f64) -> f64,
    /// What its queue holds, as time at its rate.
    pub queue_us: i64,
    pub propagation_us: i64,
    /// Each packet is late by up to this; the order stays.
    pub jitter_us: i64,
    /// Share of packets that is lost at a time, whatever the rate.
    pub loss: fn(f64) -> f64,
    pub feedback_loss: f64,
    /// Reports come twice, and some later than those after them.
    pub feedback_mixed: bool,
    pub feedback_us: i64,
    /// Reports are late by this.
    pub feedback_late_us: i64,
    pub receiver_stop: Option<Stop>,
    pub sender_stop: Option<Stop>,
    /// Packets are stamped as sent, and leave after the stop.
    pub late_stop: Option<Stop>,
    /// Where the receiver's clock is at a time.
    pub clock_us: fn(f64) -> i64,
    /// What the application sends at a time and an estimate.
    pub app_bps: fn(f64, f64) -> f64,
    pub desired_bps: fn(f64) -> u64,
    /// Frames and probes leave at once, not paced.
    pub bursts: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            start_bps: 1_500_000,
            link_bps: |_| 1e9,
            queue_us: 500_000,
            propagation_us: 20_000,
            jitter_us: 2_000,
            loss: |_| 0.0,
            feedback_loss: 0.0,
            feedback_mixed: false,
            feedback_us: 100_000,
            feedback_late_us: 0,
            receiver_stop: None,
            sender_stop: None,
            late_stop: None,
            clock_us: |_| 77_000_000_000,
            app_bps: |_, estimate_bps| estimate_bps,
            desired_bps: |_| 10_000_000,
            bursts: false,
        }
    }
}

/// What was seen, one entry each tenth of a second.
pub(super) struct Trace {
    pub estimates: Vec<f64>,
    pub queues_us: Vec<i64>,
    pub timeouts: usize,
    pub probes: usize,
    /// At the end nothing is to be woken for.
    pub sleeps: bool,
}

impl Trace {
    pub fn range(&self, from_s: f64, to_s: f64) -> &[f64] {
        &self.estimates[(from_s * 10.0) as usize..((to_s * 10.0) as usize).min(self.estimates.len())]
    }

    pub fn mean(&self, from_s: f64, to_s: f64) -> f64 {
        let range = self.range(from_s, to_s);
        range.iter().sum::<f64>() / range.len() as f64
    }

    pub fn min(&self, from_s: f64, to_s: f64) -> f64 {
        self.range(from_s, to_s).iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn max(&self, from_s: f64, to_s: f64) -> f64 {
        self.range(from_s, to_s).iter().copied().fold(0.0, f64::max)
    }

    pub fn queue_p95_us(&self, from_s: f64, to_s: f64) -> i64 {
        let mut queues = self.queues_us[(from_s * 10.0) as usize..(to_s * 10.0) as usize].to_vec();
        queues.sort_unstable();
        queues[queues.len() * 95 / 100]
    }
}

pub(super) struct Simulation {
    scenario: Scenario,
    origin: Instant,
    now_us: i64,
    random: u64,
    estimator: Estimator,
    sequence: u64,
    paced: VecDeque<(usize, Option<ProbeId>)>,
    paced_bps: f64,
    budget_bytes: f64,
    probe: Option<(ProbeId, f64, usize, f64)>,
    busy_us: i64,
    last_arrival_us: i64,
    /// Arrivals that no report named, by number: when, on the simulation's clock.
    arrived: BTreeMap<u64, i64>,
    next_reported: u64,
    reports: VecDeque<(i64, Vec<u8>)>,
    next_report_us: i64,
    trace: Trace,
}

impl Simulation {
    fn new(scenario: Scenario) -> Self {
        let origin = Instant::now();
        let estimator = Estimator::new(origin, scenario.start_bps);
        let trace = Trace { estimates: Vec::new(), queues_us: Vec::new(), timeouts: 0, probes: 0, sleeps: false };
        Self {
            random: scenario.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            scenario,
            origin,
            now_us: 0,
            estimator,
            sequence: 65_000,
            paced: VecDeque::new(),
            paced_bps: 0.0,
            budget_bytes: 0.0,
            probe: None,
            busy_us: 0,
            last_arrival_us: 0,
            arrived: BTreeMap::new(),
            next_reported: 65_000,
            reports: VecDeque::new(),
            next_report_us: 0,
            trace,
        }
    }

    pub fn run(scenario: Scenario, seconds: i64) -> Trace {
        let mut simulation = Self::new(scenario);
        while simulation.now_us < seconds * 1_000_000 {
            simulation.step();
        }
        simulation.trace.sleeps = simulation.estimator.poll_timeout().is_none();
        simulation.trace
    }

    fn step(&mut self) {
        self.now_us += TICK_US;
        let seconds = self.now_us as f64 / 1e6;
        if Stop::end(self.scenario.sender_stop, self.now_us) == self.now_us {
            self.run_sender(seconds);
        } else {
            self.queue_media(seconds);
        }
        if self.now_us >= self.next_report_us && Stop::end(self.scenario.receiver_stop, self.now_us) == self.now_us {
            self.next_report_us = self.now_us + self.scenario.feedback_us;
            self.report(seconds);
        }
        if self.now_us % 100_000 == 0 {
            self.trace.estimates.push(self.estimator.estimate_bps() as f64);
            self.trace.queues_us.push((self.busy_us - self.now_us).max(0));
        }
    }

    fn now(&self) -> Instant {
        self.origin + Duration::from_micros(self.now_us as u64)
    }

    fn run_sender(&mut self, seconds: f64) {
        let now = self.now();
        while let Some((_, packet)) = self.reports.pop_front_if(|(at_us, _)| *at_us <= self.now_us) {
            self.estimator.handle_feedback(now, &packet).unwrap();
        }
        self.estimator.set_desired_bps((self.scenario.desired_bps)(seconds));
        if self.estimator.poll_timeout().is_some_and(|at| at <= now) {
            self.trace.timeouts += 1;
            self.estimator.handle_timeout(now);
            assert!(self.estimator.poll_timeout().is_none_or(|at| at > now), "a timeout must not come at once again");
        }
        if let Some(probe) = self.estimator.poll_probe(now) {
            self.trace.probes += 1;
            self.probe = Some((probe.id, probe.bitrate_bps as f64, probe.bytes, 0.0));
        }
        self.queue_media(seconds);
        self.send_media();
        self.send_probe();
    }

    fn queue_media(&mut self, seconds: f64) {
        let app_bps = (self.scenario.app_bps)(seconds, self.estimator.estimate_bps() as f64);
        if app_bps <= 0.0 {
            return;
        }
        if self.now_us % SOUND_US == 0 {
            self.paced.push_front((SOUND_BYTES, None));
        }
        if self.now_us % FRAME_US == 0 {
            // Sizes vary by a third around the mean.
            let share = 0.67 + 0.66 * self.random();
            let mut left = ((app_bps - 48_000.0).max(0.0) * FRAME_US as f64 / 8e6 * share) as usize;
            while left > 0 {
                let bytes = left.min(PACKET_BYTES);
                self.paced.push_back((bytes, None));
                left -= bytes;
            }
            self.paced_bps = app_bps * 2.5;
        }
    }

    fn send_media(&mut self) {
        self.budget_bytes = (self.budget_bytes + self.paced_bps * TICK_US as f64 / 8e6).min(3_000.0);
        while self.scenario.bursts || self.budget_bytes > 0.0 {
            let Some((bytes, probe)) = self.paced.pop_front() else { break };
            self.budget_bytes -= bytes as f64;
            self.send(bytes, probe);
        }
    }

    fn send_probe(&mut self) {
        let Some((id, bps, mut left, mut budget)) = self.probe.take() else { return };
        budget += bps * TICK_US as f64 / 8e6;
        while left > 0 && (self.scenario.bursts || budget > 0.0) {
            let bytes = left.min(PACKET_BYTES);
            budget -= bytes as f64;
            left -= bytes;
            self.send(bytes, Some(id));
        }
        if left > 0 {
            self.probe = Some((id, bps, left, budget));
        }
    }

    fn send(&mut self, bytes: usize, probe: Option<ProbeId>) {
        self.estimator.sent(self.now(), self.sequence, bytes, probe);
        let sequence = self.sequence;
        self.sequence += 1;
        let loss = (self.scenario.loss)(self.now_us as f64 / 1e6);
        let leaves_us = Stop::end(self.scenario.late_stop, self.now_us).max(self.busy_us);
        if leaves_us - self.now_us > self.scenario.queue_us || self.random() < loss {
            return;
        }
        let link_bps = (self.scenario.link_bps)(self.now_us as f64 / 1e6);
        self.busy_us = leaves_us + (bytes as f64 * 8e6 / link_bps) as i64;
        let jitter_us = (self.random() * self.scenario.jitter_us as f64) as i64;
        let arrival_us = (self.busy_us + self.scenario.propagation_us + jitter_us).max(self.last_arrival_us);
        self.last_arrival_us = arrival_us;
        // After a stop the receiver reads what waits for it quickly.
        let read_us = Stop::end(self.scenario.receiver_stop, arrival_us);
        let wait_us = if read_us > arrival_us { (arrival_us - read_us) / 100 } else { 0 };
        self.arrived.insert(sequence, read_us + wait_us + 1_000);
    }

    fn report(&mut self, seconds: f64) {
        let Some((&last, _)) = self.arrived.iter().rfind(|&(_, &at_us)| at_us <= self.now_us) else { return };
        let mut base = self.next_reported.min(*self.arrived.keys().next().unwrap());
        self.next_reported = last + 1;
        while base <= last {
            let clock_us = (self.scenario.clock_us)(seconds);
            let here = |sequence: u64| self.arrived.get(&sequence).filter(|&&at_us| at_us <= self.now_us);
            let arrivals: Vec<_> = (base..=last).map(|sequence| here(sequence).map(|at_us| at_us + clock_us)).collect();
            let (packet, named) =
                FeedbackReport { base_sequence: base as u16, ..FeedbackReport::default() }.write(&arrivals);
            self.arrived.retain(|&sequence, _| sequence < base || sequence >= base + named as u64);
            base += named as u64;
            if self.random() >= self.scenario.feedback_loss {
                let at_us = self.now_us + self.scenario.propagation_us + self.scenario.feedback_late_us;
                self.reports.push_back((at_us, packet.clone()));
                if self.scenario.feedback_mixed {
                    let late_us = (self.random() * 300_000.0) as i64;
                    self.reports.push_back((at_us + late_us, packet));
                    if self.random() < 0.3 {
                        self.reports.pop_front();
                    }
                    self.reports.make_contiguous().sort_by_key(|&(at_us, _)| at_us);
                }
            }
        }
    }

    /// Uniform from 0 to 1 (xorshift64*).
    fn random(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
