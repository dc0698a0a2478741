//! `/v1/auth/oidc/link`: the identity that signs in to one's own account.

use axum::Json as Body;
use axum::http::StatusCode;
use axum_extra::extract::CookieJar;
use boltorezka_proto::oidc::{LinkOidcRequest, OidcBegun, OidcLink, OidcLinkStatus};
use boltorezka_proto::{ErrorCode, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::attempt::Purpose;
use super::routes::{begin_attempt, provider};
use crate::app::App;
use crate::auth::caller::{Caller, ClientAddress};
use crate::auth::session_routes::check_password;
use crate::error::ApiError;
use crate::http::Fields;
use crate::permissions::Action;
use crate::store::{Actor, Audit, OidcLinkRecord, OidcUnlinked};

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(read, begin_link, unlink))
}

/// The identity that signs in to the account.
#[utoipa::path(get, path = "/auth/oidc/link", operation_id = "getOidcLink", security(("session" = [])),
    responses((status = 200, description = "The link, if there is one.", body = OidcLinkStatus)))]
async fn read(app: App, caller: Caller) -> Result<Body<OidcLinkStatus>, ApiError> {
    let user = caller.signed_in(Action::ReadOidcLink)?.user;
    let Some(provider) = app.oidc.as_ref() else { return Ok(Body(OidcLinkStatus { link: None })) };
    let links = app.store.oidc_links(user.id).await?;
    let link = links.into_iter().find(|link| link.issuer == provider.config().issuer);
    Ok(Body(OidcLinkStatus { link: link.map(link_view) }))
}

/// A link as its owner sees it.
pub fn link_view(record: OidcLinkRecord) -> OidcLink {
    OidcLink {
        issuer: record.issuer,
        subject: record.subject,
        linked_at: Timestamp::from_unix_ms(record.created_at_ms),
    }
}

/// Begins to link the account to an identity of the provider. The same session has to end it.
#[utoipa::path(post, path = "/auth/oidc/link", operation_id = "linkOidc", security(("session" = [])),
    request_body = LinkOidcRequest,
    responses(
        (status = 200, description = "The provider's page.", body = OidcBegun),
        (status = 401, description = "`invalid_credentials`: the password. `unauthenticated`."),
        (status = 404, description = "`not_found`: the server was told of no provider."),
        (status = 422, description = "`invalid`."),
        (status = 503, description = "`unavailable`: the provider cannot be reached, or too many people are signing in."),
    ))]
async fn begin_link(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    jar: CookieJar,
    Fields(request): Fields<LinkOidcRequest>,
) -> Result<(CookieJar, Body<OidcBegun>), ApiError> {
    let signed_in = caller.signed_in(Action::LinkOidc)?;
    provider(&app)?;
    check_password(&app, address, &signed_in, request.password).await?;
    begin_attempt(&app, jar, Purpose::Link { user_id: signed_in.user.id, session: signed_in.session }).await
}

/// Takes the link away. The last way in stays.
#[utoipa::path(delete, path = "/auth/oidc/link", operation_id = "unlinkOidc", security(("session" = [])),
    responses(
        (status = 204, description = "The identity signs in to the account no more."),
        (status = 404, description = "`not_found`: there is no link."),
        (status = 409, description = "`conflict`: nothing else signs in to the account."),
    ))]
async fn unlink(app: App, ClientAddress(address): ClientAddress, caller: Caller) -> Result<StatusCode, ApiError> {
    let user_id = caller.signed_in(Action::UnlinkOidc)?.user.id;
    let issuer = &provider(&app)?.config().issuer;
    let audit = Audit { actor: Actor::User(user_id), address: address.to_string(), now_ms: app.clock.now_ms() };
    match app.store.unlink_oidc(user_id, issuer, &audit).await? {
        OidcUnlinked::Done => Ok(StatusCode::NO_CONTENT),
        OidcUnlinked::NoLink => Err(ApiError::because(ErrorCode::NotFound, "the account is linked to no identity")),
        OidcUnlinked::LastWayIn => {
            let detail = "nothing else signs in to the account; set a password or add a passkey first";
            Err(ApiError::because(ErrorCode::Conflict, detail))
        }
    }
}
