//! The page: plots that compare runs, and a table of all figures. One file without scripts, fonts or anything else from
//! elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::document::Document;
use super::figures::{FIGURES, lost_percent};
use super::plot::{self, Bar, Curve, Range, escape, grouped, plain};
use super::{Host, RunResult, sections, signal};
use crate::child::value_name;
use crate::find_limit::Limit;
use crate::options::{Load, Scenario};
use crate::signal::SignalResult;

/// Colours that a page has for rows, beside the floor's.
pub(super) const COLOURS: usize = 6;
const STYLE: &str = include_str!("page.css");

/// A run under the name that it has on the page.
struct Named<'a> {
    label: String,
    class: String,
    run: &'a RunResult,
}

/// Makes the page of some results. A label, such as the name of a file, tells results of the same target apart.
pub fn page(documents: &[(String, Document)]) -> String {
    let mut runs: Vec<(&str, &RunResult)> = Vec::new();
    let mut limits: Vec<(&str, &Limit)> = Vec::new();
    let mut signals: Vec<(&str, &SignalResult)> = Vec::new();
    for (label, document) in documents {
        match document {
            Document::Run(run) => runs.push((label, run)),
            Document::Comparison(comparison) => runs.extend(comparison.runs.iter().map(|run| (label.as_str(), run))),
            Document::Limit(limit) => limits.push((label, limit)),
            Document::Signal(signal) => signals.push((label, signal)),
        }
    }
    let mut body = String::new();
    for group in groups(&runs) {
        media_section(&mut body, &group);
    }
    sections::limits(&mut body, &limits);
    signal::section(&mut body, &signals);
    let of_limits = limits.iter().flat_map(|(_, limit)| limit.tries.iter().filter_map(|tried| tried.result.as_ref()));
    let of_signals = signals.iter().map(|(_, signal)| &signal.host);
    let of_runs = runs.iter().map(|(_, run)| *run).chain(of_limits).map(|run| &run.host);
    let hosts: Vec<&Host> = of_runs.chain(of_signals).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>boltorezka-bench</title><style>{STYLE}</style></head><body><header><h1>Media server measurements</h1>{}\
         </header><main>{body}</main><footer>Made by boltorezka-bench. How each figure is made: bench/README.md.</footer>\
         </body></html>\n",
        host_line(&hosts)
    )
}

fn host_line(hosts: &[&Host]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for host in hosts {
        let day = host.date.get(..10).unwrap_or(&host.date);
        let line = format!("{}, {} cores, {}, {day}", host.cpu_model, host.cores, host.kernel);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.iter().map(|line| format!("<p>{}</p>", escape(line))).collect()
}

/// Runs under the same load and link, in the order in which they came.
fn groups<'a>(runs: &[(&'a str, &'a RunResult)]) -> Vec<Vec<Named<'a>>> {
    let mut groups: Vec<Vec<(&str, &RunResult)>> = Vec::new();
    for (label, run) in runs {
        let same = |group: &&mut Vec<(&str, &RunResult)>| {
            group.first().is_some_and(|(_, first)| first.load == run.load && first.link == run.link)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push((label, run)),
            None => groups.push(vec![(label, run)]),
        }
    }
    groups.into_iter().map(|group| named(&group)).collect()
}

/// Gives each run a name and a colour: the target's, and where a target ran more than once, where from and which.
fn named<'a>(group: &[(&'a str, &'a RunResult)]) -> Vec<Named<'a>> {
    let mut seen = BTreeMap::<String, usize>::new();
    let names = group.iter().map(|(label, run)| {
        let target = value_name(&run.target);
        let others = || group.iter().filter(|(_, other)| other.target == run.target);
        if others().count() == 1 {
            return target;
        }
        let is_from_one_file = others().all(|(other, _)| other == label);
        let name = if is_from_one_file { target } else { format!("{target}, {label}") };
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 && !is_from_one_file { name } else { format!("{name} #{count}") }
    });
    let names: Vec<String> = names.collect();
    let runs = group.iter().zip(names).enumerate();
    runs.map(|(index, ((_, run), label))| Named { label, class: format!("c{}", index % COLOURS), run }).collect()
}

fn media_section(page: &mut String, group: &[Named<'_>]) {
    let Some(first) = group.first() else { return };
    let link = escape(&first.run.link);
    let _ = write!(
        page,
        "<section><h2>{}</h2><p>{} Link: {link}, measured for {} s.</p><div class=\"plots\">",
        escape(&super::figures::title(&first.run.load)),
        escape(&sources(&first.run.load)),
        plain(first.run.duration_s),
    );
    page.push_str(&cost_plot(group));
    page.push_str(&latency_plot(group));
    page.push_str(&figure_plot(
        "Memory for each participant",
        "resident, above the empty server",
        group,
        |run| run.rss_bytes_per_participant.map(|bytes| bytes / 1024.0),
        " KiB",
    ));
    page.push_str(&figure_plot(
        "Cores kept busy",
        "by the processes that move media",
        group,
        |run| run.sfu_cpu_ratio,
        " cores",
    ));
    page.push_str(&figure_plot("Packets that did not arrive", "of all expected", group, lost_percent, " %"));
    page.push_str(&figure_plot(
        "Joining, 95 in 100",
        "from the request to the first media packet",
        group,
        |run| run.join_ms_p95,
        " ms",
    ));
    page.push_str(&timeline_plot(group));
    page.push_str("</div>");
    table(page, group);
    page.push_str("</section>");
}

fn cost_plot(group: &[Named<'_>]) -> String {
    let floor = group.iter().find_map(|named| named.run.floor_ns_per_packet);
    let mut rows: Vec<Bar<'_>> = Vec::new();
    for named in group {
        let Some(value) = named.run.cpu_ns_per_forwarded_packet else { continue };
        let ratio = floor.map(|floor| format!(" ({}×)", plain(value / floor))).unwrap_or_default();
        let text = format!("{} ns{ratio}", grouped(value));
        rows.push(Bar { label: &named.label, class: &named.class, value, text });
    }
    if let Some(value) = floor {
        rows.push(Bar { label: "floor", class: "floor", value, text: format!("{} ns", grouped(value)) });
    }
    let note = if floor.is_some() { "and how many times the floor: copy, seal, send" } else { "" };
    plotted(&rows, |rows| plot::bars("CPU for each forwarded packet", note, rows))
}

fn latency_plot(group: &[Named<'_>]) -> String {
    let rows = group.iter().filter(|named| named.run.latency_samples > 0).map(|named| Range {
        label: &named.label,
        class: &named.class,
        p50: named.run.latency_us_p50 / 1_000.0,
        p99: named.run.latency_us_p99 / 1_000.0,
        p999: named.run.latency_us_p999 / 1_000.0,
    });
    let note = "hollow: the median; full: 99 in 100; end: 999 in 1000";
    plotted(&rows.collect::<Vec<_>>(), |rows| plot::ranges("Added latency", note, rows))
}

fn figure_plot(
    title: &str,
    note: &str,
    group: &[Named<'_>],
    figure: impl Fn(&RunResult) -> Option<f64>,
    unit: &str,
) -> String {
    let rows = group.iter().filter_map(|named| {
        let value = figure(named.run)?;
        Some(Bar { label: &named.label, class: &named.class, value, text: format!("{}{unit}", plain(value)) })
    });
    plotted(&rows.collect::<Vec<_>>(), |rows| plot::bars(title, note, rows))
}

fn timeline_plot(group: &[Named<'_>]) -> String {
    let curves = group.iter().filter(|named| named.run.timeline.len() > 1).map(|named| {
        let points = named.run.timeline.iter().map(|second| (second.at_s, second.latency_us_p99 / 1_000.0));
        Curve { label: &named.label, class: &named.class, points: points.collect() }
    });
    let note = "99 in 100 packets, by seconds since measuring began";
    plotted(&curves.collect::<Vec<_>>(), |curves| plot::curves("Latency over time", note, " ms", None, curves))
}

/// Nothing at all when there is nothing to plot.
fn plotted<T>(rows: &[T], plot: impl FnOnce(&[T]) -> String) -> String {
    if rows.is_empty() { String::new() } else { plot(rows) }
}

fn table(page: &mut String, group: &[Named<'_>]) {
    page.push_str("<div class=\"scroll\"><table><tr><th></th>");
    for (name, _) in FIGURES {
        let _ = write!(page, "<th>{name}</th>");
    }
    page.push_str("</tr>");
    for named in group {
        let _ = write!(page, "<tr><th><i class=\"{}\"></i>{}</th>", named.class, escape(&named.label));
        for (_, figure) in FIGURES {
            let _ = write!(page, "<td>{}</td>", figure(named.run).unwrap_or_else(|| "–".into()));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table></div><ul>");
    for named in group {
        let run = named.run;
        let doubts = run.doubts();
        let doubts: String = doubts.iter().map(|doubt| format!(" <strong>{}.</strong>", escape(doubt))).collect();
        let (label, description) = (escape(&named.label), escape(&run.target_description));
        let _ = write!(page, "<li>{label}: {description}; {}.{doubts}</li>", escape(&run.srtp_profile));
    }
    page.push_str("</ul>");
}

/// What clients send.
fn sources(load: &Load) -> String {
    if load.scenario == Scenario::Voice {
        return "Opus with pauses.".into();
    }
    let simulcast = if load.simulcast { " in three encodings" } else { "" };
    let pace = if load.burst { "a picture's packets at once" } else { "paced as browsers do" };
    format!("VP8 at {} kbit/s{simulcast}, {} pictures a second, {pace}; Opus with pauses.", load.bitrate_kbps, load.fps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Comparison;
    use crate::options::TargetKind;
    use crate::report::samples;

    fn comparison() -> Document {
        let runs = [TargetKind::Boltorezka, TargetKind::Janus].map(samples::run);
        Document::Comparison(Comparison { runs: runs.into() })
    }

    #[test]
    fn a_page_holds_everything_and_needs_nothing_from_elsewhere() {
        let page = page(&[("before".into(), comparison())]);
        for part in ["webinar 1 → 200", "janus", "5,000 ns (2×)", "floor", "a &lt;server&gt;", "87.9 KiB"] {
            assert!(page.contains(part), "{part}");
        }
        for part in ["NaN", "<script", "http", "<server>"] {
            assert!(!page.contains(part), "{part}");
        }
    }

    #[test]
    fn runs_of_one_target_are_told_apart() {
        let page = page(&[("before".into(), comparison()), ("after".into(), comparison())]);
        assert!(page.contains("boltorezka, before") && page.contains("janus, after"));
        let twice = Document::Comparison(Comparison { runs: vec![samples::run(TargetKind::Janus); 2] });
        let page = super::page(&[(String::new(), twice)]);
        assert!(page.contains("janus #1") && page.contains("janus #2"));
    }

    #[test]
    fn results_are_told_by_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        let run = Document::Run(Box::new(samples::run(TargetKind::Janus)));
        for document in [run, comparison()] {
            super::super::write_json(&path, &document).unwrap();
            let again = Document::read(&path).unwrap();
            assert_eq!(std::mem::discriminant(&document), std::mem::discriminant(&again));
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(Document::read(&path).unwrap_err().to_string().contains("no result"));
    }
}
