//! The links that people are behind.

use std::time::Duration;

use crate::link::{LinkConfig, Loss};
use crate::random::Random;

/// A link's queue, as time at its rate: deep, as those of many access networks are, so that a sender that fills it shows.
const QUEUE: Duration = Duration::from_millis(500);
const DELAY: Duration = Duration::from_millis(25);

/// How one link behaves over time.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Its name in the table.
    pub name: &'static str,
    /// Cameras that each receiver wants.
    pub cameras: usize,
    /// Receivers that share the link.
    pub receivers: usize,
    /// The link at first.
    pub link: LinkConfig,
    /// Its rate over time.
    pub rate: Rate,
    /// A TCP download shares it.
    pub has_competitor: bool,
}

/// A rate over time, in bits per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// The same always.
    Steady(u64),
    /// From each of these seconds on.
    Steps(&'static [(u64, u64)]),
    /// In a straight line from one of these points to the next.
    Ramp(&'static [(u64, u64)]),
    /// A walk around 3 Mb/s that changes each 100 ms, and a handover of 300 ms each 15 s.
    Lte,
    /// 15 Mb/s, and 2 for five seconds each twenty; now and then nothing for up to 150 ms.
    WiFi,
}

/// A rate that is played second by second.
#[derive(Debug)]
pub struct RatePlayer {
    rate: Rate,
    random: Random,
    walk_bps: f64,
    stalled: u32,
}

/// How often [`RatePlayer::next`] is called.
pub const TICK: Duration = Duration::from_millis(50);
/// What a link carries while it stands still: a packet now and then.
const STALLED_BPS: u64 = 50_000;

impl RatePlayer {
    /// A rate's numbers of a seed.
    pub fn new(rate: Rate, random: Random) -> Self {
        Self { rate, random, walk_bps: 3e6, stalled: 0 }
    }

    /// The rate of the tick that begins at `elapsed`.
    pub fn next(&mut self, elapsed: Duration) -> u64 {
        let seconds = elapsed.as_secs_f64();
        match self.rate {
            Rate::Steady(bps) => bps,
            Rate::Steps(steps) => {
                let step = steps.iter().rev().find(|(from, _)| *from as f64 <= seconds);
                step.map_or(0, |(_, bps)| *bps)
            }
            Rate::Ramp(points) => ramp(points, seconds),
            Rate::Lte => {
                let ticks = (elapsed.as_millis() / TICK.as_millis()) as u64;
                if ticks.is_multiple_of(2) {
                    let pull = (3e6_f64 / self.walk_bps).powf(0.03);
                    self.walk_bps *= pull * (0.12 * self.random.normal()).exp();
                    self.walk_bps = self.walk_bps.clamp(600e3, 12e6);
                }
                if seconds % 15.0 > 14.7 { STALLED_BPS } else { self.walk_bps as u64 }
            }
            Rate::WiFi => {
                self.stalled = self.stalled.saturating_sub(1);
                if self.stalled == 0 && self.random.chance(0.02) {
                    self.stalled = self.random.below(1, 4) as u32;
                }
                match self.stalled {
                    0 if seconds % 20.0 > 15.0 => 2_000_000,
                    0 => 15_000_000,
                    _ => STALLED_BPS,
                }
            }
        }
    }
}

fn ramp(points: &[(u64, u64)], seconds: f64) -> u64 {
    let pair = points.windows(2).find(|pair| seconds < pair[1].0 as f64);
    let Some(&[(from, from_bps), (to, to_bps)]) = pair else { return points.last().map_or(0, |(_, bps)| *bps) };
    let share = (seconds - from as f64) / (to - from) as f64;
    (from_bps as f64 + (to_bps as f64 - from_bps as f64) * share) as u64
}

const fn link(loss: Loss) -> LinkConfig {
    LinkConfig {
        rate_bps: None,
        queue: Some(QUEUE),
        delay: DELAY,
        jitter: Duration::ZERO,
        loss,
        reordered: 0.0,
        duplicated: 0.0,
    }
}

const fn profile(name: &'static str, rate: Rate, loss: Loss) -> Profile {
    Profile { name, cameras: 4, receivers: 1, link: link(loss), rate, has_competitor: false }
}

/// All profiles, in the order of the table.
pub const PROFILES: &[Profile] = &[
    // Four cameras at their least and three voices are more than this carries.
    Profile { cameras: 2, ..profile("steady 300 kb/s, two cameras", Rate::Steady(300_000), Loss::None) },
    profile("steady 1 Mb/s", Rate::Steady(1_000_000), Loss::None),
    profile("steady 5 Mb/s", Rate::Steady(5_000_000), Loss::None),
    profile("drops 5, 1, 5, 0.5, 5 Mb/s", Rate::Steps(DROPS), Loss::None),
    profile("ramps 0.5 to 5 to 0.5 Mb/s", Rate::Ramp(RAMP), Loss::None),
    profile("3 Mb/s, 2 % loss", Rate::Steady(3_000_000), Loss::Random(0.02)),
    profile("3 Mb/s, 10 % loss", Rate::Steady(3_000_000), Loss::Random(0.1)),
    profile("3 Mb/s, losses in bursts", Rate::Steady(3_000_000), Loss::Bursts { begin: 0.005, end: 0.2 }),
    Profile {
        link: LinkConfig { jitter: Duration::from_millis(80), ..link(Loss::None) },
        ..profile("3 Mb/s, jitter up to 200 ms", Rate::Steady(3_000_000), Loss::None)
    },
    profile("like LTE, around 3 Mb/s", Rate::Lte, Loss::None),
    profile("like Wi-Fi, 2 to 15 Mb/s", Rate::WiFi, Loss::Bursts { begin: 0.001, end: 0.3 }),
    Profile { has_competitor: true, ..profile("4 Mb/s beside a download", Rate::Steady(4_000_000), Loss::None) },
    Profile { receivers: 3, ..profile("three receivers on 3 Mb/s", Rate::Steady(3_000_000), Loss::None) },
];

const DROPS: &[(u64, u64)] = &[(0, 5_000_000), (15, 1_000_000), (30, 5_000_000), (45, 500_000), (55, 5_000_000)];
const RAMP: &[(u64, u64)] = &[(0, 500_000), (10, 500_000), (35, 5_000_000), (45, 5_000_000), (65, 500_000)];

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(rate: Rate) -> Vec<u64> {
        let mut player = RatePlayer::new(rate, Random::new(1));
        (0..1_200).map(|tick| player.next(TICK * tick)).collect()
    }

    #[test]
    fn rates_are_what_their_names_say() {
        assert!(rates(Rate::Steady(7)).iter().all(|bps| *bps == 7));
        let steps = rates(Rate::Steps(DROPS));
        assert_eq!((steps[0], steps[299], steps[300], steps[600]), (5_000_000, 5_000_000, 1_000_000, 5_000_000));
        let ramp = rates(Rate::Ramp(RAMP));
        assert_eq!((ramp[0], ramp[450], ramp[800]), (500_000, 2_750_000, 5_000_000));
        for (rate, mean_bps) in [(Rate::Lte, 1.5e6..5e6), (Rate::WiFi, 9e6..14e6)] {
            let rates = rates(rate);
            let mean = rates.iter().sum::<u64>() as f64 / rates.len() as f64;
            assert!(mean_bps.contains(&mean), "{rate:?}: {mean}");
            assert!(rates.contains(&STALLED_BPS));
        }
    }
}
