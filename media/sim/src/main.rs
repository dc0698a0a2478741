//! Runs seeds: `boltorezka-sim --seeds 1000 --seed-start 0`, some (`--list 3,17`), or one with all its decisions:
//! `--list 17 --trace trace.txt`.
#![allow(clippy::print_stdout, reason = "a program for people at a terminal")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use boltorezka_sim::host::simulate;
use boltorezka_sim::parallel;
use boltorezka_sim::scenario::{self, Options, Outcome};
use boltorezka_sim::scoreboard;
use boltorezka_sim::trace::Trace;
use clap::Parser;

/// A whole media node on a simulated network, seed by seed.
#[derive(Parser)]
struct Arguments {
    /// Runs these seeds.
    #[arg(long, value_delimiter = ',')]
    list: Vec<u64>,
    /// Writes all decisions to this file; for one seed.
    #[arg(long, requires = "list")]
    trace: Option<String>,
    /// How many seeds to run.
    #[arg(long, default_value_t = 50)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    seed_start: u64,
    /// Plays the links of the scoreboard, and writes the table to this file.
    #[arg(long, conflicts_with = "list")]
    scoreboard: Option<String>,
    /// Shards of the node; each seed decides when absent.
    #[arg(long)]
    shards: Option<u8>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    boltorezka_sim::host::warm_up();
    if let Some(path) = &arguments.scoreboard {
        return write_scoreboard(path);
    }
    let seeds = match arguments.list.as_slice() {
        [] => (arguments.seed_start..).take(arguments.seeds as usize).collect(),
        list => list.to_vec(),
    };
    let options = Options { shards: arguments.shards, ..Options::default() };
    let failed = AtomicBool::new(false);
    let began = Instant::now();
    parallel::for_each(&seeds, |&seed| {
        let trace = arguments.trace.as_deref().map_or_else(|| Ok(Trace::default()), Trace::to_file);
        let began = Instant::now();
        match trace {
            Ok(trace) => {
                let outcome = simulate(seed, || scenario::run(seed, options, trace));
                failed.fetch_or(!report(seed, options, outcome, began), Ordering::Relaxed);
            }
            Err(error) => println!("the trace cannot be written: {error}"),
        }
    });
    println!("{} seeds in {:.0} s", seeds.len(), began.elapsed().as_secs_f64());
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn write_scoreboard(path: &str) -> ExitCode {
    let written = scoreboard::run().and_then(|rows| {
        let table = scoreboard::write(&rows);
        println!("{table}");
        std::fs::write(path, table).map_err(|error| format!("{path} cannot be written: {error}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            println!("{wrong}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what a seed came to; says whether all was well.
fn report(seed: u64, options: Options, outcome: std::thread::Result<Outcome>, began: Instant) -> bool {
    let took = began.elapsed().as_secs_f64();
    let wrong = match outcome {
        Ok(Outcome { digest, people, shards, time, wrong, .. }) => {
            let time = time.as_secs_f64();
            println!("seed {seed:>6}: {people:>2} people, {shards} shards, {time:.0} s in {took:.1} s, {digest:016x}");
            wrong
        }
        Err(panic) => Some(match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(panic) => {
                panic.downcast::<&str>().map_or_else(|_| "a panic".to_owned(), |message| (*message).to_owned())
            }
        }),
    };
    let Some(wrong) = wrong else { return true };
    let shards = options.shards.map(|shards| format!(" --shards {shards}")).unwrap_or_default();
    println!("seed {seed:>6} FAILED: {wrong}");
    println!("    again: cargo run --bin boltorezka-sim -- --list {seed}{shards} --trace trace.txt");
    false
}
