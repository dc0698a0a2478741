//! What every part of the control plane shares.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use boltorezka_proto::UserId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::{JoinTokens, Passwords, Sealer, TokenHash};
use crate::calls::Link;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Metrics;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::presence::Hub;
use crate::rate::RateLimiter;
use crate::store::{OutboxSignal, Store};

/// The control plane's shared state: cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// See [`App`].
pub struct Shared {
    /// As given at start.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What must last.
    pub store: Arc<dyn Store>,
    /// Fired when something waits in the outbox.
    pub signal: Arc<OutboxSignal>,
    /// Password hashing.
    pub passwords: Passwords,
    /// Join tokens.
    pub join_tokens: JoinTokens,
    /// Sends mails, where the settings say how.
    pub mailer: Option<Mailer>,
    /// Fired when a mail waits.
    pub mails: Notify,
    /// For what must not be read in the database.
    pub sealer: Sealer,
    /// Rate limits.
    pub rates: Rates,
    /// Rooms and sockets.
    pub hub: Hub,
    /// The link to the media node.
    pub link: Link,
    /// Metrics.
    pub metrics: Metrics,
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
        }
    }
}

impl App {
    /// Shares `shared`.
    pub fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
