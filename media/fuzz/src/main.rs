//! `boltorezka-fuzz corpus` writes the valid inputs of each target; `boltorezka-fuzz run` mutates the corpus, without a
//! fuzzer's toolchain; `boltorezka-fuzz replay` runs one input.
#![allow(clippy::print_stdout, reason = "it is a command")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use boltorezka_fuzz::{TARGETS, Target, find, mutate::mutate, seeds};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Mutated inputs for the parsers and the shards of the media plane")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes the valid inputs into the corpus; what is there stays
    Corpus,
    /// Runs mutated inputs; the one that a target does not survive is left in the given file
    Run {
        /// A target; all without one, each for its share of the time
        #[arg(long)]
        target: Option<String>,
        /// How long, in all
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The same seed gives the same inputs
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The input that runs
        #[arg(long, default_value = "fuzz-input.bin")]
        input: PathBuf,
    },
    /// Runs one input
    Replay {
        /// Its target
        target: String,
        /// The file
        input: PathBuf,
    },
}

fn main() -> ExitCode {
    match Options::parse().command {
        Command::Corpus => TARGETS.iter().for_each(write_corpus),
        Command::Run { target, seconds, seed, input } => {
            let targets: Vec<Target> =
                TARGETS.into_iter().filter(|one| target.as_ref().is_none_or(|name| name == one.name)).collect();
            let share = Duration::from_secs(seconds) / u32::try_from(targets.len().max(1)).unwrap_or(1);
            targets.iter().for_each(|target| run(target, share, seed, &input));
        }
        Command::Replay { target, input } => match (find(&target), fs::read(&input)) {
            (Some(target), Ok(bytes)) => (target.run)(&bytes),
            _ => {
                println!("there is no target {target}, or no file {}", input.display());
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

fn write_corpus(target: &Target) {
    let folder = corpus(target);
    let written = fs::create_dir_all(&folder).and_then(|()| {
        seeds::of(target.name)
            .iter()
            .enumerate()
            .try_for_each(|(number, seed)| fs::write(folder.join(format!("valid-{number:02}")), seed))
    });
    println!("{}: {written:?}", folder.display());
}

fn run(target: &Target, duration: Duration, seed: u64, file: &Path) {
    let inputs: Vec<Vec<u8>> = fs::read_dir(corpus(target))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read(entry.path()).ok())
        .collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let (began, mut count) = (Instant::now(), 0_u64);
    while began.elapsed() < duration && !inputs.is_empty() {
        let mut input = random.choice(&inputs).cloned().unwrap_or_default();
        let other = random.usize(..inputs.len());
        mutate(&mut input, inputs.get(other).map_or(&[], Vec::as_slice), &mut random);
        let survived = std::panic::catch_unwind(|| (target.run)(&input));
        if survived.is_err() {
            let written = fs::write(file, &input);
            println!("{} does not survive {} ({written:?})", target.name, file.display());
            std::process::exit(1);
        }
        count += 1;
    }
    println!("{}: {count} inputs in {:.0} s", target.name, began.elapsed().as_secs_f64());
}
