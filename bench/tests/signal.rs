//! The program's `signal` against the real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::process::{Command, Output};

use boltorezka_bench::report::document::Document;
use boltorezka_bench::signal::SignalResult;
use common::server;

fn signal(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boltorezka-bench"));
    command.arg("signal").args(arguments.split_whitespace());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn fifty_talk_ask_and_enter_one_room() {
    let folder = tempfile::tempdir().unwrap();
    let (json, page) = (folder.path().join("signal.json"), folder.path().join("signal.html"));
    let load = "--sockets 50 --rooms-of 10 --messages-per-s 50 --me-per-s 50 --crowd 30 --duration 2s";
    let mut command = signal(load);
    let output =
        command.arg("--server").arg(server()).arg("--json").arg(&json).arg("--html").arg(&page).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let Document::Signal(result) = Document::read(&json).unwrap() else { panic!("it is no result of signal") };
    assert!(said(&output).contains("of 50 sockets are open"), "progress is shown: {}", said(&output));
    everything_came(&result);

    let me = result.me.unwrap();
    assert!(me.requests_failed == 0 && (40.0..=51.0).contains(&me.requests_per_s), "{me:?}");
    assert!(0.0 < me.request_ms_p50 && me.request_ms_p50 <= me.request_ms_p95, "{me:?}");
    let crowd = result.crowd.unwrap();
    assert_eq!((crowd.members, crowd.members_failed), (30, 0));
    // Presence is told each tenth of a second, however many came in it: thirty joins are no thirty messages.
    let batches = (crowd.joins_took_s * 10.0).ceil() as u32 + 2;
    assert!((1..=batches).contains(&crowd.presence_messages_max), "{crowd:?}");
    assert!(crowd.presence_bytes_p50 > 30 * 100, "each of thirty is named: {crowd:?}");
    assert!(result.generator_cpu_ratio > 0.0 && result.server_cpu_ratio.is_some_and(|ratio| ratio > 0.0));

    let table = String::from_utf8(output.stdout).unwrap();
    for part in ["ack p50/p95/p99", "100.0000 %", "GET /v1/auth/me", "presence for a member"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(std::fs::read_to_string(&page).unwrap().contains("50 sockets in 5 rooms"));
}

fn everything_came(result: &SignalResult) {
    assert_eq!((result.sockets, result.rooms, result.sockets_failed, result.sockets_broken), (50, 5, 0, 0));
    assert!((80..=101).contains(&result.messages_sent), "{result:#?}");
    let faults = [
        result.messages_refused,
        result.messages_skipped,
        result.messages_unanswered,
        result.messages_lost,
        result.messages_double,
        result.deliveries_missing,
        result.deliveries_double,
        result.deliveries_out_of_order,
        result.deliveries_unknown,
    ];
    assert_eq!(faults, [0; 9], "{result:#?}");
    assert!((result.delivery_ratio - 1.0).abs() < f64::EPSILON);
    // Each message comes to the ten of its room.
    assert!((result.deliveries_per_s / result.messages_per_s - 10.0).abs() < 0.01, "{result:#?}");
    let times = [result.connect_ms_p50, result.join_ms_p50, result.ack_ms_p50, result.delivery_ms_p50];
    assert!(times.iter().all(|ms| (0.01..5_000.0).contains(ms)), "{result:#?}");
}

#[test]
fn what_cannot_be_done_is_said_before_anything_starts() {
    let output = signal("--messages-per-s 100000 --duration 1h").output().unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("--duration"), "{}", said(&output));
    // As a shell would: the limit counts for the program and for what it starts.
    let program = env!("CARGO_BIN_EXE_boltorezka-bench");
    let line = format!("ulimit -n 5000 && exec {program} signal --sockets 5000");
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    let error = said(&output);
    assert!(output.status.code() == Some(1) && error.contains("6100 open files") && error.contains("5000"), "{error}");
}
