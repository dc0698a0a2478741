//! Sections of the page for what is no single run: limits, and the realtime gateway.

use std::fmt::Write as _;

use super::RunResult;
use super::figures::lost_percent;
use super::html::COLOURS;
use super::plot::{self, Bar, Curve, grouped, plain};
use crate::child::value_name;
use crate::find_limit::{LATENCY_US_P99_MAX, LOSS_RATIO_MAX, Limit};
use crate::signal::SignalResult;

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

/// What `signal` found.
pub fn signals(page: &mut String, signals: &[(&str, &SignalResult)]) {
    if signals.is_empty() {
        return;
    }
    let classes: Vec<String> = (0..signals.len()).map(|index| format!("c{}", index % COLOURS)).collect();
    let labels: Vec<String> = signals
        .iter()
        .map(|(label, signal)| format!("{label}: {} sockets in {} rooms", signal.sockets, signal.rooms))
        .collect();
    let rows = || signals.iter().zip(&labels).zip(&classes);
    page.push_str("<section><h2>Realtime gateway</h2><div class=\"plots\">");
    let mut rate = |title: &str, note: &str, figure: fn(&SignalResult) -> f64| {
        let bars = rows().map(|(((_, signal), label), class)| {
            let value = figure(signal);
            Bar { label, class, value, text: grouped(value) }
        });
        page.push_str(&plot::bars(title, note, &bars.collect::<Vec<_>>()));
    };
    rate("Connects a second", "ticket, socket, room joined", |signal| signal.connects_per_s);
    rate("Messages a second", "acked", |signal| signal.messages_per_s);
    rate("Deliveries a second", "each message at each member", |signal| signal.deliveries_per_s);
    rate("Delivered, %", "of each message at each member", |signal| signal.delivery_ratio * 100.0);
    let mut times = |title: &str, figures: fn(&SignalResult) -> [f64; 3]| {
        let mut bars = Vec::new();
        for (((_, signal), _), class) in rows() {
            for (label, value) in ["p50", "p95", "p99"].into_iter().zip(figures(signal)) {
                bars.push(Bar { label, class, value, text: format!("{} ms", plain(value)) });
            }
        }
        page.push_str(&plot::bars(title, "", &bars));
    };
    times("Connecting", |signal| [signal.connect_ms_p50, signal.connect_ms_p95, signal.connect_ms_p99]);
    times("Acknowledgement", |signal| [signal.ack_ms_p50, signal.ack_ms_p95, signal.ack_ms_p99]);
    times("Delivery", |signal| [signal.delivery_ms_p50, signal.delivery_ms_p95, signal.delivery_ms_p99]);
    page.push_str("</div></section>");
}
