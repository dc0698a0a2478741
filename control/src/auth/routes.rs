//! `/v1/setup`, `/v1/auth/*`, `/v1/join-tokens`.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use boltorezka_proto::accounts::Me;
use boltorezka_proto::call::MediaPermissions;
use boltorezka_proto::rest::{
    EMAIL_BYTES_MAX, IDENTITY_CHARACTERS_MAX, JOIN_TOKEN_S_MAX, JoinTokenRequest, JoinTokenResponse, LoginRequest,
    RegisterRequest, RoomKind, SetupRequest, TicketResponse, UserEnvelope,
};
use boltorezka_proto::socket::CloseCode;
use boltorezka_proto::{DisplayName, ErrorCode, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Caller, ClientAddress};
use super::join_token::JoinClaims;
use super::owner::OWNER_TOKEN_HASH;
use super::session::{ClientDetails, ended_session_cookie, start_session};
use super::token::{hash_token, new_token};
use super::{erasure, link_routes, oidc, passkeys, second_factor, session_routes};
use crate::app::App;
use crate::calls::PermissionBits;
use crate::config::Registration;
use crate::error::ApiError;
use crate::http::{Fields, Json};
use crate::mail;
use crate::permissions::Action;
use crate::rate::address_key;
use crate::store::{Actor, Audit, Grant, NewAccount, Registered, SetupOutcome, UserRecord};

/// A ticket travels in a URL, so it lives just long enough to be used.
const TICKET_MS: i64 = 45_000;
const JOIN_TOKEN_S_DEFAULT: u32 = 3600;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(setup))
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(ws_ticket))
        .routes(routes!(join_token))
        .merge(session_routes::routes())
        .merge(erasure::routes())
        .merge(link_routes::routes())
        .merge(oidc::routes())
        .merge(passkeys::routes())
        .merge(second_factor::routes())
}

type WithSession = (StatusCode, CookieJar, axum::Json<UserEnvelope>);

/// Makes the first account, whose owner holds the owner link.
#[utoipa::path(post, path = "/setup", operation_id = "setUp", request_body = SetupRequest,
    responses(
        (status = 201, description = "The account, signed in.", body = UserEnvelope),
        (status = 401, description = "`invalid_token`: it is not the token of the owner link."),
        (status = 403, description = "`forbidden`: the owner link takes another address. `foreign_origin`."),
        (status = 409, description = "`already_set_up`."),
        (status = 422, description = "`invalid`: a value is not acceptable."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn setup(
    app: App,
    ClientAddress(address): ClientAddress,
    client: ClientDetails,
    jar: CookieJar,
    Fields(request): Fields<SetupRequest>,
) -> Result<WithSession, ApiError> {
    limit_registrations(&app, address)?;
    if app.store.is_set_up().await? {
        return Err(ApiError::new(ErrorCode::AlreadySetUp));
    }
    let kept = app.store.setting(OWNER_TOKEN_HASH).await?;
    if kept.as_deref() != Some(&hash_token(&request.token)) {
        let detail = "use the owner link that the server printed at its latest start";
        return Err(ApiError::because(ErrorCode::InvalidToken, detail));
    }
    let account = new_account(&app, &request.email, request.password, request.display_name).await?;
    let only = app.config.super_admin_email.as_deref().map(|email| email.trim().to_lowercase());
    if only.is_some_and(|only| only != account.email) {
        let detail = "the owner link takes only the address in the setting super_admin_email";
        return Err(ApiError::because(ErrorCode::Forbidden, detail));
    }
    let audit = Audit { actor: Actor::OwnerLink, address: address.to_string(), now_ms: app.clock.now_ms() };
    match app.store.set_up(&account, &audit).await? {
        SetupOutcome::AlreadySetUp => Err(ApiError::new(ErrorCode::AlreadySetUp)),
        SetupOutcome::Done(user) => {
            app.hub.close_sockets_of(user.user.id, CloseCode::InvalidTicket);
            signed_in(&app, jar, client, StatusCode::CREATED, user).await
        }
    }
}

/// Makes an account.
#[utoipa::path(post, path = "/auth/register", operation_id = "register", request_body = RegisterRequest,
    responses(
        (status = 201, description = "The account, signed in.", body = UserEnvelope),
        (status = 401, description = "`invalid_token`: the invite."),
        (status = 403, description = "`registration_closed`, `foreign_origin`."),
        (status = 409, description = "`conflict`: the address is taken."),
        (status = 422, description = "`invalid`: a value is not acceptable."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn register(
    app: App,
    ClientAddress(address): ClientAddress,
    client: ClientDetails,
    jar: CookieJar,
    Fields(request): Fields<RegisterRequest>,
) -> Result<WithSession, ApiError> {
    match (app.config.registration, &request.invite) {
        (Registration::Closed, _) => return Err(ErrorCode::RegistrationClosed.into()),
        (Registration::Invite, None) => {
            let detail = "this server takes invited people only; ask its operator";
            return Err(ApiError::because(ErrorCode::RegistrationClosed, detail));
        }
        (Registration::Open, _) | (Registration::Invite, Some(_)) => {}
    }
    limit_registrations(&app, address)?;
    let now_ms = app.clock.now_ms();
    let invite = request.invite.as_deref().map(hash_token);
    if let Some(invite) = invite {
        // Before the work of a hash.
        let email = check_email(&request.email)?;
        if !app.store.invite_opens(invite, &email, now_ms).await? {
            return Err(no_invite());
        }
    }
    let account = new_account(&app, &request.email, request.password, request.display_name).await?;
    let registered = match invite {
        // Who was invited by an admin waits for none.
        Some(invite) => app.store.register_invited(&account, invite, now_ms).await?,
        None => {
            let account = NewAccount { pending: app.config.registration_approval, ..account };
            let user = app.store.register(&account, now_ms).await?;
            user.map_or(Registered::Taken, |user| Registered::Done(Box::new(user)))
        }
    };
    app.mails.notify_one();
    let user = match registered {
        Registered::Done(user) => *user,
        Registered::NoInvite => return Err(no_invite()),
        Registered::Taken => return Err(ApiError::because(ErrorCode::Conflict, "email is taken; log in instead")),
    };
    signed_in(&app, jar, client, StatusCode::CREATED, user).await
}

/// Begins a session.
#[utoipa::path(post, path = "/auth/login", operation_id = "logIn", request_body = LoginRequest,
    responses(
        (status = 200, description = "The account, signed in.", body = UserEnvelope),
        (status = 401, description = "`invalid_credentials`: which of both is wrong, is not said. `second_factor_required`: send it again with `code`."),
        (status = 403, description = "`account_blocked`, `foreign_origin`."),
        (status = 422, description = "`invalid`: a value is not acceptable."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn login(
    app: App,
    ClientAddress(address): ClientAddress,
    client: ClientDetails,
    jar: CookieJar,
    Fields(request): Fields<LoginRequest>,
) -> Result<WithSession, ApiError> {
    let now_ms = app.clock.now_ms();
    let email = request.email.trim().to_lowercase();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    app.rates.login_account.take(hash_token(&email), now_ms).map_err(ApiError::rate_limited)?;
    let user = app.store.user_by_email(&email).await?;
    let stored = user.as_ref().and_then(|user| user.password_hash.as_deref());
    let matches = app.passwords.verify(request.password, stored).await?;
    match user.filter(|_| matches) {
        None => Err(ApiError::new(ErrorCode::InvalidCredentials)),
        Some(user) if user.blocked => Err(ApiError::new(ErrorCode::AccountBlocked)),
        Some(user) if user.second_factor => {
            let code = request.code.ok_or(ErrorCode::SecondFactorRequired)?;
            second_factor::check_code(&app, &user.user, &code).await?;
            signed_in(&app, jar, client, StatusCode::OK, user).await
        }
        Some(user) => signed_in(&app, jar, client, StatusCode::OK, user).await,
    }
}

/// Ends the session and closes its sockets.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logOut",
    responses((status = 204, description = "There is no session any more.")))]
async fn logout(
    app: App,
    jar: CookieJar,
    caller: Result<Caller, ApiError>,
) -> Result<(StatusCode, CookieJar), ApiError> {
    // Whoever is not signed in any more is where it wants to be.
    if let Ok(Caller::User { user, session, .. }) = caller {
        app.store.delete_session(user.id, session).await?;
        app.hub.close_sockets_of_session(session);
    }
    Ok((StatusCode::NO_CONTENT, jar.add(ended_session_cookie(&app))))
}

/// The account of the session.
#[utoipa::path(get, path = "/auth/me", operation_id = "getMe", security(("session" = [])),
    responses((status = 200, description = "The account.", body = Me)))]
async fn me(app: App, caller: Caller) -> Result<axum::Json<Me>, ApiError> {
    let allowed = caller.may(Action::ReadMe).is_ok();
    match caller {
        Caller::User { user, .. } if allowed => {
            let record = app.store.user(user.id).await?.ok_or(ErrorCode::Unauthenticated)?;
            Ok(axum::Json(Me {
                state: record.state(),
                email_verified: record.email_verified,
                second_factor: record.second_factor,
                has_password: record.password_hash.is_some(),
                user: record.user,
            }))
        }
        _ => Err(ApiError::because(ErrorCode::Unauthenticated, "only a signed-in account has a me")),
    }
}

/// Gives a ticket, which opens one socket, once, within 45 s.
#[utoipa::path(post, path = "/auth/ws-ticket", operation_id = "createTicket",
    security(("session" = []), ("joinToken" = [])),
    responses((status = 201, description = "The ticket.", body = TicketResponse)))]
async fn ws_ticket(app: App, caller: Caller) -> Result<(StatusCode, axum::Json<TicketResponse>), ApiError> {
    caller.may(Action::CreateTicket)?;
    let now_ms = app.clock.now_ms();
    let (user_id, session, room_id, permissions) = match caller {
        Caller::User { user, session, .. } => {
            (user.id, Some(session), None, PermissionBits::from(MediaPermissions::ALL))
        }
        Caller::Join(claims) => {
            let room = app.store.room(&claims.room).await?.filter(|room| room.id == claims.room_id);
            let room = room.ok_or_else(|| ApiError::because(ErrorCode::InvalidToken, "the token's room is gone"))?;
            (claims.sub, None, Some(room.id), claims.bits())
        }
        Caller::ApiKey { .. } => return Err(ErrorCode::Forbidden.into()),
    };
    app.rates.tickets.take(user_id, now_ms).map_err(ApiError::rate_limited)?;
    let ticket = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let expires_at_ms = now_ms + TICKET_MS;
    let grant = Grant { workspace_id: app.workspace_id(), user_id, session, room_id, permissions, expires_at_ms };
    if !app.store.create_ticket(hash_token(&ticket), &grant).await? {
        return Err(ErrorCode::Unauthenticated.into());
    }
    let response = TicketResponse { ticket, expires_at: Timestamp::from_unix_ms(expires_at_ms) };
    Ok((StatusCode::CREATED, axum::Json(response)))
}

/// Lets a server admit an identity of its own to one room.
#[utoipa::path(post, path = "/join-tokens", operation_id = "createJoinToken", security(("apiKey" = [])),
    request_body = JoinTokenRequest,
    responses(
        (status = 201, description = "The token.", body = JoinTokenResponse),
        (status = 404, description = "`not_found`: there is no such room."),
        (status = 422, description = "`invalid`: a value is not acceptable."),
    ))]
async fn join_token(
    app: App,
    caller: Caller,
    Json(request): Json<JoinTokenRequest>,
) -> Result<(StatusCode, axum::Json<JoinTokenResponse>), ApiError> {
    caller.may(Action::CreateJoinToken)?;
    let Caller::ApiKey { id, .. } = caller else { return Err(ErrorCode::Forbidden.into()) };
    let now_ms = app.clock.now_ms();
    app.rates.join_tokens.take(id, now_ms).map_err(ApiError::rate_limited)?;
    let identity = request.identity.trim().to_owned();
    if identity.is_empty() || identity.chars().count() > IDENTITY_CHARACTERS_MAX {
        let detail = format!("identity must have 1 to {IDENTITY_CHARACTERS_MAX} characters");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    let ttl_s = request.ttl_s.unwrap_or(JOIN_TOKEN_S_DEFAULT);
    if !(1..=JOIN_TOKEN_S_MAX).contains(&ttl_s) {
        return Err(ApiError::because(ErrorCode::Invalid, format!("ttlS must be 1 to {JOIN_TOKEN_S_MAX}")));
    }
    let room = app.store.room(&request.room).await?.filter(|room| room.kind != RoomKind::Direct);
    let room = room.ok_or_else(|| ApiError::because(ErrorCode::NotFound, "there is no such room"))?;
    let user = app.store.external_user(id, &identity, &request.display_name, now_ms).await?;
    let user = user.ok_or_else(|| ApiError::because(ErrorCode::InvalidToken, "the API key was revoked"))?;
    let exp_s = now_ms / 1000 + i64::from(ttl_s);
    let permissions = request.permissions.unwrap_or(MediaPermissions::ALL);
    let room = (room.slug, room.id);
    let claims =
        JoinClaims::new(user.user.id, app.workspace_id(), room, identity, request.display_name, permissions, exp_s);
    let claims = JoinClaims { passes_lobby: request.passes_lobby, ..claims };
    let token = app.join_tokens.sign(&claims)?;
    let expires_at = Timestamp::from_unix_ms(exp_s * 1000);
    Ok((StatusCode::CREATED, axum::Json(JoinTokenResponse { token, expires_at })))
}

fn no_invite() -> ApiError {
    let detail = "the invite is unknown, used up, expired or for another address; ask for a new one";
    ApiError::because(ErrorCode::InvalidToken, detail)
}

fn limit_registrations(app: &App, address: IpAddr) -> Result<(), ApiError> {
    app.rates.register_address.take(address_key(address), app.clock.now_ms()).map_err(ApiError::rate_limited)
}

async fn new_account(
    app: &App,
    email: &str,
    password: String,
    display_name: DisplayName,
) -> Result<NewAccount, ApiError> {
    let email = check_email(email)?;
    let password_hash = app.passwords.hash(password).await?;
    Ok(NewAccount { email, password_hash, display_name, pending: false, mail: mail::verification(app) })
}

/// The address as it is kept.
///
/// # Errors
/// `invalid`.
pub fn check_email(email: &str) -> Result<String, ApiError> {
    let email = email.trim().to_lowercase();
    let well_formed = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.starts_with('.')
    });
    let clean = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if well_formed && clean && email.len() <= EMAIL_BYTES_MAX {
        Ok(email)
    } else {
        Err(ApiError::because(ErrorCode::Invalid, "email must be an address such as name@example.org"))
    }
}

async fn signed_in(
    app: &App,
    jar: CookieJar,
    client: ClientDetails,
    status: StatusCode,
    user: UserRecord,
) -> Result<WithSession, ApiError> {
    let cookie = start_session(app, &user, client).await?;
    Ok((status, jar.add(cookie), axum::Json(UserEnvelope { user: user.user })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_two_sides() {
        assert_eq!(check_email(" Ann@Example.ORG ").unwrap(), "ann@example.org");
        for bad in ["", "ann", "@example.org", "ann@", "a b@example.org", "a@b@c", "ann@.org", &"a".repeat(300)] {
            assert_eq!(check_email(bad).unwrap_err().code, ErrorCode::Invalid, "{bad}");
        }
    }
}
