//! Who sends a request.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use boltorezka_proto::rest::User;
use boltorezka_proto::{ErrorCode, UserId};
use uuid::Uuid;

use super::join_token::JoinClaims;
use super::session::SessionUser;
use super::token::{API_KEY_PREFIX, TokenHash, hash_token};
use crate::app::App;
use crate::error::ApiError;
use crate::permissions::{Action, Who};
use crate::store::{Actor, Audit};

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
        session: TokenHash,
    },
    /// A server of the operator.
    ApiKey {
        /// Which.
        id: Uuid,
    },
    /// The holder of a join token.
    Join(Box<JoinClaims>),
}

impl Caller {
    /// As the permissions know it.
    pub fn who(&self) -> Who {
        match self {
            Self::User { user, .. } => Who::Account(user.role),
            Self::ApiKey { .. } => Who::ApiKey,
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
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(token) = bearer_token(parts)? {
            return bearer(app, token).await;
        }
        match parts.extensions.get::<SessionUser>() {
            Some(session) if session.blocked => Err(ApiError::new(ErrorCode::AccountBlocked)),
            Some(session) => Ok(Self::User { user: session.user.clone(), session: session.hash }),
            None => Err(ApiError::new(ErrorCode::Unauthenticated)),
        }
    }
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

async fn bearer(app: &App, token: &str) -> Result<Caller, ApiError> {
    if token.starts_with(API_KEY_PREFIX) {
        let key = app.store.api_key(hash_token(token)).await?;
        let key = key.ok_or_else(|| ApiError::because(ErrorCode::InvalidToken, "the API key is not known"))?;
        return Ok(Caller::ApiKey { id: key.id });
    }
    let claims = app.join_tokens.verify(token, app.clock.now_ms())?;
    Ok(Caller::Join(Box::new(claims)))
}

/// A caller that acts in the whole workspace: an account or an API key, not the holder of a join token.
#[derive(Clone, Debug)]
pub struct WorkspaceCaller {
    /// The account; none for an API key.
    pub user: Option<User>,
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
        match caller {
            Caller::User { user, .. } => Ok(Self { actor: Actor::User(user.id), user: Some(user), address }),
            Caller::ApiKey { id } => Ok(Self { user: None, actor: Actor::ApiKey(id), address }),
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
        self.user.as_ref().map_or(Who::ApiKey, |user| Who::Account(user.role))
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

    /// What the audit keeps of it.
    pub fn audit(&self, now_ms: i64) -> Audit {
        Audit { actor: self.actor, address: self.address.to_string(), now_ms }
    }
}
