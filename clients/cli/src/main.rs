//! `boltorezka-cli`: takes part in a call from a terminal. Publishes from files, counts, records.
//!
//! Exit codes: 0 the call went as asked, 2 bad usage, 1 everything else.

mod args;
mod join;
mod report;
mod token;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Args, Command};

/// Why the program ends without success.
enum Failure {
    /// The caller can mend it by calling differently.
    Usage(String),
    /// Anything else.
    Other(String),
}

fn main() -> ExitCode {
    // clap ends the process by itself with 2 for bad usage.
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = match (runtime, args.command) {
        (Ok(runtime), Command::Join(join)) => runtime.block_on(join::run(join)),
        (Err(error), _) => Err(Failure::Other(format!("the runtime could not be started: {error}"))),
    };
    let (code, message) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => (2, message),
        Err(Failure::Other(message)) => (1, message),
    };
    // Nothing is left to do when even the error stream is closed.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
