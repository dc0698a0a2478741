//! Session cookies: HttpOnly, SameSite=Lax, 30 days from the last use.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use boltorezka_proto::rest::User;
use boltorezka_proto::{ErrorCode, UserId};

use super::SESSION_COOKIE;
use super::token::{TokenHash, hash_token, new_token};
use crate::app::App;
use crate::error::ApiError;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A session ends when it was not used for this long.
const SESSION_MS: i64 = 30 * DAY_MS;
/// A session is prolonged when this much of it was used up: one write a day, not one a request.
const PROLONG_AFTER_MS: i64 = DAY_MS;

/// The session that a request came with.
#[derive(Clone, Debug)]
pub struct SessionUser {
    /// Whose it is.
    pub user: User,
    /// Whether the account is blocked.
    pub blocked: bool,
    /// What is kept of the session's token.
    pub hash: TokenHash,
}

/// Starts a session and returns its cookie.
pub async fn start_session(app: &App, user_id: UserId) -> Result<Cookie<'static>, ApiError> {
    let token = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let now_ms = app.clock.now_ms();
    app.store.create_session(hash_token(&token), user_id, now_ms, now_ms + SESSION_MS).await?;
    Ok(session_cookie(app, token))
}

/// Middleware: finds the session of a request that has the cookie and no `Authorization`, and prolongs it.
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
    let Some((record, expires_at_ms)) = app.store.session(hash, now_ms).await? else {
        return Ok(next.run(request).await);
    };
    request.extensions_mut().insert(SessionUser { user: record.user, blocked: record.blocked, hash });
    let prolong = expires_at_ms - now_ms < SESSION_MS - PROLONG_AFTER_MS;
    if prolong {
        app.store.extend_session(hash, now_ms + SESSION_MS).await?;
    }
    let mut response = next.run(request).await;
    if prolong
        && !response.headers().contains_key(header::SET_COOKIE)
        && let Ok(value) = HeaderValue::from_str(&session_cookie(&app, token).to_string())
    {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
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
