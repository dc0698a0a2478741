//! The second factor: a code of an authenticator, or a recovery code.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::accounts::{
    ConfirmSecondFactorRequest, DisableSecondFactorRequest, EnrolSecondFactorRequest, RecoveryCodes, SecondFactorSecret,
};
use boltorezka_proto::rest::User;
use boltorezka_proto::{ErrorCode, UserId};
use data_encoding::BASE32_NOPAD;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Caller, ClientAddress, SignedIn};
use super::session_routes::check_password;
use super::token::{hash_token, random_bytes};
use super::totp::{self, Secret};
use crate::app::App;
use crate::error::ApiError;
use crate::http::Fields;
use crate::permissions::Action;
use crate::store::{Attempt, SecondFactorRecord};

/// As many as fit on a note.
const RECOVERY_CODES: usize = 10;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(enrol)).routes(routes!(confirm)).routes(routes!(disable))
}

/// Begins to set a second factor up. It counts once it is confirmed.
#[utoipa::path(post, path = "/auth/second-factor", operation_id = "enrolSecondFactor", security(("session" = [])),
    request_body = EnrolSecondFactorRequest,
    responses(
        (status = 200, description = "The secret, shown once.", body = SecondFactorSecret),
        (status = 401, description = "`invalid_credentials`: the password. `unauthenticated`."),
        (status = 409, description = "`conflict`: there is a second factor; disable it first."),
        (status = 422, description = "`invalid`."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn enrol(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Fields(request): Fields<EnrolSecondFactorRequest>,
) -> Result<Body<SecondFactorSecret>, ApiError> {
    let signed_in = caller.signed_in(Action::EnrolSecondFactor)?;
    check_password(&app, address, &signed_in, request.password).await?;
    let user = signed_in.user;
    let internal = |_| ApiError::new(ErrorCode::Internal);
    let secret: Secret = random_bytes().map_err(internal)?;
    let sealed = app.sealer.seal(user.id.0, &secret).map_err(internal)?;
    if !app.store.put_second_factor(user.id, &sealed, app.clock.now_ms()).await? {
        return Err(ApiError::because(ErrorCode::Conflict, "there is a second factor already; disable it first"));
    }
    Ok(Body(SecondFactorSecret { secret: totp::base32(&secret), uri: totp::uri(&secret, &user.email) }))
}

/// Makes the second factor count, by a code of it.
#[utoipa::path(post, path = "/auth/second-factor/confirm", operation_id = "confirmSecondFactor",
    security(("session" = [])), request_body = ConfirmSecondFactorRequest,
    responses(
        (status = 200, description = "Recovery codes, shown once.", body = RecoveryCodes),
        (status = 401, description = "`invalid_credentials`: the code. `unauthenticated`."),
        (status = 409, description = "`conflict`: nothing waits to be confirmed."),
        (status = 422, description = "`invalid`."),
    ))]
async fn confirm(
    app: App,
    caller: Caller,
    Fields(request): Fields<ConfirmSecondFactorRequest>,
) -> Result<Body<RecoveryCodes>, ApiError> {
    let SignedIn { user, .. } = caller.signed_in(Action::ConfirmSecondFactor)?;
    let nothing = || ApiError::because(ErrorCode::Conflict, "nothing waits to be confirmed; begin anew");
    let record = attempt(&app, user.id).await?.filter(|record| !record.confirmed).ok_or_else(nothing)?;
    let step = step(&app, user.id, &record, &normal(&request.code))?.ok_or_else(wrong_code)?;
    let mut codes = Vec::new();
    for _ in 0..RECOVERY_CODES {
        codes.push(recovery_code()?);
    }
    let hashes: Vec<_> = codes.iter().map(|code| hash_token(&normal(code))).collect();
    if !app.store.confirm_second_factor(user.id, step, &hashes, app.clock.now_ms()).await? {
        return Err(nothing());
    }
    Ok(Body(RecoveryCodes { recovery_codes: codes }))
}

/// Takes the second factor away.
#[utoipa::path(post, path = "/auth/second-factor/disable", operation_id = "disableSecondFactor",
    security(("session" = [])), request_body = DisableSecondFactorRequest,
    responses(
        (status = 204, description = "Signing in takes the password alone."),
        (status = 401, description = "`invalid_credentials`: the password or the code. `unauthenticated`."),
        (status = 422, description = "`invalid`."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn disable(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Fields(request): Fields<DisableSecondFactorRequest>,
) -> Result<StatusCode, ApiError> {
    let signed_in = caller.signed_in(Action::DisableSecondFactor)?;
    check_password(&app, address, &signed_in, request.password).await?;
    let user = signed_in.user;
    check_code(&app, &user, &request.code).await?;
    app.store.delete_second_factor(user.id, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a code of the authenticator, or a recovery code; each is taken once.
///
/// # Errors
/// `invalid_credentials`; `rate_limited` after many wrong ones.
pub async fn check_code(app: &App, user: &User, code: &str) -> Result<(), ApiError> {
    let record = attempt(app, user.id).await?.filter(|record| record.confirmed).ok_or_else(wrong_code)?;
    let code = normal(code);
    let passed = match step(app, user.id, &record, &code)? {
        Some(step) => app.store.second_factor_passed(user.id, step).await?,
        None => app.store.take_recovery_code(user.id, hash_token(&code)).await?,
    };
    if passed { Ok(()) } else { Err(wrong_code()) }
}

async fn attempt(app: &App, user_id: UserId) -> Result<Option<SecondFactorRecord>, ApiError> {
    match app.store.second_factor_attempt(user_id, app.clock.now_ms()).await? {
        Attempt::Allowed(record) => Ok(Some(record)),
        Attempt::Wait { retry_after_ms } => Err(ApiError::rate_limited(retry_after_ms)),
        Attempt::Missing => Ok(None),
    }
}

fn step(app: &App, user_id: UserId, record: &SecondFactorRecord, code: &str) -> Result<Option<i64>, ApiError> {
    let secret = app.sealer.open_sealed(user_id.0, &record.secret).map_err(|_| {
        tracing::error!(%user_id, "a second factor was sealed with another key than data_dir/account.key");
        ApiError::new(ErrorCode::Internal)
    })?;
    Ok(totp::step_of(&secret, code, record.last_step, app.clock.now_ms()))
}

/// Four groups of four: 80 bits.
fn recovery_code() -> Result<String, ApiError> {
    let bytes: [u8; 10] = random_bytes().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let code = BASE32_NOPAD.encode(&bytes).to_lowercase();
    let groups: Vec<String> =
        code.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    Ok(groups.join("-"))
}

/// As it was meant, however it was typed.
fn normal(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

fn wrong_code() -> ApiError {
    ApiError::because(ErrorCode::InvalidCredentials, "the code is wrong or was used; wait for the next one")
}
