//! `/v1/admin/media`: how the media node does, what it decided and why, and emptying it before its machine is looked after.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::inspection::MediaInspection;
use boltorezka_proto::rest::{DRAIN_S_MAX, DrainRequest, MediaState, RoomKind};
use boltorezka_proto::{ErrorCode, RoomSlug};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::calls;
use crate::error::ApiError;
use crate::http::{OptionalJson, Query};
use crate::permissions::Action;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MediaQuery {
    /// Only this room.
    #[param(value_type = Option<RoomSlug>, nullable = false)]
    room: Option<String>,
}

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(state))
        .routes(routes!(inspect))
        .routes(routes!(drain))
        .routes(routes!(undrain))
}

/// How the media node does.
#[utoipa::path(get, path = "/admin/media", operation_id = "getMedia", security(("session" = [])),
    responses((status = 200, description = "What it said last.", body = MediaState)))]
async fn state(app: App, caller: WorkspaceCaller) -> Result<Body<MediaState>, ApiError> {
    caller.may(Action::ReadMedia)?;
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
#[utoipa::path(get, path = "/admin/media/inspection", operation_id = "inspectMedia", security(("session" = [])),
    params(MediaQuery),
    responses(
        (status = 200, description = "The node at this moment.", body = MediaInspection),
        (status = 404, description = "`not_found`: there is no such room."),
        (status = 503, description = "`media_unavailable`."),
    ))]
async fn inspect(
    app: App,
    caller: WorkspaceCaller,
    Query(query): Query<MediaQuery>,
) -> Result<Body<MediaInspection>, ApiError> {
    caller.may(Action::InspectMedia)?;
    let room = match query.room {
        None => None,
        Some(slug) => {
            let no_room = || ApiError::because(ErrorCode::NotFound, "there is no such room");
            let slug = RoomSlug::new(&slug).map_err(|_| no_room())?;
            {
                let room = app.store.room(&slug).await?.filter(|room| room.kind != RoomKind::Direct);
                Some(room.ok_or_else(no_room)?.id)
            }
        }
    };
    Ok(Body(app.link.inspections().ask(app.link.next_request_id(), room).await?))
}

/// Empties the media node: nobody new is taken, and those inside are ended at the deadline.
#[utoipa::path(post, path = "/admin/media/drain", operation_id = "drainMedia", security(("session" = [])),
    request_body = Option<DrainRequest>,
    responses(
        (status = 202, description = "The node is told."),
        (status = 422, description = "`invalid`: the deadline is too far away."),
        (status = 503, description = "`media_unavailable`."),
    ))]
async fn drain(
    app: App,
    caller: WorkspaceCaller,
    OptionalJson(request): OptionalJson<DrainRequest>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::DrainMedia)?;
    let deadline_s = request.deadline_s;
    if deadline_s > DRAIN_S_MAX {
        let detail = format!("deadlineS may be {DRAIN_S_MAX} at most, a day");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    tracing::warn!(deadline_s, by = ?caller.user.as_ref().map(|user| user.id), "the media node is to be emptied");
    calls::tell_node(&app, ControlMessage::Drain { deadline_ms: u64::from(deadline_s) * 1000 })?;
    let audit = caller.audit(app.clock.now_ms());
    app.store.note_act(Action::DrainMedia.name(), &format!("{deadline_s} s"), &audit).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes a drain back.
#[utoipa::path(post, path = "/admin/media/undrain", operation_id = "undrainMedia", security(("session" = [])),
    responses((status = 202, description = "The node is told."), (status = 503, description = "`media_unavailable`.")))]
async fn undrain(app: App, caller: WorkspaceCaller) -> Result<StatusCode, ApiError> {
    caller.may(Action::UndrainMedia)?;
    calls::tell_node(&app, ControlMessage::Undrain {})?;
    app.store.note_act(Action::UndrainMedia.name(), "", &caller.audit(app.clock.now_ms())).await?;
    Ok(StatusCode::ACCEPTED)
}
