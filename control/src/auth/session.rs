//! Session cookies: HttpOnly, SameSite=Lax, 30 days from the last use. Their token is replaced each day.
//!
//! Requests that were on their way with the token of before are answered too, for a minute from the moment at which the
//! new one is seen. Until then the old one stays good: an answer may be lost on its way.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use boltorezka_proto::ErrorCode;

use super::SESSION_COOKIE;
use super::caller::ClientAddress;
use super::token::{TokenHash, hash_token, new_token};
use crate::app::App;
use crate::config::SessionDetails;
use crate::error::ApiError;
use crate::permissions::Grants;
use crate::store::{NewSession, SessionRecord, StoreError, UserRecord};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A session ends when it was not used for this long.
const SESSION_MS: i64 = 30 * DAY_MS;
/// A token is replaced at this age: what was copied is worth little for long.
const ROTATE_AFTER_MS: i64 = DAY_MS;
/// How long the token of before is good for requests that were on their way.
const OVERLAP_MS: i64 = 60_000;
/// A session's last use is written down this often: not each request writes.
const SEEN_EVERY_MS: i64 = 10 * 60 * 1000;
/// What is kept of a user agent, in characters: browsers say some hundred.
const USER_AGENT_CHARACTERS_MAX: usize = 200;

/// The session that a request came with.
#[derive(Clone, Debug)]
pub struct SessionUser {
    /// Whose it is.
    pub record: UserRecord,
    /// Which.
    pub session: SessionRecord,
    /// What custom roles in the default workspace give it.
    pub grants: Grants,
}

/// What may be kept of where a session is begun.
#[derive(Clone, Debug, Default)]
pub struct ClientDetails {
    address: Option<String>,
    user_agent: Option<String>,
}

impl FromRequestParts<App> for ClientDetails {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let user_agent = || {
            let text = parts.headers.get(header::USER_AGENT)?.to_str().ok()?;
            Some(text.chars().take(USER_AGENT_CHARACTERS_MAX).collect())
        };
        Ok(match app.config.session_details {
            SessionDetails::None => Self::default(),
            SessionDetails::UserAgent => Self { address: None, user_agent: user_agent() },
            SessionDetails::All => {
                let user_agent = user_agent();
                let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(parts, app).await;
                Self { address: Some(address.to_string()), user_agent }
            }
        })
    }
}

/// Starts a session and returns its cookie.
///
/// # Errors
/// `invalid_credentials` when the account was blocked, or got another password, since `user` was read.
pub async fn start_session(app: &App, user: &UserRecord, client: ClientDetails) -> Result<Cookie<'static>, ApiError> {
    let token = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let now_ms = app.clock.now_ms();
    let session = NewSession {
        hash: hash_token(&token),
        user_id: user.user.id,
        credentials_rev: user.credentials_rev,
        address: client.address,
        user_agent: client.user_agent,
        now_ms,
        expires_at_ms: now_ms + SESSION_MS,
    };
    app.store.create_session(&session).await?.ok_or(ErrorCode::InvalidCredentials)?;
    Ok(session_cookie(app, token))
}

/// Middleware: finds the session of a request that has the cookie and no `Authorization`, prolongs it, and replaces its
/// token when that is old.
///
/// # Errors
/// When the database fails.
pub async fn session_layer(app: App, jar: CookieJar, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let token = jar.get(SESSION_COOKIE).map(|cookie| cookie.value().to_owned());
    let Some(token) = token.filter(|_| !request.headers().contains_key(header::AUTHORIZATION)) else {
        return Ok(next.run(request).await);
    };
    let hash = hash_token(&token);
    let now_ms = app.clock.now_ms();
    let Some((record, session, grants)) = app.store.session(hash, now_ms).await? else {
        return Ok(next.run(request).await);
    };
    let fresh = keep_alive(&app, &session, hash, now_ms).await?;
    request.extensions_mut().insert(SessionUser { record, session, grants });
    let mut response = next.run(request).await;
    if let Some(token) = fresh
        && !response.headers().contains_key(header::SET_COOKIE)
        && let Ok(value) = HeaderValue::from_str(&session_cookie(&app, token).to_string())
    {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// Writes down that a session was used, now and then. Returns its new token, when it got one.
async fn keep_alive(
    app: &App,
    session: &SessionRecord,
    shown: TokenHash,
    now_ms: i64,
) -> Result<Option<String>, StoreError> {
    if now_ms - session.seen_at_ms >= SEEN_EVERY_MS {
        app.store.touch_session(session.id, now_ms, now_ms + SESSION_MS).await?;
    }
    if session.has_previous && !session.is_previous {
        app.store.retire_token(session.id, now_ms + OVERLAP_MS).await?;
    }
    let age_ms = now_ms - session.token_at_ms;
    // Within the overlap, whoever shows the old token has asked before the new one arrived.
    let is_due =
        if session.is_previous { age_ms > OVERLAP_MS && session.has_previous } else { age_ms >= ROTATE_AFTER_MS };
    if !is_due {
        return Ok(None);
    }
    let Ok(token) = new_token() else { return Ok(None) };
    let rotated = app.store.rotate_token(session.id, session.token_at_ms, shown, hash_token(&token), now_ms).await?;
    Ok(rotated.then_some(token))
}

/// A cookie that makes the browser forget the session.
pub fn ended_session_cookie(app: &App) -> Cookie<'static> {
    let mut cookie = session_cookie(app, String::new());
    cookie.set_max_age(time::Duration::ZERO);
    cookie
}

fn session_cookie(app: &App, token: String) -> Cookie<'static> {
    Cookie::build((SESSION_COOKIE, token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(app.config.secure_cookies)
        .max_age(time::Duration::milliseconds(SESSION_MS))
        .build()
}
