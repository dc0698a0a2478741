//! What keeps a client up to date: what changed since, up to where it has read, and who is writing.

use boltorezka_proto::ErrorCode;
use boltorezka_proto::socket::{ChatDelta, ReadPointer, ServerMessage};

use crate::app::App;
use crate::error::ApiError;
use crate::presence::LiveRoom;
use crate::store::{DeltaRequest, DirectRefusal};
use crate::ws::SocketHandle;

/// Messages in one answer: below half a megabyte of the longest texts in Latin letters.
const DELTA_MESSAGES: u32 = 100;

/// What changed after `seq`.
///
/// The socket is in the room, so that it is told all that is committed from now on: nothing falls between.
///
/// # Errors
/// `not_found` when the room is gone.
pub async fn resume(app: &App, room: &LiveRoom, seq: Option<u64>) -> Result<ChatDelta, ApiError> {
    let behind_max = app.config.limits.resume_changes.map_or(u64::MAX, u64::from);
    let request = DeltaRequest { room_id: room.id, after: seq, limit: DELTA_MESSAGES, behind_max };
    app.store.chat_after(request).await?.ok_or_else(|| ErrorCode::NotFound.into())
}

/// Moves the reader's pointer, never back. In a direct room the inbox follows.
///
/// # Errors
/// `rate_limited`, `not_found` when the room is gone.
pub async fn mark_read(app: &App, socket: &SocketHandle, room: &LiveRoom, seq: u64) -> Result<ReadPointer, ApiError> {
    app.rates.reads_user.take(socket.user_id(), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let slug = room.state().slug().clone();
    let seq = app.store.mark_read(room.id, socket.user_id(), seq).await?.ok_or(ErrorCode::NotFound)?;
    if slug.looks_direct() {
        app.store.read_direct(room.id, socket.user_id(), seq, app.clock.now_ms()).await?;
    }
    Ok(ReadPointer { room: slug, seq })
}

/// Tells the others that somebody is writing. Who is hidden is not told.
///
/// # Errors
/// `rate_limited`, `direct_refused`, `recipient_gone`.
pub async fn typing(app: &App, socket: &SocketHandle, room: &LiveRoom) -> Result<(), ApiError> {
    app.rates.typing_user.take(socket.user_id(), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let is_direct = room.state().slug().looks_direct();
    if is_direct
        && let Some(record) = app.store.direct_room(room.id, socket.user_id()).await?
        && let Some(refusal) = DirectRefusal::of(record.state)
    {
        return Err(refusal.into());
    }
    let state = room.state();
    let seat = state.participant_of(socket.id()).and_then(|participant_id| state.seat(participant_id));
    if let Some(seat) = seat.filter(|seat| !seat.hidden) {
        let (user_id, display_name) = (seat.view.user_id, seat.view.display_name.clone());
        state.tell_others(user_id, &ServerMessage::Typing { room: state.slug().clone(), user_id, display_name });
    }
    Ok(())
}
