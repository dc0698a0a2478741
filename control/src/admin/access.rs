//! Blocked and pending accounts.

use axum::Json as Body;
use axum::extract::State;
use boltorezka_proto::accounts::{Account, AccountEnvelope};
use boltorezka_proto::call::EndReason;
use boltorezka_proto::socket::{CloseCode, ServerMessage};
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Path, id_in_path};
use crate::permissions::Action;
use crate::store::{Blocked, UserRecord};
use crate::ws::frame;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(block)).routes(routes!(unblock)).routes(routes!(approve))
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
    State(app): State<App>,
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
    State(app): State<App>,
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
    State(app): State<App>,
    caller: WorkspaceCaller,
    Path(user_id): Path<String>,
) -> Result<Body<AccountEnvelope>, ApiError> {
    caller.may(Action::ApproveUser)?;
    let user_id: UserId = id_in_path(&user_id)?;
    let user = app.store.approve(user_id, &caller.audit(app.clock.now_ms())).await?;
    Ok(Body(AccountEnvelope { user: account(user.ok_or_else(no_account)?) }))
}

/// What was done, or why not.
fn done(outcome: Blocked) -> Result<(UserRecord, Vec<(RoomId, ParticipantId)>), ApiError> {
    match outcome {
        Blocked::Done { user, removed } => Ok((*user, removed)),
        Blocked::NoAccount => Err(no_account()),
        Blocked::TooHigh => Err(ApiError::because(ErrorCode::Forbidden, "only an account with a lower role")),
    }
}

/// Takes stays that the database has no more out of the rooms' memory, and tells those inside.
pub async fn take_out(app: &App, removed: Vec<(RoomId, ParticipantId)>) {
    for (room_id, participant_id) in removed {
        let Some(live) = app.hub.find(room_id) else { continue };
        let _gate = live.gate.lock().await;
        let mut state = live.state();
        let room = state.slug().clone();
        let ended = frame(&ServerMessage::CallEnded { room, reason: EndReason::Revoked });
        for socket in state.remove(participant_id) {
            socket.send(ended.clone());
        }
        drop(state);
        app.hub.touch(room_id);
    }
}

fn no_account() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such account")
}
