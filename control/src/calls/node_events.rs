//! What the media node says, handled one after the other.

use boltorezka_proto::admission::{MediaMessage, ParticipantStatus};
use boltorezka_proto::call::EndReason;
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId};
use tokio::sync::mpsc;

use super::link::Admission;
use crate::app::App;
use crate::error::ApiError;
use crate::presence::{self, CallOwner, LiveRoom};
use crate::store::StoreError;
use crate::ws::{SocketHandle, frame};

/// A node that has too much to do looks again after five seconds of less.
const OVERLOADED_RETRY_MS: u64 = 5000;

/// Something that the node said.
pub enum NodeEvent {
    /// It is linked.
    Connected {
        /// Everyone it serves.
        participants: Vec<ParticipantStatus>,
        /// Those whom it should serve and does not.
        lost: Vec<ParticipantId>,
    },
    /// A message after `hello`.
    Message(MediaMessage),
}

/// Handles events until their sender is gone.
pub async fn handle_node_events(app: App, mut events: mpsc::Receiver<NodeEvent>) {
    while let Some(event) = events.recv().await {
        if let Err(error) = handle(&app, event).await {
            // The next hello makes memory and database agree again.
            tracing::error!(%error, "an event of the media node was not handled");
        }
    }
}

async fn handle(app: &App, event: NodeEvent) -> Result<(), StoreError> {
    match event {
        NodeEvent::Connected { participants, lost } => {
            for participant_id in lost {
                lose(app, participant_id).await?;
            }
            for status in &participants {
                set_status(app, status);
            }
        }
        NodeEvent::Message(MediaMessage::Answer { request_id, sdp }) => answer(app, request_id, Ok(sdp)),
        NodeEvent::Message(MediaMessage::Refused { request_id, code, message }) => {
            let retry_after_ms = match code {
                ErrorCode::MediaUnavailable => media_unavailable().retry_after_ms,
                ErrorCode::Overloaded => Some(OVERLOADED_RETRY_MS),
                _ => None,
            };
            let error = || ApiError { retry_after_ms, ..ApiError::because(code, message.clone()) };
            app.link.inspections().answer(request_id, Err(error()));
            answer(app, request_id, Err(error()));
        }
        NodeEvent::Message(MediaMessage::Inspection { request_id, inspection }) => {
            app.link.inspections().answer(request_id, Ok(inspection));
        }
        NodeEvent::Message(MediaMessage::Applied { rev }) => {
            app.store.orders_applied(rev, app.clock.now_ms()).await?;
        }
        NodeEvent::Message(MediaMessage::Participant(status)) => set_status(app, &status),
        NodeEvent::Message(MediaMessage::Left { participant_id, room, reason }) => {
            left(app, participant_id, room, reason).await?;
        }
        NodeEvent::Message(MediaMessage::Load(load)) => app.metrics.set_node_load(load),
        // Clients hear who speaks from their shard; a second hello has no meaning.
        NodeEvent::Message(MediaMessage::Speaking { .. } | MediaMessage::Hello { .. }) => {}
    }
    Ok(())
}

fn answer(app: &App, request_id: u64, outcome: Result<String, ApiError>) {
    let Some(waiting) = app.link.take_waiting(request_id) else { return };
    if let (Ok(_), Some(Admission { room, participant_id, socket })) = (&outcome, &waiting.admission) {
        let owner = CallOwner { socket: *socket, admission: request_id };
        let replaced = room.state().offer_answered(*participant_id, owner);
        if let Some(replaced) = replaced {
            call_ended(room, &replaced, EndReason::Replaced);
        }
    }
    let _ = waiting.answer.send(outcome);
}

fn set_status(app: &App, status: &ParticipantStatus) {
    if let Some(room) = app.hub.find(status.room) {
        room.state().set_status(status);
        app.hub.touch(room.id);
    }
}

/// The node came back without somebody who was in a call: it was restarted, or it gave the participant up meanwhile.
async fn lose(app: &App, participant_id: ParticipantId) -> Result<(), StoreError> {
    for room in app.hub.rooms() {
        if room.state().seat(participant_id).is_none() {
            continue;
        }
        let app = &app.of(room.workspace_id);
        let _gate = room.gate.lock().await;
        let told = room.state().end_call(participant_id);
        for socket in told {
            call_ended(&room, &socket, EndReason::Timeout);
        }
        app.hub.touch(room.id);
        let offers_again = room.state().seat(participant_id).is_some_and(|seat| seat.offers > 0);
        if !offers_again {
            end_session(app, &room, participant_id).await?;
        }
    }
    Ok(())
}

/// Takes out a participant that is in the room for its media alone, now that it has none. False for all others.
async fn end_session(app: &App, room: &LiveRoom, participant_id: ParticipantId) -> Result<bool, StoreError> {
    let is_session = app.store.has_whip_session(participant_id).await?;
    if is_session {
        presence::remove(app, room, participant_id).await?;
    }
    Ok(is_session)
}

async fn left(app: &App, participant_id: ParticipantId, room_id: RoomId, reason: EndReason) -> Result<(), StoreError> {
    // The node took a new connection of the participant in place of the old one.
    if reason == EndReason::Replaced {
        return Ok(());
    }
    let Some(room) = app.hub.find(room_id) else { return Ok(()) };
    let app = &app.of(room.workspace_id);
    let _gate = room.gate.lock().await;
    let (told, offers_again) = {
        let mut state = room.state();
        // Whoever control itself took out needs nothing more.
        let Some(seat) = state.seat(participant_id) else { return Ok(()) };
        let offers_again = seat.offers > 0;
        (state.end_call(participant_id), offers_again)
    };
    app.hub.touch(room.id);
    if !offers_again && !end_session(app, &room, participant_id).await? {
        app.store.unadmit(participant_id).await?;
    }
    for socket in told.iter().filter(|_| reason != EndReason::Left) {
        call_ended(&room, socket, reason);
    }
    Ok(())
}

/// Tells a client that its part in a call is over.
fn call_ended(room: &LiveRoom, socket: &SocketHandle, reason: EndReason) {
    let slug = room.state().slug().clone();
    socket.send(frame(&ServerMessage::CallEnded { room: slug, reason }));
}

/// The answer while there is no node, or none that answers.
pub fn media_unavailable() -> ApiError {
    ApiError { retry_after_ms: Some(2000), ..ApiError::new(ErrorCode::MediaUnavailable) }
}
