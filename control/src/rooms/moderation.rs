//! What takes rights away. Each happens under the room's gate: committed with its order to the media node, which leaves
//! at the commit, then told to the sockets.

use std::collections::HashSet;

use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{MuteRequest, RoomRole};
use boltorezka_proto::{ErrorCode, ParticipantId, UserId};

use super::access::check_outranks;
use super::hiding::take_out_strangers;
use super::lobby;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::presence::{self, LiveRoom};
use crate::store::{MemberRecord, RoomRecord, Standing, StoreError};

/// Kicks or bans.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn expel(
    app: &App,
    caller: &WorkspaceCaller,
    standing: Standing,
    room: &RoomRecord,
    participant_id: ParticipantId,
    reason: EndReason,
) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    check_target(app, caller, standing, &live, participant_id).await?;
    let audit = caller.audit(app.clock.now_ms());
    app.store.expel(room.id, participant_id, reason, &audit).await?.ok_or_else(no_participant)?;
    presence::end_stay(app, &live, participant_id, reason);
    Ok(())
}

/// Closes the room to somebody who may be inside, wait in its lobby, or be elsewhere.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn ban(
    app: &App,
    caller: &WorkspaceCaller,
    standing: Standing,
    room: &RoomRecord,
    user_id: UserId,
) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    let nobody = || ApiError::because(ErrorCode::NotFound, "there is no such user for whom this room is there");
    let target = app.store.standing(room.id, user_id).await?.ok_or_else(nobody)?;
    check_outranks(standing, caller.user_id(), target, user_id)?;
    let ended = app.store.ban(room.id, user_id, &caller.audit(app.clock.now_ms())).await?.ok_or_else(nobody)?;
    if let Some(participant_id) = ended {
        presence::end_stay(app, &live, participant_id, EndReason::Banned);
    }
    lobby::review(app, &live, user_id).await?;
    Ok(())
}

/// Takes or gives back the right to publish.
///
/// # Errors
/// `not_found`, `forbidden`.
pub async fn mute(
    app: &App,
    caller: &WorkspaceCaller,
    standing: Standing,
    room: &RoomRecord,
    participant_id: ParticipantId,
    request: MuteRequest,
) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    check_target(app, caller, standing, &live, participant_id).await?;
    let audit = caller.audit(app.clock.now_ms());
    let outcome = app.store.mute(room.id, participant_id, request.source, request.muted, &audit).await?;
    outcome.map(|_| ()).ok_or_else(no_participant)
}

/// Gives a role in a room. `None` when there is no such user.
///
/// # Errors
/// When the database fails.
pub async fn set_member(
    app: &App,
    caller: &WorkspaceCaller,
    room: &RoomRecord,
    user_id: UserId,
    role: RoomRole,
) -> Result<Option<MemberRecord>, ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    let member = app.store.set_member(room.id, user_id, role, &caller.audit(app.clock.now_ms())).await?;
    refresh_role(app, &live, user_id).await?;
    Ok(member)
}

/// Takes a role of its own away. False when there was none.
///
/// # Errors
/// When the database fails.
pub async fn delete_member(
    app: &App,
    caller: &WorkspaceCaller,
    room: &RoomRecord,
    user_id: UserId,
) -> Result<bool, ApiError> {
    let audit = caller.audit(app.clock.now_ms());
    let deleted = {
        let live = app.live_room(room.id, &room.slug);
        let _gate = live.gate.lock().await;
        let deleted = app.store.delete_member(room.id, user_id, &audit).await?;
        refresh_role(app, &live, user_id).await?;
        deleted
    };
    if room.settings.hidden {
        take_out_strangers(app, Some(&audit)).await?;
    }
    Ok(deleted)
}

/// Deletes a room and ends everything in it.
///
/// # Errors
/// `not_found`.
pub async fn delete_room(app: &App, caller: &WorkspaceCaller, room: &RoomRecord) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    if !app.store.delete_room(room.id, &caller.audit(app.clock.now_ms())).await? {
        return Err(ErrorCode::NotFound.into());
    }
    presence::end_deleted(app, &live);
    Ok(())
}

/// Shows the role that a user has now wherever it is, after its server role changed.
///
/// # Errors
/// When the database fails.
pub async fn refresh_roles(app: &App, user_id: UserId) -> Result<(), StoreError> {
    for live in app.hub.rooms() {
        let _gate = live.gate.lock().await;
        refresh_role(&app.of(live.workspace_id), &live, user_id).await?;
    }
    take_out_strangers(app, None).await
}

/// Shows the roles that some have now in every room of the workspace that they are in, or wait for, and keeps what custom roles give them there. It
/// hides no room from anybody.
///
/// # Errors
/// When the database fails.
pub async fn refresh_roles_in(app: &App, user_ids: &HashSet<UserId>) -> Result<(), StoreError> {
    for live in app.hub.rooms_of(app.workspace_id()) {
        let _gate = live.gate.lock().await;
        let there: Vec<UserId> = {
            let state = live.state();
            let inside = state.seats().map(|seat| seat.view.user_id);
            let waiting = state.lobby.waiting().into_iter().map(|waiting| waiting.user_id);
            inside.chain(waiting).filter(|user_id| user_ids.contains(user_id)).collect()
        };
        for user_id in there {
            refresh_role(app, &live, user_id).await?;
        }
    }
    Ok(())
}

/// The same in one room, under its gate.
///
/// # Errors
/// When the database fails.
pub(super) async fn refresh_role(app: &App, live: &LiveRoom, user_id: UserId) -> Result<(), StoreError> {
    lobby::review(app, live, user_id).await?;
    let Some(participant_id) = live.state().participant_of_user(user_id) else { return Ok(()) };
    if let Some(standing) = app.store.standing(live.id, user_id).await? {
        live.state().set_role(participant_id, standing.role, standing.grants);
        app.hub.touch(live.id);
    }
    Ok(())
}

async fn check_target(
    app: &App,
    caller: &WorkspaceCaller,
    standing: Standing,
    live: &LiveRoom,
    participant_id: ParticipantId,
) -> Result<(), ApiError> {
    let target_id = live.state().seat(participant_id).map(|seat| seat.view.user_id).ok_or_else(no_participant)?;
    let target = app.store.standing(live.id, target_id).await?.ok_or_else(no_participant)?;
    check_outranks(standing, caller.user_id(), target, target_id)
}

fn no_participant() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such participant in this room")
}
