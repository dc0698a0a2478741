//! Why a run failed.

use std::io;

use thiserror::Error;

use crate::media::MediaError;
use crate::target::TargetError;
use crate::veth::VethError;

/// Why a run failed. A run that ends with figures is no failure, however bad they are.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BenchError {
    /// Options that do not fit together.
    #[error("{0}")]
    Options(String),
    /// The target did not start, or refused.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The media stack failed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The operating system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Too few of the clients got in for the figures to mean anything.
    #[error("{failed} of {all} clients did not get in; the first because: {first}")]
    Joins {
        /// Clients without media.
        failed: usize,
        /// All clients.
        all: usize,
        /// Why the first of them failed.
        first: String,
    },
    /// A run in a process of its own ended without a result.
    #[error("{0}")]
    Run(String),
    /// It was told to end.
    #[error("interrupted")]
    Interrupted,
    /// A veth pair could not be made.
    #[error(transparent)]
    Veth(#[from] VethError),
    /// Two runs cannot be compared.
    #[error("the runs differ in their load, so that comparing them says nothing: {0}")]
    Different(String),
}

impl BenchError {
    /// Wraps what the system said with what was tried.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
