//! The floor: what copying, sealing and sending the same packets costs at least.
//!
//! The scenario's arrivals are computed beforehand: the same sources, cut and paced in the same way. A program of its own
//! on the target's core then does at each arrival what no server can do without: for each receiver it copies the packet,
//! seals it with the receiver's own key, and sends it over the same kind of link to the same generator. It parses
//! nothing, looks nothing up, receives nothing.

use std::net::SocketAddrV4;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::link::Link;
use crate::load::Cores;
use crate::media::engine::EngineHandle;
use crate::media::floor_source::{Arrival, arrivals};
use crate::media::srtp::{Keys, TAG_BYTES};
use crate::media::{SendingParameters, rtp};
use crate::options::{Load, LoadOptions};
use crate::plan::Plan;
use crate::process;
use crate::report::Floor;
use crate::socket::{self, Outbox};

/// Each of the two ways is measured this long: enough for every figure to settle.
const SECONDS: u64 = 5;
/// Datagrams in a run, and bytes of one: what the kernel takes (UDP_MAX_SEGMENTS is 64, the length a 16-bit number).
const RUN_MAX: usize = 40;
const RUN_BYTES: usize = 60_000;
/// Clients of the floor have the last addresses of the range, where no real client ever was.
const ADDRESSES: u32 = 32_768;

/// How clients send under a load.
pub fn parameters(load: &Load) -> SendingParameters {
    SendingParameters { bitrate_bps: load.bitrate_kbps * 1000, fps: load.fps, burst: load.burst }
}

/// Options of the floor's sender.
#[derive(Args, Clone, Debug)]
pub struct SenderOptions {
    /// What to send and where, as JSON.
    #[arg(long)]
    task: String,
}

/// What the floor's sender is told.
#[derive(Serialize, Deserialize, Debug)]
struct Task {
    plan: Plan,
    first_address: std::net::Ipv4Addr,
    port: u16,
    cores: Vec<usize>,
}

/// Measures the floor of a plan, in a process on the target's core.
///
/// # Errors
/// [`BenchError`] when the process fails.
pub async fn measure(
    options: &LoadOptions,
    link: &Link,
    plan: &Plan,
    engine: &EngineHandle,
    cores: &Cores,
) -> Result<Floor, BenchError> {
    let first_address = link.clients.address(link.clients.count.saturating_sub(ADDRESSES));
    let first_address = first_address.ok_or_else(|| BenchError::Options("there are no addresses left".into()))?;
    let core = cores.target.first().copied().unwrap_or(options.generator.target_core);
    let task = Task { plan: plan.clone(), first_address, port: engine.port(), cores: vec![core] };
    let task = serde_json::to_string(&task).map_err(|error| BenchError::Options(error.to_string()))?;
    let program = std::env::current_exe().map_err(BenchError::system("finding this program"))?;
    // Through a file descriptor and not the command line: a plan may be longer than that may be.
    let mut command = tokio::process::Command::from(link.command(program));
    command.args(["floor-sender", "--task", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().map_err(BenchError::system("starting the floor"))?;
    if let Some(mut stdin) = child.stdin.take() {
        use tokio::io::AsyncWriteExt as _;
        stdin.write_all(task.as_bytes()).await.map_err(BenchError::system("starting the floor"))?;
    }
    let output = child.wait_with_output().await.map_err(BenchError::system("waiting for the floor"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| BenchError::Options(format!("the floor was not measured: {error}")))
}

/// Runs the floor's sender: reads its task from standard input when that is `-`, and returns the result.
///
/// # Errors
/// [`BenchError`].
pub fn send(options: &SenderOptions) -> Result<Floor, BenchError> {
    let text = match options.task.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).map_err(BenchError::system("reading the task"))?,
        text => text.to_owned(),
    };
    let task: Task = serde_json::from_str(&text).map_err(|error| BenchError::Options(error.to_string()))?;
    process::pin(0, &task.cores).map_err(BenchError::system("pinning the floor"))?;
    let arrivals = arrivals(&task.plan, parameters(&task.plan.load), Duration::from_secs(SECONDS))?;
    let mut sender = FloorSender::new(&task)?;
    let batched = sender.play(&arrivals, false);
    let runs = sender.play(&arrivals, true);
    Ok(Floor {
        batched_ns_per_packet: batched.busy_ns / batched.packets.max(1.0),
        runs_ns_per_packet: runs.busy_ns / runs.packets.max(1.0),
        run_length: runs.packets / runs.sends.max(1.0),
        packets: (batched.packets + runs.packets) as u64,
    })
}

/// What one way took.
#[derive(Clone, Copy, Default, Debug)]
struct Played {
    busy_ns: f64,
    packets: f64,
    sends: f64,
}

struct FloorReceiver {
    /// The seats whose packets it gets, in rising order.
    from: Vec<u32>,
    address: SocketAddrV4,
    keys: Keys,
    index: u64,
}

struct FloorSender {
    outbox: Outbox,
    receivers: Vec<FloorReceiver>,
    /// What arrives: the same bytes for all, as their contents do not matter.
    packet: Vec<u8>,
    played: Played,
}

impl FloorSender {
    fn new(task: &Task) -> Result<Self, BenchError> {
        let (_, outbox) = socket::bind(0, RUN_BYTES + 4_096, false).map_err(BenchError::system("binding a socket"))?;
        let seats = task.plan.seats.iter().filter(|seat| seat.receives()).take(ADDRESSES as usize);
        let receivers = seats.zip(0u32..).map(|(seat, n)| {
            let ip = std::net::Ipv4Addr::from(u32::from(task.first_address).wrapping_add(n));
            let key: Vec<u8> = seat.index.to_be_bytes().repeat(8);
            let keys = Keys::new(&key, &[n as u8; 12])?;
            Ok(FloorReceiver {
                from: task.plan.sources(seat),
                address: SocketAddrV4::new(ip, task.port),
                keys,
                index: 0,
            })
        });
        let receivers = receivers.collect::<Result<_, BenchError>>()?;
        // An RTP header without extensions, so that a receiver takes it for media.
        let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        packet.resize(2_048, 0x5a);
        Ok(Self { outbox, receivers, packet, played: Played::default() })
    }

    /// Plays all arrivals in real time. Those that are due at the same moment are one turn.
    fn play(&mut self, arrivals: &[Arrival], runs: bool) -> Played {
        self.played = Played::default();
        let began = Instant::now();
        let mut rest = arrivals;
        while let Some(next) = rest.first() {
            let wait = Duration::from_nanos(next.at_ns).saturating_sub(began.elapsed());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            let now_ns = began.elapsed().as_nanos() as u64;
            let due = rest.partition_point(|arrival| arrival.at_ns <= now_ns);
            let (turn, later) = rest.split_at_checked(due.max(1)).unwrap_or((rest, &[]));
            rest = later;
            // Sleeping and waking are a server's business too, but not of its packets: only the work is counted.
            let before = cpu_ns();
            self.turn(turn, runs);
            self.played.busy_ns += (cpu_ns() - before) as f64;
        }
        self.played
    }

    fn turn(&mut self, turn: &[Arrival], runs: bool) {
        for receiver in &mut self.receivers {
            // Header and payload of what waits in the slot: length of each datagram, and of all.
            let (mut datagram, mut filled, mut count) = (0, 0, 0);
            for arrival in turn.iter().filter(|arrival| receiver.from.binary_search(&arrival.seat).is_ok()) {
                let sealed = arrival.bytes as usize;
                // A run takes equal lengths, and a shorter one as its last.
                let fits = runs && count > 0 && count < RUN_MAX && sealed <= datagram && filled % datagram == 0;
                if count > 0 && !(fits && filled + sealed <= RUN_BYTES) {
                    self.outbox.push(filled, None, receiver.address, (count > 1).then_some(datagram as u16));
                    self.played.sends += 1.0;
                    (filled, count) = (0, 0);
                }
                if count == 0 {
                    datagram = sealed;
                }
                let Some(slot) = self.outbox.slot().get_mut(filled..filled + sealed) else { continue };
                let plain = sealed - TAG_BYTES;
                let Some(source) = self.packet.get(..plain) else { continue };
                slot.get_mut(..plain).into_iter().for_each(|place| place.copy_from_slice(source));
                receiver.index += 1;
                if receiver.keys.seal_rtp(slot, rtp::FIXED_BYTES, plain, 1, receiver.index).is_some() {
                    filled += sealed;
                    count += 1;
                    self.played.packets += 1.0;
                }
            }
            if count > 0 {
                self.outbox.push(filled, None, receiver.address, (count > 1).then_some(datagram as u16));
                self.played.sends += 1.0;
            }
        }
        self.outbox.flush();
    }
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
