//! The HTTP surface: routes, problem documents, limits, health, metrics.

mod extract;
mod health;
mod metrics;
mod observe;
mod openapi;
mod page;

use std::any::Any;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use boltorezka_proto::ErrorCode;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::{self, ClientAddress};
use crate::error::ApiError;
use crate::rate::address_key;
use crate::{admin, calls, chat, rooms, telemetry, webhooks, whip, ws};

pub use extract::{Fields, Json, OptionalJson, Path, Query, id_in_path, read_text};
pub use metrics::Metrics;
use openapi::feature;
pub use page::PageQuery;

/// Everything under `/v1`, and `/livez`, `/readyz`, `/metrics`.
pub fn router(app: App) -> Router {
    let body_limit = match app.config.limits.body_bytes {
        Some(bytes) => DefaultBodyLimit::max(bytes as usize),
        None => DefaultBodyLimit::disable(),
    };
    let v1 = Router::from(known_by_cookie())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), auth::session_layer))
        .layer(from_fn(auth::check_origin))
        .layer(from_fn_with_state(app.clone(), limit_requests));
    // No cookie counts here, so that no origin is foreign.
    let whip = Router::from(known_by_bearer())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), limit_requests));
    let v1 = v1.merge(whip::for_all_sites(whip)).layer(from_fn(never_cached));
    Router::new()
        .nest("/v1", v1)
        .merge(Router::from(for_machines()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(body_limit)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(security_headers))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}

/// The OpenAPI document of these routes.
pub fn document() -> OpenApi {
    let routes = OpenApiRouter::with_openapi(openapi::head());
    let routes = routes.nest("/v1", known_by_cookie().merge(known_by_bearer())).merge(for_machines());
    openapi::complete(routes.into_openapi())
}

fn known_by_cookie() -> OpenApiRouter<App> {
    feature("accounts", "Signing in, tickets, join tokens.", auth::routes())
        .merge(feature("rooms", "Rooms, their members and participants.", rooms::routes()))
        .merge(feature("chat", "What was said.", chat::routes()))
        .merge(feature("admin", "Accounts and the media node, for admins.", admin::routes()))
        .merge(feature("calls", "Calls without a socket.", calls::routes()))
        .merge(feature("webhooks", "Telling servers of the operator what happened.", webhooks::routes()))
        .merge(feature("telemetry", "What clients tell of themselves.", telemetry::routes()))
        .merge(feature("realtime", "The socket.", ws::routes()))
}

fn known_by_bearer() -> OpenApiRouter<App> {
    feature("whip", "WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep).", whip::routes())
}

fn for_machines() -> OpenApiRouter<App> {
    feature("health", "For those who watch over the server.", health::routes())
}

async fn not_found(request: Request) -> ApiError {
    ApiError::because(ErrorCode::NotFound, format!("there is no route {}", request.uri().path()))
}

async fn method_not_allowed(request: Request) -> ApiError {
    let detail = format!("{} does not take {}", request.uri().path(), request.method());
    ApiError::because(ErrorCode::MethodNotAllowed, detail)
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let cause = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    tracing::error!(cause = cause.as_deref().unwrap_or("unknown"), "a request panicked");
    ApiError::new(ErrorCode::Internal).into_response()
}

async fn limit_requests(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    app.rates.requests_address.take(address_key(address), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    Ok(next.run(request).await)
}

async fn never_cached(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
