//! Letting people in who wait in the lobby, or sending them away. Each happens under the room's gate: the first one who decides is
//! obeyed, all others are told.

use boltorezka_proto::rest::UpdateRoomRequest;
use boltorezka_proto::rooms::RefusalReason;
use boltorezka_proto::{ErrorCode, UserId};

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::presence::{LiveRoom, tell_admitted, tell_refused};
use crate::store::{Audit, RoomRecord, StoreError};

/// Lets somebody in.
///
/// # Errors
/// `not_found`; `conflict` when it was decided before.
pub async fn admit(app: &App, caller: &WorkspaceCaller, room: &RoomRecord, user_id: UserId) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    if !live.state().lobby.has(user_id) {
        return Err(decided(app, &live, user_id).await?);
    }
    let let_in = app.store.let_in(room.id, &[user_id], &caller.audit(app.clock.now_ms())).await?;
    if let_in.is_empty() {
        tell_refused(app, &live, user_id, RefusalReason::Revoked);
        return Err(ApiError::because(ErrorCode::NotFound, "it may not enter this room any more"));
    }
    tell_admitted(app, &live, user_id);
    Ok(())
}

/// Lets everybody in who waits.
///
/// # Errors
/// When the database fails.
pub async fn admit_all(app: &App, caller: &WorkspaceCaller, room: &RoomRecord) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    let waiting: Vec<UserId> = live.state().lobby.waiting().iter().map(|waiting| waiting.user_id).collect();
    let let_in = app.store.let_in(room.id, &waiting, &caller.audit(app.clock.now_ms())).await?;
    for user_id in waiting {
        if let_in.contains(&user_id) {
            tell_admitted(app, &live, user_id);
        } else {
            tell_refused(app, &live, user_id, RefusalReason::Revoked);
        }
    }
    Ok(())
}

/// Sends somebody away.
///
/// # Errors
/// `not_found`; `conflict` when it was decided before.
pub async fn refuse(app: &App, caller: &WorkspaceCaller, room: &RoomRecord, user_id: UserId) -> Result<(), ApiError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    if !live.state().lobby.has(user_id) {
        return Err(decided(app, &live, user_id).await?);
    }
    let now_ms = app.clock.now_ms();
    if !app.store.turn_away(room.id, user_id, &caller.audit(now_ms)).await? {
        return Err(ErrorCode::NotFound.into());
    }
    live.state().lobby.refuse(user_id, now_ms);
    tell_refused(app, &live, user_id, RefusalReason::Refused);
    Ok(())
}

/// Changes a room, and has those who wait follow: when the lobby ends, all are let in.
///
/// # Errors
/// When the database fails.
pub async fn update_room(
    app: &App,
    room: &RoomRecord,
    change: &UpdateRoomRequest,
    audit: &Audit,
) -> Result<Option<RoomRecord>, StoreError> {
    let live = app.live_room(room.id, &room.slug);
    let _gate = live.gate.lock().await;
    let updated = app.store.update_room(room.id, change, audit).await?;
    let waiting = live.state().lobby.waiting();
    for waiting in waiting {
        review(app, &live, waiting.user_id).await?;
    }
    Ok(updated)
}

/// What somebody is, or the room, has changed: who waits and need not wait any more is let in, and who may not enter is sent away.
/// Under the room's gate.
///
/// # Errors
/// When the database fails.
pub async fn review(app: &App, live: &LiveRoom, user_id: UserId) -> Result<(), StoreError> {
    if !live.state().lobby.has(user_id) {
        return Ok(());
    }
    match app.store.standing(live.id, user_id).await? {
        Some(standing) if standing.banned => tell_refused(app, live, user_id, RefusalReason::Revoked),
        Some(standing) if standing.outside => {}
        Some(_) => tell_admitted(app, live, user_id),
        None => tell_refused(app, live, user_id, RefusalReason::Revoked),
    }
    Ok(())
}

/// What those hear who come too late, or mean nobody.
async fn decided(app: &App, live: &LiveRoom, user_id: UserId) -> Result<ApiError, StoreError> {
    if live.state().lobby.has_refused(user_id, app.clock.now_ms()) {
        return Ok(ApiError::because(ErrorCode::Conflict, "it was refused already"));
    }
    let standing = app.store.standing(live.id, user_id).await?;
    if standing.is_some_and(|standing| !standing.banned && !standing.outside) {
        return Ok(ApiError::because(ErrorCode::Conflict, "it may come in without waiting: it was let in already"));
    }
    Ok(ApiError::because(ErrorCode::NotFound, "nobody of this id waits in the lobby: it may have left"))
}
