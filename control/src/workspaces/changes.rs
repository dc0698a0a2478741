//! What changes for many at once: members who go or get another role, features that are switched. Each is committed with its
//! orders to the media node while nobody can enter a room or a call of the workspace, then memory and sockets follow.

use std::sync::Arc;

use boltorezka_proto::call::EndReason;
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::workspaces::{OptionalFeature, WorkspaceRole};
use boltorezka_proto::{ErrorCode, UserId};

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::presence::{self, LiveRoom};
use crate::rooms::refresh_roles;
use crate::store::{Ended, MemberChange, WorkspaceMemberRecord};
use crate::ws::frame;

use super::no_workspace;

/// Takes somebody in, or gives another role.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn set_member(
    app: App,
    caller: WorkspaceCaller,
    user_id: UserId,
    role: WorkspaceRole,
) -> Result<WorkspaceMemberRecord, ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        let record = {
            let _door = workspace.door.write().await;
            let by = caller.who().workspace_role();
            let audit = caller.audit(app.clock.now_ms());
            done(app.store.set_workspace_member(user_id, role, by, &audit).await?)?
        };
        refresh_roles(&app, user_id).await?;
        Ok(record)
    })
    .await
}

/// Ends a membership.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn remove_member(app: App, caller: WorkspaceCaller, user_id: UserId) -> Result<(), ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        let _door = workspace.door.write().await;
        let rooms = app.hub.rooms_of(app.workspace_id());
        let _gates = gates(&rooms).await;
        let by = caller.who().workspace_role();
        let audit = caller.audit(app.clock.now_ms());
        let ended = done(app.store.remove_workspace_member(user_id, by, &audit).await?)?;
        follow(&app, &rooms, &ended, EndReason::Revoked);
        app.hub.close_sockets_in(app.workspace_id(), user_id);
        Ok(())
    })
    .await
}

/// Switches a feature.
///
/// # Errors
/// When the database fails.
pub async fn set_feature(
    app: App,
    caller: WorkspaceCaller,
    feature: OptionalFeature,
    enabled: bool,
) -> Result<(), ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        let _door = workspace.door.write().await;
        let rooms = app.hub.rooms_of(app.workspace_id());
        let _gates = gates(&rooms).await;
        let audit = caller.audit(app.clock.now_ms());
        let ended = app.store.set_feature(feature, enabled, &audit).await?;
        workspace.set(feature, enabled);
        follow(&app, &rooms, &ended, EndReason::FeatureDisabled);
        Ok(())
    })
    .await
}

/// Deletes the workspace, and ends everything in it.
///
/// # Errors
/// `not_found`.
pub async fn delete_workspace(app: App, caller: WorkspaceCaller) -> Result<(), ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        let _door = workspace.door.write().await;
        let rooms = app.hub.rooms_of(app.workspace_id());
        let _gates = gates(&rooms).await;
        if !app.store.delete_workspace(&caller.audit(app.clock.now_ms())).await? {
            return Err(no_workspace());
        }
        for room in &rooms {
            presence::end_deleted(&app, room);
        }
        app.hub.forget_workspace(app.workspace_id());
        Ok(())
    })
    .await
}

/// Also when the client hangs up: memory must not miss what was committed.
pub(super) async fn to_its_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(change).await.map_err(|_| ApiError::new(ErrorCode::Internal))?
}

/// Nobody who holds a gate waits for another but here, where they are taken in one order.
async fn gates(rooms: &[Arc<LiveRoom>]) -> Vec<tokio::sync::MutexGuard<'_, ()>> {
    let mut gates = Vec::new();
    for room in rooms {
        gates.push(room.gate.lock().await);
    }
    gates
}

/// Takes over in memory, under the gates, what ended in the database, and tells the sockets that it concerns.
fn follow(app: &App, rooms: &[Arc<LiveRoom>], ended: &[Ended], reason: EndReason) {
    for Ended { room_id, participant_id, stays_as } in ended {
        let Some(room) = rooms.iter().find(|room| room.id == *room_id) else { continue };
        let mut state = room.state();
        let sockets = match stays_as {
            Some(new_id) => {
                let sockets = state.end_call(*participant_id);
                state.rename(*participant_id, *new_id);
                sockets
            }
            None => state.remove(*participant_id),
        };
        let message = frame(&ServerMessage::CallEnded { room: state.slug().clone(), reason });
        for socket in sockets {
            socket.send(message.clone());
        }
        app.hub.touch(*room_id);
    }
}

fn done<T>(change: MemberChange<T>) -> Result<T, ApiError> {
    match change {
        MemberChange::Done(done) => Ok(done),
        MemberChange::NoMember => Err(no_member()),
        MemberChange::TooHigh => {
            let detail = "nobody gives more than they have, and admins change those below them only";
            Err(ApiError::because(ErrorCode::Forbidden, detail))
        }
    }
}

/// The answer when there is no such account, or it is no member.
pub fn no_member() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such account, or it is no member of this workspace")
}
