//! A database of a test's own, of either kind.

use std::sync::Arc;

use boltorezka_proto::WorkspaceId;
use futures_util::future::join_all;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::Barrier;

use super::postgres_server::PostgresDatabase;
use crate::store::{OpenError, OutboxSignal, Store, open};

pub enum Database {
    Sqlite(TempDir),
    Postgres(PostgresDatabase),
}

/// Runs a query of one value on a connection of its own.
macro_rules! scalar {
    ($database:expr, $query:expr) => {
        match $database {
            Database::Sqlite(_) => sqlx::query_scalar($query).fetch_one(&mut $database.sqlite_connection().await).await,
            Database::Postgres(database) => sqlx::query_scalar($query).fetch_one(&mut database.connect().await).await,
        }
    };
}

impl Database {
    pub fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    pub async fn postgres() -> Self {
        Self::Postgres(PostgresDatabase::create().await)
    }

    /// Another one of this kind.
    pub async fn another(&self) -> Self {
        match self {
            Self::Sqlite(_) => Self::sqlite(),
            Self::Postgres(_) => Self::postgres().await,
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(_) => format!("sqlite://{}", self.sqlite_path()),
            Self::Postgres(database) => database.url(),
        }
    }

    pub fn sqlite_path(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join("boltorezka.db").display().to_string(),
            Self::Postgres(_) => panic!("not SQLite"),
        }
    }

    pub async fn sqlite_connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.sqlite_path()).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// As a server opens it. Each is an instance of its own.
    pub async fn open(&self) -> Arc<dyn Store> {
        self.try_open().await.unwrap()
    }

    pub async fn try_open(&self) -> Result<Arc<dyn Store>, OpenError> {
        open(&self.url(), Arc::new(OutboxSignal::default())).await
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        scalar!(self, query).unwrap()
    }

    pub async fn text(&self, query: &'static str) -> String {
        scalar!(self, query).unwrap()
    }

    /// The tables that have a column of this name.
    pub async fn tables_with(&self, column: &'static str) -> Vec<String> {
        let (sqlite, postgres) = (
            "SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = $1 ORDER BY 1",
            "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' AND column_name = $1 ORDER BY 1",
        );
        match self {
            Self::Sqlite(_) => {
                sqlx::query_scalar(sqlite).bind(column).fetch_all(&mut self.sqlite_connection().await).await
            }
            Self::Postgres(database) => {
                sqlx::query_scalar(postgres).bind(column).fetch_all(&mut database.connect().await).await
            }
        }
        .unwrap()
    }

    /// How many rows of a table are of a workspace.
    pub async fn rows_of(&self, table: &str, workspace_id: WorkspaceId) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE workspace_id = $1"));
        match self {
            Self::Sqlite(_) => {
                sqlx::query_scalar(query).bind(workspace_id.0).fetch_one(&mut self.sqlite_connection().await).await
            }
            Self::Postgres(database) => {
                sqlx::query_scalar(query).bind(workspace_id.0).fetch_one(&mut database.connect().await).await
            }
        }
        .unwrap()
    }

    /// A statement that no method of the store makes.
    pub async fn execute(&self, statement: &'static str) {
        match self {
            Self::Sqlite(_) => {
                sqlx::raw_sql(statement).execute(&mut self.sqlite_connection().await).await.unwrap();
            }
            Self::Postgres(database) => {
                sqlx::raw_sql(statement).execute(&mut database.connect().await).await.unwrap();
            }
        }
    }
}

/// Runs all on threads of the runtime; they begin together.
pub async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().collect();
    let together = Arc::new(Barrier::new(tasks.len()));
    let start = |task| {
        let together = together.clone();
        tokio::spawn(async move {
            together.wait().await;
            task.await
        })
    };
    let running: Vec<_> = tasks.into_iter().map(start).collect();
    join_all(running).await.into_iter().map(Result::unwrap).collect()
}
