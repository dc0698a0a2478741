//! Files of messages: on the disk below the data directory, with a row for each.
//!
//! A file is there before its row is, and goes after it. So a crash leaves a file too many, which [`sweep`] finds, and never a row
//! without its file.

mod download;
mod files;
mod media_type;
mod sweep;
mod upload;
mod uploads;

use std::path::Path;

use boltorezka_proto::UserId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::limits::Limits;

use files::Files;
pub use files::{FOLDER, hold};
pub use media_type::MediaTypes;
pub use sweep::{SWEEP_EVERY, SWEEP_STRAYS_EVERY, sweep, sweep_strays};
use uploads::{Upload, Uploads};

/// The files, and who uploads now.
pub struct Attachments {
    files: Files,
    uploads: Uploads,
    /// Sweeps take turns: the lock of the files knows processes, and not tasks.
    sweeping: tokio::sync::Mutex<()>,
}

impl Attachments {
    /// Below a data directory.
    pub fn new(data_dir: &Path, limits: &Limits) -> Self {
        Self { files: Files::new(data_dir), uploads: Uploads::new(limits), sweeping: tokio::sync::Mutex::default() }
    }

    /// A place among those who upload, if one is free.
    fn begin(&self, user_id: UserId) -> Option<Upload> {
        self.uploads.begin(user_id)
    }
}

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(upload::upload)).routes(routes!(download::download))
}
