//! Requests to the provider: each is bounded in time and size, and goes where it is sent and nowhere else.

use std::time::Duration;

use reqwest::{RequestBuilder, header};
use serde::de::DeserializeOwned;

use crate::outbound::in_words;

/// How long an answer may take: somebody waits for it in front of a page.
pub const TIMEOUT: Duration = Duration::from_secs(8);
/// The part of it in which a connection must come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The longest answer in bytes: descriptions and key sets have some thousand.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Why the provider's answer is not there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or one of failure.
    #[error("{0}")]
    Unreachable(String),
    /// It says that what it was asked is wrong.
    #[error("it answered {0}")]
    Refused(u16),
    /// It is no JSON of the expected form, or too long.
    #[error("{0}")]
    Unreadable(String),
}

/// Sends a request and reads the JSON of its answer.
///
/// # Errors
/// [`FetchError`], without anything of the request: it may hold a secret.
pub async fn json<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, FetchError> {
    let unreachable = |error| FetchError::Unreachable(in_words(error));
    let mut response = request.header(header::ACCEPT, "application/json").send().await.map_err(unreachable)?;
    let status = response.status();
    if status.is_client_error() {
        return Err(FetchError::Refused(status.as_u16()));
    }
    if !status.is_success() {
        return Err(FetchError::Unreachable(format!("it answered {status}")));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(FetchError::Unreadable(format!("its answer has more than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|error| FetchError::Unreadable(format!("its answer is not understood: {error}")))
}
