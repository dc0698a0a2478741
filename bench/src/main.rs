//! The program `boltorezka-bench`.
// It is a program of the command line: its table and its errors are for whoever started it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;

use boltorezka_bench::options::{
    Command, CompareOptions, FindLimitOptions, LinkKind, LoadOptions, Options, SignalOptions,
};
use boltorezka_bench::report::document::Document;
use boltorezka_bench::report::table::Progress;
use boltorezka_bench::report::{comparison, html};
use boltorezka_bench::{BenchError, child, compare, find_limit, floor, load, report, signal};
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
        Command::Load(options) if options.link_kind() == LinkKind::Veth && options.inside.is_none() => {
            child::inside_veth()
        }
        Command::Load(options) => load_once(&options),
        Command::FindLimit(options) => search(&options),
        Command::Signal(options) => signalling(&options),
        Command::Compare(options) => compare_targets(&options),
        Command::Report(options) => {
            let documents: Result<Vec<_>, BenchError> = options.results.iter().map(|path| document(path)).collect();
            report::write(&options.html, &html::page(&documents?)).map(|()| 0)
        }
        Command::FloorSender(options) => {
            let floor = floor::send(&options)?;
            report::write_json("-".as_ref(), &floor).map(|()| 0)
        }
    }
}

fn load_once(options: &LoadOptions) -> Result<u8, BenchError> {
    let mut progress = Progress::new(options.generator.quiet);
    let result = load::run_over(options, &options.link(), &mut |event| progress.show(&event))?;
    save(&Document::Run(Box::new(result.clone())), options.json.as_deref(), options.html.as_deref())?;
    if !options.generator.quiet {
        print!("{}", report::table::summary(&result));
    }
    Ok(result.exit_code())
}

/// Exits with 3 when the generator was the bottleneck of a run that was not good: the limit is then a lower bound.
fn search(options: &FindLimitOptions) -> Result<u8, BenchError> {
    let quiet = options.run.generator.quiet;
    let limit = find_limit::run(options, &mut |tried| {
        if !quiet {
            eprintln!("{}", comparison::try_line(tried));
        }
    })?;
    if !quiet {
        println!("{}", comparison::limit_line(&limit));
    }
    let code = if limit.generator_was_bottleneck { 3 } else { 0 };
    save(&Document::Limit(limit), options.run.json.as_deref(), options.run.html.as_deref())?;
    Ok(code)
}

fn compare_targets(options: &CompareOptions) -> Result<u8, BenchError> {
    let comparison = compare::run(options)?;
    if !options.run.generator.quiet {
        print!("{}", comparison::table(&comparison));
    }
    let code = comparison.runs.iter().map(report::RunResult::exit_code).max().unwrap_or(0);
    save(&Document::Comparison(comparison), options.run.json.as_deref(), options.run.html.as_deref())?;
    Ok(code)
}

fn signalling(options: &SignalOptions) -> Result<u8, BenchError> {
    let mut progress = Progress::new(options.quiet);
    let result = signal::run_blocking(options, &mut |event| progress.show(&event))?;
    save(&Document::Signal(Box::new(result.clone())), options.json.as_deref(), options.html.as_deref())?;
    if !options.quiet {
        print!("{}", report::signal::table(&result));
    }
    Ok(result.exit_code())
}

fn save(document: &Document, json: Option<&Path>, html: Option<&Path>) -> Result<(), BenchError> {
    if let Some(path) = json {
        report::write_json(path, document)?;
    }
    if let Some(path) = html {
        report::write(path, &html::page(&[(String::new(), document.clone())]))?;
    }
    Ok(())
}

/// A result under its file's name, for the page.
fn document(path: &Path) -> Result<(String, Document), BenchError> {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
    Ok((name.unwrap_or_default(), Document::read(path)?))
}
