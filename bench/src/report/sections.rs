//! The section of the page for limits.

use std::fmt::Write as _;

use super::RunResult;
use super::figures::lost_percent;
use super::html::COLOURS;
use super::plot::{self, Bar, Curve, grouped, plain};
use crate::child::value_name;
use crate::find_limit::{LATENCY_US_P99_MAX, LOSS_RATIO_MAX, Limit};

/// What `find-limit` found.
pub fn limits(page: &mut String, limits: &[(&str, &Limit)]) {
    if limits.is_empty() {
        return;
    }
    let labels: Vec<String> = limits
        .iter()
        .map(|(label, limit)| {
            let name = format!("{} {}", value_name(&limit.target), value_name(&limit.scenario));
            let is_alone =
                limits.iter().filter(|(_, o)| o.target == limit.target && o.scenario == limit.scenario).count() == 1;
            if is_alone { name } else { format!("{name}, {label}") }
        })
        .collect();
    let classes: Vec<String> = (0..limits.len()).map(|index| format!("c{}", index % COLOURS)).collect();
    let rows = || limits.iter().zip(&labels).zip(&classes);
    let _ = write!(
        page,
        "<section><h2>Limits</h2><p>The largest size with less than {} % of packets lost and 99 in 100 packets \
         less than {} ms late.</p><div class=\"plots\">",
        plain(LOSS_RATIO_MAX * 100.0),
        plain(LATENCY_US_P99_MAX / 1_000.0),
    );
    let bars = rows().map(|(((_, limit), label), class)| {
        let at_least = if limit.generator_was_bottleneck { "at least " } else { "" };
        let text = format!("{at_least}{}", grouped(f64::from(limit.limit)));
        Bar { label, class, value: f64::from(limit.limit), text }
    });
    page.push_str(&plot::bars("Served well on the given cores", "clients, or rooms", &bars.collect::<Vec<_>>()));
    let curve = |figure: fn(&RunResult) -> f64| {
        let lines = rows().map(|(((_, limit), label), class)| {
            let results = limit.tries.iter().filter_map(|tried| Some((tried.size, tried.result.as_ref()?)));
            let mut points: Vec<(f64, f64)> = results.map(|(size, run)| (f64::from(size), figure(run))).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Curve { label, class, points }
        });
        lines.collect::<Vec<_>>()
    };
    let latency = curve(|run| run.latency_us_p99 / 1_000.0);
    let bound = Some(LATENCY_US_P99_MAX / 1_000.0);
    page.push_str(&plot::curves("Latency by size", "99 in 100 packets; dashed: the bound", " ms", bound, &latency));
    let loss = curve(|run| lost_percent(run).unwrap_or_default());
    page.push_str(&plot::curves("Loss by size", "dashed: the bound", " %", Some(LOSS_RATIO_MAX * 100.0), &loss));
    let busy = curve(|run| run.sfu_cpu_ratio.unwrap_or_default());
    page.push_str(&plot::curves("Cores kept busy by size", "", "", None, &busy));
    page.push_str("</div></section>");
}
