//! Whether a queue builds up on the way: from how the one-way delay of groups of packets changes.

use std::collections::VecDeque;

/// Packets that leave within this time are one group: draft-ietf-rmcat-gcc-02, section 5.2, and a pacer's turn.
const GROUP_US: i64 = 5_000;
/// Packets that arrive this close after each other, closer than they were sent, come out of a stop (of the receiver's
/// thread, or of a radio) and join the group: only the last of them says what the delay is.
const BURST_GAP_US: i64 = 5_000;
/// A stop's packets that arrive over more time than this are a queue.
const BURST_US: i64 = 100_000;

/// The trend is taken over this time of arrivals: a link that gets 5 % too much shows it as 20 ms, above what jitter makes.
const WINDOW_US: i64 = 400_000;
/// Where there are few packets the window reaches back to this many groups, ...
const SAMPLES_WANTED: usize = 10;
/// ... but not further than this.
const WINDOW_US_MAX: i64 = 2_000_000;
/// Groups without which there is no trend.
const SAMPLES_MIN: usize = 6;
/// Groups that are kept: a window of the shortest groups. The oldest go first.
const SAMPLES_MAX: usize = 80;

/// What of the last arrivals must stand in a queue for it to be one: longer than the stop of a busy machine, after which
/// the last packet was hardly delayed.
const STANDING_WINDOW_US: i64 = 200_000;
/// Delay above the base that is jitter.
const STANDING_US_MIN: i64 = 10_000;
/// Share of the window's growth in one step from which on it is a step (another route, a clock that was set), no queue.
const STEP_RATIO: f64 = 0.75;

/// The base delay is the least of so many seconds: short enough to follow a new route or a clock's drift.
const BASE_SECONDS: usize = 10;
/// Delays that differ by more than this come from a clock that was set.
const CLOCK_JUMP_US: i64 = 3_000_000;

/// Threshold of the trend, as growth of delay over time (0.05: the link gets 5 % more than it carries): where it
/// starts, its limits, how far above a trend may be to be learnt from, and the time in which it follows. It adapts so
/// that a link that always jitters, or is shared with a flow that fills its queue, does not starve.
const THRESHOLD_AT_FIRST: f64 = 0.05;
const THRESHOLD_MIN: f64 = 0.025;
const THRESHOLD_MAX: f64 = 0.3;
const THRESHOLD_REACH: f64 = 0.06;
const THRESHOLD_US: f64 = 500_000.0;

/// What the delay says about the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue neither grows nor shrinks.
    Normal,
    /// The queue grows.
    Over,
    /// The queue shrinks.
    Under,
}

/// The delay-based detector of one direction of a connection. All times are in microseconds.
#[derive(Debug)]
pub(super) struct Delay {
    group: Option<Group>,
    samples: VecDeque<Sample>,
    /// Least delay of each of the last seconds, and the second that is being filled.
    base: [i64; BASE_SECONDS],
    base_second: i64,
    threshold: f64,
    evaluated_us: Option<i64>,
    usage: Usage,
}

/// Packets that count as one.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent_us: i64,
    first_arrival_us: i64,
    last_sent_us: i64,
    last_arrival_us: i64,
}

/// A finished group.
#[derive(Clone, Copy, Debug)]
struct Sample {
    arrival_us: i64,
    /// Arrival on one clock less sending on the other: only its changes mean something.
    delay_us: i64,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            group: None,
            samples: VecDeque::new(),
            base: [i64::MAX; BASE_SECONDS],
            base_second: 0,
            threshold: THRESHOLD_AT_FIRST,
            evaluated_us: None,
            usage: Usage::Normal,
        }
    }
}

impl Delay {
    /// A packet that arrived; by rising sequence number. `arrival_us` is on the receiver's clock; returns whether that
    /// was set, so that all earlier arrivals mean nothing any more.
    pub fn packet(&mut self, sent_us: i64, arrival_us: i64) -> bool {
        let delay_us = arrival_us - sent_us;
        let jumped = self
            .group
            .as_ref()
            .is_some_and(|group| (delay_us - (group.last_arrival_us - group.last_sent_us)).abs() > CLOCK_JUMP_US);
        if jumped {
            *self = Self { threshold: self.threshold, ..Self::default() };
        }
        self.note_base(sent_us, delay_us);

        let new = Group {
            first_sent_us: sent_us,
            first_arrival_us: arrival_us,
            last_sent_us: sent_us,
            last_arrival_us: arrival_us,
        };
        match &mut self.group {
            None => self.group = Some(new),
            Some(group) if sent_us < group.first_sent_us => {} // Reordered: its group is finished.
            Some(group) if group.takes(sent_us, arrival_us) => {
                group.last_sent_us = group.last_sent_us.max(sent_us);
                group.last_arrival_us = group.last_arrival_us.max(arrival_us);
            }
            Some(group) => {
                let finished = std::mem::replace(group, new);
                self.push(Sample {
                    arrival_us: finished.last_arrival_us,
                    delay_us: finished.last_arrival_us - finished.last_sent_us,
                });
            }
        }
        jumped
    }

    /// The least delay of the last seconds; `None` before the first packet.
    pub fn base_us(&self) -> Option<i64> {
        self.base.iter().min().copied().filter(|&base_us| base_us < i64::MAX)
    }

    /// What stands in a queue: by how much the delay was above the base for all of the last moments.
    pub fn standing_us(&self) -> i64 {
        let (Some(newest), Some(base_us)) = (self.samples.back(), self.base_us()) else { return 0 };
        let recent = |sample: &&Sample| sample.arrival_us >= newest.arrival_us - STANDING_WINDOW_US;
        let reached = self.samples.front().is_some_and(|first| !recent(&first)) && self.samples.len() >= SAMPLES_MIN;
        let least_us = self.samples.iter().rev().take_while(recent).map(|sample| sample.delay_us).min();
        // Where packets are rare, the last few decide.
        let few_us = self.samples.iter().rev().take(4).map(|sample| sample.delay_us).min();
        match (least_us, few_us) {
            (Some(least_us), Some(few_us)) if reached => (least_us.min(few_us) - base_us).max(0),
            _ => 0,
        }
    }

    /// To be called after the packets of a report.
    pub fn evaluate(&mut self) -> Usage {
        let Some(newest_us) = self.samples.back().map(|sample| sample.arrival_us) else { return Usage::Normal };
        let Some(evaluated_us) = self.evaluated_us.replace(newest_us) else { return Usage::Normal };
        if newest_us <= evaluated_us || self.samples.len() < SAMPLES_MIN {
            return self.usage;
        }
        let Some(slope) = self.slope() else { return Usage::Normal };
        self.usage = if slope > self.threshold && self.standing_us() > STANDING_US_MIN && !self.is_step() {
            Usage::Over
        } else if slope < -self.threshold {
            Usage::Under
        } else {
            Usage::Normal
        };
        self.adapt(slope.abs(), newest_us - evaluated_us);
        self.usage
    }

    fn note_base(&mut self, sent_us: i64, delay_us: i64) {
        let second = sent_us.div_euclid(1_000_000);
        let place = |second: i64| second.rem_euclid(BASE_SECONDS as i64) as usize;
        if second > self.base_second {
            for stale in (self.base_second + 1..=second).rev().take(BASE_SECONDS) {
                if let Some(least_us) = self.base.get_mut(place(stale)) {
                    *least_us = i64::MAX;
                }
            }
            self.base_second = second;
        }
        if let Some(least_us) = self.base.get_mut(place(second)) {
            *least_us = delay_us.min(*least_us);
        }
    }

    fn push(&mut self, sample: Sample) {
        self.samples.push_back(sample);
        while let Some(oldest) = self.samples.front() {
            let age_us = sample.arrival_us - oldest.arrival_us;
            let enough = self.samples.len() > SAMPLES_WANTED;
            if age_us <= WINDOW_US_MAX && (!enough || age_us <= WINDOW_US) && self.samples.len() <= SAMPLES_MAX {
                break;
            }
            self.samples.pop_front();
        }
    }

    /// Growth of the delay over time, by least squares.
    fn slope(&self) -> Option<f64> {
        let origin = self.samples.front()?;
        let count = self.samples.len() as f64;
        let (mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0);
        for sample in &self.samples {
            let x = (sample.arrival_us - origin.arrival_us) as f64;
            let y = (sample.delay_us - origin.delay_us) as f64;
            sum_x += x;
            sum_y += y;
            sum_xx += x * x;
            sum_xy += x * y;
        }
        let spread = count * sum_xx - sum_x * sum_x;
        (spread > 0.0).then(|| (count * sum_xy - sum_x * sum_y) / spread)
    }

    /// Whether the delay grew at once and not on and on.
    fn is_step(&self) -> bool {
        let delays = || self.samples.iter().map(|sample| sample.delay_us);
        let largest_us = delays().zip(delays().skip(1)).map(|(before, after)| after - before).max().unwrap_or(0);
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else { return false };
        largest_us as f64 > (last.delay_us - first.delay_us) as f64 * STEP_RATIO
    }

    fn adapt(&mut self, slope: f64, elapsed_us: i64) {
        if slope > self.threshold + THRESHOLD_REACH {
            return;
        }
        let share = 1.0 - (-(elapsed_us as f64) / THRESHOLD_US).exp();
        self.threshold += (slope - self.threshold) * share;
        self.threshold = self.threshold.clamp(THRESHOLD_MIN, THRESHOLD_MAX);
    }
}

impl Group {
    fn takes(&self, sent_us: i64, arrival_us: i64) -> bool {
        let gap_us = arrival_us - self.last_arrival_us;
        let burst = gap_us <= BURST_GAP_US
            && gap_us < sent_us - self.last_sent_us
            && arrival_us - self.first_arrival_us < BURST_US;
        sent_us - self.first_sent_us <= GROUP_US || burst
    }
}
