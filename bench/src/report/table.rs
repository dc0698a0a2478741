//! What is shown while a run goes on, and a summary of it.
// It is the program's output.
#![allow(clippy::print_stderr)]

use std::fmt::Write;

use super::{RunResult, Second};

/// What happens in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something else begins.
    Phase(String),
    /// A second of measuring is over.
    Second {
        /// Its figures.
        second: Second,
        /// How long measuring still takes, in seconds.
        eta_s: f64,
    },
}

/// Shows a run on standard error, so that results can be piped.
#[derive(Debug)]
pub struct Progress {
    quiet: bool,
    has_head: bool,
}

impl Progress {
    /// Shows nothing when `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, has_head: false }
    }

    /// Shows what happens.
    pub fn show(&mut self, event: &Event) {
        if self.quiet {
            return;
        }
        match event {
            Event::Phase(what) => {
                self.has_head = false;
                eprintln!("{what}");
            }
            Event::Second { second, eta_s } => {
                if !std::mem::replace(&mut self.has_head, true) {
                    eprintln!(" time s  left s  clients  packets/s  loss %   p50 ms   p99 ms  SFU cores  SFU MiB");
                }
                eprintln!(
                    "{:>7.0} {:>7.0} {:>8} {:>10.0} {:>7.3} {:>8.2} {:>8.2} {:>10.2} {:>8.0}",
                    second.at_s,
                    eta_s,
                    second.participants,
                    second.packets_per_s,
                    second.loss_ratio * 100.0,
                    second.latency_us_p50 / 1000.0,
                    second.latency_us_p99 / 1000.0,
                    second.sfu_cpu_ratio,
                    second.rss_bytes as f64 / f64::from(1 << 20),
                );
            }
        }
    }
}

/// A run's figures, for people.
pub fn summary(result: &RunResult) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<28}{value}");
    };
    let known = |value: Option<f64>, unit: &str| match value {
        Some(value) if value < 10.0 => format!("{value:.2} {unit}"),
        Some(value) => format!("{value:.0} {unit}"),
        None => "not known".to_owned(),
    };
    line("target", result.target_description.clone());
    line("participants", format!("{} ({} failed)", result.participants, result.joins_failed));
    line("forwarded", format!("{:.0} packets/s, {:.0} Mb/s", result.forwarded_packets_per_s, result.forwarded_mbps));
    line("CPU a forwarded packet", known(result.cpu_ns_per_forwarded_packet, "ns"));
    line("floor", known(result.floor_ns_per_packet, "ns"));
    let [p50, p99, p999] = [result.latency_us_p50, result.latency_us_p99, result.latency_us_p999].map(|us| us / 1000.0);
    line("latency p50/p99/p99.9", format!("{p50:.2} / {p99:.2} / {p999:.2} ms"));
    line("loss", format!("{:.4} %, {} repaired", result.loss_ratio * 100.0, result.repaired_packets));
    line("not delivered", known(result.undelivered_ratio.map(|ratio| ratio * 100.0), "%"));
    line("memory a participant", known(result.rss_bytes_per_participant.map(|bytes| bytes / 1024.0), "KiB"));
    line("join p50/p95", format!("{} / {}", known(result.join_ms_p50, "ms"), known(result.join_ms_p95, "ms")));
    line("joins", format!("{:.0} a second, CPU {} each", result.joins_per_s, known(result.join_cpu_ms, "ms")));
    line("SFU", known(result.sfu_cpu_ratio, "cores"));
    line("SFU a participant", known(result.cpu_us_per_participant_s, "µs a second"));
    line("control", known(result.control_cpu_ratio, "cores"));
    line("run length", format!("{:.2} datagrams", result.received_run_length));
    if let Some(account) = &result.account {
        let [before, after] = [account.imbalance_before_slots, account.imbalance_after_slots];
        let [up, down] = [account.not_at_server_packets, account.not_at_clients_packets];
        line("server's account", format!("{before} and {after} packets without a trace in it"));
        line("server's and clients'", format!("{up} packets did not come to it, {down} not from it"));
        line("sent a message", format!("{:.2} datagrams", account.run_length()));
    }
    let dropped = result.generator_dropped_packets;
    line("generator", format!("{:.0} % of its core, {dropped} dropped", result.generator_cpu_ratio * 100.0));
    for doubt in result.doubts() {
        line("NOTE", doubt);
    }
    text
}
