//! What is lost on the way, and what that says about the rate.

/// Loss beyond what the link always loses at which the rate falls, and below which it may rise: draft-ietf-rmcat-gcc-02,
/// section 6.
const LOSS_HIGH: f64 = 0.10;
const LOSS_LOW: f64 = 0.02;
/// A window is judged when it is this long and has so many packets, ...
const WINDOW_US: i64 = 500_000;
const WINDOW_PACKETS: u32 = 40;
/// ... or, on a quiet connection, this long with so many; ...
const QUIET_WINDOW_US: i64 = 1_000_000;
const QUIET_WINDOW_PACKETS: u32 = 20;
/// ... one that has fewer after so long is thrown away.
const STALE_WINDOW_US: i64 = 5_000_000;
/// What [`Loss::ratio`] looks back at, in two halves.
const RATIO_HALF_US: i64 = 500_000;
/// How far the rate must have fallen to tell random loss from a full link.
const TRIAL_RATIO: f64 = 0.87;
/// Packets after the fall by which that is judged.
const TRIAL_PACKETS: u32 = 100;
/// What a link may lose by itself at most.
const INHERENT_MAX: f64 = 0.25;
/// What is lost behind a queue longer than this was lost to it: a full queue drops as much of a burst whatever the rate (seeds
/// 417, 591: a quarter was taken for the link's own, and twice what it carries was sent for good).
const QUEUED_US: i64 = 50_000;

/// What the loss says about the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It may rise.
    Rise,
    /// It may not rise.
    Hold,
    /// To be multiplied by this, once.
    Fall(f64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    packets: u32,
    lost: u32,
    /// Those of them that a full queue cannot have taken.
    lost_by_itself: u32,
    bytes: u64,
}

impl Count {
    fn ratio(&self) -> f64 {
        self.share(self.lost)
    }

    fn ratio_by_itself(&self) -> f64 {
        self.share(self.lost_by_itself)
    }

    fn share(&self, part: u32) -> f64 {
        if self.packets == 0 { 0.0 } else { f64::from(part) / f64::from(self.packets) }
    }
}

/// A fall of the rate because of loss, and what it did to the loss.
#[derive(Clone, Copy, Debug)]
struct Trial {
    bps: f64,
    loss: f64,
    after: Count,
    after_bps: f64,
}

/// The loss-based controller.
#[derive(Debug)]
pub(super) struct Loss {
    window: Count,
    window_started_us: Option<i64>,
    /// Send times of the window's first and last packet.
    window_sent_us: Option<(i64, i64)>,
    verdict: Verdict,
    /// What the link loses whatever the rate.
    inherent: f64,
    smooth: f64,
    trial: Option<Trial>,
    /// The half second that is being filled, and the one before.
    halves: [Count; 2],
    half_started_us: i64,
}

impl Default for Loss {
    fn default() -> Self {
        Self {
            window: Count::default(),
            window_started_us: None,
            window_sent_us: None,
            verdict: Verdict::Rise,
            inherent: 0.0,
            smooth: 0.0,
            trial: None,
            halves: [Count::default(); 2],
            half_started_us: 0,
        }
    }
}

impl Loss {
    /// A packet that is reported for the first time; of one that was lost, how long the last that arrived before it stood in a
    /// queue.
    pub fn packet(&mut self, sent_us: i64, bytes: u16, lost_behind_us: Option<i64>) {
        let [filling, _] = &mut self.halves;
        for count in [&mut self.window, filling] {
            count.packets += 1;
            count.lost += u32::from(lost_behind_us.is_some());
            count.lost_by_itself += u32::from(lost_behind_us.is_some_and(|queued_us| queued_us <= QUEUED_US));
            count.bytes += u64::from(bytes);
        }
        let (first_us, last_us) = self.window_sent_us.get_or_insert((sent_us, sent_us));
        *first_us = sent_us.min(*first_us);
        *last_us = sent_us.max(*last_us);
    }

    /// A packet that was reported missing arrived after all.
    pub fn found(&mut self) {
        self.window.lost = self.window.lost.saturating_sub(1);
        self.window.lost_by_itself = self.window.lost_by_itself.min(self.window.lost);
        if let Some(count) = self.halves.iter_mut().find(|count| count.lost > 0) {
            count.lost -= 1;
        }
    }

    /// Share of the packets of about the last second that were lost, 0 to 1.
    pub fn ratio(&self) -> f64 {
        let [filling, before] = &self.halves;
        let packets = filling.packets + before.packets;
        if packets == 0 { 0.0 } else { f64::from(filling.lost + before.lost) / f64::from(packets) }
    }

    /// What the link loses whatever the rate.
    pub fn inherent(&self) -> f64 {
        self.inherent
    }

    /// To be called after the packets of a report.
    pub fn evaluate(&mut self, now_us: i64) -> Verdict {
        if now_us - self.half_started_us >= RATIO_HALF_US {
            let [filling, _] = self.halves;
            self.halves = [Count::default(), filling];
            self.half_started_us = now_us;
        }
        if let Verdict::Fall(_) = self.verdict {
            self.verdict = Verdict::Hold;
        }
        let age_us = now_us - *self.window_started_us.get_or_insert(now_us);
        let ready = (age_us >= WINDOW_US && self.window.packets >= WINDOW_PACKETS)
            || (age_us >= QUIET_WINDOW_US && self.window.packets >= QUIET_WINDOW_PACKETS);
        if ready || age_us >= STALE_WINDOW_US {
            let window = std::mem::take(&mut self.window);
            let sent_us = self.window_sent_us.take().map_or(0, |(first_us, last_us)| last_us - first_us);
            self.window_started_us = Some(now_us);
            if ready && sent_us > 0 {
                self.verdict = self.judge(window, (window.bytes * 8) as f64 * 1e6 / sent_us as f64);
            }
        }
        self.verdict
    }

    fn judge(&mut self, window: Count, sent_bps: f64) -> Verdict {
        let loss = window.ratio();
        self.smooth += 0.3 * (window.ratio_by_itself() - self.smooth);
        self.inherent = self.inherent.min(self.smooth);
        self.conclude_trial(window, sent_bps);

        let excess = loss - self.inherent;
        if excess > LOSS_HIGH {
            let trial = Trial { bps: sent_bps, loss, after: Count::default(), after_bps: 0.0 };
            self.trial.get_or_insert(trial);
            Verdict::Fall(1.0 - excess / 2.0)
        } else if excess < LOSS_LOW.max(self.inherent / 2.0) {
            Verdict::Rise
        } else {
            Verdict::Hold
        }
    }

    /// A full link still lets through what it did when less is sent: the loss falls. Random loss stays as it was.
    fn conclude_trial(&mut self, window: Count, sent_bps: f64) {
        let Some(trial) = &mut self.trial else { return };
        if sent_bps > trial.bps * TRIAL_RATIO {
            return;
        }
        trial.after.packets += window.packets;
        trial.after.lost += window.lost;
        trial.after.lost_by_itself += window.lost_by_itself;
        trial.after_bps = sent_bps.max(trial.after_bps);
        if trial.after.packets < TRIAL_PACKETS {
            return;
        }
        let full_loss = (1.0 - (1.0 - trial.loss) * trial.bps / trial.after_bps).max(0.0);
        let loss = trial.after.ratio_by_itself();
        if loss > (full_loss + trial.loss) / 2.0 {
            self.inherent = loss.min(INHERENT_MAX);
            self.smooth = self.smooth.max(loss);
        }
        self.trial = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends 1,200-byte packets at a rate that obeys the verdicts, over these tenths of a second. `lost` says whether a
    /// packet is, by its number and the rate.
    fn run(loss: &mut Loss, bps: &mut f64, tenths: std::ops::Range<i64>, lost: impl Fn(i64, f64) -> bool) {
        run_behind(0, loss, bps, tenths, lost);
    }

    /// The same behind a queue of so many microseconds.
    fn run_behind(
        queued_us: i64,
        loss: &mut Loss,
        bps: &mut f64,
        tenths: std::ops::Range<i64>,
        lost: impl Fn(i64, f64) -> bool,
    ) {
        let (mut packet, mut sent_us) = (0, tenths.start as f64 * 1e5);
        for tenth in tenths {
            while sent_us < tenth as f64 * 1e5 {
                loss.packet(sent_us as i64, 1200, lost(packet, *bps).then_some(queued_us));
                packet += 1;
                sent_us += 9_600e6 / *bps;
            }
            match loss.evaluate(tenth * 100_000) {
                Verdict::Fall(ratio) => *bps *= ratio,
                Verdict::Rise => *bps *= 1.01,
                Verdict::Hold => {}
            }
        }
    }

    /// Of each hundred packets `percent`, spread.
    fn spread(packet: i64, percent: f64) -> bool {
        ((packet * 37 % 100) as f64) < percent
    }

    #[test]
    fn a_link_without_a_queue_is_found_by_its_loss() {
        let (mut loss, mut bps) = (Loss::default(), 6e6);
        run(&mut loss, &mut bps, 0..200, |packet, bps| spread(packet, (1.0 - 2e6 / bps) * 100.0));
        assert!((1.9e6..2.3e6).contains(&bps), "{bps}");
        assert!(loss.inherent() < 0.02, "{}", loss.inherent());
    }

    #[test]
    fn loss_that_does_not_depend_on_the_rate_is_let_be() {
        let (mut loss, mut bps) = (Loss::default(), 2e6);
        run(&mut loss, &mut bps, 0..200, |packet, _| spread(packet, 15.0));
        assert!(bps > 1.6e6, "{bps}");
        assert!((0.14..0.16).contains(&loss.inherent()) && (0.14..0.16).contains(&loss.ratio()));
        run(&mut loss, &mut bps, 200..250, |_, _| false);
        assert!(loss.inherent() < 0.02 && loss.ratio() == 0.0, "it went away");
    }

    #[test]
    fn what_a_full_queue_takes_is_not_the_links_own() {
        let (mut loss, mut bps) = (Loss::default(), 2e6);
        run_behind(QUEUED_US + 1, &mut loss, &mut bps, 0..200, |packet, _| spread(packet, 30.0));
        assert!(bps < 1e5, "{bps}");
        assert_eq!(loss.inherent(), 0.0);
        let (mut loss, mut bps) = (Loss::default(), 2e6);
        run_behind(QUEUED_US, &mut loss, &mut bps, 0..200, |packet, _| spread(packet, 20.0));
        assert!((0.19..0.21).contains(&loss.inherent()) && bps > 1e6, "{bps}");
    }

    #[test]
    fn a_little_loss_holds_and_what_was_late_is_not_lost() {
        let mut loss = Loss::default();
        for packet in 0..100 {
            loss.packet(packet * 5000, 1200, (packet % 20 == 0).then_some(0));
        }
        assert_eq!(loss.ratio(), 0.05);
        assert_eq!(loss.evaluate(0), Verdict::Rise, "too short to say");
        assert_eq!(loss.evaluate(600_000), Verdict::Hold);
        (0..5).for_each(|_| loss.found());
        assert_eq!(loss.ratio(), 0.0);
    }
}
