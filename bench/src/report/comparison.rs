//! Runs beside each other, for the terminal.

use std::fmt::Write as _;

use super::figures::{FIGURES, title};
use super::plot::plain;
use super::{Host, RunResult};
use crate::child::value_name;
use crate::compare::Comparison;
use crate::find_limit::{Limit, Try};

/// Width of the column of names, and of each run's.
const NAME: usize = 24;
const COLUMN: usize = 14;

/// Runs as columns, figures as rows.
pub fn table(comparison: &Comparison) -> String {
    let mut text = String::new();
    let Some(first) = comparison.runs.first() else { return text };
    let Host { cpu_model, cores, kernel, .. } = &first.host;
    let _ = writeln!(text, "{}, link {}, {cpu_model}, {cores} cores, {kernel}", title(&first.load), first.link);
    row(&mut text, "", comparison.runs.iter().map(|run| value_name(&run.target)));
    for (name, figure) in FIGURES {
        row(&mut text, name, comparison.runs.iter().map(|run| figure(run).unwrap_or_else(|| "-".into())));
    }
    if let Some(floor) = comparison.runs.iter().find_map(|run| run.floor_ns_per_packet) {
        let times = |run: &RunResult| run.cpu_ns_per_forwarded_packet.map(|cost| plain(cost / floor));
        row(
            &mut text,
            "CPU, times the floor",
            comparison.runs.iter().map(|run| times(run).unwrap_or_else(|| "-".into())),
        );
    }
    for run in &comparison.runs {
        for doubt in run.doubts() {
            let _ = writeln!(text, "NOTE on {}: {doubt}", value_name(&run.target));
        }
    }
    text
}

/// One run of a search, when it is over.
pub fn try_line(tried: &Try) -> String {
    let verdict = tried.failure.as_deref().unwrap_or("good");
    let figures = tried.result.as_ref().map_or_else(String::new, |run| {
        let (p99_ms, cores) = (plain(run.latency_us_p99 / 1_000.0), plain(run.sfu_cpu_ratio.unwrap_or_default()));
        let doubts: String = run.doubts().iter().map(|doubt| format!("; {doubt}")).collect();
        format!(", p99 {p99_ms} ms, {cores} cores, {:.0} packets/s{doubts}", run.forwarded_packets_per_s)
    });
    format!("{:>7}: {verdict}{figures}", tried.size)
}

/// The end of a search.
pub fn limit_line(limit: &Limit) -> String {
    let at_least = if limit.generator_was_bottleneck { "at least " } else { "" };
    let (target, scenario) = (value_name(&limit.target), value_name(&limit.scenario));
    let note = if limit.generator_was_bottleneck { "; the generator was the bottleneck beyond that" } else { "" };
    format!("{target}, {scenario}: {at_least}{} {}{note}", limit.limit, limit.counted)
}

fn row(text: &mut String, name: &str, values: impl Iterator<Item = String>) {
    let _ = write!(text, "{name:<NAME$}");
    for value in values {
        let _ = write!(text, "{value:>COLUMN$}");
    }
    text.push('\n');
}
