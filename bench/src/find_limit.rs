//! `find-limit`: the largest load that a target serves well, by bisection over the number of clients.

use serde::{Deserialize, Serialize};

use crate::child;
use crate::error::BenchError;
use crate::options::{FindLimitOptions, Load, Scenario, TargetKind};
use crate::plan::SEATS_MAX;
use crate::report::RunResult;

/// Loss that a good run stays below.
pub const LOSS_RATIO_MAX: f64 = 0.01;
/// Added latency that 99 in 100 packets of a good run stay below, in µs.
pub const LATENCY_US_P99_MAX: f64 = 50_000.0;
/// The search ends when the largest good and the smallest bad size are this close, as a share of the former.
const PRECISION: f64 = 0.03;

/// What `find-limit` found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limit {
    /// Which kind of server.
    pub target: TargetKind,
    /// Which scenario.
    pub scenario: Scenario,
    /// What is counted: subscribers, participants of each meeting, or rooms.
    pub counted: String,
    /// The largest size that was served well; 0 when none was.
    pub limit: u32,
    /// Whether the generator was the bottleneck of a run that was not good: then the target may be able to do more.
    pub generator_was_bottleneck: bool,
    /// All runs, in their order.
    pub tries: Vec<Try>,
}

/// One run of the search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Try {
    /// Its size.
    pub size: u32,
    /// Why it was not good; absent when it was.
    pub failure: Option<String>,
    /// What it found; absent when it ended without a result.
    pub result: Option<RunResult>,
}

/// Searches for the limit. `note` is told of each run when it is over.
///
/// # Errors
/// [`BenchError::Interrupted`]. Runs that fail count as not good.
pub fn run(options: &FindLimitOptions, note: &mut dyn FnMut(&Try)) -> Result<Limit, BenchError> {
    let scenario = options.run.load.scenario;
    let (counted, first, size_max) = dimension(&options.run.load)?;
    let mut search = Search::new(first, size_max);
    let mut tries = Vec::new();
    while let Some(size) = search.next() {
        let mut run = options.run.clone();
        set_size(&mut run.load, size);
        let (failure, result) = match child::load(&run) {
            Ok(result) => (fault(&result), Some(result)),
            Err(BenchError::Interrupted) => return Err(BenchError::Interrupted),
            Err(error) => (Some(error.to_string()), None),
        };
        search.note(size, failure.is_none());
        let tried = Try { size, failure, result };
        note(&tried);
        tries.push(tried);
    }
    let unsure = |tried: &Try| {
        tried.failure.is_some() && tried.result.as_ref().is_some_and(|result| result.generator_was_bottleneck)
    };
    let generator_was_bottleneck = tries.iter().any(unsure);
    let limit = search.good;
    Ok(Limit { target: options.run.target, scenario, counted: counted.into(), limit, generator_was_bottleneck, tries })
}

/// Why a run was not good; `None` when it was.
fn fault(result: &RunResult) -> Option<String> {
    let loss = result.loss_ratio.max(result.undelivered_ratio.unwrap_or_default());
    let (percent, latency_ms) = (loss * 100.0, result.latency_us_p99 / 1_000.0);
    if result.joins_failed > 0 {
        Some(format!("{} clients did not get in", result.joins_failed))
    } else if loss >= LOSS_RATIO_MAX {
        Some(format!("{percent:.1} % of the packets did not arrive"))
    } else if result.latency_us_p99 >= LATENCY_US_P99_MAX {
        Some(format!("latency p99 of {latency_ms:.0} ms"))
    } else {
        None
    }
}

/// What is counted in a scenario, the size to begin with, and the largest that there can be.
fn dimension(load: &Load) -> Result<(&'static str, u32, u32), BenchError> {
    match load.scenario {
        Scenario::Webinar => {
            Ok(("subscribers", load.subscribers.unwrap_or(200), SEATS_MAX.saturating_sub(load.publishers.unwrap_or(1))))
        }
        Scenario::Voice => Ok((
            "subscribers",
            load.subscribers.unwrap_or(100),
            SEATS_MAX.saturating_sub(load.publishers.unwrap_or(10)),
        )),
        Scenario::Meeting => Ok(("participants", load.participants.unwrap_or(10), SEATS_MAX)),
        Scenario::Rooms => Ok(("rooms", load.rooms.unwrap_or(10), SEATS_MAX / load.participants.unwrap_or(4).max(1))),
        Scenario::Churn | Scenario::Mixed | Scenario::Idle => {
            Err(BenchError::Options("find-limit searches in webinar, voice, meeting and rooms".into()))
        }
    }
}

fn set_size(load: &mut Load, size: u32) {
    match load.scenario {
        Scenario::Webinar | Scenario::Voice | Scenario::Churn | Scenario::Mixed | Scenario::Idle => {
            load.subscribers = Some(size)
        }
        Scenario::Meeting => load.participants = Some(size),
        Scenario::Rooms => load.rooms = Some(size),
    }
}

/// Doubles until a size is bad, then halves the gap.
struct Search {
    /// Largest size known to be good.
    good: u32,
    /// Smallest size known to be bad.
    bad: Option<u32>,
    first: u32,
    size_max: u32,
}

impl Search {
    fn new(first: u32, size_max: u32) -> Self {
        Self { good: 0, bad: None, first: first.clamp(1, size_max.max(1)), size_max }
    }

    /// The next size to try; `None` when the limit is known well enough.
    fn next(&self) -> Option<u32> {
        match self.bad {
            None if self.good == 0 => Some(self.first),
            None => (self.good < self.size_max).then(|| self.good.saturating_mul(2).min(self.size_max)),
            Some(bad) => {
                let gap = bad.saturating_sub(self.good);
                let close = (f64::from(self.good) * PRECISION).max(1.0);
                (f64::from(gap) > close).then_some(self.good + gap / 2)
            }
        }
    }

    fn note(&mut self, size: u32, is_good: bool) {
        if is_good {
            self.good = self.good.max(size);
        } else {
            self.bad = Some(self.bad.map_or(size, |bad| bad.min(size)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(limit: u32, first: u32, size_max: u32) -> (u32, usize) {
        let mut search = Search::new(first, size_max);
        let mut runs = 0;
        while let Some(size) = search.next() {
            assert!((1..=size_max).contains(&size));
            search.note(size, size <= limit);
            runs += 1;
            assert!(runs < 40);
        }
        (search.good, runs)
    }

    #[test]
    fn the_search_comes_close_from_both_sides() {
        for (limit, first) in [(1234, 200), (37, 200), (1, 200), (400, 200), (5000, 1), (200, 200)] {
            let (found, runs) = search(limit, first, 20_000);
            assert!(found <= limit && f64::from(found) >= f64::from(limit) * 0.96, "{found} of {limit}");
            assert!(runs <= 24, "{runs} runs for {limit}");
        }
    }

    #[test]
    fn the_search_ends_at_its_bounds() {
        assert_eq!(search(0, 200, 20_000).0, 0);
        assert_eq!(search(u32::MAX, 200, 1_000).0, 1_000);
    }
}
