//! `POST /v1/telemetry`: what clients tell of themselves. It is counted, and nothing is kept.

use axum::http::StatusCode;
use boltorezka_proto::ErrorCode;
use boltorezka_proto::telemetry::{TELEMETRY_EVENTS_MAX, TelemetryRequest};
use boltorezka_proto::workspaces::OptionalFeature;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Caller, ClientAddress};
use crate::error::ApiError;
use crate::features::{Feature, Routes};
use crate::http::Json;
use crate::permissions::Action;
use crate::rate::address_key;

/// The feature.
pub struct Telemetry;

impl Feature for Telemetry {
    fn name(&self) -> &'static str {
        "telemetry"
    }

    fn title(&self) -> &'static str {
        "What clients tell of themselves."
    }

    fn switch(&self) -> Option<(OptionalFeature, &'static str)> {
        Some((OptionalFeature::Telemetry, "nothing is counted."))
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(telemetry))
}

/// Counts what happened to a client.
#[utoipa::path(post, path = "/telemetry", operation_id = "sendTelemetry",
    security(("session" = []), ("joinToken" = [])), request_body = TelemetryRequest,
    responses(
        (status = 204, description = "It is counted."),
        (status = 422, description = "`invalid`: there are no events, or too many."),
    ))]
async fn telemetry(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Json(request): Json<TelemetryRequest>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::SendTelemetry)?;
    let user_id = match caller {
        Caller::User { user, .. } => user.id,
        Caller::Join(claims) => claims.sub,
        Caller::ApiKey { .. } => return Err(ErrorCode::Forbidden.into()),
    };
    let now_ms = app.clock.now_ms();
    app.rates.telemetry_address.take(address_key(address), now_ms).map_err(ApiError::rate_limited)?;
    app.rates.telemetry_user.take(user_id, now_ms).map_err(ApiError::rate_limited)?;
    if !(1..=TELEMETRY_EVENTS_MAX).contains(&request.events.len()) {
        let detail = format!("events must be 1 to {TELEMETRY_EVENTS_MAX}; send the others in another request");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    for event in request.events {
        app.metrics.client_event(event);
    }
    Ok(StatusCode::NO_CONTENT)
}
