//! PostgreSQL: one pool, `READ COMMITTED`, and [locks](Lock) on what a decision rests on.
//!
//! Each statement sees what was committed before it began. So a transaction that first locks and then reads decides on
//! what holds until its own commit.

/// Of a search, behind the columns of messages: those of room `$1` in workspace `$2` that [`search_query`] `$3` finds, before number
/// `$4`, newest first, `$5` at most.
macro_rules! search_tail {
    () => {
        "WHERE m.words @@ to_tsquery('simple', $3) AND m.room_id = $1 AND m.workspace_id = $2 AND m.deleted_at IS NULL
             AND ($4 IS NULL OR m.seq < $4)
         ORDER BY m.seq DESC LIMIT $5"
    };
}

// Twice in the crate on purpose: once for each database.
#[allow(clippy::duplicate_mod)]
#[path = "sql/mod.rs"]
mod sql;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::RoomId;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgRow};
use sqlx::{Connection, Executor, Postgres, Transaction};

use super::migrations::{self, Step, migrator};
use super::write::Lock;
use super::{OpenError, OutboxSignal, SearchWords, StoreError};

pub use sql::SqlStore;

type Db = Postgres;
type Row = PgRow;
type Tx = Transaction<'static, Postgres>;

/// Several write at once, and the database commits them together by itself.
const SENDS_TOGETHER_MAX: usize = 1;
/// The isolation is said each time, since a database or a role may have another default.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Well below the 100 that PostgreSQL takes unless it is told otherwise, and more than the transactions that a disk
/// commits at once.
const CONNECTIONS: u32 = 20;
/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an attempt to connect waits at start.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For each connection. Lone statements are isolated as [`BEGIN`] says. A write waits for another as long as it does in SQLite; what hangs ends, and so does the
/// transaction of a host that is gone, which would hold its locks for as long as TCP believes in it.
const SESSION: &str = "SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s'; SET statement_timeout = '30s'; \
                      SET idle_in_transaction_session_timeout = '30s'";
/// What may follow the `?`. Others are refused here: sqlx would only log them, with their values.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// Keys of advisory locks. The numbers mean nothing; they must only be ours.
const MIGRATION_KEY: i64 = 0x626f_6c74_6f01;
const SEATS_KEY: i64 = 0x626f_6c74_6f02;
const ORDERS_KEY: i64 = 0x626f_6c74_6f03;

/// Connects and brings the schema up to date.
///
/// # Errors
/// [`OpenError`]. It shows host, port and database, and nothing else of the address.
pub async fn open(url: &str, signal: Arc<OutboxSignal>) -> Result<SqlStore, OpenError> {
    let options = options(url)?;
    let shown = shown(&options);
    let open_error = |source| OpenError::Open { url: shown.clone(), source };
    migrate(&options, migrations::POSTGRES).await.map_err(|error| match error {
        MigrateError::Execute(source) => open_error(source),
        source => OpenError::Migrate { url: shown.clone(), source },
    })?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(sqlx::raw_sql(SESSION)).await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .map_err(open_error)?;
    Ok(SqlStore::new(pool.clone(), pool, signal).await?)
}

pub fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let parameters = url.split_once('?').map(|(_, parameters)| parameters).unwrap_or_default();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if !PARAMETERS.contains(&name) {
            // A name that is not known may be anything, a part of a password too.
            return Err(OpenError::PostgresAddress(format!(
                "a parameter after ? is not one of {}; in a password, write ? as %3F and & as %26",
                PARAMETERS.join(", ")
            )));
        }
    }
    PgConnectOptions::from_str(url).map_err(|error| OpenError::PostgresAddress(error.to_string()))
}

/// The address for people, without who connects and how.
fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgres:///{database}?host={}", socket.display()),
        None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// All that is missing in one transaction, which others wait for. On a connection of its own: a migration takes the time
/// that it takes.
pub async fn migrate(options: &PgConnectOptions, steps: &[Step]) -> Result<(), MigrateError> {
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options));
    let mut connection = connecting.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
    let mut tx = connection.begin_with(BEGIN).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_KEY).execute(&mut *tx).await?;
    migrator(steps).run_direct(None, &mut *tx, false).await?;
    tx.commit().await?;
    Ok(connection.close().await?)
}

async fn lock(tx: &mut Tx, lock: Lock) -> Result<(), StoreError> {
    let statement = match lock {
        Lock::ApiKey(id) => sqlx::query("SELECT 1 FROM api_keys WHERE id = $1 FOR SHARE").bind(id),
        Lock::CustomRoles(id) => sqlx::query("SELECT 1 FROM workspaces WHERE id = $1 FOR NO KEY UPDATE").bind(id.0),
        Lock::Account(id) => sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(id.0),
        Lock::Holders(id) => sqlx::query(
            "SELECT 1 FROM users WHERE id IN (SELECT user_id FROM custom_role_members WHERE role_id = $1)
             ORDER BY id FOR NO KEY UPDATE",
        )
        .bind(id.0),
        Lock::User(id) => sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR SHARE").bind(id.0),
        Lock::Room(id) => sqlx::query("SELECT 1 FROM rooms WHERE id = $1 FOR NO KEY UPDATE").bind(id.0),
        Lock::Participant(id) => sqlx::query("SELECT 1 FROM participants WHERE id = $1 FOR UPDATE").bind(id.0),
        Lock::ParticipantsOf(user_id, room_id) => sqlx::query(
            "SELECT 1 FROM participants WHERE user_id = $1 AND ($2 IS NULL OR room_id = $2) ORDER BY id FOR UPDATE",
        )
        .bind(user_id.0)
        .bind(room_id.map(|id| id.0)),
        Lock::ParticipantsIn(id) => {
            sqlx::query("SELECT 1 FROM participants WHERE workspace_id = $1 ORDER BY id FOR UPDATE").bind(id.0)
        }
        Lock::SeatsInCalls => sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SEATS_KEY),
        Lock::Orders => sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ORDERS_KEY),
    };
    statement.execute(&mut **tx).await?;
    Ok(())
}

/// Words in the language of `to_tsquery`: each as the beginning of one. In quotes nothing is an operator, and no word holds a quote.
fn search_query(_: RoomId, words: &SearchWords) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'{word}':*")).collect();
    words.join(" & ")
}
