//! Fuzz targets for each parser of the media plane and its contracts, and for a shard's inputs as a whole.
//!
//! A target is a function of bytes that must return, whatever they are; where there is something to hold afterwards, it
//! asserts that. Three drivers call the same functions: `tests/corpus.rs` with the committed inputs and some thousand
//! mutations of them, in each run of the tests; `boltorezka-fuzz run` for as long as one likes, on any toolchain; and
//! `libfuzzer/` with cargo-fuzz, led by coverage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fuzz target ends at the first thing that cannot be; nobody's call depends on it"
)]

pub mod contracts;
pub mod input;
pub mod mutate;
pub mod parsers;
pub mod peer;
pub mod seeds;
pub mod shard;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, that of its folder in `corpus` and of its file in `libfuzzer/fuzz_targets`.
    pub name: &'static str,
    /// It must return.
    pub run: fn(&[u8]),
    /// Mutated inputs in a run of the tests: together a minute on a slow machine.
    pub test_runs: u32,
}

const fn target(name: &'static str, run: fn(&[u8]), test_runs: u32) -> Target {
    Target { name, run, test_runs }
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    target("payloads", parsers::payloads, 200_000),
    target("dependency", parsers::dependency, 200_000),
    target("redundancy", parsers::redundancy, 200_000),
    target("reports", parsers::reports, 200_000),
    target("frames", parsers::frames, 100_000),
    target("offer", parsers::offer, 3_000),
    target("messages", contracts::messages, 60_000),
    target("strangers", shard::strangers, 2_000),
    target("shard", shard::shard, 400),
];

/// The target of this name.
pub fn find(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
