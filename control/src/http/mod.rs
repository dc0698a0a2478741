//! The HTTP surface: routes, problem documents, limits, health, metrics.

mod extract;
mod health;
mod metrics;
mod observe;
mod openapi;
mod page;

use std::any::Any;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use boltorezka_proto::ErrorCode;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::{self, ClientAddress};
use crate::error::ApiError;
use crate::features::{Features, gate};
use crate::rate::address_key;
use crate::{whip, workspaces};

pub use extract::{Fields, Json, OptionalJson, Path, Query, id_in_path, read_text};
pub use health::Health;
pub use metrics::{Metrics, PushOutcome};
pub use page::PageQuery;

/// Everything under `/v1`, and `/livez`, `/readyz`, `/metrics`. What is none of that `pages` answers, if there are any.
pub fn router(app: App, pages: Option<Router>) -> Router {
    let body_limit = match app.config.limits.body_bytes {
        Some(bytes) => DefaultBodyLimit::max(bytes as usize),
        None => DefaultBodyLimit::disable(),
    };
    let (mut by_cookie, mut by_bearer, mut for_machines) = (Router::new(), Router::new(), Router::new());
    for feature in app.features.all() {
        let routes = feature.routes();
        let gated = |routes: OpenApiRouter<App>, in_workspace| gate(&app, feature, in_workspace, Router::from(routes));
        by_cookie = by_cookie.merge(gated(routes.in_workspace, true)).merge(gated(routes.in_none, false));
        by_bearer = by_bearer.merge(gated(routes.by_bearer, true));
        for_machines = for_machines.merge(gated(routes.for_machines, false));
    }
    let v1 = by_cookie
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), workspaces::enter))
        .layer(from_fn_with_state(app.clone(), auth::session_layer))
        .layer(from_fn(auth::check_origin))
        .layer(from_fn_with_state(app.clone(), limit_requests));
    // No cookie counts here, so that no origin is foreign.
    let by_bearer = by_bearer
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), workspaces::enter))
        .layer(from_fn_with_state(app.clone(), limit_requests));
    let v1 = v1.merge(whip::for_all_sites(by_bearer)).layer(from_fn(never_cached));
    let routes = Router::new()
        .nest("/v1", v1)
        .merge(for_machines)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(body_limit)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(security_headers))
        .layer(from_fn_with_state(app.clone(), observe::observe));
    let routes = match pages {
        Some(pages) => routes.fallback_service(pages),
        None => routes,
    };
    // Around all of it: a path is changed before its route is looked for.
    Router::new().fallback_service(routes.with_state(app)).layer(map_request(workspaces::strip_prefix))
}

/// The OpenAPI document of these routes.
pub fn document() -> OpenApi {
    let (mut v1, mut for_machines) = (OpenApiRouter::default(), OpenApiRouter::default());
    for feature in Features::default().all() {
        let routes = feature.routes();
        let under_v1 = routes.in_workspace.merge(routes.by_bearer).merge(routes.in_none);
        let tagged = |routes| openapi::feature(feature.name(), feature.title(), routes);
        v1 = v1.merge(tagged(under_v1));
        for_machines = for_machines.merge(tagged(routes.for_machines));
    }
    let routes = OpenApiRouter::with_openapi(openapi::head()).nest("/v1", v1).merge(for_machines);
    openapi::complete(routes.into_openapi())
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
    app: App,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    app.rates.requests_address.take(address_key(address), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    Ok(next.run(request).await)
}

async fn never_cached(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    // Files say themselves how they are kept.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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
