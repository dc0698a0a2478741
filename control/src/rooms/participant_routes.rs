//! `/v1/rooms/{slug}/participants`, and kick, ban and mute.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{MuteRequest, Page, Participant};
use boltorezka_proto::rooms::MoveRequest;
use boltorezka_proto::{ParticipantId, RoomSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::authorize;
use super::{moderation, moving};
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, OptionalJson, PageQuery, Path, id_in_path};
use crate::permissions::Action;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(kick))
        .routes(routes!(ban))
        .routes(routes!(mute))
        .routes(routes!(move_to))
}

/// Lists who is in a room now.
#[utoipa::path(get, path = "/rooms/{slug}/participants", operation_id = "listParticipants",
    security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Participant>)))]
async fn list(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<Participant>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListParticipants).await?;
    let after = page.cursor_as::<ParticipantId>()?;
    let mut items: Vec<Participant> = match app.hub.find(room.id) {
        None => Vec::new(),
        Some(live) => {
            let state = live.state();
            let seen = state.seats().filter(|seat| !seat.hidden).map(|seat| &seat.view);
            let later = seen.filter(|view| Some(view.participant_id) > after);
            later.take(page.limit as usize + 1).cloned().collect()
        }
    };
    let next_cursor = page.cut(&mut items).map(|last| last.participant_id.to_string());
    Ok(Body(Page { items, next_cursor }))
}

/// Ends somebody's stay in a room.
#[utoipa::path(post, path = "/rooms/{slug}/participants/{participantId}/kick", operation_id = "kickParticipant",
    security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path), ("participantId" = ParticipantId, Path)),
    responses((status = 204, description = "It is out, and may come back.")))]
async fn kick(app: App, caller: WorkspaceCaller, Path(path): Path<(String, String)>) -> Result<StatusCode, ApiError> {
    expel(&app, &caller, path, EndReason::Kicked).await
}

/// Ends somebody's stay in a room for good.
#[utoipa::path(post, path = "/rooms/{slug}/participants/{participantId}/ban", operation_id = "banParticipant",
    security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path), ("participantId" = ParticipantId, Path)),
    responses((status = 204, description = "It is out, and its user stays out.")))]
async fn ban(app: App, caller: WorkspaceCaller, Path(path): Path<(String, String)>) -> Result<StatusCode, ApiError> {
    expel(&app, &caller, path, EndReason::Banned).await
}

async fn expel(
    app: &App,
    caller: &WorkspaceCaller,
    (slug, participant_id): (String, String),
    reason: EndReason,
) -> Result<StatusCode, ApiError> {
    let action = if reason == EndReason::Banned { Action::Ban } else { Action::Kick };
    let (room, standing) = authorize(app, caller, &slug, action).await?;
    let participant_id = id_in_path(&participant_id)?;
    moderation::expel(app, caller, standing, &room, participant_id, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes somebody's right to publish a source in a room, or gives it back.
#[utoipa::path(post, path = "/rooms/{slug}/participants/{participantId}/mute", operation_id = "muteParticipant",
    security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path), ("participantId" = ParticipantId, Path)), request_body = Option<MuteRequest>,
    responses((status = 204, description = "So it is.")))]
async fn mute(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, participant_id)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<MuteRequest>,
) -> Result<StatusCode, ApiError> {
    let action = if request.muted { Action::Mute } else { Action::Unmute };
    let (room, standing) = authorize(&app, &caller, &slug, action).await?;
    let participant_id = id_in_path(&participant_id)?;
    moderation::mute(&app, &caller, standing, &room, participant_id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves somebody to another room, where the caller moderates too.
///
/// It has a seat there, leaves this room with its call, and is told by `room.moved`.
#[utoipa::path(post, path = "/rooms/{slug}/participants/{participantId}/move", operation_id = "moveParticipant",
    security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path), ("participantId" = ParticipantId, Path)), request_body = MoveRequest,
    responses((status = 204, description = "It is on its way.")))]
async fn move_to(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, participant_id)): Path<(String, String)>,
    Json(request): Json<MoveRequest>,
) -> Result<StatusCode, ApiError> {
    let (from, standing) = authorize(&app, &caller, &slug, Action::Move).await?;
    let (to, _) = authorize(&app, &caller, request.room.as_str(), Action::Move).await?;
    let participant_id = id_in_path(&participant_id)?;
    moving::move_participant(&app, &caller, standing, (&from, &to), participant_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
