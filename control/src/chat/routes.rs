//! `GET /v1/rooms/{slug}/messages`, `GET /v1/rooms/{slug}/pins`.

use axum::Json;
use boltorezka_proto::RoomSlug;
use boltorezka_proto::rest::Page;
use boltorezka_proto::socket::Message;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{PageQuery, Path};
use crate::permissions::Action;
use crate::rooms::authorize;

/// Pins that are listed, however many may be made.
const PINS_SHOWN_MAX: u32 = 500;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(messages))
        .routes(routes!(pins))
        .merge(super::search::routes())
        .merge(super::attachments::routes())
        .merge(super::notifications::routes())
        .merge(super::reports::routes())
        .merge(super::direct::routes())
        .merge(super::blocks::routes())
}

/// Lists what was said in a room, newest first.
///
/// The cursor is the number of the page's last message, so that what is said meanwhile moves nothing.
#[utoipa::path(get, path = "/rooms/{slug}/messages", operation_id = "listMessages",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Message>)))]
async fn messages(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Json<Page<Message>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListMessages).await?;
    let before = page.cursor_as::<i64>()?;
    let mut records = app.store.messages(room.id, before, page.limit + 1).await?;
    let next_cursor = page.cut(&mut records).map(|last| last.seq.to_string());
    let items = records.into_iter().map(|record| record.message).collect();
    Ok(Json(Page { items, next_cursor }))
}

/// Lists what is pinned in a room, newest pin first.
///
/// All of it is one page: a room has few pins.
#[utoipa::path(get, path = "/rooms/{slug}/pins", operation_id = "listPins",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path)),
    responses((status = 200, description = "All of them.", body = Page<Message>)))]
async fn pins(app: App, caller: WorkspaceCaller, Path(slug): Path<String>) -> Result<Json<Page<Message>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListPins).await?;
    let limit = app.config.limits.pins_per_room.unwrap_or(PINS_SHOWN_MAX).min(PINS_SHOWN_MAX);
    Ok(Json(Page { items: app.store.pins(room.id, limit).await?, next_cursor: None }))
}
