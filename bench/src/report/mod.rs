//! What a run found.

mod account;
pub mod comparison;
pub mod document;
mod figures;
pub mod html;
mod plot;
#[cfg(test)]
pub mod samples;
mod sections;
pub mod signal;
pub mod table;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::options::{Load, LoadOptions, Scenario, TargetKind};
use crate::process;
pub use account::Account;

/// A run's result. The names are the keys of its JSON.
///
/// Figures that could not be measured are `null`: cost and memory of a target on another host, join times when nobody
/// receives, the floor when it was not asked for.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub struct RunResult {
    /// Which scenario.
    pub scenario: Scenario,
    /// Which kind of server.
    pub target: TargetKind,
    /// Its version and settings that matter.
    pub target_description: String,

    /// Processor time of the media processes for each packet that arrived at a client, in ns. The kernel's part of
    /// sending is in it; on loopback that includes delivery.
    pub cpu_ns_per_forwarded_packet: Option<f64>,
    /// The least that copying, sealing and sending the same packets takes on the same core, in ns.
    pub floor_ns_per_packet: Option<f64>,
    /// Media packets that arrived at clients, a second.
    pub forwarded_packets_per_s: f64,
    /// From sealing at the sender to the arrival at the receiver's socket, in µs: median.
    pub latency_us_p50: f64,
    /// The same, of 99 in 100 packets.
    pub latency_us_p99: f64,
    /// The same, of 999 in 1000 packets.
    pub latency_us_p999: f64,
    /// Packets missing in the receivers' sequence numbers and not repaired, of all that were expected by these, 0 to 1.
    pub loss_ratio: f64,
    /// Resident memory of the media processes above that before the joins, for each participant, in bytes.
    pub rss_bytes_per_participant: Option<f64>,
    /// From the request that leads to media to its first packet, in ms: median.
    pub join_ms_p50: Option<f64>,
    /// The same, of 95 in 100 joins.
    pub join_ms_p95: Option<f64>,
    /// Cores that the media processes kept busy: 1 is one core.
    pub sfu_cpu_ratio: Option<f64>,
    /// Processor time of the media processes for each participant and second, in µs.
    #[serde(default)]
    pub cpu_us_per_participant_s: Option<f64>,
    /// Share of its core that the thread of all clients kept busy, 0 to 1.
    pub generator_cpu_ratio: f64,
    /// Datagrams that the kernel dropped because the generator did not take them in time.
    pub generator_dropped_packets: u64,

    /// Whether the generator's core was over 90 % busy or dropped packets: then the figures say little of the target.
    pub generator_was_bottleneck: bool,
    /// Packets that did not arrive, of those that the senders' packets and the size of their audience led to expect, 0
    /// to 1. Unlike `loss_ratio` it also sees what a server chose not to forward. Only where all is to be forwarded.
    pub undelivered_ratio: Option<f64>,
    /// Packets that were repaired by retransmission.
    pub repaired_packets: u64,
    /// Samples behind the latencies.
    pub latency_samples: u64,
    /// Bits of payload a second that arrived at clients, in millions.
    pub forwarded_mbps: f64,
    /// Media packets that clients sent, a second.
    pub sent_packets_per_s: f64,
    /// Mean length of the runs in which datagrams arrived (UDP GRO); 1 without.
    pub received_run_length: f64,
    /// Cores that the target's other processes kept busy.
    pub control_cpu_ratio: Option<f64>,
    /// Processor time of the media processes during the joins, for each join, in ms.
    pub join_cpu_ms: Option<f64>,
    /// Joins a second while all came in.
    pub joins_per_s: f64,
    /// Clients that did not get in, or got no media.
    pub joins_failed: u64,
    /// Cores that were busy with neither target nor generator: other programs, or a hypervisor's other guests.
    #[serde(default)]
    pub others_cpu_ratio: f64,
    /// Clients at the end.
    pub participants: u64,
    /// How often clients asked for keyframes.
    pub keyframe_requests: u64,

    /// The load.
    pub load: Load,
    /// Measured time in seconds.
    pub duration_s: f64,
    /// Threads that moved media.
    pub shards: u16,
    /// `loopback` or `veth`.
    pub link: String,
    /// Whether clients took datagrams in runs (UDP GRO).
    pub gro: bool,
    /// Protection of media: `AEAD_AES_256_GCM` or `AEAD_AES_128_GCM`.
    pub srtp_profile: String,
    /// The host.
    pub host: Host,
    /// What the server counted over the whole run, beside what its clients did; where it tells.
    #[serde(default)]
    pub account: Option<Account>,
    /// How the run went on, one entry a second.
    pub timeline: Vec<Second>,
    /// The floor in detail.
    pub floor: Option<Floor>,
}

/// What copying, sealing and sending the same packets took, in two ways.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Debug, Default)]
pub struct Floor {
    /// Each packet a datagram of its own, in batches (sendmmsg), in ns.
    pub batched_ns_per_packet: f64,
    /// What one client gets at the same time in one run (UDP_SEGMENT), in batches, in ns.
    pub runs_ns_per_packet: f64,
    /// Mean length of those runs.
    pub run_length: f64,
    /// Packets behind the figures.
    pub packets: u64,
}

impl Floor {
    /// The cheaper way.
    pub fn ns_per_packet(&self) -> f64 {
        self.batched_ns_per_packet.min(self.runs_ns_per_packet)
    }
}

/// Where it was measured.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Host {
    /// The processor's name.
    pub cpu_model: String,
    /// How many cores there are.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// When, RFC 3339 in UTC.
    pub date: String,
}

impl Host {
    /// This host, now.
    pub fn here() -> Self {
        let format = &time::format_description::well_known::Rfc3339;
        let now = time::OffsetDateTime::now_utc();
        Self {
            cpu_model: process::cpu_model(),
            cores: process::cores(),
            kernel: process::kernel(),
            date: now.replace_nanosecond(0).unwrap_or(now).format(format).unwrap_or_default(),
        }
    }
}

/// One second of a run.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Debug, Default)]
pub struct Second {
    /// Since measuring began.
    pub at_s: f64,
    /// Packets that arrived at clients.
    pub packets_per_s: f64,
    /// Share of packets missing.
    pub loss_ratio: f64,
    /// Median latency.
    pub latency_us_p50: f64,
    /// Latency of 99 in 100 packets.
    pub latency_us_p99: f64,
    /// Cores that the media processes kept busy; 0 when not known.
    pub sfu_cpu_ratio: f64,
    /// Resident memory of the media processes in bytes; 0 when not known.
    pub rss_bytes: u64,
    /// Clients inside.
    pub participants: u64,
}

/// When this much of a core goes to others, target and generator wait for them, and the figures say little.
const OTHERS_CPU_RATIO_MAX: f64 = 0.15;

/// What makes figures doubtful, for people.
pub fn doubts(generator_was_bottleneck: bool, others_cpu_ratio: f64) -> Vec<String> {
    let mut doubts = Vec::new();
    if generator_was_bottleneck {
        doubts.push("the generator was the bottleneck: the target may do better than this".to_owned());
    }
    if others_cpu_ratio > OTHERS_CPU_RATIO_MAX {
        doubts.push(format!("other programs kept {others_cpu_ratio:.2} cores busy: run it again on a quiet host"));
    }
    doubts
}

impl RunResult {
    /// What makes the figures doubtful, for people.
    pub fn doubts(&self) -> Vec<String> {
        doubts(self.generator_was_bottleneck, self.others_cpu_ratio)
    }

    /// 3 when the generator was the bottleneck, else 0.
    pub fn exit_code(&self) -> u8 {
        if self.generator_was_bottleneck { 3 } else { 0 }
    }

    /// Why two runs must not be compared; `None` when they may.
    pub fn differs_from(&self, other: &Self) -> Option<String> {
        let differs = |what: &str, a: String, b: String| (a != b).then(|| format!("{what} ({a} and {b})"));
        let text = |load: &Load| format!("{load:?}");
        differs("the load", text(&self.load), text(&other.load))
            .or_else(|| differs("the link", self.link.clone(), other.link.clone()))
            .or_else(|| differs("shards", self.shards.to_string(), other.shards.to_string()))
            .or_else(|| differs("the protection", self.srtp_profile.clone(), other.srtp_profile.clone()))
            .or_else(|| differs("the way of receiving", self.gro.to_string(), other.gro.to_string()))
            .or_else(|| {
                differs("the host", format!("{:?}", self.host.cpu_model), format!("{:?}", other.host.cpu_model))
            })
    }
}

/// Writes a result where the options say.
///
/// # Errors
/// [`BenchError::System`] when a file cannot be written.
pub fn save(result: &RunResult, options: &LoadOptions) -> Result<(), BenchError> {
    options.json.as_ref().map_or(Ok(()), |path| write_json(path, result))
}

/// Writes anything as JSON; `-` is standard output.
///
/// # Errors
/// [`BenchError::System`] when it cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| BenchError::Options(error.to_string()))?;
    write(path, &(text + "\n"))
}

/// Writes a text; `-` is standard output.
///
/// # Errors
/// [`BenchError::System`] when it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    use std::io::Write as _;
    let written =
        if path == Path::new("-") { std::io::stdout().write_all(text.as_bytes()) } else { std::fs::write(path, text) };
    written.map_err(BenchError::system(path.display().to_string()))
}
