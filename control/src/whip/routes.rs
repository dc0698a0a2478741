//! `/v1/whip/{room}`, `/v1/whep/{room}`, and the sessions below them.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use boltorezka_proto::{ErrorCode, RoomSlug};
use tower_http::cors::{Any, CorsLayer};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::Kind;
use super::ice::read_fragment;
use super::offer::{Offer, malformed};
use super::service::{self, FIRST_GENERATION, Opened, no_session};
use crate::app::App;
use crate::auth::{Caller, JoinClaims, SignedBearer, hash_token};
use crate::error::ApiError;
use crate::http::{Path, read_text};
use crate::permissions::{Action, Who};
use crate::store::WhipSessionRecord;

/// How the last parameter of a session's address is called in its route. It is a secret: logs leave it out.
pub const SESSION_PARAMETER: &str = "{session}";

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// What tells clients which bodies are taken (Linked Data Platform 1.0, section 7.1; RFC 5789, section 3.1).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// The routes of this feature. They know callers by `Authorization` alone, so that pages of any site may use them.
pub fn routes() -> OpenApiRouter<App> {
    Kind::ALL.into_iter().map(front).fold(OpenApiRouter::default(), OpenApiRouter::merge)
}

/// The operations of one kind.
fn front(kind: Kind) -> OpenApiRouter<App> {
    let endpoint = named(kind, routes!(open));
    let session = named(kind, routes!(change, end));
    OpenApiRouter::default().routes(endpoint).routes(session).layer(Extension(kind))
}

/// Puts the name of the kind into addresses and operation ids.
fn named(kind: Kind, (schemas, mut paths, router): UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let items = std::mem::take(&mut paths.paths).into_iter().map(|(path, mut item)| {
        for operation in [&mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten() {
            operation.operation_id = operation.operation_id.as_ref().map(|id| format!("{}{id}", kind.name()));
        }
        (path.replace("{kind}", kind.name()), item)
    });
    paths.paths = items.collect();
    (schemas, paths, router)
}

/// What pages of other sites may send and see (RFC 9725, section 4.6), and what is said beside each answer. Goes around
/// everything else, so that pages see errors too.
pub fn for_all_sites(routes: Router<App>) -> Router<App> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_MATCH])
        .expose_headers([
            header::LOCATION,
            header::ETAG,
            header::LINK,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            ACCEPT_POST,
            ACCEPT_PATCH,
        ]);
    routes.layer(cors).layer(from_fn(say_what_is_taken))
}

async fn say_what_is_taken(request: Request, next: Next) -> Response {
    let is_options = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let status = response.status();
    let headers = response.headers_mut();
    if is_options || status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
        headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The body of `POST`.
struct OfferBody(String);

impl FromRequest<App> for OfferBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        match read_text(request, app, SDP).await? {
            Some(text) => Ok(Self(text)),
            None => Err(malformed("there is no offer: the client offers here, the server answers")),
        }
    }
}

/// The body of `PATCH`.
struct FragmentBody(String);

impl FromRequest<App> for FragmentBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        Ok(Self(read_text(request, app, FRAGMENT).await?.unwrap_or_default()))
    }
}

/// Opens a session: the client offers, the server answers.
#[utoipa::path(post, path = "/{kind}/{room}", operation_id = "Open", security(("joinToken" = [])),
    params(("room" = RoomSlug, Path)),
    request_body(content = String, content_type = SDP, description = "The offer."),
    responses(
        (status = 201, description = "The answer.", body = String, content_type = SDP, headers(
            ("Location" = String, description = "The session's address, which is a secret."),
            ("ETag" = String, description = "The ICE session."),
        )),
        (status = 409, description = "`conflict`: the identity is in the room in another way."),
        (status = 415, description = "`unsupported_media_type`."),
        (status = 422, description = "`unacceptable_offer`."),
        (status = 429, description = "`rate_limited`, `room_full`."),
        (status = 503, description = "`media_unavailable`, `overloaded`."),
    ))]
async fn open(
    Extension(kind): Extension<Kind>,
    app: App,
    caller: Caller,
    Path(room): Path<String>,
    OfferBody(offer): OfferBody,
) -> Result<Response, ApiError> {
    caller.may(Action::OpenSession)?;
    let Caller::Join(claims) = caller else { return Err(ErrorCode::Forbidden.into()) };
    if claims.room.as_str() != room {
        return Err(ApiError::because(ErrorCode::Forbidden, "the token is for another room"));
    }
    // A session costs what a ticket and a socket cost.
    app.rates.tickets.take(claims.sub, app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    // Carried out to its end also when the client hangs up: half of it would leave a seat behind.
    let opening = tokio::spawn(service::open(app, kind, *claims, offer));
    let Opened { secret, answer } = opening.await.map_err(|_| ApiError::new(ErrorCode::Internal))??;
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, format!("/v1/{}/{room}/{secret}", kind.name())),
        (header::ETAG, etag(FIRST_GENERATION)),
        (ACCEPT_PATCH, FRAGMENT.to_owned()),
    ];
    Ok((StatusCode::CREATED, headers, answer).into_response())
}

/// Tells candidates, or begins another ICE session.
#[utoipa::path(patch, path = "/{kind}/{room}/{session}", operation_id = "Change", security(("joinToken" = [])),
    params(
        ("room" = RoomSlug, Path),
        ("session" = String, Path, description = "The end of the session's address."),
        ("If-Match" = Option<String>, Header, nullable = false,
            description = "The ETag of the ICE session; `*` for another one. It must be there."),
    ),
    request_body(content = String, content_type = FRAGMENT, description = "A fragment (RFC 8840)."),
    responses(
        (status = 200, description = "The server's part of another ICE session.", body = String,
            content_type = FRAGMENT, headers(("ETag" = String, description = "The ICE session."))),
        (status = 204, description = "Candidates need no answer."),
        (status = 412, description = "`precondition_failed`: the ICE session is over."),
        (status = 415, description = "`unsupported_media_type`."),
        (status = 422, description = "`unacceptable_offer`."),
        (status = 428, description = "`precondition_required`."),
        (status = 503, description = "`media_unavailable`, `overloaded`."),
    ))]
async fn change(
    Extension(kind): Extension<Kind>,
    app: App,
    SignedBearer(claims): SignedBearer,
    Path((_, secret)): Path<(String, String)>,
    headers: HeaderMap,
    FragmentBody(fragment): FragmentBody,
) -> Result<Response, ApiError> {
    Action::ChangeSession.check(Who::JoinToken, None)?;
    let session = find(&app, kind, &claims, &secret).await?;
    check_match(&headers, session.generation)?;
    let offer = Offer::kept(session.offer.clone())?;
    let Some(credentials) = read_fragment(&fragment)?.filter(|named| named != offer.credentials()) else {
        // Candidates: the node learns addresses from the checks that come from them.
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let next = etag(session.generation + 1);
    let restarting = tokio::spawn(service::restart(app, secret, session, offer, credentials));
    let fragment = restarting.await.map_err(|_| ApiError::new(ErrorCode::Internal))??;
    Ok(([(header::CONTENT_TYPE, FRAGMENT.to_owned()), (header::ETAG, next)], fragment).into_response())
}

/// Ends a session.
#[utoipa::path(delete, path = "/{kind}/{room}/{session}", operation_id = "End", security(("joinToken" = [])),
    params(
        ("room" = RoomSlug, Path),
        ("session" = String, Path, description = "The end of the session's address."),
    ),
    responses((status = 200, description = "The participant has left.")))]
async fn end(
    Extension(kind): Extension<Kind>,
    app: App,
    SignedBearer(claims): SignedBearer,
    Path((_, secret)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    Action::EndSession.check(Who::JoinToken, None)?;
    let session = find(&app, kind, &claims, &secret).await?;
    service::end(&app, &session).await?;
    Ok(StatusCode::OK)
}

/// The session with this secret, when it is the caller's own. To all others it is not there: an address that was
/// overheard tells nothing.
async fn find(app: &App, kind: Kind, claims: &JoinClaims, secret: &str) -> Result<WhipSessionRecord, ApiError> {
    app.rates.requests_user.take(claims.sub, app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let session = app.store.whip_session(hash_token(secret)).await?;
    let is_own = |session: &WhipSessionRecord| {
        session.kind == kind && session.user_id == claims.sub && session.room_id == claims.room_id
    };
    session.filter(is_own).ok_or_else(no_session)
}

/// The ICE session that a client means (RFC 9725, section 4.3.1): the one of now, or `*` for whichever there is.
fn check_match(headers: &HeaderMap, generation: u32) -> Result<(), ApiError> {
    let Some(wanted) = headers.get(header::IF_MATCH) else {
        let detail = "send If-Match with the ETag of the ICE session, or * to begin another one";
        return Err(ApiError::because(ErrorCode::PreconditionRequired, detail));
    };
    let wanted = wanted.to_str().unwrap_or_default();
    let current = etag(generation);
    if wanted.split(',').map(str::trim).any(|tag| tag == "*" || tag == current) {
        Ok(())
    } else {
        Err(ApiError::because(ErrorCode::PreconditionFailed, format!("the ETag of the ICE session is {current} now")))
    }
}

/// The name of an ICE session, unique within its session.
fn etag(generation: u32) -> String {
    format!("\"{generation}\"")
}
