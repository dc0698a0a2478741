//! `/livez`: this process. `/readyz`: what it needs. `/metrics`: Prometheus.

use std::time::Duration;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use boltorezka_proto::ErrorCode;
use boltorezka_proto::workspaces::{FeatureState, FeatureStatus};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::features::{Feature, Routes};

/// A database that takes longer is as good as gone for those who ask.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The feature.
pub struct Health;

impl Feature for Health {
    fn name(&self) -> &'static str {
        "health"
    }

    fn title(&self) -> &'static str {
        "For those who watch over the server."
    }

    fn routes(&self) -> Routes {
        Routes { for_machines: routes(), ..Routes::default() }
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(livez)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// How something does. What is not well is told as a problem.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Ok,
}

#[derive(Serialize, ToSchema)]
struct Liveness {
    status: Condition,
}

#[derive(Serialize, ToSchema)]
struct Readiness {
    status: Condition,
    database: Condition,
    media: Condition,
    /// Each feature. One that is not critical may fail, and the server is ready.
    features: Vec<FeatureState>,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/livez", operation_id = "getLiveness",
    responses((status = 200, description = "It does.", body = Liveness)))]
async fn livez() -> Json<Liveness> {
    Json(Liveness { status: Condition::Ok })
}

/// Whether the server can do its work.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness",
    responses(
        (status = 200, description = "It can.", body = Readiness),
        (status = 503, description = "`unavailable`: `detail` says what is missing."),
    ))]
async fn readyz(app: App) -> Result<Json<Readiness>, ApiError> {
    let down = |what: String| Err(ApiError::because(ErrorCode::Unavailable, what));
    if app.shutdown.is_cancelled() {
        return down("the server is stopping".to_owned());
    }
    if !matches!(timeout(CHECK_TIMEOUT, app.store.check()).await, Ok(Ok(()))) {
        return down("the database does not answer".to_owned());
    }
    let mut features = app.features.states(&app).await;
    if let Some(bad) = features.iter().find(|feature| feature.critical && feature.status != FeatureStatus::Ok) {
        let name = &bad.name;
        return down(match (bad.status, &bad.detail) {
            (FeatureStatus::Unhealthy, Some(what)) => what.clone(),
            (FeatureStatus::Starting, _) => format!("{name} is being started"),
            // Why is for those who may read the log, or the admin API.
            _ => format!("{name} could not be started"),
        });
    }
    features.iter_mut().for_each(|feature| feature.detail = None);
    Ok(Json(Readiness { status: Condition::Ok, database: Condition::Ok, media: Condition::Ok, features }))
}

/// Counters and gauges in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics",
    responses((status = 200, description = "All of them.", body = String, content_type = "text/plain")))]
async fn metrics(app: App) -> Result<Response, ApiError> {
    let (depth, deliveries) = (app.store.outbox_depth().await?, app.store.delivery_counts().await?);
    let pushes = app.store.push_count().await?;
    let text = app.metrics.render(depth, deliveries, pushes);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
