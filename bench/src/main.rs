//! The program `boltorezka-bench`.
// It is a program of the command line: its table and its errors are for whoever started it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use boltorezka_bench::options::{Command, LoadOptions, Options};
use boltorezka_bench::report::table::Progress;
use boltorezka_bench::{BenchError, floor, load, report};
use clap::Parser;

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let options = Options::parse();
    match run(options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(1)
        }
    }
}

fn run(options: Options) -> Result<u8, BenchError> {
    match options.command {
        Command::Load(options) => load_once(&options),
        Command::FloorSender(options) => {
            let floor = floor::send(&options)?;
            report::write_json("-".as_ref(), &floor).map(|()| 0)
        }
        Command::FindLimit(_) | Command::Signal(_) | Command::Compare(_) => {
            Err(BenchError::Options("this command is not part of this build".into()))
        }
    }
}

fn load_once(options: &LoadOptions) -> Result<u8, BenchError> {
    let mut progress = Progress::new(options.generator.quiet);
    let result = load::run_blocking(options, &mut |event| progress.show(&event))?;
    report::save(&result, options)?;
    if !options.generator.quiet {
        print!("{}", report::table::summary(&result));
    }
    Ok(result.exit_code())
}
