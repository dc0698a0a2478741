//! SQLite: `VACUUM INTO` copies what was committed last, while others read and write.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::fs;

use super::manifest::Manifest;
use super::{BackupError, steps_of};
use crate::store::address::Kind;
use crate::store::migrations;

const FILE: &str = "boltorezka.db";

/// Copies the file at `path` into the folder.
pub async fn backup(path: &Path, folder: &Path) -> Result<Manifest, BackupError> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let copy = folder.join(FILE);
    sqlx::query("VACUUM INTO $1").bind(copy.display().to_string()).execute(&mut connection).await?;
    connection.close().await?;
    private(&copy).await?;

    // From the copy: the database may be another one by now.
    let options = SqliteConnectOptions::new().filename(&copy).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let migrations = sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version");
    let mut manifest = Manifest::new(Kind::Sqlite, migrations.fetch_all(&mut connection).await?);
    connection.close().await?;
    manifest.add(folder, FILE.to_owned()).await?;
    Ok(manifest)
}

/// Copies it back to `path`, where no file is. The next start brings its schema up to date.
pub async fn restore(folder: &Path, manifest: &Manifest, path: &Path) -> Result<(), BackupError> {
    steps_of(folder, manifest, migrations::SQLITE)?;
    if fs::try_exists(path).await.map_err(BackupError::file(path))? {
        return Err(BackupError::NotEmpty { place: path.display().to_string() });
    }
    fs::copy(folder.join(FILE), path).await.map_err(BackupError::file(path))?;
    private(path).await?;
    let file = fs::File::open(path).await.map_err(BackupError::file(path))?;
    file.sync_all().await.map_err(BackupError::file(path))
}

/// It holds keys: only its owner may read it.
async fn private(path: &Path) -> Result<(), BackupError> {
    let permissions = std::fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, permissions).await.map_err(BackupError::file(path))
}
