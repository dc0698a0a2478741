//! Stays that end by what becomes of an account.

use boltorezka_proto::call::EndReason;
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::{ParticipantId, RoomId};

use crate::app::App;
use crate::ws::frame;

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
