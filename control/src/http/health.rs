//! `/livez`: this process. `/readyz`: what it needs. `/metrics`: Prometheus.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use boltorezka_proto::ErrorCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::app::App;
use crate::error::ApiError;

/// A database that takes longer is as good as gone for those who ask.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

pub fn routes() -> Router<App> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

async fn livez() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
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
    Ok(Json(json!({ "status": "ok", "database": "ok", "media": "ok" })))
}

async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let depth = app.store.outbox_depth().await?;
    let text = app.metrics.render(depth);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
