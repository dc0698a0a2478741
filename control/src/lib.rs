//! The control plane: who people are, what they may do, which rooms there are, what was said in them, and whom the
//! media node takes in. It never touches a packet.
//!
//! | module | job |
//! |---|---|
//! | [`store`] | what must last: a trait, on SQLite or PostgreSQL |
//! | [`auth`] | accounts, sessions, tickets, API keys, join tokens |
//! | [`mail`] | mails with links |
//! | [`permissions`] | who may do what: one table |
//! | [`workspaces`] | tenants: which one a request is about, members, switched features |
//! | [`rooms`] | rooms, members, moderation, lobbies |
//! | [`chat`] | messages |
//! | [`presence`] | who is in a room now |
//! | [`calls`] | admission, and the link to the media node |
//! | [`events`] | the outbox's way to the sockets |
//! | [`admin`] | accounts as admins see them |
//! | [`telemetry`] | what clients tell of themselves |
//! | [`webhooks`] | telling servers of the operator what happened |
//! | [`push`] | telling browsers what waits while no page is open |
//! | [`deliveries`] | how those two come through: leased, tried, so many at a time |
//! | [`features`] | all of these in one order: routes, permissions, start, stop, health |
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
mod deliveries;
mod error;
mod events;
mod features;
mod http;
mod key_file;
mod limits;
mod mail;
mod outbound;
mod permissions;
mod presence;
mod push;
mod rate;
mod rooms;
mod seed;
mod store;
mod sync;
mod telemetry;
mod test_data;
mod webhooks;
mod whip;
mod workspaces;
mod ws;

use std::sync::Arc;

use boltorezka_proto::WorkspaceSlug;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use auth::OidcConfig;
pub use chat::{CopyError, FilesCopied, MediaTypes, S3Addressing, S3Config, S3Place};
pub use clock::{Clock, SystemClock};
pub use config::{Config, Registration, SessionDetails};
pub use limits::{LimitError, Limits};
pub use mail::SmtpConfig;
pub use store::{BackupError, OpenError, StoreError, backup, restore};
pub use test_data::{TestData, TestDataError};

use app::{App, Rates, Shared};
use features::Features;
use store::OutboxSignal;

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
        Self::open_with(config, clock, Features::default()).await
    }

    async fn open_with(config: Config, clock: Arc<dyn Clock>, features: Features) -> Result<Self, OpenError> {
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
        let owner = chat::files_owner(store.as_ref()).await?;
        let shared = Shared {
            passwords: auth::Passwords::new(&config.limits).map_err(OpenError::Key)?,
            oidc: config.oidc.as_ref().map(auth::Provider::new).transpose().map_err(OpenError::Oidc)?,
            mailer: config.smtp.as_ref().map(mail::Mailer::new).transpose().map_err(OpenError::Mail)?,
            mails: tokio::sync::Notify::new(),
            sealer: auth::Sealer::open(&config.data_dir).map_err(OpenError::Key)?,
            attachments: chat::Attachments::new(&config.data_dir, config.s3.as_ref(), owner, &config.limits)
                .map_err(OpenError::Files)?,
            rates: Rates::new(&config.limits),
            metrics: http::Metrics::new().map_err(|error| OpenError::Key(error.to_string()))?,
            hub: presence::Hub::default(),
            link: calls::Link::default(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            push: push::Push::default(),
            features,
            config,
            clock,
            signal,
            join_tokens,
        };
        // Before anybody can ask for what is switched off.
        for (workspace_id, feature) in store.features_off().await? {
            shared.hub.workspace(workspace_id).set(feature, false);
        }
        Ok(Self { app: App::new(shared, store) })
    }

    /// The token of the owner link: a new one at each call, which makes the one before worthless, until the server is
    /// set up. Only its hash is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owner_token(&self) -> Result<Option<String>, StoreError> {
        auth::owner_token(self.app.store.as_ref()).await
    }

    /// Everything under `/v1`, and `/livez`, `/readyz`, `/metrics`; the rest is answered by `pages`, if there are any. Serve
    /// it with `into_make_service_with_connect_info::<SocketAddr>()`: rate limits and the audit go by the peer's address.
    /// Requests wait until [`Control::run`] has started what they need.
    pub fn router(&self, pages: Option<axum::Router>) -> axum::Router {
        http::router(self.app.clone(), pages)
    }

    /// Starts the features, runs until `shutdown`, and stops them. Calls go on: the media node is told nothing.
    pub async fn run(self, shutdown: CancellationToken) {
        let app = self.app;
        if shutdown.run_until_cancelled(app.features.start(&app)).await.is_some() {
            shutdown.cancelled().await;
        }
        app.shutdown.cancel();
        app.features.stop(&app).await;
        app.tasks.close();
        app.tasks.wait().await;
    }

    /// Makes an API key for a server of the operator, which acts in one workspace, with all rights that keys may have or
    /// those of `scopes`. It is shown once; only its hash is kept. `None` when there is no such workspace.
    ///
    /// # Errors
    /// When a scope is none, or the database fails.
    pub async fn create_api_key(
        &self,
        name: &str,
        workspace: &WorkspaceSlug,
        scopes: Option<Vec<String>>,
    ) -> Result<Option<String>, String> {
        let workspace = self.app.store.workspace(workspace).await.map_err(|error| error.to_string())?;
        let Some(workspace) = workspace else { return Ok(None) };
        let address = std::net::Ipv4Addr::LOCALHOST.to_string();
        let audit = store::Audit { actor: store::Actor::OwnerLink, address, now_ms: self.app.clock.now_ms() };
        let made = auth::new_api_key(&self.app.of(workspace.id), name, scopes, &audit).await;
        made.map(|(_, key)| Some(key)).map_err(|error| error.message())
    }

    /// Asks the S3 store of the configuration, if it names one, whether files can be kept there, and says where that is.
    ///
    /// # Errors
    /// Why not, with the setting and the cure.
    pub async fn check_files(&self) -> Result<Option<S3Place>, String> {
        self.app.attachments.check().await.map_err(|error| error.to_string())?;
        Ok(self.app.config.s3.as_ref().map(S3Config::place))
    }

    /// Copies the files of messages from the data directory into the S3 store that the configuration names, where they are missing.
    /// `progress` is told after each.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn copy_files(&self, progress: impl FnMut(&FilesCopied)) -> Result<FilesCopied, CopyError> {
        chat::copy_files(&self.app, progress).await
    }

    /// Makes the rooms that a new server is tried out with, where they are missing. Returns how many were made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seed(&self) -> Result<u32, StoreError> {
        seed::seed(&self.app).await
    }

    /// Makes what a test environment needs, where it is missing: accounts whose password everybody knows, rooms of each kind,
    /// messages. Where there are accounts of others, only with `force`.
    ///
    /// # Errors
    /// [`TestDataError`].
    pub async fn seed_test(&self, force: bool) -> Result<TestData, TestDataError> {
        test_data::make(&self.app, force).await
    }
}

/// The OpenAPI document (3.1) of the HTTP API, which `docs/openapi.json` holds.
///
/// # Errors
/// When it cannot be written as JSON, which a test would have shown.
pub fn openapi() -> Result<String, serde_json::Error> {
    http::document().to_pretty_json()
}

/// Name and text of the pages in `docs/features`.
pub fn features() -> Vec<(String, String)> {
    features::contracts()
}

/// Who may do what, which `docs/permissions.md` holds.
pub fn permissions() -> String {
    permissions::document()
}
