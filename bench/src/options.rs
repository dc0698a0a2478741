//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::link::Link;

/// Measures what a media server costs and what its clients get.
#[derive(Parser, Debug)]
#[command(name = "boltorezka-bench", version, about)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Puts clients into a target and measures for a while.
    Load(LoadOptions),
    /// Finds the largest number of subscribers that a target serves well.
    FindLimit(FindLimitOptions),
    /// Measures the realtime gateway: connects, messages, their delivery and acknowledgement.
    Signal(SignalOptions),
    /// Runs targets one after the other under the same load, and compares them.
    Compare(CompareOptions),
    /// Makes one page of results that were written as JSON.
    Report(ReportOptions),
    /// The floor's sender, as `load --floor` starts it on the target's core.
    #[command(hide = true)]
    FloorSender(crate::floor::SenderOptions),
}

/// A kind of server.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// This project's server.
    #[default]
    Boltorezka,
    /// Janus with its videoroom plugin.
    Janus,
}

/// Who sends and who receives.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// `publishers` send video and audio to `subscribers`.
    #[default]
    Webinar,
    /// `participants` send video and audio to each other.
    Meeting,
    /// `publishers` speak to `subscribers`, without pictures.
    Voice,
    /// `rooms` meetings of `participants` each.
    Rooms,
    /// A webinar whose subscribers come and go, `rate` a second.
    Churn,
    /// A webinar, a meeting and a voice room at the same time.
    Mixed,
    /// `subscribers` are connected, with a slot for sound and one for a picture, and nobody sends.
    Idle,
}

/// Options of `load`.
#[derive(Args, Clone, Debug)]
pub struct LoadOptions {
    /// The kind of server.
    #[arg(long, value_enum, default_value_t)]
    pub target: TargetKind,
    /// The server's address. Without it a server is started on this host, and stopped in the end.
    #[arg(long)]
    pub url: Option<String>,
    /// An API key of the server at `--url`. Its limits should be off.
    #[arg(long, requires = "url", env = "BENCH_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// The load.
    #[command(flatten)]
    pub load: Load,
    /// Threads that move media in a server that is started; each gets a core of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
    /// How long is measured, such as 20s, 5m, 1h.
    #[arg(long, default_value = "20s", value_parser = duration)]
    pub duration: Duration,
    /// How long the load runs before measuring begins.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub warm_up: Duration,
    /// Measures the floor too: copying, sealing and sending the same packets.
    #[arg(long)]
    pub floor: bool,
    /// Writes the result there as JSON; `-` is standard output.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Writes the result there as a page.
    #[arg(long)]
    pub html: Option<PathBuf>,
    /// What lies between generator and target; without it `veth` for Janus, which takes no addresses of loopback interfaces,
    /// and `loopback` for all others.
    #[arg(long, value_enum)]
    pub link: Option<LinkKind>,
    /// The veth pair whose generator's namespace this process is in.
    #[arg(long, hide = true)]
    pub inside: Option<String>,
    /// How the generator works.
    #[command(flatten)]
    pub generator: GeneratorOptions,
}

impl LoadOptions {
    /// Which link the run needs.
    pub fn link_kind(&self) -> LinkKind {
        let default = if self.target == TargetKind::Janus { LinkKind::Veth } else { LinkKind::Loopback };
        self.link.unwrap_or(default)
    }

    /// The link as seen from where this process is.
    pub fn link(&self) -> Link {
        self.inside.as_deref().map_or_else(Link::loopback, Link::inside)
    }
}

/// The load that is put on a target. Runs are comparable when it is the same.
#[derive(Args, Serialize, Deserialize, Clone, PartialEq, Debug)]
pub struct Load {
    /// Who sends and who receives.
    #[arg(long, value_enum, default_value_t)]
    pub scenario: Scenario,
    /// Senders in `webinar` (1), `voice` (10) and `churn` (1).
    #[arg(long)]
    pub publishers: Option<u32>,
    /// Receivers in `webinar` (200), `voice` (100), `churn` (200) and `mixed` (100).
    #[arg(long)]
    pub subscribers: Option<u32>,
    /// People in each meeting of `meeting` (10), `rooms` (4) and `mixed` (10).
    #[arg(long)]
    pub participants: Option<u32>,
    /// Rooms in `rooms` (10).
    #[arg(long)]
    pub rooms: Option<u32>,
    /// Joins, and leaves, a second in `churn` (10).
    #[arg(long)]
    pub rate: Option<f64>,
    /// Bits a second of each camera, in thousands; the largest encoding's with `--simulcast`.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(30..=20_000))]
    pub bitrate_kbps: u32,
    /// Pictures a second of each camera.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub fps: u32,
    /// Voices that the target forwards to each listener of `voice`, the loudest; all when absent.
    #[arg(long)]
    #[serde(default)]
    pub heard: Option<u32>,
    /// Cameras send three encodings.
    #[arg(long)]
    pub simulcast: bool,
    /// The packets of a picture leave at once, instead of paced as browsers do.
    #[arg(long)]
    pub burst: bool,
}

/// How the generator works. None of it changes the load.
#[derive(Args, Clone, Debug)]
pub struct GeneratorOptions {
    /// The server's program; beside this one, or in PATH, when absent.
    #[arg(long, env = "BOLTOREZKA_BIN")]
    pub server: Option<PathBuf>,
    /// A further flag for a server that is started, such as --server-flag=--log=info; may repeat.
    #[arg(long, allow_hyphen_values = true)]
    pub server_flag: Vec<String>,
    /// First core of the target. Each further shard takes the next one.
    #[arg(long, default_value_t = 0)]
    pub target_core: usize,
    /// Core of the thread that drives all clients; the one after the target's when absent.
    #[arg(long)]
    pub generator_core: Option<usize>,
    /// Of the received media packets, one in this many is decrypted and its latency measured.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: u32,
    /// Takes datagrams one by one instead of as the runs in which they were sent (UDP_GRO).
    #[arg(long)]
    pub no_gro: bool,
    /// Joins that are under way at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub joins: u32,
    /// Prints nothing while it runs.
    #[arg(long)]
    pub quiet: bool,
}

/// What lies between generator and target.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkKind {
    /// The loopback interface.
    Loopback,
    /// A veth pair between two network namespaces. Needs root.
    Veth,
}

/// Options of `find-limit`.
#[derive(Args, Clone, Debug)]
pub struct FindLimitOptions {
    /// The run that is repeated; its size is searched for, beginning with the given one.
    #[command(flatten)]
    pub run: LoadOptions,
}

/// Options of `signal`.
#[derive(Args, Clone, Debug)]
pub struct SignalOptions {
    /// The server's address. Without it a server is started on this host, and stopped in the end.
    #[arg(long)]
    pub url: Option<String>,
    /// An API key of the server at `--url`. Its limits should be off.
    #[arg(long, requires = "url", env = "BENCH_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// The load.
    #[command(flatten)]
    pub load: SignalLoad,
    /// How long messages are sent, and then accounts asked for, such as 20s, 5m, 1h.
    #[arg(long, default_value = "20s", value_parser = duration)]
    pub duration: Duration,
    /// Sockets opened a second, at most.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connects_per_s: u32,
    /// Sockets that are being opened at the same time, at most.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub joins: u32,
    /// The server's program; beside this one, or in PATH, when absent.
    #[arg(long, env = "BOLTOREZKA_BIN")]
    pub server: Option<PathBuf>,
    /// A further flag for a server that is started, such as --server-flag=--database-url=postgres://…; may repeat.
    #[arg(long, allow_hyphen_values = true)]
    pub server_flag: Vec<String>,
    /// Writes the result there as JSON; `-` is standard output.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Writes the result there as a page.
    #[arg(long)]
    pub html: Option<PathBuf>,
    /// Prints nothing while it runs.
    #[arg(long)]
    pub quiet: bool,
}

/// The load that `signal` makes.
#[derive(Args, Serialize, Deserialize, Clone, PartialEq, Debug)]
pub struct SignalLoad {
    /// Sockets that talk, one for each participant.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub sockets: u32,
    /// Participants of each room.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub rooms_of: u32,
    /// Messages a second, of all participants together.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub messages_per_s: u32,
    /// Requests for `GET /v1/auth/me` a second, when the messages are through; 0 makes none.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub me_per_s: u32,
    /// Further sockets that enter one room all at once, in the end; 0 for none.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub crowd: u32,
}

impl SignalLoad {
    /// How many rooms its participants fill, the last one perhaps not wholly.
    pub fn rooms(&self) -> u32 {
        self.sockets.div_ceil(self.rooms_of.max(1))
    }
}

/// Options of `compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareOptions {
    /// The targets.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [TargetKind::Boltorezka, TargetKind::Janus])]
    pub targets: Vec<TargetKind>,
    /// How often each of them runs, in turn.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,
    /// The load. `--target` means nothing here.
    #[command(flatten)]
    pub run: LoadOptions,
}

/// Options of `report`.
#[derive(Args, Clone, Debug)]
pub struct ReportOptions {
    /// Results of `load`, `find-limit`, `compare` and `signal`.
    #[arg(required = true)]
    pub results: Vec<PathBuf>,
    /// Where the page goes; `-` is standard output.
    #[arg(long)]
    pub html: PathBuf,
}

/// Reads a duration such as `20s`, `500ms`, `5m`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let cure = || format!("{text} is no duration; give one like 20s, 500ms, 5m or 1h");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(cure)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| cure())?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(cure()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| cure())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "s", "-1s", "5d", "1s2"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_documented_flags_are_taken() {
        let line = "boltorezka-bench load --target boltorezka --url http://127.0.0.1:1 --api-key K --scenario churn \
            --publishers 1 --subscribers 2 --participants 3 --rooms 4 --rate 0.5 --bitrate-kbps 1000 --fps 30 \
            --simulcast --burst --shards 2 --duration 20s --floor --json a --html b";
        let options = Options::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Load(options) = options.command else { panic!("it is load") };
        assert_eq!(options.load.scenario, Scenario::Churn);
        assert_eq!(options.load.rate, Some(0.5));
        assert!(options.load.burst && options.load.simulcast && options.floor);
    }
}
