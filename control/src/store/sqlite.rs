//! SQLite: one writer connection, a pool of readers, WAL.
//!
//! Writers queue for the one connection and begin at once with the write lock (`BEGIN IMMEDIATE`), so that a
//! transaction never fails half-way because another one wrote. Readers see the last commit and wait for nobody.

/// Of a search, behind the columns of messages: those of room `$1` in workspace `$2` that [`search_query`] `$3` finds, before number
/// `$4`, newest first, `$5` at most. The index is read backwards as far as that takes: a `+` keeps other indexes out.
macro_rules! search_tail {
    () => {
        "JOIN message_search_entries e ON e.message_id = m.id JOIN message_search ON message_search.rowid = e.id
         WHERE message_search MATCH $3 AND +m.room_id = $1 AND +m.workspace_id = $2
             AND message_search.rowid < coalesce((SELECT min(o.id) FROM message_search_entries o
                 WHERE o.room_id = $1 AND o.seq >= $4), 9223372036854775807)
         ORDER BY message_search.rowid DESC LIMIT $5"
    };
}

// Twice in the crate on purpose: once for each database.
#[allow(clippy::duplicate_mod)]
#[path = "sql/mod.rs"]
mod sql;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boltorezka_proto::RoomId;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};
use tokio::fs::OpenOptions;

use super::migrations::{self, Step, migrator};
use super::write::Lock;
use super::{OpenError, OutboxSignal, SearchWords, StoreError};

pub use sql::SqlStore;

type Db = Sqlite;
type Row = SqliteRow;
/// A transaction that holds the write lock.
type Tx = Transaction<'static, Sqlite>;

const BEGIN: &str = "BEGIN IMMEDIATE";

/// Messages that wait for the writer and are stored in one transaction: what a disk that takes 3 ms needs for thousands in a
/// second, and no more than some 30 ms of work, for which all other writes wait.
const SENDS_TOGETHER_MAX: usize = 128;
/// Enough for two cores; more only queue inside SQLite.
const READERS: u32 = 4;
/// How long a write waits for another process (`boltorezka api-key` beside a running server).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries to open a file that is locked.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the file, makes it when it is missing, and brings its schema up to date.
///
/// # Errors
/// [`OpenError`] when the file cannot be opened or was made by a newer version.
pub async fn open(path: &str, signal: Arc<OutboxSignal>) -> Result<SqlStore, OpenError> {
    let url = format!("sqlite://{path}");
    if path.is_empty() || path.contains(['?', ':']) {
        return Err(OpenError::NoFile(path.to_owned()));
    }
    let open_error = |source| OpenError::Open { url: url.clone(), source };
    make_private(path).await.map_err(|error| open_error(error.into()))?;
    let writer = writer(path).await.map_err(open_error)?;
    migrate(&writer, migrations::SQLITE).await.map_err(|source| OpenError::Migrate { url: url.clone(), source })?;
    let readers = connect(options(path).read_only(true), READERS).await.map_err(open_error)?;
    Ok(SqlStore::new(writer, readers, signal).await?)
}

/// What was answered is on the disk (`synchronous = FULL`), whatever ends: the process or the power. What a statement could
/// have to take back stays in memory (`temp_store`): messages that share a transaction wrote it to a file, thousands of pages a
/// second.
fn options(path: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(Path::new(path))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("temp_store", "MEMORY")
        .busy_timeout(BUSY_TIMEOUT)
}

/// The one connection that writes.
pub async fn writer(path: &str) -> Result<SqlitePool, sqlx::Error> {
    connect(options(path), 1).await
}

/// Tries again while the file is locked: a new file that two processes switch to WAL at once is refused to one of them
/// without a wait.
async fn connect(options: SqliteConnectOptions, connections: u32) -> Result<SqlitePool, sqlx::Error> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT);
        match pool.connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => tokio::time::sleep(BUSY_PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// `SQLITE_BUSY`, whatever its extension.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

/// All that is missing in one transaction, which others wait for.
pub async fn migrate(writer: &SqlitePool, steps: &[Step]) -> Result<(), MigrateError> {
    let mut tx = writer.begin_with(BEGIN).await?;
    migrator(steps).run_direct(None, &mut *tx, false).await?;
    Ok(tx.commit().await?)
}

/// Nothing to do: a transaction that writes is the only one.
async fn lock(_: &mut Tx, _: Lock) -> Result<(), StoreError> {
    Ok(())
}

/// Words in the language of FTS5: the room's own word, and each as the beginning of one. In quotes nothing is an operator.
fn search_query(room_id: RoomId, words: &SearchWords) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\" *")).collect();
    format!("{{room}} : \"{}\" AND {{text}} : ({})", room_id.0.simple(), words.join(" AND "))
}

/// Makes the file when it is missing, readable by its owner alone: it holds the key that join tokens are signed with.
/// SQLite gives its other files the same rights.
async fn make_private(path: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).await.map(|_| ())
}
