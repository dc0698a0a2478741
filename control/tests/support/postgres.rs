//! A PostgreSQL server for the tests of a process: started with the first database that one of them wants, gone with
//! the process, however that ends.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::str::FromStr as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

/// Prints the folder of its socket when it is up, and takes all away when its input ends, which is when the tests do.
///
/// It sorts as no list of ours should: hyphens do not count. And its default isolation is not the one that we need.
const SERVER: &str = r#"
set -eu
trap '' HUP INT TERM
command -v initdb >/dev/null || PATH="$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1):$PATH"
folder="$(mktemp -d /tmp/boltorezka-postgres.XXXXXX)"
stop() { kill -QUIT $! 2>/dev/null || true; wait; rm -rf "$folder"; }
trap stop EXIT
{
  initdb --no-sync --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en-u-ka-shifted "$folder/data"
  echo 'local all guarded scram-sha-256' | cat - "$folder/data/pg_hba.conf" >"$folder/hba"
  mv "$folder/hba" "$folder/data/pg_hba.conf"
} >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
postgres -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c full_page_writes=off \
  -c wal_level=minimal -c max_wal_senders=0 -c autovacuum=off -c max_connections=500 -c deadlock_timeout=100ms \
  -c default_transaction_isolation=serializable >>"$folder/log" 2>&1 </dev/null &
until pg_isready --quiet --host "$folder"; do
  kill -0 $! || { cat "$folder/log" >&2; exit 1; }
  sleep 0.05
done
echo "$folder"
cat >/dev/null
"#;

struct Server {
    folder: String,
    databases: AtomicU32,
    /// Its input is the lifeline.
    _shell: Child,
}

static SERVER_OF_PROCESS: LazyLock<Server> = LazyLock::new(|| {
    // PostgreSQL refuses to run as root; its package brings a user.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if is_root { "setpriv" } else { "sh" });
    if is_root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
    }
    command.args(["-c", SERVER]).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut shell = command.spawn().unwrap();
    let mut folder = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut folder).unwrap();
    assert!(folder.starts_with('/'), "PostgreSQL does not start; `scripts/install.sh test` installs it");
    Server { folder: folder.trim().to_owned(), databases: AtomicU32::new(0), _shell: shell }
});

/// An empty database, dropped with this.
pub struct PostgresDatabase {
    name: String,
}

impl PostgresDatabase {
    pub async fn create() -> Self {
        // Starting the server takes a second, which other tests can use.
        let server = tokio::task::spawn_blocking(|| &*SERVER_OF_PROCESS).await.unwrap();
        let name = format!("t{}", server.databases.fetch_add(1, Ordering::Relaxed));
        // A third faster than by way of the log.
        on_server(format!("CREATE DATABASE {name} STRATEGY file_copy")).await;
        Self { name }
    }

    /// For the setting `database_url`.
    pub fn url(&self) -> String {
        url_of(&self.name)
    }

    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&PgConnectOptions::from_str(&self.url()).unwrap()).await.unwrap()
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // A runtime of its own: the test's does not wait in a destructor.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(on_server(statement));
        });
        let _ = dropping.join();
    }
}

fn url_of(database: &str) -> String {
    format!("postgres://postgres@localhost/{database}?host={}", SERVER_OF_PROCESS.folder)
}

async fn on_server(statement: String) {
    let options = PgConnectOptions::from_str(&url_of("postgres")).unwrap();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.unwrap();
    connection.close().await.unwrap();
}
