//! `/v1/workspaces`, `/v1/workspaces/{workspace}`.

use std::collections::BTreeSet;

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::custom_roles::HeldRole;
use boltorezka_proto::rest::Page;
use boltorezka_proto::workspaces::{CreateWorkspaceRequest, UpdateWorkspaceRequest, Workspace, WorkspaceRole};
use boltorezka_proto::{ErrorCode, Timestamp, WorkspaceId, WorkspaceSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{changes, no_workspace};
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path};
use crate::permissions::{Action, Grants};
use crate::store::{WorkspaceCreated, WorkspaceRecord};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, update, delete))
}

/// Lists the workspaces that one is in by slug; admins of the server see all.
#[utoipa::path(get, path = "/workspaces", operation_id = "listWorkspaces", security(("session" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Workspace>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<Workspace>>, ApiError> {
    caller.may(Action::ListWorkspaces)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let after = page.cursor_as::<WorkspaceSlug>()?;
    let after = after.as_ref().map(WorkspaceSlug::as_str);
    let mut found = app.store.workspaces_of(user_id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut found).map(|(last, _)| last.slug.to_string());
    let held = app.store.custom_roles_of(user_id).await?;
    Ok(Body(Page { items: found.into_iter().map(|(record, role)| view(record, role, &held)).collect(), next_cursor }))
}

/// Makes a workspace, whose owner the caller is. Asked for again by the same account, it is the same.
#[utoipa::path(post, path = "/workspaces", operation_id = "createWorkspace", security(("session" = [])),
    request_body = CreateWorkspaceRequest,
    responses(
        (status = 200, description = "It was made before by the same account, with the same title.", body = Workspace),
        (status = 201, description = "The workspace.", body = Workspace),
        (status = 409, description = "`conflict`: the slug is taken."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<CreateWorkspaceRequest>,
) -> Result<(StatusCode, Body<Workspace>), ApiError> {
    caller.may(Action::CreateWorkspace)?;
    let owner = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let CreateWorkspaceRequest { slug, title } = request;
    let audit = caller.audit(app.clock.now_ms());
    match app.store.create_workspace(&slug, &title, owner, &audit).await? {
        WorkspaceCreated::New(record) => Ok((StatusCode::CREATED, Body(view(record, WorkspaceRole::Owner, &[])))),
        WorkspaceCreated::Again(record) => Ok((StatusCode::OK, Body(view(record, WorkspaceRole::Owner, &[])))),
        WorkspaceCreated::Taken => Err(ApiError::because(ErrorCode::Conflict, "slug is taken; choose another")),
    }
}

/// One workspace.
#[utoipa::path(get, path = "/workspaces/{workspace}", operation_id = "getWorkspace",
    security(("session" = []), ("apiKey" = [])), params(("workspace" = WorkspaceSlug, Path)),
    responses((status = 200, description = "The workspace.", body = Workspace)))]
async fn read(app: App, caller: WorkspaceCaller, Path(workspace): Path<String>) -> Result<Body<Workspace>, ApiError> {
    caller.may(Action::ReadWorkspace)?;
    let slug = WorkspaceSlug::new(&workspace).map_err(|_| no_workspace())?;
    let record = app.store.workspace(&slug).await?.ok_or_else(no_workspace)?;
    of_caller(&app, &caller, record).await
}

/// Changes a workspace.
#[utoipa::path(patch, path = "/workspaces/{workspace}", operation_id = "updateWorkspace", security(("session" = [])),
    params(("workspace" = WorkspaceSlug, Path)), request_body = UpdateWorkspaceRequest,
    responses((status = 200, description = "The workspace.", body = Workspace)))]
async fn update(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<UpdateWorkspaceRequest>,
) -> Result<Body<Workspace>, ApiError> {
    caller.may(Action::UpdateWorkspace)?;
    let record = app.store.update_workspace(&request.title, &caller.audit(app.clock.now_ms())).await?;
    of_caller(&app, &caller, record).await
}

/// Deletes a workspace with its rooms, messages, webhooks, API keys and their identities, and ends its calls. Accounts stay.
#[utoipa::path(delete, path = "/workspaces/{workspace}", operation_id = "deleteWorkspace", security(("session" = [])),
    params(("workspace" = WorkspaceSlug, Path)),
    responses(
        (status = 204, description = "It is gone."),
        (status = 409, description = "`conflict`: the default workspace stays."),
    ))]
async fn delete(app: App, caller: WorkspaceCaller) -> Result<StatusCode, ApiError> {
    caller.may(Action::DeleteWorkspace)?;
    if app.workspace_id() == app.store.home_id() {
        let detail = "every account is at home in the default workspace, which stays";
        return Err(ApiError::because(ErrorCode::Conflict, detail));
    }
    changes::delete_workspace(app, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A custom role that somebody holds in a workspace, and what it gives.
type Held = (WorkspaceId, HeldRole, Grants);

async fn of_caller(app: &App, caller: &WorkspaceCaller, record: WorkspaceRecord) -> Result<Body<Workspace>, ApiError> {
    let held = match caller.user_id() {
        Some(user_id) => app.store.custom_roles_of(user_id).await?,
        None => Vec::new(),
    };
    Ok(Body(view(record, caller.who().workspace_role(), &held)))
}

fn view(record: WorkspaceRecord, my_role: WorkspaceRole, held: &[Held]) -> Workspace {
    let id = record.id;
    let here = || held.iter().filter(move |(workspace_id, ..)| *workspace_id == id);
    let granted: BTreeSet<&str> = here().flat_map(|(.., grants)| grants.names()).collect();
    Workspace {
        id,
        slug: record.slug,
        title: record.title,
        my_role,
        my_custom_roles: here().map(|(_, role, _)| role.clone()).collect(),
        my_granted_permissions: granted.into_iter().map(str::to_owned).collect(),
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
    }
}
