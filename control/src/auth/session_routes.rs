//! `/v1/auth/sessions`, `/v1/auth/password`: where an account is signed in, and its password.

use std::net::IpAddr;

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::accounts::{ChangePasswordRequest, Session, Sessions};
use boltorezka_proto::{ErrorCode, LoginId, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::caller::{Caller, ClientAddress, SignedIn};
use super::token::hash_token;
use crate::app::App;
use crate::error::ApiError;
use crate::http::{Fields, Path, id_in_path};
use crate::permissions::Action;
use crate::rate::address_key;
use crate::store::{SessionRecord, UserRecord};

/// A sign-in of this age stands for the password of an account that has none.
const FRESH_SIGN_IN_MS: i64 = 10 * 60 * 1000;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, end_others)).routes(routes!(end)).routes(routes!(change_password))
}

/// Where the account is signed in.
#[utoipa::path(get, path = "/auth/sessions", operation_id = "listSessions", security(("session" = [])),
    responses((status = 200, description = "All its sessions, those used last first.", body = Sessions)))]
async fn list(app: App, caller: Caller) -> Result<Body<Sessions>, ApiError> {
    let SignedIn { user, session: current } = caller.signed_in(Action::ListSessions)?;
    let sessions = app.store.sessions(user.id, app.clock.now_ms()).await?;
    Ok(Body(Sessions { items: sessions.into_iter().map(|session| session_view(session, current)).collect() }))
}

/// A session as its owner sees it.
pub(super) fn session_view(session: SessionRecord, current: Uuid) -> Session {
    Session {
        id: LoginId(session.id),
        current: session.id == current,
        created_at: Timestamp::from_unix_ms(session.created_at_ms),
        last_seen_at: Timestamp::from_unix_ms(session.seen_at_ms),
        expires_at: Timestamp::from_unix_ms(session.expires_at_ms),
        address: session.address,
        user_agent: session.user_agent,
    }
}

/// Ends a session of the account and closes its sockets.
#[utoipa::path(delete, path = "/auth/sessions/{sessionId}", operation_id = "endSession", security(("session" = [])),
    params(("sessionId" = LoginId, Path)),
    responses((status = 204, description = "It has ended.")))]
async fn end(app: App, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let SignedIn { user, .. } = caller.signed_in(Action::DeleteSession)?;
    let LoginId(id) = id_in_path(&id)?;
    if !app.store.delete_session(user.id, id).await? {
        return Err(ApiError::because(ErrorCode::NotFound, "there is no such session; list them anew"));
    }
    app.hub.close_sockets_of_session(id);
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sessions of the account but the one of the request, and closes their sockets.
#[utoipa::path(delete, path = "/auth/sessions", operation_id = "endOtherSessions", security(("session" = [])),
    responses((status = 204, description = "There is one session.")))]
async fn end_others(app: App, caller: Caller) -> Result<StatusCode, ApiError> {
    let SignedIn { user, session } = caller.signed_in(Action::DeleteOtherSessions)?;
    app.store.delete_other_sessions(user.id, session).await?;
    app.hub.close_other_sockets_of(user.id, session);
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the password, ends all other sessions and closes their sockets.
#[utoipa::path(post, path = "/auth/password", operation_id = "changePassword", security(("session" = [])),
    request_body = ChangePasswordRequest,
    responses(
        (status = 204, description = "It is changed; the session of the request goes on, under a new token at its next use."),
        (status = 401, description = "`invalid_credentials`: the password of now is another. `unauthenticated`."),
        (status = 409, description = "`conflict`: the password was changed elsewhere in this moment."),
        (status = 422, description = "`invalid`: the new password is not acceptable."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn change_password(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Fields(request): Fields<ChangePasswordRequest>,
) -> Result<StatusCode, ApiError> {
    let signed_in = caller.signed_in(Action::ChangePassword)?;
    let record = check_password(&app, address, &signed_in, request.password).await?;
    let SignedIn { user, session } = signed_in;
    let hash = app.passwords.hash(request.new_password).await?;
    if !app.store.change_password(user.id, record.credentials_rev, &hash, Some(session)).await? {
        return Err(ApiError::because(ErrorCode::Conflict, "the password was changed elsewhere; sign in anew"));
    }
    app.hub.close_other_sockets_of(user.id, session);
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for the password of a signed-in account again: whoever found an open session must not guess it. Of an account that has
/// none, the session must be one of the last minutes.
///
/// # Errors
/// `invalid_credentials`, `rate_limited`, `unavailable`.
pub(super) async fn check_password(
    app: &App,
    address: IpAddr,
    SignedIn { user, session }: &SignedIn,
    password: String,
) -> Result<UserRecord, ApiError> {
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    app.rates.login_account.take(hash_token(&user.email), now_ms).map_err(ApiError::rate_limited)?;
    let record = app.store.user(user.id).await?.ok_or(ErrorCode::Unauthenticated)?;
    if record.password_hash.is_none() {
        let sessions = app.store.sessions(user.id, now_ms).await?;
        let began = sessions.into_iter().find(|each| each.id == *session).map(|each| each.created_at_ms);
        let is_fresh = began.is_some_and(|began_ms| now_ms - began_ms < FRESH_SIGN_IN_MS);
        let detail = "the account has no password: sign out, sign in again, and repeat this within ten minutes";
        let stale = || ApiError::because(ErrorCode::InvalidCredentials, detail);
        return is_fresh.then_some(record).ok_or_else(stale);
    }
    if app.passwords.verify(password, record.password_hash.as_deref()).await? {
        Ok(record)
    } else {
        Err(ErrorCode::InvalidCredentials.into())
    }
}
