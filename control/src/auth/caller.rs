//! Who sends a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use boltorezka_proto::accounts::AccountState;
use boltorezka_proto::rest::User;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{ErrorCode, UserId, WorkspaceId};
use uuid::Uuid;

use super::join_token::JoinClaims;
use super::session::SessionUser;
use super::token::{API_KEY_PREFIX, hash_token};
use crate::app::App;
use crate::error::ApiError;
use crate::permissions::{Action, Grants, Scopes, Who};
use crate::store::{Actor, ApiKeyRecord, Audit, StoreError, workspace_role};

/// The last use of an API key is written down this often: not each request writes.
const USED_EVERY_MS: i64 = 10 * 60 * 1000;

/// The network address of the other end of the connection. Headers of proxies are not believed.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())))
    }
}

/// Who sends a request: the extractor answers 401 to nobody and 403 to blocked accounts.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A signed-in account.
    User {
        /// Which.
        user: User,
        /// Its session.
        session: Uuid,
        /// Whether it waits for an admin.
        pending: bool,
        /// What it is in the request's workspace.
        role: WorkspaceRole,
        /// What its custom roles there give it.
        grants: Grants,
    },
    /// A server of the operator.
    ApiKey {
        /// Which.
        id: Uuid,
        /// What it may do.
        scopes: Scopes,
    },
    /// The holder of a join token.
    Join(Box<JoinClaims>),
}

impl Caller {
    /// As the permissions know it.
    pub fn who(&self) -> Who {
        match self {
            Self::User { pending: true, .. } => Who::Pending,
            Self::User { user, role, grants, .. } => Who::Account(user.role, *role, *grants),
            Self::ApiKey { scopes, .. } => Who::ApiKey(*scopes),
            Self::Join(_) => Who::JoinToken,
        }
    }

    /// Checks that it may do something that is in no room.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn may(&self, action: Action) -> Result<(), ApiError> {
        action.check(self.who(), None)
    }

    /// Checks that it is a signed-in account that may do something with itself.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn signed_in(self, action: Action) -> Result<SignedIn, ApiError> {
        self.may(action)?;
        match self {
            Self::User { user, session, .. } => Ok(SignedIn { user, session }),
            Self::ApiKey { .. } | Self::Join(_) => Err(ErrorCode::Forbidden.into()),
        }
    }
}

/// An account with the session that it asks with.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Which.
    pub user: User,
    /// Its session.
    pub session: Uuid,
}

/// As [`crate::workspaces::enter`] has left it with the request.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Identified>() {
            Some(Identified(caller)) => caller.clone(),
            None => Err(ErrorCode::Unauthenticated.into()),
        }
    }
}

/// Who sends a request, or why that is not known.
#[derive(Clone, Debug)]
pub struct Identified(pub Result<Caller, ApiError>);

/// Finds out who sends a request, and the workspace that its credential is for: the default one for accounts and for those
/// who show none.
pub async fn identify(app: &App, parts: &Parts) -> (Result<Caller, ApiError>, WorkspaceId) {
    let home_id = app.store.home_id();
    let token = match bearer_token(parts) {
        Ok(token) => token,
        Err(error) => return (Err(error), home_id),
    };
    if let Some(token) = token {
        return bearer(app, token).await;
    }
    let caller = match parts.extensions.get::<SessionUser>() {
        Some(SessionUser { record, session, grants }) => match record.state() {
            AccountState::Blocked => Err(ApiError::new(ErrorCode::AccountBlocked)),
            state => {
                // Every account is at home in the default workspace.
                let role = workspace_role(record.user.role, true, None).unwrap_or(WorkspaceRole::Guest);
                let pending = state == AccountState::Pending;
                Ok(Caller::User { user: record.user.clone(), session: session.id, pending, role, grants: *grants })
            }
        },
        None => Err(ApiError::new(ErrorCode::Unauthenticated)),
    };
    (caller, home_id)
}

/// The holder of a join token that may have expired meanwhile, for what it opened with it. The extractor answers 401.
#[derive(Clone, Debug)]
pub struct SignedBearer(pub JoinClaims);

impl FromRequestParts<App> for SignedBearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer_token(parts)?.ok_or(ErrorCode::Unauthenticated)?;
        app.join_tokens.verify_signature(token).map(Self)
    }
}

/// What follows `Authorization: Bearer`, whose case does not count (RFC 9110, section 11.1).
fn bearer_token(parts: &Parts) -> Result<Option<&str>, ApiError> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let words = value.to_str().ok().and_then(|value| value.trim().split_once(' '));
    match words {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(ApiError::because(ErrorCode::InvalidToken, "Authorization must be `Bearer <token>`")),
    }
}

async fn bearer(app: &App, token: &str) -> (Result<Caller, ApiError>, WorkspaceId) {
    let home_id = app.store.home_id();
    if token.starts_with(API_KEY_PREFIX) {
        return match api_key(app, token).await {
            Ok(Some(key)) => (Ok(Caller::ApiKey { id: key.id, scopes: key.allowed() }), key.workspace_id),
            Ok(None) => (Err(ApiError::because(ErrorCode::InvalidToken, "the API key is not known")), home_id),
            Err(error) => (Err(error.into()), home_id),
        };
    }
    // What a token opened may outlast it, in the workspace that it was for.
    let signed = app.join_tokens.verify_signature(token).ok();
    let workspace_id = signed.and_then(|claims| claims.workspace_id).unwrap_or(home_id);
    let claims = app.join_tokens.verify(token, app.clock.now_ms());
    (claims.map(|claims| Caller::Join(Box::new(claims))), workspace_id)
}

/// The key in force, whose use is written down now and then.
async fn api_key(app: &App, token: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
    let Some(key) = app.store.api_key(hash_token(token)).await? else { return Ok(None) };
    let now_ms = app.clock.now_ms();
    if key.used_at_ms.is_none_or(|used_at_ms| now_ms - used_at_ms >= USED_EVERY_MS) {
        app.store.touch_api_key(key.id, now_ms).await?;
    }
    Ok(Some(key))
}

/// A caller that acts in the whole workspace: an account or an API key, not the holder of a join token.
#[derive(Clone, Debug)]
pub struct WorkspaceCaller {
    /// The account; none for an API key.
    pub user: Option<User>,
    who: Who,
    /// Who, for the audit.
    pub actor: Actor,
    /// From where.
    pub address: IpAddr,
}

impl FromRequestParts<App> for WorkspaceCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(parts, app).await;
        let who = caller.who();
        match caller {
            Caller::User { user, .. } => Ok(Self { actor: Actor::User(user.id), user: Some(user), who, address }),
            Caller::ApiKey { id, .. } => Ok(Self { user: None, actor: Actor::ApiKey(id), who, address }),
            Caller::Join(_) => Err(ApiError::because(
                ErrorCode::Forbidden,
                "a join token opens the realtime gateway only; get a ticket at /v1/auth/ws-ticket",
            )),
        }
    }
}

impl WorkspaceCaller {
    /// As the permissions know it.
    pub fn who(&self) -> Who {
        self.who
    }

    /// Checks that it may do something that is in no room.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn may(&self, action: Action) -> Result<(), ApiError> {
        action.check(self.who(), None)
    }

    /// The account, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        self.user.as_ref().map(|user| user.id)
    }

    /// The id of the account or the API key.
    pub fn id(&self) -> Uuid {
        match self.actor {
            Actor::User(user_id) => user_id.0,
            Actor::ApiKey(id) => id,
            // Nobody calls with it.
            Actor::OwnerLink => Uuid::nil(),
        }
    }

    /// What the audit keeps of it.
    pub fn audit(&self, now_ms: i64) -> Audit {
        Audit { actor: self.actor, address: self.address.to_string(), now_ms }
    }
}
