//! A control plane on a port of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::serve::ListenerExt;
use boltorezka_control::{Clock, Config, Control, Limits};
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, FromRow, SqliteConnection};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::postgres::PostgresDatabase;
use super::{Client, TestNode};

/// The machine's clock, moved by what a test says.
#[derive(Default)]
pub struct TestClock {
    ahead_ms: AtomicI64,
}

impl TestClock {
    pub fn advance_ms(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        i64::try_from(now.as_millis()).unwrap() + self.ahead_ms.load(Ordering::SeqCst)
    }
}

/// What a server keeps: its files, and a database on the tests' PostgreSQL where `TEST_DATABASE=postgres` says so.
pub struct Data {
    folder: TempDir,
    postgres: Option<PostgresDatabase>,
}

impl Data {
    async fn new() -> Self {
        let postgres = match std::env::var("TEST_DATABASE").as_deref() {
            Ok("postgres") => Some(PostgresDatabase::create().await),
            Ok("sqlite") | Err(_) => None,
            Ok(other) => panic!("TEST_DATABASE={other}: give sqlite or postgres"),
        };
        Self { folder: TempDir::new().unwrap(), postgres }
    }

    fn config(&self) -> Config {
        let config = Config::new(self.folder.path());
        match &self.postgres {
            Some(database) => Config { database_url: database.url(), ..config },
            None => config,
        }
    }

    async fn sqlite(&self) -> SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("boltorezka.db"));
        SqliteConnection::connect_with(&options).await.unwrap()
    }
}

pub struct TestServer {
    pub control: Control,
    pub address: SocketAddr,
    pub clock: Arc<TestClock>,
    config: Config,
    data: Arc<Data>,
    stop: CancellationToken,
    running: JoinHandle<()>,
    serving: JoinHandle<()>,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With a changed configuration. Limits are off unless the change says otherwise.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let data = Arc::new(Data::new().await);
        let mut config = data.config();
        config.limits = Limits { password_hashes_parallel: Some(4), ..Limits::off() };
        change(&mut config);
        Self::open(config, data, Arc::default()).await
    }

    async fn open(config: Config, data: Arc<Data>, clock: Arc<TestClock>) -> Self {
        let control = Control::open_with_clock(config.clone(), clock.clone()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // As the real server does: else each second small frame waits 40 ms for the acknowledgement of the first.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let service = control.router(None).into_make_service_with_connect_info::<SocketAddr>();
        let stop = CancellationToken::new();
        let running = tokio::spawn(control.clone().run(stop.clone()));
        let serving = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { control, address, clock, config, data, stop, running, serving }
    }

    /// Ends as on SIGTERM.
    pub async fn stop(self) -> (Config, Arc<Data>, Arc<TestClock>) {
        self.stop.cancel();
        self.running.await.unwrap();
        self.serving.abort();
        (self.config, self.data, self.clock)
    }

    /// Ends and starts again on the same data, on another port.
    pub async fn restart(self) -> Self {
        let (config, data, clock) = self.stop().await;
        Self::open(config, data, clock).await
    }

    /// Starts again on the data of a server that was stopped, after a statement straight to the database.
    pub async fn resume((config, data, clock): (Config, Arc<Data>, Arc<TestClock>), statement: &'static str) -> Self {
        match &data.postgres {
            Some(database) => drop(sqlx::query(statement).execute(&mut database.connect().await).await.unwrap()),
            None => drop(sqlx::query(statement).execute(&mut data.sqlite().await).await.unwrap()),
        }
        Self::open(config, data, clock).await
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn media_socket(&self) -> PathBuf {
        self.config.media_socket.clone()
    }

    /// A statement straight to the database, for what has no route yet.
    pub async fn sql(&self, statement: &'static str) {
        match &self.data.postgres {
            Some(database) => drop(sqlx::query(statement).execute(&mut database.connect().await).await.unwrap()),
            None => drop(sqlx::query(statement).execute(&mut self.data.sqlite().await).await.unwrap()),
        }
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        match &self.data.postgres {
            Some(database) => sqlx::query_scalar(query).fetch_one(&mut database.connect().await).await.unwrap(),
            None => sqlx::query_scalar(query).fetch_one(&mut self.data.sqlite().await).await.unwrap(),
        }
    }

    /// What a query finds.
    pub async fn rows<T>(&self, query: &'static str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        match &self.data.postgres {
            Some(database) => sqlx::query_as(query).fetch_all(&mut database.connect().await).await.unwrap(),
            None => sqlx::query_as(query).fetch_all(&mut self.data.sqlite().await).await.unwrap(),
        }
    }

    /// Somebody without a session.
    pub fn anybody(&self) -> Client {
        Client::new(self.address)
    }

    /// The first super admin.
    pub async fn owner(&self) -> Client {
        let token = self.control.owner_token().await.unwrap().expect("not set up yet");
        let client = self.anybody();
        let body = json!({
            "token": token, "email": "owner@example.org", "password": "a long password", "displayName": "Owner"
        });
        client.post("/v1/setup", body).await.expect(201);
        client.remember_me().await
    }

    /// An account of its own.
    pub async fn user(&self, name: &str) -> Client {
        let client = self.anybody();
        let email = format!("{}@example.org", name.to_lowercase());
        let body = json!({ "email": email, "password": "a long password", "displayName": name });
        client.post("/v1/auth/register", body).await.expect(201);
        client.remember_me().await
    }

    pub async fn api_key(&self) -> Client {
        self.api_key_of("default").await
    }

    /// An API key of a workspace.
    pub async fn api_key_of(&self, workspace: &str) -> Client {
        let workspace = boltorezka_proto::WorkspaceSlug::new(workspace).unwrap();
        let key = self.control.create_api_key("test", &workspace, None).await.unwrap();
        self.anybody().with_bearer(&key.expect("there is such a workspace"))
    }

    pub async fn node(&self) -> TestNode {
        TestNode::start(&self.media_socket()).await
    }

    /// Waits until the link to the node is up.
    pub async fn linked(&self) {
        for _ in 0..500 {
            if self.anybody().get("/readyz").await.status == 200 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no link to the node within 5 s");
    }
}

/// Makes a room.
pub async fn make_room(by: &Client, slug: &str, kind: &str) -> Value {
    by.post("/v1/rooms", json!({ "slug": slug, "title": slug, "kind": kind })).await.expect(201)
}
