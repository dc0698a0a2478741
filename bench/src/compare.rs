//! `compare`: targets one after the other under the same load, over the same kind of link, on the same cores.

use serde::{Deserialize, Serialize};

use crate::child;
use crate::error::BenchError;
use crate::options::{CompareOptions, LinkKind, TargetKind};
use crate::report::RunResult;

/// How much of the larger figure two runs may differ by in what was sent and received. Sources are seeded and run against
/// the clock, so that honest runs differ by less than one in a hundred; a target that loses or thins out does not do the
/// same work.
const TOLERANCE: f64 = 0.03;

/// What `compare` found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// A run for each target and repetition. The first carries the floor.
    pub runs: Vec<RunResult>,
}

/// Runs all targets, `repeat` times in turn, so that a machine that grows slower is unfair to none.
///
/// # Errors
/// [`BenchError::Different`] when the load was not the same for all; nothing of it says anything then.
pub fn run(options: &CompareOptions) -> Result<Comparison, BenchError> {
    let targets = distinct(&options.targets);
    if options.run.url.is_some() && targets.len() > 1 {
        return Err(BenchError::Options("--url names one server; compare starts all targets by itself".into()));
    }
    let mut runs: Vec<RunResult> = Vec::new();
    for _ in 0..options.repeat {
        for target in &targets {
            let mut run = options.run.clone();
            run.target = *target;
            run.link = Some(run.link.unwrap_or_else(|| link_for(&targets)));
            // One floor for all: it depends on sizes, arrivals, link and core, not on the target.
            run.floor = runs.is_empty();
            let result = child::load(&run)?;
            if let Some(first) = runs.first() {
                same_work(first, &result)?;
            }
            runs.push(result);
        }
    }
    Ok(Comparison { runs })
}

/// The link that all of the targets can use.
fn link_for(targets: &[TargetKind]) -> LinkKind {
    if targets.contains(&TargetKind::Janus) { LinkKind::Veth } else { LinkKind::Loopback }
}

fn distinct(targets: &[TargetKind]) -> Vec<TargetKind> {
    let mut distinct = Vec::new();
    for target in targets {
        if !distinct.contains(target) {
            distinct.push(*target);
        }
    }
    distinct
}

/// Refuses two runs whose settings, or whose measured load, are not the same.
///
/// # Errors
/// [`BenchError::Different`] with what differs.
pub fn same_work(a: &RunResult, b: &RunResult) -> Result<(), BenchError> {
    let measured = [
        ("packets that clients sent a second", a.sent_packets_per_s, b.sent_packets_per_s),
        ("packets that clients received a second", a.forwarded_packets_per_s, b.forwarded_packets_per_s),
        ("megabits that clients received a second", a.forwarded_mbps, b.forwarded_mbps),
        ("clients at the end", a.participants as f64, b.participants as f64),
    ];
    let differing = measured.iter().find(|(_, a, b)| (a - b).abs() > TOLERANCE * a.max(*b));
    let measured = differing.map(|(what, a, b)| format!("{what} ({a:.1} and {b:.1})"));
    match a.differs_from(b).or(measured) {
        Some(what) => {
            let (a, b) = (child::value_name(&a.target), child::value_name(&b.target));
            Err(BenchError::Different(format!("{a} and {b}: {what}")))
        }
        None => Ok(()),
    }
}
