//! The figures of a run as text, for tables.

use super::RunResult;
use super::plot::{grouped, plain};
use crate::child::value_name;
use crate::options::{Load, Scenario};

/// A figure: its name with the unit, and what it is in a run; `None` when it is not known.
pub type Figure = (&'static str, fn(&RunResult) -> Option<String>);

/// All of them, those that people ask for first.
pub const FIGURES: [Figure; 15] = [
    ("CPU a packet, ns", |run| run.cpu_ns_per_forwarded_packet.map(grouped)),
    ("floor, ns", |run| run.floor_ns_per_packet.map(grouped)),
    ("packets/s", |run| Some(grouped(run.forwarded_packets_per_s))),
    ("Mbit/s", |run| Some(plain(run.forwarded_mbps))),
    ("cores busy", |run| run.sfu_cpu_ratio.map(plain)),
    ("p50, ms", |run| Some(plain(run.latency_us_p50 / 1_000.0))),
    ("p99, ms", |run| Some(plain(run.latency_us_p99 / 1_000.0))),
    ("p99.9, ms", |run| Some(plain(run.latency_us_p999 / 1_000.0))),
    ("lost, %", |run| lost_percent(run).map(plain)),
    ("KiB a participant", |run| run.rss_bytes_per_participant.map(|bytes| plain(bytes / 1024.0))),
    ("join p50, ms", |run| run.join_ms_p50.map(plain)),
    ("join p95, ms", |run| run.join_ms_p95.map(plain)),
    ("join CPU, ms", |run| run.join_cpu_ms.map(plain)),
    ("run length", |run| Some(plain(run.received_run_length))),
    ("generator busy, %", |run| Some(plain(run.generator_cpu_ratio * 100.0))),
];

/// The load in a few words.
pub fn title(load: &Load) -> String {
    let count = |value: Option<u32>, default: u32| value.unwrap_or(default);
    let burst = if load.burst { ", bursts" } else { "" };
    let shape = match load.scenario {
        Scenario::Idle => format!("of {}", count(load.subscribers, 200)),
        Scenario::Webinar => format!("{} → {}", count(load.publishers, 1), count(load.subscribers, 200)),
        Scenario::Churn => {
            let rate = plain(load.rate.unwrap_or(10.0));
            format!("{} → {}, {rate} joins a second", count(load.publishers, 1), count(load.subscribers, 200))
        }
        Scenario::Voice => format!("{} → {}", count(load.publishers, 10), count(load.subscribers, 100)),
        Scenario::Meeting => format!("of {}", count(load.participants, 10)),
        Scenario::Rooms => format!("{} of {}", count(load.rooms, 10), count(load.participants, 4)),
        Scenario::Mixed => format!("with {} subscribers", count(load.subscribers, 100)),
    };
    format!("{} {shape}{burst}", value_name(&load.scenario))
}

/// What did not arrive, in hundredths of what was expected.
pub fn lost_percent(run: &RunResult) -> Option<f64> {
    Some(run.loss_ratio.max(run.undelivered_ratio.unwrap_or_default()) * 100.0)
}
