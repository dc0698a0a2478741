//! An offer, by whichever way it came: permission, admission, answer.

use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::workspaces::OptionalFeature;
use boltorezka_proto::{ErrorCode, ParticipantId, SessionId, UserId};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::link;
use super::node_events::media_unavailable;
use crate::app::App;
use crate::error::ApiError;
use crate::presence::LiveRoom;
use crate::store::Admission;
use crate::ws::{Reply, SocketHandle, frame, raw};

/// A node answers in milliseconds; the client's own patience is 6 s.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// An admission that is on its way to the node.
pub struct Pending {
    request_id: u64,
    participant_id: ParticipantId,
    /// Not in the call before.
    is_new: bool,
    answer: oneshot::Receiver<Result<String, ApiError>>,
}

/// Admits the socket's participant and answers: `ack` and `call.answer`, or `nack`. Returns when the admission is on
/// its way; the node's answer is awaited beside.
pub async fn offer(app: &App, socket: &SocketHandle, room: Arc<LiveRoom>, sdp: String, reply: Reply) {
    match begin(app, &room, socket.user_id(), socket.id(), sdp).await {
        Err(error) => reply.send(Err(error)),
        Ok(pending) => {
            tokio::spawn(finish(app.clone(), socket.clone(), room, pending, reply));
        }
    }
}

/// Admits a user's participant, for a call that `owner` is to carry. Returns when the admission is on its way.
///
/// # Errors
/// `not_joined`, `forbidden`, `direct_refused`, `recipient_gone`, `media_unavailable`.
pub async fn begin(
    app: &App,
    room: &Arc<LiveRoom>,
    user_id: UserId,
    owner: SessionId,
    offer: String,
) -> Result<Pending, ApiError> {
    let place = app.link.reserve().ok_or_else(media_unavailable)?;
    let workspace = app.hub.workspace(room.workspace_id);
    let _door = workspace.door.read().await;
    if !workspace.has(OptionalFeature::Calls) {
        return Err(ApiError::because(ErrorCode::FeatureDisabled, "calls are switched off in this workspace"));
    }
    // Rights are read and sent under the gate: an order that takes them away is committed before, and seen here, or
    // after, and then reaches the node after the admission.
    let _gate = room.gate.lock().await;
    let admission = app.store.admit(room.id, user_id, app.config.limits.participants_in_calls).await?;
    let admitted = match admission {
        Admission::Admitted(admitted) => admitted,
        Admission::NotJoined => return Err(ErrorCode::NotJoined.into()),
        Admission::Direct(refusal) => return Err(refusal.into()),
        Admission::Nothing => {
            return Err(ApiError::because(ErrorCode::Forbidden, "you may neither send nor receive media in this room"));
        }
        Admission::Full => return Err(media_unavailable()),
    };
    let participant_id = admitted.participant_id;
    let request_id = app.link.next_request_id();
    let (sender, answer) = oneshot::channel();
    let is_new = room.state().seat(participant_id).is_some_and(|seat| !seat.on_node);
    room.state().offer_begins(participant_id);
    let admission = link::Admission { room: room.clone(), participant_id, socket: owner };
    let waiting = Some((request_id, link::Waiting { admission: Some(admission), answer: sender }));
    place.send(link::Request { message: ControlMessage::Admit { request_id, admitted, offer }, waiting });
    Ok(Pending { request_id, participant_id, is_new, answer })
}

async fn finish(app: App, socket: SocketHandle, room: Arc<LiveRoom>, pending: Pending, reply: Reply) {
    let (participant_id, is_new) = (pending.participant_id, pending.is_new);
    match answer(&app, &room, pending).await {
        Ok(sdp) => {
            let slug = room.state().slug().clone();
            if is_new && slug.looks_direct() {
                tell_joined(&app, &room, socket.user_id()).await;
            }
            reply.send(Ok(raw(&json!({ "room": slug, "participantId": participant_id }))));
            socket.send(frame(&ServerMessage::CallAnswer { room: slug, sdp }));
        }
        Err(error) => reply.send(Err(error)),
    }
}

/// In a direct room the call rings now, or is answered.
async fn tell_joined(app: &App, room: &LiveRoom, user_id: UserId) {
    if let Err(error) = app.store.call_joined(room.id, user_id, app.clock.now_ms()).await {
        tracing::error!(%error, "a call does not ring: the database failed");
    }
}

/// The node's answer to an admission.
///
/// # Errors
/// What the node says; `media_unavailable` when it says nothing in time.
pub async fn answer(app: &App, room: &LiveRoom, pending: Pending) -> Result<String, ApiError> {
    let Pending { request_id, participant_id, mut answer, .. } = pending;
    let outcome = match timeout(ANSWER_TIMEOUT, &mut answer).await {
        Ok(outcome) => outcome.ok(),
        // The answer may come in this very moment: whoever takes the waiting out decides.
        Err(_) if app.link.take_waiting(request_id).is_some() => None,
        Err(_) => answer.await.ok(),
    };
    match outcome {
        Some(Ok(sdp)) => Ok(sdp),
        Some(Err(refusal)) => {
            refused(app, room, participant_id).await;
            Err(refusal)
        }
        // Whether the node has taken the participant in is not known: it stays admitted, so that it can be revoked.
        None => {
            room.state().offer_failed(participant_id);
            Err(media_unavailable())
        }
    }
}

/// The node changed nothing: whoever was in no call before is not admitted.
async fn refused(app: &App, room: &LiveRoom, participant_id: ParticipantId) {
    let _gate = room.gate.lock().await;
    let unadmit = {
        let mut state = room.state();
        state.offer_failed(participant_id);
        state.seat(participant_id).is_some_and(|seat| !seat.on_node && seat.offers == 0)
    };
    if unadmit && let Err(error) = app.store.unadmit(participant_id).await {
        tracing::error!(%error, "a refused participant stays admitted until the next hello");
    }
}
