//! `/v1/rooms/{slug}/members`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json as Body, Router};
use boltorezka_proto::rest::{Member, Page, SetMemberRequest};
use boltorezka_proto::{ErrorCode, UserId};

use super::access::{Action, authorize};
use super::moderation;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path, id_in_path};
use crate::store::MemberRecord;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/rooms/{slug}/members", get(list))
        .route("/rooms/{slug}/members/{user_id}", put(set).delete(delete))
}

async fn list(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<Member>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ReadMembers).await?;
    let after = page.cursor_as::<UserId>()?;
    let mut members = app.store.members(room.id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut members).map(|last| last.user_id.to_string());
    Ok(Body(Page { items: members.into_iter().map(member).collect(), next_cursor }))
}

async fn set(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
    Json(request): Json<SetMemberRequest>,
) -> Result<Body<Member>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::SetMembers).await?;
    let user_id: UserId = id_in_path(&user_id)?;
    let record = moderation::set_member(&app, &caller, &room, user_id, request.role).await?;
    Ok(Body(member(record.ok_or_else(|| ApiError::because(ErrorCode::NotFound, "there is no such user"))?)))
}

async fn delete(
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::SetMembers).await?;
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
