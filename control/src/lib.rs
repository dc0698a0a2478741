//! The control plane: who people are, what they may do, which rooms there are, what was said in them, and whom the
//! media node takes in. It never touches a packet.
//!
//! | module | job |
//! |---|---|
//! | [`store`] | what must last: a trait, on SQLite or PostgreSQL |
//! | [`auth`] | accounts, sessions, tickets, API keys, join tokens |
//! | [`mail`] | mails with links |
//! | [`permissions`] | who may do what: one table |
//! | [`rooms`] | rooms, members, moderation |
//! | [`chat`] | messages |
//! | [`presence`] | who is in a room now |
//! | [`calls`] | admission, and the link to the media node |
//! | [`events`] | the outbox's way to the sockets |
//! | [`admin`] | accounts as admins see them |
//! | [`telemetry`] | what clients tell of themselves |
//! | [`ws`], [`whip`], [`http`] | the ways in |
//!
//! The database decides, memory shows: a change is committed with the outbox rows that tell it to others, then memory
//! follows, under the gate of its room.

mod admin;
mod app;
mod auth;
mod calls;
mod chat;
mod clock;
mod config;
mod error;
mod events;
mod http;
mod limits;
mod mail;
mod permissions;
mod presence;
mod rate;
mod rooms;
mod seed;
mod store;
mod sync;
mod telemetry;
mod whip;
mod ws;

use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::socket::CloseCode;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use clock::{Clock, SystemClock};
pub use config::{Config, Registration, SessionDetails};
pub use limits::{LimitError, Limits};
pub use mail::SmtpConfig;
pub use store::{OpenError, StoreError};

use app::{App, Rates, Shared};
use store::OutboxSignal;

/// Participants whose sockets vanished are looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Expired and delivered rows are deleted at every so many sweeps.
const CLEAN_EVERY_SWEEPS: u64 = 60;
/// Delivered outbox rows are kept this long, for whoever wants to see what was told.
const DELIVERED_KEPT_MS: i64 = 10 * 60 * 1000;
/// Sockets get this long to take their close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    app: App,
}

impl Control {
    /// Opens and migrates the database and loads what it says.
    ///
    /// # Errors
    /// [`OpenError`], which names the setting and the cure.
    pub async fn open(config: Config) -> Result<Self, OpenError> {
        Self::open_with_clock(config, Arc::new(SystemClock)).await
    }

    /// As [`Control::open`], with a clock of the caller's.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with_clock(config: Config, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        // Where it is made here, nobody else of the machine may look into it.
        tokio::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.data_dir)
            .await
            .map_err(|source| OpenError::DataDir { path: config.data_dir.display().to_string(), source })?;
        let signal = Arc::new(OutboxSignal::default());
        let store = store::open(&config.database_url, signal.clone()).await?;
        let join_tokens = auth::JoinTokens::new(&auth::signing_key(store.as_ref()).await?);
        let app = App::new(Shared {
            passwords: auth::Passwords::new(&config.limits).map_err(OpenError::Key)?,
            mailer: config.smtp.as_ref().map(mail::Mailer::new).transpose().map_err(OpenError::Mail)?,
            mails: tokio::sync::Notify::new(),
            sealer: auth::Sealer::open(&config.data_dir).map_err(OpenError::Key)?,
            rates: Rates::new(&config.limits),
            metrics: http::Metrics::new().map_err(|error| OpenError::Key(error.to_string()))?,
            hub: presence::Hub::default(),
            link: calls::Link::default(),
            shutdown: CancellationToken::new(),
            config,
            clock,
            store,
            signal,
            join_tokens,
        });
        presence::load(&app).await?;
        Ok(Self { app })
    }

    /// The token of the owner link: a new one at each call, which makes the one before worthless, until the server is
    /// set up. Only its hash is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owner_token(&self) -> Result<Option<String>, StoreError> {
        auth::owner_token(self.app.store.as_ref()).await
    }

    /// Everything under `/v1`, and `/livez`, `/readyz`, `/metrics`. Serve it with
    /// `into_make_service_with_connect_info::<SocketAddr>()`: rate limits and the audit go by the peer's address.
    pub fn router(&self) -> axum::Router {
        http::router(self.app.clone())
    }

    /// Runs the link to the media node, the dispatcher, presence and the sweeps until `shutdown`, then closes the
    /// sockets with 1012. Calls go on: the media node is told nothing.
    pub async fn run(self, shutdown: CancellationToken) {
        let app = self.app;
        let link = tokio::spawn(calls::run_link(app.clone(), app.shutdown.child_token()));
        let dispatcher = tokio::spawn(events::dispatch(app.clone(), app.shutdown.child_token()));
        let mails = tokio::spawn(mail::run(app.clone(), app.shutdown.child_token()));
        let flusher = tokio::spawn(presence::flush_loop(app.clone(), app.shutdown.child_token()));
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sweep_loop(&app) => {}
        }
        app.shutdown.cancel();
        app.hub.close_all(CloseCode::Restart);
        let sockets_closed = async {
            while app.hub.socket_count() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, sockets_closed).await;
        for task in [link, dispatcher, mails, flusher] {
            let _ = task.await;
        }
    }

    /// Makes an API key for a server of the operator, with all rights that keys may have or those of `scopes`. It is
    /// shown once; only its hash is kept.
    ///
    /// # Errors
    /// When a scope is none, or the database fails.
    pub async fn create_api_key(&self, name: &str, scopes: Option<Vec<String>>) -> Result<String, String> {
        let address = std::net::Ipv4Addr::LOCALHOST.to_string();
        let audit = store::Audit { actor: store::Actor::OwnerLink, address, now_ms: self.app.clock.now_ms() };
        let made = auth::new_api_key(&self.app, name, scopes, &audit).await;
        made.map(|(_, key)| key).map_err(|error| error.message())
    }

    /// Makes the rooms that a new server is tried out with, where they are missing. Returns how many were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seed(&self) -> Result<u32, StoreError> {
        seed::seed(&self.app).await
    }
}

/// The OpenAPI document (3.1) of the HTTP API, which `docs/openapi.json` holds.
///
/// # Errors
/// When it cannot be written as JSON, which a test would have shown.
pub fn openapi() -> Result<String, serde_json::Error> {
    http::document().to_pretty_json()
}

/// Who may do what, which `docs/permissions.md` holds.
pub fn permissions() -> String {
    permissions::document()
}

async fn sweep_loop(app: &App) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sweeps: u64 = 0;
    loop {
        ticks.tick().await;
        if let Err(error) = presence::sweep(app).await {
            tracing::error!(%error, "participants whose sockets vanished could not be taken out");
        }
        if sweeps.is_multiple_of(CLEAN_EVERY_SWEEPS)
            && let Err(error) = clean(app).await
        {
            tracing::error!(%error, "expired rows could not be deleted");
        }
        sweeps += 1;
    }
}

async fn clean(app: &App) -> Result<(), StoreError> {
    let now_ms = app.clock.now_ms();
    app.store.delete_expired(now_ms).await?;
    app.store.delete_expired_links(now_ms).await?;
    auth::erase_due(app).await?;
    app.store.delete_delivered(now_ms - DELIVERED_KEPT_MS).await
}
