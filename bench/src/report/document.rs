//! Results as they are kept in files.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::RunResult;
use crate::compare::Comparison;
use crate::error::BenchError;
use crate::find_limit::Limit;
use crate::signal::SignalResult;

/// What a file may hold: the result of any of the commands. Each is told by the keys that only it has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Document {
    /// Of `load`.
    Run(Box<RunResult>),
    /// Of `find-limit`.
    Limit(Limit),
    /// Of `compare`.
    Comparison(Comparison),
    /// Of `signal`.
    Signal(Box<SignalResult>),
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// [`BenchError::System`] when it cannot be read, [`BenchError::Options`] when it holds no result.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let text = std::fs::read(path).map_err(BenchError::system(format!("reading {}", path.display())))?;
        serde_json::from_slice(&text)
            .map_err(|_| BenchError::Options(format!("{} is no result of this program's --json", path.display())))
    }
}
