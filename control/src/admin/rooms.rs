//! `/v1/admin/rooms`: the rooms of all workspaces.

use axum::Json as Body;
use boltorezka_proto::admin::AdminRoom;
use boltorezka_proto::rest::Page;
use boltorezka_proto::{RoomSlug, WorkspaceSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::Pair;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::PageQuery;
use crate::permissions::Action;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Lists the rooms of all workspaces, with how many are in them.
#[utoipa::path(get, path = "/admin/rooms", operation_id = "listAllRooms", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of them, by workspace.", body = Page<AdminRoom>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<AdminRoom>>, ApiError> {
    caller.may(Action::ListAllRooms)?;
    let after = page.cursor_as::<Pair<WorkspaceSlug, RoomSlug>>()?;
    let after = after.as_ref().map(|Pair(workspace, room)| (workspace.as_str(), room.as_str()));
    let mut items = app.store.all_rooms(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut items).map(|last| Pair(&last.workspace, &last.slug).to_string());
    Ok(Body(Page { items, next_cursor }))
}
