//! `/v1/admin/media`: how the media node does, what it decided and why, and emptying it before its machine is looked after.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::inspection::MediaInspection;
use boltorezka_proto::rest::{DrainRequest, MediaState, Role};
use boltorezka_proto::{ErrorCode, RoomSlug};
use serde::Deserialize;

use super::require;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::calls;
use crate::error::ApiError;
use crate::http::OptionalJson;

/// The longest drain: a working day.
const DEADLINE_S_MAX: u32 = 86_400;

#[derive(Deserialize)]
struct MediaQuery {
    room: Option<String>,
}

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin/media", get(state))
        .route("/admin/media/inspection", get(inspect))
        .route("/admin/media/drain", post(drain))
        .route("/admin/media/undrain", post(undrain))
}

async fn state(State(app): State<App>, caller: WorkspaceCaller) -> Result<Body<MediaState>, ApiError> {
    require(&caller, Role::Admin)?;
    let load = app.metrics.node_load();
    Ok(Body(MediaState {
        linked: app.link.is_up(),
        draining: load.draining,
        connections: load.connections,
        shards: load.shards,
        shards_overloaded: load.shards_overloaded,
    }))
}

/// What the media node does with each connection, and why.
async fn inspect(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Query(query): Query<MediaQuery>,
) -> Result<Body<MediaInspection>, ApiError> {
    require(&caller, Role::Admin)?;
    let room = match query.room {
        None => None,
        Some(slug) => {
            let no_room = || ApiError::because(ErrorCode::NotFound, "there is no such room");
            let slug = RoomSlug::new(&slug).map_err(|_| no_room())?;
            Some(app.store.room(&slug).await?.ok_or_else(no_room)?.id)
        }
    };
    Ok(Body(app.link.inspections().ask(app.link.next_request_id(), room).await?))
}

async fn drain(
    State(app): State<App>,
    caller: WorkspaceCaller,
    OptionalJson(request): OptionalJson<DrainRequest>,
) -> Result<StatusCode, ApiError> {
    require(&caller, Role::Admin)?;
    let deadline_s = request.deadline_s;
    if deadline_s > DEADLINE_S_MAX {
        let detail = format!("deadlineS may be {DEADLINE_S_MAX} at most, a day");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    tracing::warn!(deadline_s, by = ?caller.user.as_ref().map(|user| user.id), "the media node is to be emptied");
    calls::tell_node(&app, ControlMessage::Drain { deadline_ms: u64::from(deadline_s) * 1000 })?;
    Ok(StatusCode::ACCEPTED)
}

async fn undrain(State(app): State<App>, caller: WorkspaceCaller) -> Result<StatusCode, ApiError> {
    require(&caller, Role::Admin)?;
    calls::tell_node(&app, ControlMessage::Undrain {})?;
    Ok(StatusCode::ACCEPTED)
}
