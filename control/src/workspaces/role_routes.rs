//! `/v1/workspaces/{workspace}/roles`, and who holds them.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::custom_roles::{
    CreateCustomRoleRequest, CustomRole, GrantablePermission, UpdateCustomRoleRequest,
};
use boltorezka_proto::rest::{Page, RoomRole};
use boltorezka_proto::{CustomRoleId, ErrorCode, Timestamp, UserId, WorkspaceSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::role_changes::{self, done, no_role};
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, Path, id_in_path};
use crate::permissions::{Action, GRANTABLE, Grants};
use crate::store::{CustomRoleRecord, CustomRoleUpdate};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(permissions))
        .routes(routes!(list, create))
        .routes(routes!(update, delete))
        .routes(routes!(assign, unassign))
}

/// Lists what a custom role can give, all on one page.
#[utoipa::path(get, path = "/workspaces/{workspace}/permissions", operation_id = "listGrantablePermissions",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path)),
    responses((status = 200, description = "Each of them.", body = Page<GrantablePermission>)))]
async fn permissions(caller: WorkspaceCaller) -> Result<Body<Page<GrantablePermission>>, ApiError> {
    caller.may(Action::ListRoles)?;
    let permission = |action: Action| GrantablePermission {
        name: action.name().to_owned(),
        feature: action.feature().to_owned(),
        about: action.about().to_owned(),
    };
    Ok(Body(Page { items: GRANTABLE.into_iter().map(permission).collect(), next_cursor: None }))
}

/// Lists the custom roles of a workspace by name, all on one page.
#[utoipa::path(get, path = "/workspaces/{workspace}/roles", operation_id = "listCustomRoles",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path)),
    responses((status = 200, description = "Each of them.", body = Page<CustomRole>)))]
async fn list(app: App, caller: WorkspaceCaller) -> Result<Body<Page<CustomRole>>, ApiError> {
    caller.may(Action::ListRoles)?;
    let roles = app.store.custom_roles().await?;
    Ok(Body(Page { items: roles.into_iter().map(view).collect(), next_cursor: None }))
}

/// Makes a custom role, which gives no more than the caller has.
#[utoipa::path(post, path = "/workspaces/{workspace}/roles", operation_id = "createCustomRole",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path)), request_body = CreateCustomRoleRequest,
    responses(
        (status = 201, description = "The role.", body = CustomRole),
        (status = 409, description = "`conflict`: the name is taken, or there are too many."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<CreateCustomRoleRequest>,
) -> Result<(StatusCode, Body<CustomRole>), ApiError> {
    caller.may(Action::CreateRole)?;
    let CreateCustomRoleRequest { name, permissions, room_role } = request;
    let (actions, room_role) = (permissions.unwrap_or_default(), room_role.unwrap_or(RoomRole::Listener));
    let grants = Grants::new(&held_actions(&caller, &actions)?, held_room_role(&caller, room_role)?);
    let audit = caller.audit(app.clock.now_ms());
    let record = done(app.store.create_custom_role(&name, grants, &audit).await?)?;
    Ok((StatusCode::CREATED, Body(view(record))))
}

/// Changes a custom role. What its holders lose by that they lose at once, in running calls too.
#[utoipa::path(patch, path = "/workspaces/{workspace}/roles/{roleId}", operation_id = "updateCustomRole",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path), ("roleId" = CustomRoleId, Path)),
    request_body = UpdateCustomRoleRequest,
    responses(
        (status = 200, description = "The role.", body = CustomRole),
        (status = 409, description = "`conflict`: the name is taken."),
    ))]
async fn update(
    app: App,
    caller: WorkspaceCaller,
    Path((_, role_id)): Path<(String, String)>,
    Json(request): Json<UpdateCustomRoleRequest>,
) -> Result<Body<CustomRole>, ApiError> {
    caller.may(Action::UpdateRole)?;
    let id = role_in_path(&role_id)?;
    let UpdateCustomRoleRequest { name, permissions, room_role } = request;
    let actions = permissions.map(|names| held_actions(&caller, &names)).transpose()?;
    let room_role = room_role.map(|role| held_room_role(&caller, role)).transpose()?;
    let update = CustomRoleUpdate { name, actions, room_role };
    Ok(Body(view(role_changes::update(app, caller, id, update).await?)))
}

/// Deletes a custom role, whoever holds it. What its holders lose by that they lose at once.
#[utoipa::path(delete, path = "/workspaces/{workspace}/roles/{roleId}", operation_id = "deleteCustomRole",
    security(("session" = [])), params(("workspace" = WorkspaceSlug, Path), ("roleId" = CustomRoleId, Path)),
    responses((status = 204, description = "It is gone.")))]
async fn delete(
    app: App,
    caller: WorkspaceCaller,
    Path((_, role_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::DeleteRole)?;
    role_changes::delete(app, caller, role_in_path(&role_id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a member a custom role beside those that it has.
#[utoipa::path(put, path = "/workspaces/{workspace}/members/{userId}/roles/{roleId}", operation_id = "assignCustomRole",
    security(("session" = [])),
    params(("workspace" = WorkspaceSlug, Path), ("userId" = UserId, Path), ("roleId" = CustomRoleId, Path)),
    responses(
        (status = 204, description = "It holds the role."),
        (status = 409, description = "`conflict`: it holds too many."),
    ))]
async fn assign(
    app: App,
    caller: WorkspaceCaller,
    Path((_, user_id, role_id)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::AssignRole)?;
    set_held(app, caller, &user_id, &role_id, true).await
}

/// Takes a custom role from a member. What it loses by that it loses at once.
#[utoipa::path(delete, path = "/workspaces/{workspace}/members/{userId}/roles/{roleId}",
    operation_id = "unassignCustomRole", security(("session" = [])),
    params(("workspace" = WorkspaceSlug, Path), ("userId" = UserId, Path), ("roleId" = CustomRoleId, Path)),
    responses((status = 204, description = "It does not hold the role.")))]
async fn unassign(
    app: App,
    caller: WorkspaceCaller,
    Path((_, user_id, role_id)): Path<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::UnassignRole)?;
    set_held(app, caller, &user_id, &role_id, false).await
}

async fn set_held(
    app: App,
    caller: WorkspaceCaller,
    user_id: &str,
    role_id: &str,
    held: bool,
) -> Result<StatusCode, ApiError> {
    let user_id: UserId = id_in_path(user_id)?;
    role_changes::set_held(app, caller, user_id, role_in_path(role_id)?, held).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn role_in_path(role_id: &str) -> Result<CustomRoleId, ApiError> {
    id_in_path(role_id).map_err(|_| no_role())
}

/// The permissions of these names, if a custom role can give them and the caller has them.
fn held_actions(caller: &WorkspaceCaller, names: &[String]) -> Result<Vec<Action>, ApiError> {
    names.iter().map(|name| held_action(caller, name)).collect()
}

fn held_action(caller: &WorkspaceCaller, name: &str) -> Result<Action, ApiError> {
    let action = Action::grantable(name).ok_or_else(|| {
        let detail = format!(
            "permissions: {name:.64} is none that a custom role gives; GET /v1/workspaces/{{workspace}}/permissions lists them"
        );
        ApiError::because(ErrorCode::Malformed, detail)
    })?;
    if action.is_held_by(caller.who()) {
        return Ok(action);
    }
    Err(ApiError::because(ErrorCode::Forbidden, format!("nobody gives what they do not have: {name}")))
}

fn held_room_role(caller: &WorkspaceCaller, role: RoomRole) -> Result<RoomRole, ApiError> {
    if caller.who().standing().role >= role {
        return Ok(role);
    }
    Err(ApiError::because(ErrorCode::Forbidden, "nobody gives a role in rooms that is above their own"))
}

fn view(record: CustomRoleRecord) -> CustomRole {
    CustomRole {
        id: record.id,
        name: record.name,
        permissions: record.grants.names().into_iter().map(str::to_owned).collect(),
        room_role: record.grants.room_role(),
        member_count: record.member_count,
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
    }
}
