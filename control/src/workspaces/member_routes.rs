//! `/v1/workspaces/{workspace}/members`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::custom_roles::HeldRole;
use boltorezka_proto::rest::Page;
use boltorezka_proto::workspaces::{SetWorkspaceMemberRequest, WorkspaceMember};
use boltorezka_proto::{ErrorCode, UserId, WorkspaceSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::changes;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::store::WorkspaceMemberRecord;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(set, delete))
}

/// Lists the accounts in a workspace; in the default one that is all.
#[utoipa::path(get, path = "/workspaces/{workspace}/members", operation_id = "listWorkspaceMembers",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<WorkspaceMember>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<WorkspaceMember>>, ApiError> {
    caller.may(Action::ListWorkspaceMembers)?;
    let after = page.cursor_as::<UserId>()?;
    let mut members = app.store.workspace_members(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut members).map(|last| last.user_id.to_string());
    let held = match (members.first(), members.last()) {
        (Some(first), Some(last)) => app.store.held_roles(first.user_id, last.user_id).await?,
        _ => Vec::new(),
    };
    Ok(Body(Page { items: members.into_iter().map(|record| member(record, &held)).collect(), next_cursor }))
}

/// Takes an account into a workspace, or gives it another role there.
#[utoipa::path(put, path = "/workspaces/{workspace}/members/{userId}", operation_id = "setWorkspaceMember",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path), ("userId" = UserId, Path)),
    request_body = SetWorkspaceMemberRequest,
    responses(
        (status = 200, description = "The member.", body = WorkspaceMember),
        (status = 409, description = "`conflict`: in the default workspace everybody is what they are on the server."),
    ))]
async fn set(
    app: App,
    caller: WorkspaceCaller,
    Path((_, user_id)): Path<(String, String)>,
    Json(request): Json<SetWorkspaceMemberRequest>,
) -> Result<Body<WorkspaceMember>, ApiError> {
    caller.may(Action::SetWorkspaceMember)?;
    check_not_home(&app)?;
    let user_id: UserId = id_in_path(&user_id)?;
    let record = changes::set_member(app.clone(), caller, user_id, request.role).await?;
    let held = app.store.held_roles(user_id, user_id).await?;
    Ok(Body(member(record, &held)))
}

/// Ends a membership: somebody's, or one's own.
#[utoipa::path(delete, path = "/workspaces/{workspace}/members/{userId}", operation_id = "deleteWorkspaceMember",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path), ("userId" = UserId, Path)),
    responses(
        (status = 204, description = "The account is out, and so are its sockets and calls."),
        (status = 409, description = "`conflict`: nobody leaves the default workspace."),
    ))]
async fn delete(
    app: App,
    caller: WorkspaceCaller,
    Path((_, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let user_id: Option<UserId> = id_in_path(&user_id).ok();
    let is_own = user_id.is_some() && user_id == caller.user_id();
    caller.may(if is_own { Action::LeaveWorkspace } else { Action::DeleteWorkspaceMember })?;
    check_not_home(&app)?;
    changes::remove_member(app, caller, user_id.ok_or_else(changes::no_member)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_not_home(app: &App) -> Result<(), ApiError> {
    if app.workspace_id() == app.store.home_id() {
        let detail = "every account is in the default workspace, with its role on the server";
        return Err(ApiError::because(ErrorCode::Conflict, detail));
    }
    Ok(())
}

fn member(record: WorkspaceMemberRecord, held: &[(UserId, HeldRole)]) -> WorkspaceMember {
    let WorkspaceMemberRecord { user_id, display_name, role } = record;
    let own = held.iter().filter(|(holder, _)| *holder == user_id);
    WorkspaceMember { user_id, display_name, role, custom_roles: own.map(|(_, role)| role.clone()).collect() }
}
