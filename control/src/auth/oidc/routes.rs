//! `/v1/auth/oidc`: what there is, beginning, and the second factor at the end.

use axum::Json as Body;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use boltorezka_proto::ErrorCode;
use boltorezka_proto::oidc::{
    BeginOidcRequest, NEXT_BYTES_MAX, OidcBegun, OidcProvider, OidcSecondFactorRequest, OidcStatus,
};
use boltorezka_proto::rest::UserEnvelope;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::attempt::{self, Attempt, COOKIE, Half, Purpose};
use super::provider::{Provider, ProviderError};
use super::{callback, link_routes};
use crate::app::App;
use crate::auth::caller::ClientAddress;
use crate::auth::session::{ClientDetails, start_session};
use crate::auth::{hash_token, second_factor};
use crate::error::ApiError;
use crate::http::Fields;
use crate::rate::address_key;
use crate::store::UserRecord;

/// Where the browser comes back to. The provider has to know it.
const CALLBACK: &str = "v1/auth/oidc/callback";

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(status))
        .routes(routes!(begin))
        .routes(routes!(end_with_second_factor))
        .merge(callback::routes())
        .merge(link_routes::routes())
}

/// How people may sign in beside a password.
#[utoipa::path(get, path = "/auth/oidc", operation_id = "getOidc",
    responses((status = 200, description = "The provider, if there is one.", body = OidcStatus)))]
async fn status(app: App) -> Body<OidcStatus> {
    let provider = app.oidc.as_ref().map(|provider| OidcProvider { name: provider.config().name.clone() });
    Body(OidcStatus { provider })
}

/// Begins to sign in by the provider. The answer sets a cookie, which the browser has to bring back.
#[utoipa::path(post, path = "/auth/oidc/begin", operation_id = "beginOidc", request_body = BeginOidcRequest,
    responses(
        (status = 200, description = "The provider's page.", body = OidcBegun),
        (status = 403, description = "`foreign_origin`."),
        (status = 404, description = "`not_found`: the server was told of no provider."),
        (status = 422, description = "`invalid`: `next` is no page of this server."),
        (status = 503, description = "`unavailable`: the provider cannot be reached."),
    ))]
async fn begin(
    app: App,
    ClientAddress(address): ClientAddress,
    jar: CookieJar,
    Fields(request): Fields<BeginOidcRequest>,
) -> Result<(CookieJar, Body<OidcBegun>), ApiError> {
    app.rates.login_address.take(address_key(address), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let next = request.next.unwrap_or_else(|| "/".to_owned());
    if !is_own_page(&next) {
        let detail =
            format!("next must be a path of this server, such as /rooms/talk, of {NEXT_BYTES_MAX} bytes at most");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    let invite = request.invite.as_deref().map(hash_token);
    begin_attempt(&app, jar, Purpose::SignIn { next, invite }).await
}

/// Begins a sign-in of any purpose.
///
/// # Errors
/// `not_found` without a provider; `unavailable`.
pub async fn begin_attempt(
    app: &App,
    jar: CookieJar,
    purpose: Purpose,
) -> Result<(CookieJar, Body<OidcBegun>), ApiError> {
    let now_ms = app.clock.now_ms();
    let attempt = Attempt::new(purpose, now_ms)?;
    let (redirect_uri, challenge) = (redirect_uri(app), attempt.challenge());
    let provider = provider(app)?;
    let url = provider.page(attempt.beginning(&redirect_uri, &challenge), now_ms).await.map_err(|error| {
        tracing::warn!(%error, "a sign-in by the provider could not be begun");
        let detail = match error {
            ProviderError::Unavailable(_) => "cannot be reached now; try again later, or sign in by password",
            ProviderError::BadAnswer(_) => "does not answer as it should; sign in by password, and tell the operator",
        };
        ApiError::because(ErrorCode::Unavailable, format!("{} {detail}", provider.config().name))
    })?;
    let cookie = COOKIE.seal(app, &Half::Begun(attempt))?;
    Ok((jar.add(cookie), Body(OidcBegun { url })))
}

/// Ends a sign-in by the provider whose account has a second factor.
#[utoipa::path(post, path = "/auth/oidc/second-factor", operation_id = "endOidcWithSecondFactor",
    request_body = OidcSecondFactorRequest,
    responses(
        (status = 200, description = "The account, signed in.", body = UserEnvelope),
        (status = 401, description = "`invalid_credentials`: the code. `invalid_token`: there is no sign-in that waits for one, or it took too long."),
        (status = 403, description = "`account_blocked`, `foreign_origin`."),
        (status = 422, description = "`invalid`."),
    ))]
async fn end_with_second_factor(
    app: App,
    ClientAddress(address): ClientAddress,
    client: ClientDetails,
    jar: CookieJar,
    Fields(request): Fields<OidcSecondFactorRequest>,
) -> Result<(StatusCode, CookieJar, Body<UserEnvelope>), ApiError> {
    app.rates.login_address.take(address_key(address), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let nothing = || ApiError::because(ErrorCode::InvalidToken, "the sign-in took too long; begin anew");
    let Some(Half::Proved(proved)) = attempt::brought(&app, &jar) else { return Err(nothing()) };
    let user = app.store.user(proved.user_id).await?.ok_or_else(nothing)?;
    if user.blocked {
        return Err(ErrorCode::AccountBlocked.into());
    }
    second_factor::check_code(&app, &user.user, &request.code).await?;
    // What was proved then, not what would be now.
    let user = UserRecord { credentials_rev: proved.credentials_rev, ..user };
    let session = start_session(&app, &user, client).await?;
    let jar = jar.add(COOKIE.ended(&app)).add(session);
    Ok((StatusCode::OK, jar, Body(UserEnvelope { user: user.user })))
}

/// The provider.
///
/// # Errors
/// `not_found`, when the server was told of none.
pub fn provider(app: &App) -> Result<&Provider, ApiError> {
    app.oidc.as_ref().ok_or_else(|| {
        ApiError::because(ErrorCode::NotFound, "this server has no sign-in by a provider; sign in by password")
    })
}

/// Where the browser comes back to.
pub fn redirect_uri(app: &App) -> String {
    app.config.page(CALLBACK)
}

/// Whether a browser that is sent there stays here: one path from the root. What browsers read over, such as tabs, and what
/// they take for a slash is not taken.
fn is_own_page(next: &str) -> bool {
    let clean = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    clean && next.len() <= NEXT_BYTES_MAX && next.starts_with('/') && !next.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_server_follow() {
        for own in ["/", "/rooms/talk", "/rooms/talk?x=1#y", "/login?next=//evil.example"] {
            assert!(is_own_page(own), "{own}");
        }
        let long = format!("/{}", "x".repeat(NEXT_BYTES_MAX));
        for foreign in [
            "",
            "rooms",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            " /",
            "/ /",
            "javascript:alert(1)",
            "/ä",
            &long,
        ] {
            assert!(!is_own_page(foreign), "{foreign:?}");
        }
    }
}
