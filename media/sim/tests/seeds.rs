//! The committed seeds, and that a seed is a seed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::process::Command;

/// Runs the simulator; its output by seed, and whether all was well.
fn run(arguments: &[&str]) -> (BTreeMap<u64, String>, bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_boltorezka-sim")).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let digests = text.lines().filter_map(|line| {
        let (seed, rest) = line.strip_prefix("seed ")?.split_once(':')?;
        Some((seed.trim().parse().ok()?, rest.rsplit(", ").next()?.to_owned()))
    });
    (digests.collect(), output.status.success(), text)
}

fn committed() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn committed_seeds_pass() {
    let seeds = committed();
    assert!(seeds.len() >= 50, "only {} seeds", seeds.len());
    let (digests, all_well, text) = run(&["--list", &seeds.join(",")]);
    assert!(all_well, "{text}");
    assert_eq!(digests.len(), seeds.len(), "{text}");
}

#[test]
fn two_processes_decide_the_same() {
    let (alone, all_well, text) = run(&["--list", "1"]);
    assert!(all_well, "{text}");
    let (among_others, all_well, text) = run(&["--list", "7,1,0"]);
    assert!(all_well, "{text}");
    assert_eq!(alone[&1], among_others[&1]);
    assert_ne!(among_others[&7], among_others[&1]);
}
