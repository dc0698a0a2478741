//! What a backup says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::BackupError;
use crate::chat::S3Place;
use crate::store::address::Kind;

/// Name of the file.
const NAME: &str = "backup.json";
/// The form of backups.
const FORM: u32 = 1;
/// Files are read in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// The file `backup.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    form: u32,
    /// The server's version that made it.
    pub version: String,
    /// What it is of.
    pub database: Kind,
    /// The migrations that its database had.
    pub migrations: Vec<i64>,
    /// Where PostgreSQL's counters stand.
    #[serde(default)]
    pub sequences: BTreeMap<String, i64>,
    /// Where the files of messages are, when they are not in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments_in: Option<S3Place>,
    /// The database's files in the order in which they are brought back, and the SHA-256 of each, in hexadecimal.
    pub files: Vec<(String, String)>,
}

impl Manifest {
    /// Of a backup that is being made now.
    pub fn new(database: Kind, migrations: Vec<i64>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let (sequences, files) = (BTreeMap::new(), Vec::new());
        Self { form: FORM, version, database, migrations, sequences, attachments_in: None, files }
    }

    /// Adds a file of the folder, which is on the disk from here on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn add(&mut self, folder: &Path, name: String) -> Result<(), BackupError> {
        let path = folder.join(&name);
        let file = File::open(&path).await.map_err(BackupError::file(&path))?;
        file.sync_all().await.map_err(BackupError::file(&path))?;
        let hash = hash_of(&path).await?;
        self.files.push((name, hash));
        Ok(())
    }

    /// Writes it, as the last file of the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write(&self, folder: &Path) -> Result<(), BackupError> {
        let path = folder.join(NAME);
        let text = serde_json::to_string_pretty(self).map_err(|error| BackupError::file(&path)(error.into()))?;
        let mut file = File::create(&path).await.map_err(BackupError::file(&path))?;
        file.write_all(text.as_bytes()).await.map_err(BackupError::file(&path))?;
        file.sync_all().await.map_err(BackupError::file(&path))
    }

    /// Reads it and checks the files.
    ///
    /// # Errors
    /// When it is no backup, is of a form that is not known, or was changed.
    pub async fn read(folder: &Path) -> Result<Self, BackupError> {
        let no_backup = |reason: String| BackupError::NoBackup { folder: folder.display().to_string(), reason };
        let text = fs::read(folder.join(NAME)).await.map_err(|error| no_backup(format!("{NAME}: {error}")))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| no_backup(format!("{NAME}: {error}")))?;
        if manifest.form != FORM {
            return Err(no_backup(format!("its form is {}, and this version knows {FORM}", manifest.form)));
        }
        for (name, hash) in &manifest.files {
            if name.contains(['/', '\\']) || hash_of(&folder.join(name)).await? != *hash {
                return Err(no_backup(format!("{name} is not as it was written")));
            }
        }
        Ok(manifest)
    }
}

/// SHA-256 of a file in hexadecimal.
async fn hash_of(path: &Path) -> Result<String, BackupError> {
    let mut file = File::open(path).await.map_err(BackupError::file(path))?;
    let (mut context, mut piece) = (Context::new(&SHA256), vec![0; PIECE_BYTES]);
    loop {
        let count = file.read(&mut piece).await.map_err(BackupError::file(path))?;
        match piece.get(..count) {
            Some([]) | None => break,
            Some(read) => context.update(read),
        }
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
