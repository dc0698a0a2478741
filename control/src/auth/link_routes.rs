//! Forgotten passwords and addresses to be verified: links that are used once.

use axum::http::StatusCode;
use boltorezka_proto::accounts::{
    ForgotPasswordRequest, LinkCreated, LinkKind, ResetPasswordRequest, VerifyEmailRequest,
};
use boltorezka_proto::socket::CloseCode;
use boltorezka_proto::{ErrorCode, Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{ClientAddress, WorkspaceCaller};
use super::routes::check_email;
use super::token::{hash_token, new_token};
use crate::app::App;
use crate::config::Config;
use crate::error::ApiError;
use crate::http::Fields;
use crate::permissions::Action;
use crate::rate::address_key;
use crate::rooms::refresh_roles;
use crate::store::{Audit, NewLink, Verified};

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Another mail of the same kind is sent to an account after this time at the earliest: nobody's mailbox is filled.
const MAIL_EVERY_MS: i64 = 5 * 60 * 1000;

/// How long a link is good.
pub fn link_life_ms(kind: LinkKind) -> i64 {
    match kind {
        LinkKind::VerifyEmail => 72 * HOUR_MS,
        LinkKind::ResetPassword => HOUR_MS,
    }
}

/// The page of the web client that uses the link.
pub fn link_page(config: &Config, kind: LinkKind, token: &str) -> String {
    match kind {
        LinkKind::VerifyEmail => config.page(&format!("verify?token={token}")),
        LinkKind::ResetPassword => config.page(&format!("reset?token={token}")),
    }
}

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(forgot))
        .routes(routes!(reset))
        .routes(routes!(send_verification))
        .routes(routes!(verify))
}

/// Makes a link that an admin hands out.
///
/// # Errors
/// `not_found` when there is no such account.
pub async fn hand_out(app: &App, user_id: UserId, kind: LinkKind, audit: &Audit) -> Result<LinkCreated, ApiError> {
    let token = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let expires_at_ms = audit.now_ms + link_life_ms(kind);
    let link = NewLink { hash: hash_token(&token), kind, now_ms: audit.now_ms, expires_at_ms };
    if !app.store.create_link(user_id, &link, audit).await? {
        return Err(ApiError::because(ErrorCode::NotFound, "there is no such account"));
    }
    let expires_at = Timestamp::from_unix_ms(expires_at_ms);
    Ok(LinkCreated { link: link_page(&app.config, kind, &token), token, expires_at })
}

/// Has a link for another password sent. The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/auth/password-reset", operation_id = "forgotPassword",
    request_body = ForgotPasswordRequest,
    responses(
        (status = 202, description = "If the address has an account, a mail is on its way."),
        (status = 422, description = "`invalid`: it is no address."),
        (status = 503, description = "`unavailable`: this server sends no mail; an admin hands out links."),
    ))]
async fn forgot(
    app: App,
    ClientAddress(address): ClientAddress,
    Fields(request): Fields<ForgotPasswordRequest>,
) -> Result<StatusCode, ApiError> {
    let email = check_email(&request.email)?;
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    app.rates.login_account.take(hash_token(&email), now_ms).map_err(ApiError::rate_limited)?;
    if app.mailer.is_none() {
        return Err(no_mail());
    }
    // Beside: the time that the answer takes tells nothing either.
    tokio::spawn(async move {
        match app.store.queue_mail(&email, LinkKind::ResetPassword, now_ms - MAIL_EVERY_MS, now_ms).await {
            Ok(()) => app.mails.notify_one(),
            Err(error) => tracing::error!(%error, "a mail could not be queued"),
        }
    });
    Ok(StatusCode::ACCEPTED)
}

/// Uses a link for another password. All sessions end.
#[utoipa::path(post, path = "/auth/password-reset/confirm", operation_id = "resetPassword",
    request_body = ResetPasswordRequest,
    responses(
        (status = 204, description = "It is changed; log in."),
        (status = 401, description = "`invalid_token`: the link is unknown, used or expired."),
        (status = 422, description = "`invalid`: the new password is not acceptable."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn reset(
    app: App,
    ClientAddress(address): ClientAddress,
    Fields(request): Fields<ResetPasswordRequest>,
) -> Result<StatusCode, ApiError> {
    let now_ms = app.clock.now_ms();
    app.rates.login_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    let hash = hash_token(&request.token);
    // Before the work of a hash.
    if !app.store.reset_opens(hash, now_ms).await? {
        return Err(no_link());
    }
    let password_hash = app.passwords.hash(request.new_password).await?;
    let user_id = app.store.reset_password(hash, &password_hash, now_ms).await?.ok_or_else(no_link)?;
    app.hub.close_sockets_of(user_id, CloseCode::InvalidTicket);
    Ok(StatusCode::NO_CONTENT)
}

/// Has a link sent that verifies the account's address.
#[utoipa::path(post, path = "/auth/email-verification", operation_id = "sendVerification", security(("session" = [])),
    responses(
        (status = 202, description = "A mail is on its way, unless one was sent in the last minutes."),
        (status = 503, description = "`unavailable`: this server sends no mail; an admin hands out links."),
    ))]
async fn send_verification(app: App, caller: WorkspaceCaller) -> Result<StatusCode, ApiError> {
    caller.may(Action::SendVerification)?;
    let Some(user) = caller.user else { return Err(ErrorCode::Forbidden.into()) };
    if app.mailer.is_none() {
        return Err(no_mail());
    }
    let now_ms = app.clock.now_ms();
    app.store.queue_mail(&user.email, LinkKind::VerifyEmail, now_ms - MAIL_EVERY_MS, now_ms).await?;
    app.mails.notify_one();
    Ok(StatusCode::ACCEPTED)
}

/// Uses a link that verifies the account's address. It takes a session of that account: who reads the mail and who knows
/// the password are then the same.
#[utoipa::path(post, path = "/auth/email-verification/confirm", operation_id = "verifyEmail",
    security(("session" = [])), request_body = VerifyEmailRequest,
    responses(
        (status = 204, description = "The address is the account's."),
        (status = 401, description = "`invalid_token`: the link is unknown, used, expired or another account's. `unauthenticated`."),
        (status = 422, description = "`invalid`."),
    ))]
async fn verify(
    app: App,
    caller: WorkspaceCaller,
    Fields(request): Fields<VerifyEmailRequest>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::VerifyEmail)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let super_admin = app.config.super_admin_email.as_deref().map(|email| email.trim().to_lowercase());
    let audit = caller.audit(app.clock.now_ms());
    match app.store.verify_email(user_id, hash_token(&request.token), super_admin.as_deref(), &audit).await? {
        Verified::NoLink => Err(no_link()),
        Verified::Done { super_admin } => {
            if super_admin {
                refresh_roles(&app, user_id).await?;
            }
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

fn no_link() -> ApiError {
    ApiError::because(
        ErrorCode::InvalidToken,
        "the link is unknown, used, expired or another account's; ask for a new one",
    )
}

fn no_mail() -> ApiError {
    ApiError::because(ErrorCode::Unavailable, "this server sends no mail; ask its operator for a link")
}
