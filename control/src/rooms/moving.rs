//! Moving somebody to another room: a seat is taken there first, so that nobody ends in neither.

use boltorezka_proto::call::{EndReason, MediaPermissions};
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::{ErrorCode, ParticipantId, UserId};

use super::access::check_outranks;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::calls::PermissionBits;
use crate::error::ApiError;
use crate::presence::{self, LiveRoom};
use crate::store::{Audit, JoinRequest, RoomRecord, Standing};
use crate::ws::frame;

/// Takes a seat in `to`, ends the stay in `from` with its call, and tells the sockets where to go. The seat is kept as that of
/// somebody whose socket is lost.
///
/// # Errors
/// `not_found`, `forbidden`, and what joining `to` gives: `banned`, `room_full`. Then the participant stays where it is.
pub async fn move_participant(
    app: &App,
    caller: &WorkspaceCaller,
    standing: Standing,
    (from, to): (&RoomRecord, &RoomRecord),
    participant_id: ParticipantId,
) -> Result<(), ApiError> {
    if from.id == to.id {
        return Err(ApiError::because(ErrorCode::Malformed, "the participant is in that room; name another one"));
    }
    let live = app.live_room(from.id, &from.slug);
    let user_id = live.state().seat(participant_id).map(|seat| seat.view.user_id).ok_or_else(no_participant)?;
    let target = app.store.standing(from.id, user_id).await?.ok_or_else(no_participant)?;
    check_outranks(standing, caller.user_id(), target, user_id)?;
    let user = app.store.user(user_id).await?.ok_or_else(no_participant)?;
    if user.user.email.is_empty() {
        let detail = "it came by a join token, which opens one room; issue another token";
        return Err(ApiError::because(ErrorCode::Forbidden, detail));
    }
    let audit = caller.audit(app.clock.now_ms());
    let seat = take_seat(app, to, user_id, &audit).await?;
    let ended = end_stay(app, &live, (from, to), participant_id, &audit).await;
    if ended.is_err() {
        give_back(app, to, user_id, seat).await?;
    }
    ended
}

async fn take_seat(app: &App, to: &RoomRecord, user_id: UserId, audit: &Audit) -> Result<ParticipantId, ApiError> {
    let request = JoinRequest {
        room_id: to.id,
        user_id,
        only_room: None,
        // Who moves it moderates there too.
        token_permissions: PermissionBits::from(MediaPermissions::ALL).with(PermissionBits::PASSES_LOBBY, true),
        whip: None,
        now_ms: audit.now_ms,
    };
    match presence::keep_seat(app, &app.live_room(to.id, &to.slug), request).await {
        Err(error) if error.code == ErrorCode::NotFound => {
            Err(ApiError::because(ErrorCode::Forbidden, "it may not enter that room"))
        }
        outcome => outcome,
    }
}

async fn end_stay(
    app: &App,
    live: &LiveRoom,
    (from, to): (&RoomRecord, &RoomRecord),
    participant_id: ParticipantId,
    audit: &Audit,
) -> Result<(), ApiError> {
    let _gate = live.gate.lock().await;
    if live.state().seat(participant_id).is_none() {
        return Err(no_participant());
    }
    // The node and clients of before know no reason of its own: to them it is a kick, after which one may come back.
    let reason = EndReason::Kicked;
    app.store.move_out(from.id, participant_id, &to.slug, reason, audit).await?.ok_or_else(no_participant)?;
    let moved = frame(&ServerMessage::RoomMoved { from: from.slug.clone(), to: to.slug.clone() });
    let ended = frame(&ServerMessage::CallEnded { room: from.slug.clone(), reason });
    for socket in live.state().remove(participant_id) {
        socket.send(moved.clone());
        socket.send(ended.clone());
    }
    app.hub.touch(from.id);
    Ok(())
}

/// Nobody was moved: whoever has come to the other room by itself stays there.
async fn give_back(app: &App, to: &RoomRecord, user_id: UserId, seat: ParticipantId) -> Result<(), ApiError> {
    let live = app.live_room(to.id, &to.slug);
    let _gate = live.gate.lock().await;
    if !live.state().has_socket_of(user_id) {
        presence::remove(app, &live, seat).await?;
    }
    Ok(())
}

fn no_participant() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such participant in this room")
}
