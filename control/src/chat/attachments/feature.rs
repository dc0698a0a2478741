//! Where files of messages are, as a feature of the server. Their routes are those of chat, which goes on without it.

use std::time::Duration;

use async_trait::async_trait;
use boltorezka_proto::ErrorCode;
use tokio::time::timeout;

use super::files::{FileError, Files};
use super::sweep::{SWEEP_EVERY, SWEEP_STRAYS_EVERY, sweep, sweep_strays};
use crate::app::App;
use crate::error::ApiError;
use crate::features::{Feature, every};

/// Features behind this one wait no longer for a store that does not answer. It is asked again.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// A store that was away is found to be back within this.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// When somebody may try again whom a store has let down: the next check has come by then.
const RETRY_MS: u64 = 10_000;

/// The feature.
pub struct AttachmentFiles;

#[async_trait]
impl Feature for AttachmentFiles {
    fn name(&self) -> &'static str {
        "attachments"
    }

    fn title(&self) -> &'static str {
        "Where files of messages are kept: in the data directory, or in an S3 store."
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        if let Files::S3(s3) = &app.attachments.files {
            // Who does not answer yet may come later: both may have been started together.
            if let Ok(Err(error @ FileError::Refused(_))) = timeout(START_PATIENCE, s3.check()).await {
                return Err(error.to_string());
            }
            every(app, CHECK_EVERY, "asking the store of files", async |app: App| {
                if let Files::S3(s3) = &app.attachments.files {
                    // It has said itself what is wrong.
                    let _ = s3.check().await;
                }
                Ok(())
            });
        }
        every(app, SWEEP_EVERY, "removing files that are not needed", sweep);
        every(app, SWEEP_STRAYS_EVERY, "looking for files that nothing refers to", sweep_strays);
        Ok(())
    }

    async fn health(&self, app: &App) -> Result<(), &'static str> {
        match &app.attachments.files {
            Files::S3(s3) => s3.trouble().map_or(Ok(()), Err),
            Files::Disk(_) => Ok(()),
        }
    }
}

/// Waits until files can be kept and fetched.
///
/// # Errors
/// `unavailable`, with the time of another try.
pub async fn started(app: &App) -> Result<(), ApiError> {
    let started = app.features.check(app, &AttachmentFiles, false).await;
    started.map_err(|error| ApiError { retry_after_ms: Some(RETRY_MS), ..error })
}

/// A failure as callers see it: what failed is for the operator.
pub fn failed(error: FileError) -> ApiError {
    match error {
        FileError::Disk(error) => {
            tracing::error!(%error, "a file cannot be written or read; look at data_dir");
            ApiError::new(ErrorCode::Internal)
        }
        FileError::Away(_) | FileError::Refused(_) => {
            tracing::error!(%error, "a file cannot be kept or fetched");
            let detail = "files cannot be kept or fetched right now; try again later";
            let error = ApiError::because(ErrorCode::Unavailable, detail);
            ApiError { retry_after_ms: Some(RETRY_MS), ..error }
        }
    }
}
