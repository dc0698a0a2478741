//! Asking to be let into a room with a lobby, and hearing what became of it.

use boltorezka_proto::rooms::{RefusalReason, Waiting};
use boltorezka_proto::socket::ServerMessage;
use boltorezka_proto::{ErrorCode, Timestamp, UserId};

use super::LiveRoom;
use super::lobby::{Knock, WAITING_MAX};
use crate::app::App;
use crate::error::ApiError;
use crate::ws::{SocketHandle, frame};

/// When somebody who is not told asks again, and so goes on waiting: an encoder that comes by WHIP.
const ASK_AGAIN_MS: u64 = 5_000;
/// When there may be place in a lobby that is full.
const FULL_RETRY_MS: u64 = 10_000;

/// Has somebody wait, under the room's gate. Returns the answer to its wish to come in: `lobby` when it waits.
///
/// # Errors
/// When the database fails.
pub async fn knock(
    app: &App,
    room: &LiveRoom,
    user_id: UserId,
    socket: Option<&SocketHandle>,
) -> Result<ApiError, ApiError> {
    let display_name = match socket {
        Some(socket) => socket.user().display_name.clone(),
        None => app.store.user(user_id).await?.ok_or(ErrorCode::NotFound)?.user.display_name,
    };
    let now_ms = app.clock.now_ms();
    let view = Waiting { user_id, display_name, since: Timestamp::from_unix_ms(now_ms) };
    let knock = room.state().lobby.knock(view, socket.cloned(), now_ms);
    app.hub.touch(room.id);
    Ok(match knock {
        Knock::Waits => {
            let detail = "you wait until somebody who moderates lets you in";
            let retry_after_ms = socket.is_none().then_some(ASK_AGAIN_MS);
            ApiError { retry_after_ms, ..ApiError::because(ErrorCode::Lobby, detail) }
        }
        Knock::Refused { retry_after_ms } => {
            let detail = "somebody who moderates did not let you in; ask again later";
            ApiError { retry_after_ms: Some(retry_after_ms), ..ApiError::because(ErrorCode::Refused, detail) }
        }
        Knock::Full => {
            let detail = format!("{WAITING_MAX} wait to be let in, as many as may; try again later");
            ApiError { retry_after_ms: Some(FULL_RETRY_MS), ..ApiError::because(ErrorCode::RateLimited, detail) }
        }
    })
}

/// A socket does not wait any more. False when it did not.
pub async fn stop_waiting(app: &App, socket: &SocketHandle, room: &LiveRoom) -> bool {
    let _gate = room.gate.lock().await;
    let waited = room.state().lobby.cancel(socket.id());
    app.hub.touch(room.id);
    waited
}

/// Somebody who waits is let in.
pub fn tell_admitted(app: &App, room: &LiveRoom, user_id: UserId) {
    let message = ServerMessage::RoomAdmitted { room: room.state().slug().clone() };
    end_wait(app, room, user_id, &message);
}

/// Somebody who waits is sent away.
pub fn tell_refused(app: &App, room: &LiveRoom, user_id: UserId, reason: RefusalReason) {
    let message = ServerMessage::RoomRefused { room: room.state().slug().clone(), reason };
    end_wait(app, room, user_id, &message);
}

fn end_wait(app: &App, room: &LiveRoom, user_id: UserId, message: &ServerMessage) {
    let Some(sockets) = room.state().lobby.take(user_id) else { return };
    let frame = frame(message);
    for socket in sockets {
        socket.send(frame.clone());
    }
    app.hub.touch(room.id);
}
