//! Backups: a folder with all that the database holds at one moment, taken while the server runs, and brought back into a place
//! that is empty. A folder that has its name is whole: until then it is called `<name>.part`.

mod manifest;
mod postgres;
mod sqlite;

use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::fs;

use super::address::Address;
use super::{OpenError, migrations};
use crate::auth::SEAL_FILE;
use crate::chat::{ATTACHMENTS_FOLDER, S3Config, S3Place, hold_attachments};
use crate::push::PUSH_KEY_FILE;
use manifest::Manifest;

/// Folders of the data directory that belong to what the database says.
const FOLDERS: [&str; 1] = [ATTACHMENTS_FOLDER];
/// Files of it that do: what the database holds sealed is worthless without its key, and browsers take pushes by the key that they
/// subscribed with.
const FILES: [&str; 2] = [SEAL_FILE, PUSH_KEY_FILE];

/// A backup could not be taken or brought back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The folder is there already.
    #[error("{0} is there already; give the name of a folder that is not")]
    Exists(String),
    /// It is no backup, or one of a later version.
    #[error("{folder} cannot be brought back: {reason}")]
    NoBackup {
        /// Which folder.
        folder: String,
        /// Why.
        reason: String,
    },
    /// There is something where it is to be brought back.
    #[error("{place} is not empty; a backup is brought back where nothing is. Move it away, or give another place")]
    NotEmpty {
        /// Which database or file.
        place: String,
    },
    /// The address of the database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database fails.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema of the backup cannot be made.
    #[error("database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl BackupError {
    fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        |source| Self::File { path, source }
    }
}

/// Copies all that `database_url` and `data_dir` hold into the folder `to`, which must not be there yet. The server may run: the
/// copy is of one moment. Files that are in an S3 store stay there: the backup only says where.
///
/// # Errors
/// [`BackupError`]; what was written until then is in `<to>.part`.
pub async fn backup(database_url: &str, data_dir: &Path, s3: Option<&S3Config>, to: &Path) -> Result<(), BackupError> {
    let part = part_of(to);
    for folder in [to, part.as_path()] {
        if fs::try_exists(folder).await.map_err(BackupError::file(folder))? {
            return Err(BackupError::Exists(folder.display().to_string()));
        }
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&part).await.map_err(BackupError::file(&part))?;
    // No file goes that the copy of the database still knows. Those that come meanwhile are copied too, and go where it is brought back.
    let _held = hold_attachments(data_dir).await.map_err(BackupError::file(data_dir))?;
    let mut manifest = match Address::read(database_url)? {
        Address::Sqlite(path) => sqlite::backup(Path::new(path), &part).await?,
        Address::Postgres(url) => postgres::backup(url, &part).await?,
    };
    for name in FOLDERS {
        copy_folder(&data_dir.join(name), &part.join(name)).await?;
    }
    for name in FILES {
        copy_file(&data_dir.join(name), &part.join(name)).await?;
    }
    manifest.attachments_in = s3.map(S3Config::place);
    manifest.write(&part).await?;
    fs::rename(&part, to).await.map_err(BackupError::file(to))
}

/// Brings a backup back into a database and a data directory where nothing is. The server must not run. The answer says where the
/// files of messages were, when they are not among what is brought back.
///
/// # Errors
/// [`BackupError`]; the database is then as it was.
pub async fn restore(from: &Path, database_url: &str, data_dir: &Path) -> Result<Option<S3Place>, BackupError> {
    let manifest = Manifest::read(from).await?;
    let address = Address::read(database_url)?;
    if address.kind() != manifest.database {
        let reason = format!("it is of {}, and database_url is of {}", manifest.database, address.kind());
        return Err(BackupError::NoBackup { folder: from.display().to_string(), reason });
    }
    for name in FOLDERS {
        let place = data_dir.join(name);
        if fs::try_exists(&place).await.map_err(BackupError::file(&place))? {
            return Err(BackupError::NotEmpty { place: place.display().to_string() });
        }
    }
    for name in FILES {
        let (source, place) = (content(&from.join(name)).await?, data_dir.join(name));
        let there = content(&place).await?;
        if source.is_some() && there.is_some() && source != there {
            return Err(BackupError::NotEmpty { place: place.display().to_string() });
        }
    }
    match address {
        Address::Sqlite(path) => sqlite::restore(from, &manifest, Path::new(path)).await?,
        Address::Postgres(url) => postgres::restore(from, &manifest, url).await?,
    }
    for name in FOLDERS {
        copy_folder(&from.join(name), &data_dir.join(name)).await?;
    }
    for name in FILES {
        copy_file(&from.join(name), &data_dir.join(name)).await?;
    }
    Ok(manifest.attachments_in)
}

fn part_of(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Copies a folder of files and folders, if it is there. What is deleted meanwhile is left out: nothing refers to it.
async fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        let mut entries = match fs::read_dir(&from).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(BackupError::file(&from)(error)),
        };
        fs::DirBuilder::new().mode(0o700).create(&to).await.map_err(BackupError::file(&to))?;
        while let Some(entry) = entries.next_entry().await.map_err(BackupError::file(&from))? {
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            if entry.file_type().await.map_err(BackupError::file(&source))?.is_dir() {
                folders.push((source, target));
                continue;
            }
            copy_file(&source, &target).await?;
        }
    }
    Ok(())
}

/// Copies a file with its mode, if it is there.
async fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    match fs::copy(from, to).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(BackupError::file(from)(error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What is in a file, if it is there.
async fn content(path: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    match fs::read(path).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BackupError::file(path)(error)),
    }
}

/// The steps of `steps` that a backup had, which must be its first.
fn steps_of<'a>(
    folder: &Path,
    manifest: &Manifest,
    steps: &'a [migrations::Step],
) -> Result<&'a [migrations::Step], BackupError> {
    let count = manifest.migrations.len();
    let known = steps
        .get(..count)
        .filter(|steps| steps.iter().map(|(version, ..)| *version).eq(manifest.migrations.iter().copied()));
    known.ok_or_else(|| {
        let reason = format!("it was made by version {}, whose database this version does not know", manifest.version);
        BackupError::NoBackup { folder: folder.display().to_string(), reason }
    })
}
