//! `/v1/admin`: accounts and their server-wide roles; what operators see of the whole server; the media node.

mod access;
mod api_keys;
mod audit;
mod cursor;
mod invites;
mod media;
mod outbox;
mod participants;
mod rooms;
mod settings;

use axum::Json as Body;
use boltorezka_proto::accounts::Account;
use boltorezka_proto::rest::{Page, PromoteRequest, Role, UserEnvelope};
use boltorezka_proto::workspaces::FeatureState;
use boltorezka_proto::{ErrorCode, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::features::{Feature, Routes};
use crate::http::{Json, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::rooms::refresh_roles;

/// The feature.
pub struct Admin;

impl Feature for Admin {
    fn name(&self) -> &'static str {
        "admin"
    }

    fn title(&self) -> &'static str {
        "Accounts, invites, API keys, all rooms and who is in them, the audit log, the outbox, settings, features and the media node, for admins."
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["admin"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(users))
        .routes(routes!(promote))
        .routes(routes!(features))
        .merge(access::routes())
        .merge(api_keys::routes())
        .merge(audit::routes())
        .merge(invites::routes())
        .merge(media::routes())
        .merge(outbox::routes())
        .merge(participants::routes())
        .merge(rooms::routes())
        .merge(settings::routes())
}

/// Lists the server's features with how each does, all on one page.
#[utoipa::path(get, path = "/admin/features", operation_id = "listServerFeatures", security(("session" = [])),
    responses((status = 200, description = "Each of them.", body = Page<FeatureState>)))]
async fn features(app: App, caller: WorkspaceCaller) -> Result<Body<Page<FeatureState>>, ApiError> {
    caller.may(Action::ReadFeatures)?;
    Ok(Body(Page { items: app.features.states(&app).await, next_cursor: None }))
}

/// Lists the accounts.
#[utoipa::path(get, path = "/admin/users", operation_id = "listUsers", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Account>)))]
async fn users(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<Account>>, ApiError> {
    caller.may(Action::ListUsers)?;
    let after = page.cursor_as::<UserId>()?;
    let mut users = app.store.users(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut users).map(|last| last.user.id.to_string());
    Ok(Body(Page { items: users.into_iter().map(access::account).collect(), next_cursor }))
}

/// Makes an account an admin's.
#[utoipa::path(post, path = "/admin/users/{userId}/promote", operation_id = "promoteUser", security(("session" = [])),
    params(("userId" = UserId, Path)), request_body = PromoteRequest,
    responses((status = 200, description = "The account.", body = UserEnvelope)))]
async fn promote(
    app: App,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
    Json(request): Json<PromoteRequest>,
) -> Result<Body<UserEnvelope>, ApiError> {
    caller.may(Action::Promote)?;
    let user_id: UserId = id_in_path(&user_id)?;
    if request.role != Role::Admin {
        return Err(ApiError::because(ErrorCode::Malformed, "role must be admin; no other role is given here"));
    }
    let no_user = || ApiError::because(ErrorCode::NotFound, "there is no such account");
    let before = app.store.user(user_id).await?.ok_or_else(no_user)?;
    if before.user.role == Role::SuperAdmin {
        return Err(ApiError::because(ErrorCode::Malformed, "a super admin is more than an admin already"));
    }
    let audit = caller.audit(app.clock.now_ms());
    let user = app.store.set_role(user_id, request.role, &audit).await?.ok_or_else(no_user)?;
    refresh_roles(&app, user_id).await?;
    Ok(Body(UserEnvelope { user: user.user }))
}
