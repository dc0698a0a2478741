//! Stays that end by what becomes of an account, or of a room.

use boltorezka_proto::call::EndReason;
use boltorezka_proto::rooms::RefusalReason;
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::{ParticipantId, RoomId};

use super::LiveRoom;
use crate::app::App;
use crate::store::StoreError;
use crate::ws::frame;

/// Takes stays that the database has no more out of the rooms' memory, and tells those inside.
pub async fn take_out(app: &App, removed: Vec<(RoomId, ParticipantId)>) {
    for (room_id, participant_id) in removed {
        let Some(live) = app.hub.find(room_id) else { continue };
        let _gate = live.gate.lock().await;
        end_stay(app, &live, participant_id, EndReason::Revoked);
    }
}

/// Takes one stay out of a room's memory, under its gate, and tells its sockets why and those inside that it ended.
pub fn end_stay(app: &App, live: &LiveRoom, participant_id: ParticipantId, reason: EndReason) {
    let mut state = live.state();
    let ended = frame(&ServerMessage::CallEnded { room: state.slug().clone(), reason });
    for socket in state.remove(participant_id) {
        socket.send(ended.clone());
    }
    drop(state);
    app.hub.touch(live.id);
}

/// Ends the calls of all who are in a room, and who stay there.
///
/// # Errors
/// When the database fails.
pub async fn end_calls(app: &App, live: &LiveRoom) -> Result<(), StoreError> {
    let _gate = live.gate.lock().await;
    let inside: Vec<ParticipantId> = live.state().seats().map(|seat| seat.view.participant_id).collect();
    for participant_id in inside {
        let left = app.store.leave_call(participant_id, app.clock.now_ms()).await?;
        let Some(record) = left.filter(|record| record.participant_id != participant_id) else { continue };
        let mut state = live.state();
        let ended = frame(&ServerMessage::CallEnded { room: state.slug().clone(), reason: EndReason::Left });
        for socket in state.end_call(participant_id) {
            socket.send(ended.clone());
        }
        state.rename(participant_id, record.participant_id);
    }
    app.hub.touch(live.id);
    Ok(())
}

/// Empties a room that was deleted, under its gate, after those inside were told.
pub fn end_deleted(app: &App, live: &LiveRoom) {
    app.hub.forget(live.id);
    let mut state = live.state();
    let room = state.slug().clone();
    let refused = frame(&ServerMessage::RoomRefused { room: room.clone(), reason: RefusalReason::RoomDeleted });
    for waiting in state.lobby.waiting() {
        for socket in state.lobby.take(waiting.user_id).unwrap_or_default() {
            socket.send(refused.clone());
        }
    }
    state.tell(&ServerMessage::CallEnded { room, reason: EndReason::RoomDeleted });
    let everybody: Vec<ParticipantId> = state.seats().map(|seat| seat.view.participant_id).collect();
    for participant_id in everybody {
        state.remove(participant_id);
    }
}
