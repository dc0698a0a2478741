//! `/v1/blocks`: whose direct messages somebody refuses. Both can read what was said; neither writes or calls.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::direct::BlockedUser;
use boltorezka_proto::rest::Page;
use boltorezka_proto::{ErrorCode, RoomId, RoomSlug, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::presence;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(block, unblock))
}

/// Lists whose direct messages the caller refuses in the workspace.
#[utoipa::path(get, path = "/blocks", operation_id = "listBlocks", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of them, by id.", body = Page<BlockedUser>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<BlockedUser>>, ApiError> {
    caller.may(Action::ListBlocks)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let after = page.cursor_as::<UserId>()?;
    let mut items = app.store.blocks(user_id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut items).map(|last| last.user_id.to_string());
    Ok(Body(Page { items, next_cursor }))
}

/// Refuses somebody's direct messages and calls. A call of both ends.
#[utoipa::path(put, path = "/blocks/{userId}", operation_id = "setBlock", security(("session" = [])),
    params(("userId" = UserId, Path)),
    responses((status = 204, description = "They are refused."), (status = 404, description = "`not_found`: nobody with that id is here.")))]
async fn block(app: App, caller: WorkspaceCaller, Path(other): Path<String>) -> Result<StatusCode, ApiError> {
    caller.may(Action::SetBlock)?;
    match set(&app, &caller, &other, true).await? {
        None => Err(ApiError::because(ErrorCode::NotFound, "nobody else with this id is in this workspace")),
        Some(None) => Ok(StatusCode::NO_CONTENT),
        Some(Some(room_id)) => {
            let live = app.live_room(room_id, &RoomSlug::of_direct(room_id));
            presence::end_calls(&app, &live).await?;
            Ok(StatusCode::NO_CONTENT)
        }
    }
}

/// Takes somebody's direct messages again.
#[utoipa::path(delete, path = "/blocks/{userId}", operation_id = "deleteBlock", security(("session" = [])),
    params(("userId" = UserId, Path)),
    responses((status = 204, description = "They are taken."), (status = 404, description = "`not_found`: they were not refused.")))]
async fn unblock(app: App, caller: WorkspaceCaller, Path(other): Path<String>) -> Result<StatusCode, ApiError> {
    caller.may(Action::DeleteBlock)?;
    let was = set(&app, &caller, &other, false).await?;
    was.map(|_| StatusCode::NO_CONTENT)
        .ok_or_else(|| ApiError::because(ErrorCode::NotFound, "you do not refuse this person's messages"))
}

async fn set(app: &App, caller: &WorkspaceCaller, other: &str, on: bool) -> Result<Option<Option<RoomId>>, ApiError> {
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let now_ms = app.clock.now_ms();
    app.rates.direct_begun_user.take(user_id, now_ms).map_err(ApiError::rate_limited)?;
    Ok(app.store.set_block(user_id, id_in_path(other)?, on, now_ms).await?)
}
