//! Files of messages: below the data directory or in an S3 store, with a row for each.
//!
//! A file is there before its row is, and goes after it. So a crash leaves a file too many, which [`sweep`] finds, and never a row
//! without its file.

mod copy;
mod download;
mod feature;
mod files;
mod media_type;
mod s3;
mod sweep;
mod upload;
mod uploads;

use std::path::Path;

use boltorezka_proto::UserId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::limits::Limits;
use crate::store::{Store, StoreError};

pub use copy::{CopyError, FilesCopied, copy_files};
pub use feature::AttachmentFiles;
pub use files::{FOLDER, hold};
use files::{FileError, Files};
pub use media_type::MediaTypes;
pub use s3::{S3Addressing, S3Config, S3Place};
use uploads::{Upload, Uploads};

/// The files, and who uploads now.
pub struct Attachments {
    files: Files,
    uploads: Uploads,
    /// Sweeps take turns: the lock of the files knows processes, and not tasks.
    sweeping: tokio::sync::Mutex<()>,
}

impl Attachments {
    /// In the bucket that the settings name, or else below the data directory. `owner` names this server to the bucket.
    ///
    /// # Errors
    /// What of the settings cannot be used.
    pub fn new(data_dir: &Path, s3: Option<&S3Config>, owner: String, limits: &Limits) -> Result<Self, String> {
        let files = Files::new(data_dir, s3, owner)?;
        Ok(Self { files, uploads: Uploads::new(limits), sweeping: tokio::sync::Mutex::default() })
    }

    /// Asks where files are kept whether they can be.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn check(&self) -> Result<(), FileError> {
        match &self.files {
            Files::S3(s3) => s3.check().await,
            Files::Disk(_) => Ok(()),
        }
    }

    /// A place among those who upload, if one is free.
    fn begin(&self, user_id: UserId) -> Option<Upload> {
        self.uploads.begin(user_id)
    }
}

/// What this server, which is its database, is called in a store of files. Made at the first start.
///
/// # Errors
/// When the database fails.
pub async fn files_owner(store: &dyn Store) -> Result<String, StoreError> {
    let fresh = uuid::Uuid::now_v7().simple().to_string();
    let kept = store.put_setting("files_owner", fresh.as_bytes(), true).await?;
    String::from_utf8(kept).map_err(|_| StoreError::Corrupt("settings.files_owner"))
}

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(upload::upload)).routes(routes!(download::download))
}
