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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn runs_are_compared_only_when_they_did_the_same_work() {
        let ours = samples::run(TargetKind::Boltorezka);
        let janus = samples::run(TargetKind::Janus);
        let janus = RunResult { forwarded_packets_per_s: 32_000.0, ..janus };
        assert!(same_work(&ours, &janus).is_ok());
        let others: [(&str, RunResult); 5] = [
            ("received a second", RunResult { forwarded_packets_per_s: 31_000.0, ..janus.clone() }),
            ("megabits", RunResult { forwarded_mbps: 150.0, ..janus.clone() }),
            ("sent a second", RunResult { sent_packets_per_s: 150.0, ..janus.clone() }),
            ("clients at the end", RunResult { participants: 150, ..janus.clone() }),
            ("the link", RunResult { link: "loopback".into(), ..janus.clone() }),
        ];
        for (what, other) in others {
            let error = same_work(&ours, &other).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("boltorezka and janus"), "{error}");
        }
    }

    #[test]
    fn each_target_runs_once_in_a_turn() {
        let (ours, janus) = (TargetKind::Boltorezka, TargetKind::Janus);
        assert_eq!(distinct(&[janus, ours, janus]), [janus, ours]);
        assert_eq!((link_for(&[ours]), link_for(&[ours, janus])), (LinkKind::Loopback, LinkKind::Veth));
    }
}
