//! `boltorezka`: the server, from one executable.

mod commands;
mod doctor;
mod files;
mod http;
mod logs;
mod node;
mod serve;
mod settings;
mod supervise;
mod web;

use std::io::Write as _;
use std::process::ExitCode;

use crate::settings::SettingError;

/// Why a command did not end cleanly.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something that was set cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingError),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Any error that a caller has explained.
    pub fn other(message: impl ToString) -> Self {
        Self::Other(message.to_string())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Settings(_) => 2,
            Self::Other(_) => 1,
        }
    }
}

fn main() -> ExitCode {
    match commands::run() {
        Ok(code) => code,
        Err(failure) => {
            // Nobody may be reading: then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "boltorezka: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

/// A line for people on standard output, at once even when it is a pipe.
pub fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
