//! `/v1/rooms/{slug}/participants`, and kick, ban and mute.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use boltorezka_proto::ParticipantId;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{MuteRequest, Page, Participant};

use super::access::{Action, authorize};
use super::moderation;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{OptionalJson, PageQuery, Path, id_in_path};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/rooms/{slug}/participants", get(list))
        .route("/rooms/{slug}/participants/{participant_id}/kick", post(kick))
        .route("/rooms/{slug}/participants/{participant_id}/ban", post(ban))
        .route("/rooms/{slug}/participants/{participant_id}/mute", post(mute))
}

async fn list(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<Participant>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ReadParticipants).await?;
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

async fn kick(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    expel(&app, &caller, path, EndReason::Kicked).await
}

async fn ban(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    expel(&app, &caller, path, EndReason::Banned).await
}

async fn expel(
    app: &App,
    caller: &WorkspaceCaller,
    (slug, participant_id): (String, String),
    reason: EndReason,
) -> Result<StatusCode, ApiError> {
    let (room, standing) = authorize(app, caller, &slug, Action::Moderate).await?;
    let participant_id = id_in_path(&participant_id)?;
    moderation::expel(app, caller, standing, &room, participant_id, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn mute(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path((slug, participant_id)): Path<(String, String)>,
    OptionalJson(request): OptionalJson<MuteRequest>,
) -> Result<StatusCode, ApiError> {
    let (room, standing) = authorize(&app, &caller, &slug, Action::Moderate).await?;
    let participant_id = id_in_path(&participant_id)?;
    moderation::mute(&app, &caller, standing, &room, participant_id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}
