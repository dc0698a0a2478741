//! Blocked and pending accounts.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::accounts::{Account, AccountEnvelope, CreateLinkRequest, LinkCreated};
use boltorezka_proto::rest::User;
use boltorezka_proto::socket::CloseCode;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{WorkspaceCaller, hand_out};
use crate::error::ApiError;
use crate::http::{Json, Path, id_in_path};
use crate::permissions::Action;
use crate::presence::take_out;
use crate::store::{Blocked, UserRecord};

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(block))
        .routes(routes!(unblock))
        .routes(routes!(approve))
        .routes(routes!(delete_second_factor))
        .routes(routes!(create_link))
}

/// An account as admins see it.
pub fn account(record: UserRecord) -> Account {
    Account {
        state: record.state(),
        email_verified: record.email_verified,
        second_factor: record.second_factor,
        user: record.user,
    }
}

/// Closes the server to an account with a lower role: its sessions, sockets and calls end.
#[utoipa::path(post, path = "/admin/users/{userId}/block", operation_id = "blockUser", security(("session" = [])),
    params(("userId" = UserId, Path)),
    responses((status = 200, description = "The account.", body = AccountEnvelope)))]
async fn block(
    app: App,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
) -> Result<Body<AccountEnvelope>, ApiError> {
    caller.may(Action::BlockUser)?;
    let user_id: UserId = id_in_path(&user_id)?;
    let outcome = app.store.block(user_id, caller.who().role(), &caller.audit(app.clock.now_ms())).await?;
    let (user, removed) = done(outcome)?;
    app.hub.close_sockets_of(user_id, CloseCode::AccountBlocked);
    take_out(&app, removed).await;
    Ok(Body(AccountEnvelope { user: account(user) }))
}

/// Opens the server again to an account with a lower role. It signs in anew.
#[utoipa::path(post, path = "/admin/users/{userId}/unblock", operation_id = "unblockUser", security(("session" = [])),
    params(("userId" = UserId, Path)),
    responses((status = 200, description = "The account.", body = AccountEnvelope)))]
async fn unblock(
    app: App,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
) -> Result<Body<AccountEnvelope>, ApiError> {
    caller.may(Action::UnblockUser)?;
    let user_id: UserId = id_in_path(&user_id)?;
    let outcome = app.store.unblock(user_id, caller.who().role(), &caller.audit(app.clock.now_ms())).await?;
    let (user, _) = done(outcome)?;
    Ok(Body(AccountEnvelope { user: account(user) }))
}

/// Lets an account in that waits for an admin.
#[utoipa::path(post, path = "/admin/users/{userId}/approve", operation_id = "approveUser", security(("session" = [])),
    params(("userId" = UserId, Path)),
    responses((status = 200, description = "The account.", body = AccountEnvelope)))]
async fn approve(
    app: App,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
) -> Result<Body<AccountEnvelope>, ApiError> {
    caller.may(Action::ApproveUser)?;
    let user_id: UserId = id_in_path(&user_id)?;
    let user = app.store.approve(user_id, &caller.audit(app.clock.now_ms())).await?;
    Ok(Body(AccountEnvelope { user: account(user.ok_or_else(no_account)?) }))
}

/// Takes the second factor away from an account with a lower role, whose owner has lost it.
#[utoipa::path(delete, path = "/admin/users/{userId}/second-factor", operation_id = "deleteSecondFactor",
    security(("session" = [])), params(("userId" = UserId, Path)),
    responses((status = 204, description = "It signs in with its password alone.")))]
async fn delete_second_factor(
    app: App,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.may(Action::DeleteSecondFactor)?;
    let user = below(&app, &caller, &user_id).await?;
    if app.store.delete_second_factor(user.id, Some(&caller.audit(app.clock.now_ms()))).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::because(ErrorCode::NotFound, "the account has no second factor"))
    }
}

/// Makes a link for another password, or to verify an address, to be handed to the owner of an account with a lower role.
#[utoipa::path(post, path = "/admin/users/{userId}/links", operation_id = "createLink", security(("session" = [])),
    params(("userId" = UserId, Path)), request_body = CreateLinkRequest,
    responses((status = 201, description = "The link, shown once.", body = LinkCreated)))]
async fn create_link(
    app: App,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
    Json(request): Json<CreateLinkRequest>,
) -> Result<(StatusCode, Body<LinkCreated>), ApiError> {
    caller.may(Action::CreateLink)?;
    let user = below(&app, &caller, &user_id).await?;
    let link = hand_out(&app, user.id, request.kind, &caller.audit(app.clock.now_ms())).await?;
    Ok((StatusCode::CREATED, Body(link)))
}

/// The account, whose role is below the caller's.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn below(app: &App, caller: &WorkspaceCaller, user_id: &str) -> Result<User, ApiError> {
    let record = app.store.user(id_in_path(user_id)?).await?.ok_or_else(no_account)?;
    if record.user.role < caller.who().role() { Ok(record.user) } else { Err(too_high()) }
}

/// What was done, or why not.
fn done(outcome: Blocked) -> Result<(UserRecord, Vec<(RoomId, ParticipantId)>), ApiError> {
    match outcome {
        Blocked::Done { user, removed } => Ok((*user, removed)),
        Blocked::NoAccount => Err(no_account()),
        Blocked::TooHigh => Err(too_high()),
    }
}

fn too_high() -> ApiError {
    ApiError::because(ErrorCode::Forbidden, "only an account with a lower role")
}

fn no_account() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such account")
}
