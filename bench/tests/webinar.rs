//! The program against the real server, over real sockets.
//!
//! The server is taken from `BOLTOREZKA_BIN`, or from the folder that cargo builds into. Tests run one after another:
//! they measure on a machine with few cores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use boltorezka_bench::report::RunResult;
use common::server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What a publisher sent may come when its handshake is not over at the server, or its leaving is: some packets of one
/// picture. What is lost between those two is a loss to all who receive, and is counted there.
const IN_FLIGHT_PACKETS_MAX: i64 = 5;

/// Held by each test while it runs.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `load` and returns its exit code and its JSON.
fn load(arguments: &str) -> (Option<i32>, Value) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let output = Command::new(env!("CARGO_BIN_EXE_boltorezka-bench"))
        .args(["load", "--json", "-", "--quiet", "--server"])
        .arg(server())
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

/// Processes whose command line has a text.
fn processes_with(text: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(text)).count()
}

#[test]
fn who_is_interrupted_leaves_no_server_behind() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // A limit that no other server has: it names ours.
    let flag = format!("--limits-rooms-total={}", 1_000_000 + std::process::id());
    let mut bench = Command::new(env!("CARGO_BIN_EXE_boltorezka-bench"))
        .args(["load", "--subscribers", "3", "--duration", "60s", "--server"])
        .arg(server())
        .arg(format!("--server-flag={flag}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(bench.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("clients join")), "it never came so far");
    // The generator names the flag, and the server has it.
    assert_eq!(processes_with(&flag), 2);
    kill_process(Pid::from_child(&bench), Signal::INT).unwrap();
    assert_ne!(bench.wait().unwrap().code(), Some(0));
    assert_eq!(processes_with(&flag), 0);
}

#[test]
fn a_webinar_of_fifty_loses_nothing() {
    let (code, json) = load("--scenario webinar --subscribers 50 --duration 5s --floor");
    assert_eq!(code, Some(0), "{json:#}");
    for key in [
        "scenario",
        "target",
        "cpu_ns_per_forwarded_packet",
        "floor_ns_per_packet",
        "forwarded_packets_per_s",
        "latency_us_p50",
        "latency_us_p99",
        "latency_us_p999",
        "loss_ratio",
        "rss_bytes_per_participant",
        "join_ms_p50",
        "join_ms_p95",
        "sfu_cpu_ratio",
        "generator_cpu_ratio",
        "generator_dropped_packets",
    ] {
        assert!(json.get(key).is_some_and(|value| !value.is_null()), "{key} is missing: {json:#}");
    }
    let result: RunResult = serde_json::from_value(json).unwrap();
    assert_eq!((result.participants, result.joins_failed), (51, 0));
    // What was lost and repaired counts too: nothing on the way loses anything.
    let repaired_ratio = result.repaired_packets as f64 / (result.forwarded_packets_per_s * result.duration_s);
    assert!(result.loss_ratio + repaired_ratio < 0.001, "{result:#?}");
    assert!(result.undelivered_ratio.unwrap() < 0.01, "{result:#?}");
    // Some 130 pictures' packets and 40 sounds a second, for each of fifty.
    assert!((6_000.0..10_000.0).contains(&result.forwarded_packets_per_s), "{result:#?}");
    assert!((45.0..70.0).contains(&result.forwarded_mbps), "{result:#?}");
    let median_ms = result.latency_us_p50 / 1000.0;
    assert!(result.latency_samples > 1_000 && median_ms > 0.01 && median_ms < 50.0, "{result:#?}");
    let account = result.account.as_ref().unwrap();
    assert_eq!((account.imbalance_before_slots, account.imbalance_after_slots), (0, 0), "{account:#?}");
    assert!((0..=IN_FLIGHT_PACKETS_MAX).contains(&account.not_at_server_packets), "{account:#?}");
    let (cpu, floor) = (result.cpu_ns_per_forwarded_packet.unwrap(), result.floor_ns_per_packet.unwrap());
    assert!(floor > 500.0 && cpu > floor, "nothing is cheaper than the floor: {cpu} and {floor} ns");
}

#[test]
fn people_come_and_go_in_simulcast() {
    let (code, json) = load("--scenario churn --subscribers 20 --rate 10 --simulcast --burst --duration 4s");
    assert_eq!(code, Some(0), "{json:#}");
    let result: RunResult = serde_json::from_value(json).unwrap();
    assert_eq!(result.joins_failed, 0);
    assert!((19..=22).contains(&result.participants), "{result:#?}");
    assert!(result.loss_ratio < 0.001, "{result:#?}");
    // Of three encodings each receives one: the largest has 1 Mb/s, all three 1.4.
    assert!(result.forwarded_mbps / 20.0 < 1.2 && result.forwarded_packets_per_s > 1_000.0, "{result:#?}");
}

#[test]
fn what_does_not_work_is_said_in_words() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_boltorezka-bench")).arg("load").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = run(&["--server", "/nowhere/boltorezka"]);
    assert!(code == Some(1) && error.contains("there is no program at /nowhere/boltorezka"), "{error}");
    let (code, error) = run(&["--url", "http://127.0.0.1:1", "--api-key", "bk_none"]);
    assert!(code == Some(1) && error.contains("making a room"), "{error}");
    let (code, error) = run(&["--duration", "5"]);
    assert!(code == Some(2) && error.contains("20s"), "{error}");
}
