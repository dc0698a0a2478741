//! `/v1/rooms/{slug}/members`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::rest::{Member, Page, SetMemberRequest};
use boltorezka_proto::{ErrorCode, RoomSlug, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::authorize;
use super::moderation;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::store::MemberRecord;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(set, delete))
}

/// Lists those with a role of their own in a room.
#[utoipa::path(get, path = "/rooms/{slug}/members", operation_id = "listMembers",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Member>)))]
async fn list(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<Member>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListMembers).await?;
    let after = page.cursor_as::<UserId>()?;
    let mut members = app.store.members(room.id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut members).map(|last| last.user_id.to_string());
    Ok(Body(Page { items: members.into_iter().map(member).collect(), next_cursor }))
}

/// Gives somebody a role in a room.
#[utoipa::path(put, path = "/rooms/{slug}/members/{userId}", operation_id = "setMember",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("userId" = UserId, Path)),
    request_body = SetMemberRequest, responses((status = 200, description = "The member.", body = Member)))]
async fn set(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
    Json(request): Json<SetMemberRequest>,
) -> Result<Body<Member>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::SetMember).await?;
    let user_id: UserId = id_in_path(&user_id)?;
    let record = moderation::set_member(&app, &caller, &room, user_id, request.role).await?;
    Ok(Body(member(record.ok_or_else(|| ApiError::because(ErrorCode::NotFound, "there is no such user"))?)))
}

/// Takes somebody's role in a room back to the default.
#[utoipa::path(delete, path = "/rooms/{slug}/members/{userId}", operation_id = "deleteMember",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("userId" = UserId, Path)),
    responses((status = 204, description = "The role is the default again.")))]
async fn delete(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::DeleteMember).await?;
    let user_id: UserId = id_in_path(&user_id)?;
    if moderation::delete_member(&app, &caller, &room, user_id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::because(ErrorCode::NotFound, "the user has no role of its own in this room"))
    }
}

fn member(record: MemberRecord) -> Member {
    Member { user_id: record.user_id, display_name: record.display_name, role: record.role }
}
