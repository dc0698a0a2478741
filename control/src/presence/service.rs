//! Coming, going, and those who vanish.

use std::sync::Arc;
use std::time::Duration;

use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{CallState, Participant, Role};
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomSlug, Timestamp};
use serde_json::value::RawValue;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::hub::LiveRoom;
use super::waiting::{knock, tell_admitted};
use crate::app::App;
use crate::error::ApiError;
use crate::permissions::{Action, Grants, Who};
use crate::store::{Join, JoinRequest, ParticipantRecord, Standing, StoreError};
use crate::ws::{Reply, SocketHandle};

/// Changes within this time are told together.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// A participant as others see it, without a call.
fn participant_view(record: &ParticipantRecord) -> Participant {
    Participant {
        participant_id: record.participant_id,
        user_id: record.user_id,
        display_name: record.display_name.clone(),
        role: record.role,
        call: CallState::None,
        publishing: Vec::new(),
        joined_at: Timestamp::from_unix_ms(record.joined_at_ms),
    }
}

/// Takes over who was in which room of which workspace when the process ended. Who was in a call is believed to be, until the media node
/// says otherwise.
///
/// # Errors
/// When the database fails.
pub async fn load(app: &App) -> Result<(), StoreError> {
    let now_ms = app.clock.now_ms();
    for record in app.store.participants().await? {
        let room = app.hub.room(record.workspace_id, record.room_id, &record.room);
        seat(&room, &record, now_ms);
    }
    Ok(())
}

/// Takes over in memory who is in a room.
fn seat(room: &LiveRoom, record: &ParticipantRecord, now_ms: i64) {
    let mut state = room.state();
    state.enter(participant_view(record), record.admitted, record.hidden, now_ms);
    state.set_role(record.participant_id, record.role, record.grants);
}

/// Enters a room, or its lobby, and answers: with a [`RoomJoined`](boltorezka_proto::socket::RoomJoined), or with `lobby`,
/// `not_found`, `banned`, `refused`, `room_full`, `conflict`. Returns the room when the socket is in it, or waits.
pub async fn join(app: &App, socket: &SocketHandle, slug: &RoomSlug, reply: Reply) -> Option<Arc<LiveRoom>> {
    let (room, chat_seq) = match find(app, slug).await {
        Ok(found) => found,
        Err(error) => {
            reply.send(Err(error));
            return None;
        }
    };
    let workspace = app.live_workspace();
    let _door = workspace.door.read().await;
    // It is answered under the gate, so that what is decided over its wait comes after the answer.
    let _gate = room.gate.lock().await;
    reply.send(enter_or_wait(app, socket, &room, chat_seq).await);
    let is_there = room.state().participant_of(socket.id()).is_some() || room.state().lobby.has_socket(socket.id());
    is_there.then(|| room.clone())
}

async fn find(app: &App, slug: &RoomSlug) -> Result<(Arc<LiveRoom>, Option<u64>), ApiError> {
    let record = app.store.room(slug).await?.ok_or_else(no_room)?;
    let room = app.live_room(record.id, slug);
    // Before the socket is told anything: nothing falls between.
    let chat_seq = app.store.last_number(room.id).await?;
    Ok((room, chat_seq))
}

async fn enter_or_wait(
    app: &App,
    socket: &SocketHandle,
    room: &LiveRoom,
    chat_seq: Option<u64>,
) -> Result<Box<RawValue>, ApiError> {
    let request = JoinRequest {
        room_id: room.id,
        user_id: socket.user_id(),
        only_room: socket.only_room(),
        token_permissions: socket.permissions(),
        whip: None,
        now_ms: app.clock.now_ms(),
    };
    match enter(app, room, socket.who(), request).await {
        Ok(participant_id) => Ok(room.state().attach(socket.clone(), participant_id, chat_seq)),
        Err(error) if error.code == ErrorCode::Lobby => Err(knock(app, room, socket.user_id(), Some(socket)).await?),
        Err(error) => Err(error),
    }
}

/// Enters a room without a socket, for a session of WHIP or WHEP. Returns the participant.
///
/// # Errors
/// As [`join`]; `lobby` when it waits, and has to ask again; `conflict` when the user is in the room by a socket.
pub async fn join_without_socket(app: &App, room: &LiveRoom, request: JoinRequest) -> Result<ParticipantId, ApiError> {
    let workspace = app.live_workspace();
    let _door = workspace.door.read().await;
    let _gate = room.gate.lock().await;
    if room.state().has_socket_of(request.user_id) {
        let detail = "this identity is in the room by a socket; leave first, or use a token for another identity";
        return Err(ApiError::because(ErrorCode::Conflict, detail));
    }
    match enter(app, room, Who::JoinToken, request).await {
        Err(error) if error.code == ErrorCode::Lobby => Err(knock(app, room, request.user_id, None).await?),
        outcome => outcome,
    }
}

/// Takes a seat for an account that is to come by a socket: it is kept as one whose sockets vanished. Returns the participant.
///
/// # Errors
/// As [`join`].
pub async fn keep_seat(app: &App, room: &LiveRoom, request: JoinRequest) -> Result<ParticipantId, ApiError> {
    let workspace = app.live_workspace();
    let _door = workspace.door.read().await;
    let _gate = room.gate.lock().await;
    // What the account may do is looked up there; here it only must not be more than a guest's request.
    enter(app, room, Who::Account(Role::User, WorkspaceRole::Guest, Grants::NONE), request).await
}

/// Takes a seat, under the room's gate.
async fn enter(app: &App, room: &LiveRoom, who: Who, request: JoinRequest) -> Result<ParticipantId, ApiError> {
    if request.only_room.is_some_and(|only| only != room.id) {
        return Err(no_room());
    }
    let standing = app.store.standing(room.id, request.user_id).await?.ok_or_else(no_room)?;
    let outside = standing.outside && !request.token_permissions.passes_lobby();
    Action::JoinRoom.check(who, Some(Standing { outside, ..standing }))?;
    match app.store.join(request).await? {
        Join::NoRoom => Err(no_room()),
        Join::Banned => Err(ApiError::new(ErrorCode::Banned)),
        Join::Lobby => Err(ApiError::new(ErrorCode::Lobby)),
        Join::Blocked => Err(ApiError::new(ErrorCode::AccountBlocked)),
        Join::Carried(kind) => {
            let name = kind.name().to_uppercase();
            let detail = format!("this identity is in the room by {name}; end that, or use a token for another one");
            Err(ApiError::because(ErrorCode::Conflict, detail))
        }
        Join::Full { capacity } => {
            let detail = format!("all {capacity} seats are taken; try again when somebody has left");
            Err(ApiError::because(ErrorCode::RoomFull, detail))
        }
        Join::In(participant) => {
            seat(room, &participant, request.now_ms);
            app.hub.touch(room.id);
            // Who waited by another way need not any more.
            tell_admitted(app, room, request.user_id);
            Ok(participant.participant_id)
        }
    }
}

fn no_room() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such room")
}

/// Leaves a room and its call. When another socket of the participant is in the room, the participant stays, and only
/// a call that this socket carried ends.
///
/// # Errors
/// When the database fails.
pub async fn leave(app: &App, socket: &SocketHandle, room: &LiveRoom) -> Result<(), ApiError> {
    let _gate = room.gate.lock().await;
    let now_ms = app.clock.now_ms();
    let (participant_id, others, carried_call) = {
        let mut state = room.state();
        let Some((participant_id, others)) = state.detach(socket.id(), now_ms) else { return Ok(()) };
        let owner = state.seat(participant_id).and_then(|seat| seat.call_owner);
        (participant_id, others, owner.is_some_and(|owner| owner.socket == socket.id()))
    };
    if !others {
        remove(app, room, participant_id).await?;
    } else if carried_call {
        renew(app, room, participant_id).await?;
    }
    Ok(())
}

/// Leaves the call and stays in the room, under a new id when there was a call. A call that another socket of the
/// participant carries goes on: this one has left it already. Returns the payload of the `ack`, as [`join`] does.
///
/// # Errors
/// `not_joined`.
pub async fn leave_call(app: &App, socket: &SocketHandle, room: &LiveRoom) -> Result<Box<RawValue>, ApiError> {
    let _gate = room.gate.lock().await;
    let participant_id = room.state().participant_of(socket.id()).ok_or(ErrorCode::NotJoined)?;
    let owner = room.state().seat(participant_id).and_then(|seat| seat.call_owner);
    let is_elsewhere = owner.is_some_and(|owner| owner.socket != socket.id());
    let participant_id = if is_elsewhere { participant_id } else { renew(app, room, participant_id).await? };
    Ok(room.state().joined(participant_id, None))
}

/// Ends a call, under the room's gate.
async fn renew(app: &App, room: &LiveRoom, old: ParticipantId) -> Result<ParticipantId, ApiError> {
    let record = app.store.leave_call(old, app.clock.now_ms()).await?.ok_or(ErrorCode::NotJoined)?;
    room.state().rename(old, record.participant_id);
    app.hub.touch(room.id);
    Ok(record.participant_id)
}

/// Takes a participant out of a room, under the room's gate.
///
/// # Errors
/// When the database fails.
pub async fn remove(app: &App, room: &LiveRoom, participant_id: ParticipantId) -> Result<(), StoreError> {
    app.store.leave(participant_id, EndReason::Left, app.clock.now_ms()).await?;
    room.state().remove(participant_id);
    app.hub.touch(room.id);
    Ok(())
}

/// A socket is gone: its participants keep their seats for a while.
pub fn socket_gone<'a>(app: &App, socket: &SocketHandle, rooms: impl Iterator<Item = &'a Arc<LiveRoom>>) {
    let now_ms = app.clock.now_ms();
    for room in rooms {
        let mut state = room.state();
        state.detach(socket.id(), now_ms);
        // Who may not come back does not wait for it.
        if socket.is_shut_out() {
            state.lobby.cancel(socket.id());
        } else {
            state.lobby.socket_gone(socket.id(), now_ms);
        }
        drop(state);
        app.hub.touch(room.id);
    }
    app.hub.close_socket(socket);
}

/// Takes out those whose sockets vanished too long ago and who are in no call.
///
/// # Errors
/// When the database fails; what is left is tried the next time.
pub async fn sweep(app: &App) -> Result<(), StoreError> {
    sweep_lobbies(app);
    let Some(grace_ms) = app.config.limits.participant_grace_ms else { return Ok(()) };
    for room in app.hub.rooms() {
        let app = app.of(room.workspace_id);
        let before_ms = app.clock.now_ms() - i64::from(grace_ms);
        let is_over = |seat: &super::Seat| {
            !seat.on_node
                && seat.offers == 0
                && seat.alone_since_ms.is_some_and(|alone_since_ms| alone_since_ms <= before_ms)
        };
        let over: Vec<ParticipantId> =
            room.state().seats().filter(|seat| is_over(seat)).map(|seat| seat.view.participant_id).collect();
        for participant_id in over {
            let _gate = room.gate.lock().await;
            let still = room.state().seat(participant_id).is_some_and(is_over);
            if still {
                remove(&app, &room, participant_id).await?;
            }
        }
    }
    app.hub.forget_idle();
    Ok(())
}

/// Forgets those who waited and vanished.
fn sweep_lobbies(app: &App) {
    let now_ms = app.clock.now_ms();
    for room in app.hub.rooms() {
        if room.state().lobby.sweep(now_ms) {
            app.hub.touch(room.id);
        }
    }
}

/// Tells presence changes until `shutdown`.
pub async fn flush_loop(app: App, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        app.hub.flush();
    }
}
