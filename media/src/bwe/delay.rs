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
/// Where packets are rare, so many of the last groups are looked at.
const SAMPLES_STANDING: usize = 4;
/// Delay above the base that is jitter.
const STANDING_US_MIN: i64 = 20_000;
/// Share of the window's growth in one step from which on it is a step (another route, a clock that was set), no queue.
const STEP_RATIO: f64 = 0.75;
/// A step of which the size of what was sent at once explains so much is a queue.
const SPREAD_RATIO: f64 = 0.5;
/// And it is looked at so closely only where more stands in it than jitter explains.
const BURST_STANDING_US: i64 = 120_000;

/// The base delay is the least of so many seconds: short enough to follow a new route or a clock's drift.
const BASE_SECONDS: usize = 10;
/// Delays that differ by more than this come from a clock that was set or came round.
const CLOCK_JUMP_US: i64 = 3_000_000;

/// Threshold of the trend, as growth of delay over time (0.05: the link gets 5 % more than it carries): where it
/// starts, its limits, how far above a trend may be to be learnt from, and the time in which it follows. It adapts so
/// that a link that always jitters, or is shared with a flow that fills its queue, does not starve.
const THRESHOLD_AT_FIRST: f64 = 0.05;
const THRESHOLD_MIN: f64 = 0.025;
const THRESHOLD_MAX: f64 = 0.3;
const THRESHOLD_REACH: f64 = 0.06;
const THRESHOLD_US: f64 = 500_000.0;

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
    is_growing: bool,
    standing_us: i64,
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
    /// How much further apart its packets arrived than they left: what its size alone adds to the delay of the last.
    spread_us: i64,
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
            is_growing: false,
            standing_us: 0,
        }
    }
}

impl Delay {
    /// A packet that arrived; by rising sequence number. `arrival_us` is on the receiver's clock; returns whether that
    /// was set, so that all earlier arrivals mean nothing any more.
    pub fn packet(&mut self, sent_us: i64, arrival_us: i64) -> bool {
        let delay_us = arrival_us - sent_us;
        let jumped = self.last_us().is_some_and(|last_us| (delay_us - last_us).abs() > CLOCK_JUMP_US);
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
                    spread_us: (finished.last_arrival_us - finished.first_arrival_us)
                        - (finished.last_sent_us - finished.first_sent_us),
                });
            }
        }
        jumped
    }

    /// The delay of the last packet; `None` before the first.
    pub fn last_us(&self) -> Option<i64> {
        self.group.as_ref().map(|group| group.last_arrival_us - group.last_sent_us)
    }

    /// The least delay of the last seconds; `None` before the first packet.
    pub fn base_us(&self) -> Option<i64> {
        self.base.iter().min().copied().filter(|&base_us| base_us < i64::MAX)
    }

    /// What stood in a queue at the last evaluation: by how much the delay was above the base for all of the last
    /// moments.
    pub fn standing_us(&self) -> i64 {
        self.standing_us
    }

    /// To be called after the packets of a report: whether a queue grows, by more than `slope_min` over time.
    pub fn evaluate(&mut self, slope_min: f64) -> bool {
        let Some(newest_us) = self.samples.back().map(|sample| sample.arrival_us) else { return false };
        let elapsed_us = newest_us - self.evaluated_us.replace(newest_us).unwrap_or(newest_us);
        if elapsed_us <= 0 || self.samples.len() < SAMPLES_MIN {
            return self.is_growing;
        }
        let Some(slope) = self.slope() else { return false };
        self.standing_us = self.standing();
        let queue = self.standing_us > STANDING_US_MIN && !self.is_shrinking() && !self.is_step();
        self.is_growing = queue && slope > self.threshold.max(slope_min);
        self.adapt(slope.abs(), elapsed_us);
        self.is_growing
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

    fn standing(&self) -> i64 {
        let (Some(newest), Some(base_us)) = (self.samples.back(), self.base_us()) else { return 0 };
        let start_us = newest.arrival_us - STANDING_WINDOW_US;
        let recent = self.samples.iter().rev().take_while(|sample| sample.arrival_us > start_us).count();
        // The one before tells what the delay was until the first of them; without it too little was seen.
        let looked_at = (recent + 1).max(SAMPLES_STANDING);
        let least_us = self.samples.iter().rev().take(looked_at).map(|sample| sample.delay_us).min();
        match least_us {
            Some(least_us) if self.samples.len() >= looked_at => (least_us - base_us).max(0),
            _ => 0,
        }
    }

    /// Whether the queue of a burst that is over empties already.
    fn is_shrinking(&self) -> bool {
        let Some(newest_us) = self.samples.back().map(|sample| sample.arrival_us) else { return false };
        let (mut late_us, mut early_us) = (i64::MAX, i64::MAX);
        for sample in self.samples.iter().rev() {
            match newest_us - sample.arrival_us {
                age_us if age_us < STANDING_WINDOW_US / 2 => late_us = late_us.min(sample.delay_us),
                age_us if age_us < STANDING_WINDOW_US => early_us = early_us.min(sample.delay_us),
                _ => break,
            }
        }
        early_us < i64::MAX && late_us < early_us
    }

    /// Whether the delay grew at once and not on and on, and not because much was sent at once (a keyframe).
    fn is_step(&self) -> bool {
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let largest = pairs.map(|(before, after)| (after.delay_us - before.delay_us, after.spread_us)).max();
        let (Some((largest_us, spread_us)), Some(first), Some(last)) =
            (largest, self.samples.front(), self.samples.back())
        else {
            return false;
        };
        let is_most = largest_us as f64 > (last.delay_us - first.delay_us) as f64 * STEP_RATIO;
        let is_burst = self.standing_us > BURST_STANDING_US && spread_us as f64 >= largest_us as f64 * SPREAD_RATIO;
        is_most && !is_burst
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a packet each 10 ms with the delays given and evaluates each 100 ms; whether it was over-used ever.
    fn overused(delay: &mut Delay, delays_ms: impl Iterator<Item = i64>) -> bool {
        let mut over = false;
        for (packet, delay_ms) in (0..).zip(delays_ms) {
            let sent_us = packet * 10_000;
            delay.packet(sent_us, 500_000 + sent_us + delay_ms * 1000);
            over |= packet % 10 == 9 && delay.evaluate(0.0);
        }
        over
    }

    #[test]
    fn a_queue_that_grows_is_over_use_until_it_stays() {
        let mut delay = Delay::default();
        assert!(!overused(&mut delay, (0..200).map(|_| 0)));
        assert!(overused(&mut Delay::default(), (0..200).map(|packet| (packet - 100).max(0))));
        let mut delay = Delay::default();
        overused(&mut delay, (0..300).map(|packet| (packet - 100).clamp(0, 60)));
        assert_eq!((delay.evaluate(0.0), delay.standing_us()), (false, 60_000));
    }

    #[test]
    fn a_stop_a_step_and_jitter_are_no_over_use() {
        // Each second ten packets come out of a stop together.
        let stop = |packet: i64| if packet % 100 >= 90 { 100 - (packet % 10) * 10 } else { 0 };
        let mut delay = Delay::default();
        assert!(!overused(&mut delay, (0..500).map(stop)));
        let longest_us = delay.samples.iter().map(|sample| sample.delay_us).max();
        assert_eq!(longest_us, Some(500_000), "all that waited joined the packet after them");
        assert!(!overused(&mut Delay::default(), (0..500).map(|packet| if packet < 200 { 0 } else { 80 })));
        let jitter = |packet: i64| (packet * 7919) % 40;
        assert!(!overused(&mut Delay::default(), (0..500).map(jitter)));
    }

    #[test]
    fn a_burst_whose_queue_empties_is_no_over_use() {
        let burst = |packet: i64| match packet {
            0..=100 => 0,
            101..=105 => (packet - 100) * 12,
            _ => (60 - (packet - 106) / 2).max(0),
        };
        assert!(!overused(&mut Delay::default(), (0..300).map(burst)));
    }

    #[test]
    fn a_link_that_always_wavers_is_let_be_after_a_while() {
        // Another flow fills and empties the queue by 60 ms, over two seconds each.
        let wave = |packet: i64| 3 * (packet % 400 / 10 - 20).abs();
        let mut delay = Delay::default();
        assert!(overused(&mut delay, (0..300).map(wave)));
        let before = delay.threshold;
        overused(&mut delay, (300..3000).map(wave));
        assert!(delay.threshold > before, "{before} {}", delay.threshold);
    }

    #[test]
    fn a_clock_that_is_set_starts_afresh() {
        let mut delay = Delay::default();
        overused(&mut delay, (0..100).map(|_| 0));
        assert!(!delay.packet(1_000_000, 1_510_000));
        assert!(delay.packet(1_010_000, 9_000_000));
        assert_eq!(delay.base_us(), Some(7_990_000));
        assert_eq!(delay.standing_us(), 0);
    }

    #[test]
    fn the_base_forgets_what_is_ten_seconds_old() {
        let mut delay = Delay::default();
        overused(&mut delay, (0..2000).map(|packet| if packet < 500 { 0 } else { 20 }));
        assert_eq!(delay.base_us(), Some(520_000));
    }
}
