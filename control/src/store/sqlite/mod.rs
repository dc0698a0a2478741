//! SQLite: one writer connection, a pool of readers, WAL.
//!
//! Writers queue for the one connection and begin at once with the write lock (`BEGIN IMMEDIATE`), so that a
//! transaction never fails half-way because another one wrote. Readers see the last commit and wait for nobody.

mod accounts;
mod chat;
mod codec;
mod moderation;
mod outbox;
mod participants;
mod rooms;
mod sessions;
mod whip;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::WorkspaceId;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, Sqlite, Transaction};
use tokio::fs::OpenOptions;
use uuid::Uuid;

use super::{Actor, Audit, OpenError, OutboxSignal, StoreError, Topic};

/// Enough for two cores; more only queue inside SQLite.
const READERS: u32 = 4;
/// How long a write waits for another process (`boltorezka api-key` beside a running server).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "initial", include_str!("../../../migrations/sqlite/0001_initial.sql")),
    (2, "whip sessions", include_str!("../../../migrations/sqlite/0002_whip_sessions.sql")),
];

/// A transaction that holds the write lock.
type Tx = Transaction<'static, Sqlite>;

/// The store of one machine.
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    signal: Arc<OutboxSignal>,
    workspace_id: WorkspaceId,
}

impl SqliteStore {
    /// Opens the file, makes it when it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] when the file cannot be opened or was made by a newer version.
    pub async fn open(path: &str, signal: Arc<OutboxSignal>) -> Result<Self, OpenError> {
        let url = format!("sqlite://{path}");
        if path.is_empty() || path.contains(['?', ':']) {
            return Err(OpenError::NoFile(path.to_owned()));
        }
        let open_error = |source| OpenError::Open { url: url.clone(), source };
        let options = SqliteConnectOptions::new()
            .filename(Path::new(path))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        make_private(path).await.map_err(|error| open_error(error.into()))?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(open_error)?;
        let migrations = MIGRATIONS.map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.to_vec())
            .run(&writer)
            .await
            .map_err(|source| OpenError::Migrate { url: url.clone(), source })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true))
            .await
            .map_err(open_error)?;
        let workspace_id = default_workspace(&writer).await?;
        Ok(Self { writer, readers, signal, workspace_id })
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Commits and wakes those who wait for rows of `topic`.
    async fn commit_and_wake(&self, tx: Tx, topic: Topic) -> Result<(), StoreError> {
        tx.commit().await?;
        self.signal.of(topic).notify_one();
        Ok(())
    }

    async fn put_outbox(
        &self,
        tx: &mut Tx,
        topic: Topic,
        payload: &impl serde::Serialize,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let payload = serde_json::to_string(payload).map_err(|_| StoreError::Corrupt("outbox.payload"))?;
        sqlx::query("INSERT INTO outbox (workspace_id, topic, payload, created_at) VALUES (?, ?, ?, ?)")
            .bind(self.workspace_id.0)
            .bind(topic.as_str())
            .bind(payload)
            .bind(now_ms)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn put_audit(&self, tx: &mut Tx, audit: &Audit, action: &str, target: &str) -> Result<(), StoreError> {
        let (kind, actor_id) = match audit.actor {
            Actor::User(user_id) => ("user", Some(user_id.0)),
            Actor::ApiKey(id) => ("api_key", Some(id)),
            Actor::OwnerLink => ("owner_link", None),
        };
        sqlx::query(
            "INSERT INTO audit (id, workspace_id, actor_kind, actor_id, action, target, address, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(Uuid::now_v7())
        .bind(self.workspace_id.0)
        .bind(kind)
        .bind(actor_id)
        .bind(action)
        .bind(target)
        .bind(&audit.address)
        .bind(audit.now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

/// Makes the file when it is missing, readable by its owner alone: it holds the key that join tokens are signed with.
/// SQLite gives its other files the same rights.
async fn make_private(path: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).await.map(|_| ())
}

async fn default_workspace(writer: &SqlitePool) -> Result<WorkspaceId, StoreError> {
    sqlx::query(
        "INSERT INTO workspaces (id, slug, created_at) VALUES (?, 'default', unixepoch() * 1000)
         ON CONFLICT (slug) DO NOTHING",
    )
    .bind(Uuid::now_v7())
    .execute(writer)
    .await?;
    let id = sqlx::query_scalar("SELECT id FROM workspaces WHERE slug = 'default'").fetch_one(writer).await?;
    Ok(WorkspaceId(id))
}
