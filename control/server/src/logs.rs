//! Log lines to standard error; standard output is for what people asked for.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// What other libraries warn about and operators cannot change: str0m warns of each redundancy format that a browser
/// offers. The setting `log` may name these targets again, and then counts.
const QUIET: &str = "str0m=error";

/// Starts logging. The filter was checked when the settings were loaded.
pub fn start(settings: &Settings) {
    let filter = EnvFilter::builder().parse_lossy(format!("{QUIET},{}", settings.log));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Standard error may be a pipe that nobody reads any more; complaining there would panic.
        .log_internal_errors(false);
    match settings.log_format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
    }
}
