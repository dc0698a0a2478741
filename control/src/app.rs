//! What every part of the control plane shares.

use std::convert::Infallible;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use boltorezka_proto::{RoomId, RoomSlug, UserId, WorkspaceId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::auth::{JoinTokens, Passwords, Provider, Sealer, TokenHash};
use crate::calls::Link;
use crate::chat::Attachments;
use crate::clock::Clock;
use crate::config::Config;
use crate::features::Features;
use crate::http::Metrics;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::presence::{Hub, LiveRoom, LiveWorkspace};
use crate::push::Push;
use crate::rate::RateLimiter;
use crate::store::{OutboxSignal, Store};

/// The control plane as one workspace sees it: cheap to clone.
///
/// A handler takes it as an argument, and gets the one of its request's workspace; the router's own state is the default
/// workspace's.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    /// What must last, of this workspace.
    pub store: Arc<dyn Store>,
}

/// See [`App`].
pub struct Shared {
    /// As given at start.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fired when something waits in the outbox.
    pub signal: Arc<OutboxSignal>,
    /// Password hashing.
    pub passwords: Passwords,
    /// Join tokens.
    pub join_tokens: JoinTokens,
    /// Signs people in, where the settings name it.
    pub oidc: Option<Provider>,
    /// Sends mails, where the settings say how.
    pub mailer: Option<Mailer>,
    /// Fired when a mail waits.
    pub mails: Notify,
    /// Files of messages.
    pub attachments: Attachments,
    /// For what must not be read in the database.
    pub sealer: Sealer,
    /// For what browsers are pushed.
    pub push: Push,
    /// Rate limits.
    pub rates: Rates,
    /// Rooms and sockets.
    pub hub: Hub,
    /// The link to the media node.
    pub link: Link,
    /// Metrics.
    pub metrics: Metrics,
    /// What the server is made of.
    pub features: Features,
    /// What features do in the background, until the server stops.
    pub tasks: TaskTracker,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
}

/// Rate limits by key.
pub struct Rates {
    /// Log-ins from an address.
    pub login_address: RateLimiter<IpAddr>,
    /// Log-ins on an account, by the hash of its address.
    pub login_account: RateLimiter<TokenHash>,
    /// Registrations from an address.
    pub register_address: RateLimiter<IpAddr>,
    /// Requests from an address.
    pub requests_address: RateLimiter<IpAddr>,
    /// Tickets of a user.
    pub tickets: RateLimiter<UserId>,
    /// Join tokens of an API key.
    pub join_tokens: RateLimiter<Uuid>,
    /// Telemetry of a user.
    pub telemetry_user: RateLimiter<UserId>,
    /// Telemetry from an address.
    pub telemetry_address: RateLimiter<IpAddr>,
    /// Requests on all sockets of a user.
    pub requests_user: RateLimiter<UserId>,
    /// Messages of a user.
    pub messages_user: RateLimiter<UserId>,
    /// Changes of messages by a user.
    pub message_changes_user: RateLimiter<UserId>,
    /// Searches of an account or an API key.
    pub searches: RateLimiter<Uuid>,
    /// Messages that a user reports.
    pub reports_user: RateLimiter<UserId>,
    /// Direct rooms that a user begins, and blocks that it sets.
    pub direct_begun_user: RateLimiter<UserId>,
    /// Browsers that a user subscribes.
    pub push_user: RateLimiter<UserId>,
    /// Files that a user uploads.
    pub uploads: RateLimiter<UserId>,
    /// A user who writes.
    pub typing_user: RateLimiter<UserId>,
    /// Pointers of a user.
    pub reads_user: RateLimiter<UserId>,
}

impl Rates {
    /// As `limits` say.
    pub fn new(limits: &Limits) -> Self {
        Self {
            login_address: RateLimiter::per_minute(limits.login_per_address_per_minute),
            login_account: RateLimiter::per_minute(limits.login_per_account_per_minute),
            register_address: RateLimiter::per_minute(limits.register_per_address_per_minute),
            requests_address: RateLimiter::per_second(limits.requests_per_address_per_s, 10),
            tickets: RateLimiter::per_minute(limits.tickets_per_user_per_minute),
            join_tokens: RateLimiter::per_second(limits.join_tokens_per_key_per_s, 10),
            telemetry_user: RateLimiter::per_minute(limits.telemetry_per_user_per_minute),
            telemetry_address: RateLimiter::per_minute(limits.telemetry_per_address_per_minute),
            requests_user: RateLimiter::per_second(limits.requests_per_user_per_s, 4),
            messages_user: RateLimiter::per_second(limits.messages_per_user_per_s, 10),
            message_changes_user: RateLimiter::per_second(limits.message_changes_per_user_per_s, 10),
            searches: RateLimiter::per_second(limits.searches_per_user_per_s, 10),
            reports_user: RateLimiter::per_minute(limits.reports_per_user_per_minute),
            direct_begun_user: RateLimiter::per_minute(limits.direct_rooms_per_user_per_minute),
            push_user: RateLimiter::per_minute(limits.push_subscribed_per_user_per_minute),
            uploads: RateLimiter::per_minute(limits.attachments_per_user_per_minute),
            typing_user: RateLimiter::per_second(limits.typing_per_user_per_s, 4),
            reads_user: RateLimiter::per_second(limits.reads_per_user_per_s, 4),
        }
    }
}

impl App {
    /// Shares `shared`; `store` says which workspace is seen.
    pub fn new(shared: Shared, store: Arc<dyn Store>) -> Self {
        Self { shared: Arc::new(shared), store }
    }

    /// The same as another workspace sees it.
    pub fn of(&self, workspace_id: WorkspaceId) -> Self {
        Self { shared: self.shared.clone(), store: self.store.of(workspace_id) }
    }

    /// The workspace that is seen.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.store.workspace_id()
    }

    /// A room of this workspace, live; made when it is not there.
    pub fn live_room(&self, id: RoomId, slug: &RoomSlug) -> Arc<LiveRoom> {
        self.hub.room(self.workspace_id(), id, slug)
    }

    /// What is true of this workspace now.
    pub fn live_workspace(&self) -> Arc<LiveWorkspace> {
        self.hub.workspace(self.workspace_id())
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// As the request's workspace sees it, which [`crate::workspaces::enter`] has found out.
impl FromRequestParts<App> for App {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().unwrap_or(app).clone())
    }
}
