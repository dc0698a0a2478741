//! `/v1/rooms/{slug}/lobby`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::rest::Page;
use boltorezka_proto::rooms::Waiting;
use boltorezka_proto::{RoomSlug, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::authorize;
use super::lobby;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{PageQuery, Path, id_in_path};
use crate::permissions::Action;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(admit_all))
        .routes(routes!(admit))
        .routes(routes!(refuse))
}

/// Lists those who wait in the lobby of a room, by id.
#[utoipa::path(get, path = "/rooms/{slug}/lobby", operation_id = "listWaiting",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Waiting>)))]
async fn list(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<Waiting>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListWaiting).await?;
    let after = page.cursor_as::<UserId>()?;
    let mut items = app.hub.find(room.id).map(|live| live.state().lobby.waiting()).unwrap_or_default();
    items.retain(|waiting| Some(waiting.user_id) > after);
    items.sort_by_key(|waiting| waiting.user_id);
    items.truncate(page.limit as usize + 1);
    let next_cursor = page.cut(&mut items).map(|last| last.user_id.to_string());
    Ok(Body(Page { items, next_cursor }))
}

/// Lets everybody in who waits.
#[utoipa::path(post, path = "/rooms/{slug}/lobby/admit", operation_id = "admitAllWaiting",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path)),
    responses((status = 204, description = "They are told, and come in by themselves.")))]
async fn admit_all(app: App, caller: WorkspaceCaller, Path(slug): Path<String>) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::AdmitWaiting).await?;
    lobby::admit_all(&app, &caller, &room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets somebody in who waits. The room is open to it for ten minutes, and for as long as it is inside.
#[utoipa::path(post, path = "/rooms/{slug}/lobby/{userId}/admit", operation_id = "admitWaiting",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("userId" = UserId, Path)),
    responses(
        (status = 204, description = "It is told, and comes in by itself."),
        (status = 404, description = "`not_found`: it does not wait."),
        (status = 409, description = "`conflict`: it was let in or refused already."),
    ))]
async fn admit(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::AdmitWaiting).await?;
    lobby::admit(&app, &caller, &room, id_in_path(&user_id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends somebody away who waits. It may ask again after a minute.
#[utoipa::path(post, path = "/rooms/{slug}/lobby/{userId}/refuse", operation_id = "refuseWaiting",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("userId" = UserId, Path)),
    responses(
        (status = 204, description = "It is told."),
        (status = 404, description = "`not_found`: it does not wait."),
        (status = 409, description = "`conflict`: it was let in or refused already."),
    ))]
async fn refuse(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::RefuseWaiting).await?;
    lobby::refuse(&app, &caller, &room, id_in_path(&user_id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
