//! `/livez`: this process. `/readyz`: what it needs. `/metrics`: Prometheus.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use boltorezka_proto::ErrorCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;

/// A database that takes longer is as good as gone for those who ask.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(livez)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// How something does. What is not well is told as a problem.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
}

#[derive(Serialize, ToSchema)]
struct Liveness {
    status: Health,
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    status: Health,
    database: Health,
    media: Health,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", operation_id = "getLiveness",
    responses((status = 200, description = "It does.", body = Liveness)))]
async fn livez() -> Json<Liveness> {
    Json(Liveness { status: Health::Ok })
}

/// Whether the server can do its work.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness",
    responses(
        (status = 200, description = "It can.", body = Readiness),
        (status = 503, description = "`unavailable`: `detail` says what is missing."),
    ))]
async fn readyz(State(app): State<App>) -> Result<Json<Readiness>, ApiError> {
    let down = |what: &str| Err(ApiError::because(ErrorCode::Unavailable, what));
    if app.shutdown.is_cancelled() {
        return down("the server is stopping");
    }
    if !matches!(timeout(CHECK_TIMEOUT, app.store.check()).await, Ok(Ok(()))) {
        return down("the database does not answer");
    }
    if !app.link.is_up() {
        return down("there is no link to the media node");
    }
    Ok(Json(Readiness { status: Health::Ok, database: Health::Ok, media: Health::Ok }))
}

/// Counters and gauges in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics",
    responses((status = 200, description = "All of them.", body = String, content_type = "text/plain")))]
async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let (depth, deliveries) = (app.store.outbox_depth().await?, app.store.delivery_counts().await?);
    let text = app.metrics.render(depth, deliveries);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
