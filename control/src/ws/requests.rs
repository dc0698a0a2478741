//! Requests on a socket: each gets exactly one `ack` or `nack`.

use std::collections::HashMap;
use std::sync::Arc;

use boltorezka_proto::socket::{
    Answer, ClientFrame, ClientMessage, CloseCode, MessageSent, REQUEST_ID_BYTES_MAX, ServerMessage,
};
use boltorezka_proto::{ErrorCode, RoomSlug, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::socket::SocketHandle;
use super::{answer_frame, frame, raw};
use crate::app::App;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::presence::LiveRoom;
use crate::rate::Bucket;
use crate::{calls, chat, presence};

/// The requests of one socket, carried out in the order in which they came. Only the media node's answer to an offer
/// is awaited beside, so that chat goes on meanwhile.
pub struct Requests {
    app: App,
    socket: SocketHandle,
    rooms: HashMap<RoomSlug, Arc<LiveRoom>>,
    rate: Bucket,
}

/// Where the one answer to a request goes.
pub struct Reply {
    app: App,
    socket: SocketHandle,
    request_id: String,
    event_type: String,
}

impl Reply {
    /// Answers, once.
    pub fn send(self, outcome: Result<Box<RawValue>, ApiError>) {
        let ts = Timestamp::from_unix_ms(self.app.clock.now_ms());
        let Self { socket, request_id, event_type, .. } = self;
        let answer = match outcome {
            Ok(payload) => Answer::Ack { request_id, event_type, ts, payload },
            Err(error) => Answer::Nack {
                request_id,
                event_type,
                ts,
                code: error.code,
                message: error.message(),
                retry_after_ms: error.retry_after_ms,
            },
        };
        socket.send(answer_frame(&answer));
    }
}

impl Requests {
    /// For a socket that was just opened.
    pub fn new(app: App, socket: SocketHandle) -> Self {
        let rate = Bucket::per_second(app.config.limits.requests_per_socket_per_s, 4);
        Self { app, socket, rooms: HashMap::new(), rate }
    }

    /// The rooms that the socket has joined or waits for, and perhaps was removed from since.
    pub fn rooms(&self) -> impl Iterator<Item = &Arc<LiveRoom>> {
        self.rooms.values()
    }

    /// Reads a frame, carries it out and answers it.
    ///
    /// # Errors
    /// The code to close with, when it cannot be answered because it has no usable request id.
    pub async fn handle(&mut self, text: &str) -> Result<(), CloseCode> {
        let frame: ClientFrame = serde_json::from_str(text).map_err(|_| CloseCode::Malformed)?;
        let Some(request_id) = frame.request_id.clone() else { return self.handle_unanswered(&frame) };
        if request_id.is_empty() || request_id.len() > REQUEST_ID_BYTES_MAX {
            return Err(CloseCode::Malformed);
        }
        let event_type = frame.kind.clone();
        let reply = Reply { app: self.app.clone(), socket: self.socket.clone(), request_id, event_type };
        let allowed = match self.limit() {
            Ok(()) => self.app.features.check_request(&self.app, &frame.kind).await,
            limited => limited,
        };
        match allowed.and_then(|()| read_message(frame.kind, frame.payload)) {
            Ok(ClientMessage::RoomJoin { room }) => self.join(reply, &room).await,
            Ok(ClientMessage::CallOffer { room, sdp }) => self.offer(reply, &room, sdp).await,
            Ok(message) => reply.send(self.carry_out(message, frame.idempotency_key).await),
            Err(error) => reply.send(Err(error)),
        }
        Ok(())
    }

    /// `pong` and `ping` may come without a request id.
    fn handle_unanswered(&mut self, frame: &ClientFrame) -> Result<(), CloseCode> {
        match frame.kind.as_str() {
            "pong" => Ok(()),
            "ping" => {
                if self.limit().is_ok() {
                    self.socket.send(super::frame(&ServerMessage::Pong {}));
                }
                Ok(())
            }
            _ => Err(CloseCode::Malformed),
        }
    }

    fn limit(&mut self) -> Result<(), ApiError> {
        let now_ms = self.app.clock.now_ms();
        self.rate.take(now_ms).map_err(ApiError::rate_limited)?;
        self.app.rates.requests_user.take(self.socket.user_id(), now_ms).map_err(ApiError::rate_limited)
    }

    async fn carry_out(&mut self, message: ClientMessage, key: Option<String>) -> Result<Box<RawValue>, ApiError> {
        match message {
            ClientMessage::Ping {} => {
                self.socket.send(frame(&ServerMessage::Pong {}));
                Ok(raw(&json!({})))
            }
            ClientMessage::Pong {} => Ok(raw(&json!({}))),
            ClientMessage::RoomLeave { room } if self.stops_waiting(&room).await => Ok(raw(&json!({ "room": room }))),
            ClientMessage::RoomLeave { room } => {
                let live = self.may(Action::LeaveRoom, &room)?;
                presence::leave(&self.app, &self.socket, &live).await?;
                self.rooms.remove(&room);
                Ok(raw(&json!({ "room": room })))
            }
            ClientMessage::MessageSend { room, text, reply_to, mentions, attachments } => {
                let live = self.joined(&room)?;
                let key = key.as_deref();
                let new = chat::Outgoing { room: &live, text: &text, reply_to, mentions, attachments, key };
                let sent: MessageSent = chat::send(&self.app, &self.socket, new).await?;
                Ok(raw(&sent))
            }
            ClientMessage::MessageEdit { ref room, .. }
            | ClientMessage::MessageDelete { ref room, .. }
            | ClientMessage::MessageReact { ref room, .. }
            | ClientMessage::MessagePin { ref room, .. } => {
                let live = self.joined(room)?;
                Ok(raw(&chat::change(&self.app, &self.socket, &live, message, key.as_deref()).await?))
            }
            ClientMessage::MessageRead { room, seq } => {
                let live = self.may(Action::MarkRead, &room)?;
                Ok(raw(&chat::mark_read(&self.app, &self.socket, &live, seq).await?))
            }
            ClientMessage::Typing { room } => {
                let live = self.may(Action::TellTyping, &room)?;
                chat::typing(&self.app, &self.socket, &live).await?;
                Ok(raw(&json!({ "room": room })))
            }
            ClientMessage::SyncResume { room, seq } => {
                let live = self.may(Action::SyncChat, &room)?;
                Ok(raw(&chat::resume(&self.app, &live, seq).await?))
            }
            // Those answer by themselves.
            ClientMessage::RoomJoin { .. } | ClientMessage::CallOffer { .. } => Err(ErrorCode::Internal.into()),
            ClientMessage::CallIce { room, .. } => {
                self.may(Action::JoinCall, &room)?;
                Ok(raw(&json!({ "room": room })))
            }
            ClientMessage::CallLeave { room } => {
                let live = self.may(Action::LeaveCall, &room)?;
                presence::leave_call(&self.app, &self.socket, &live).await
            }
        }
    }

    async fn join(&mut self, reply: Reply, slug: &RoomSlug) {
        let max = self.app.config.limits.rooms_per_socket;
        if max.is_some_and(|max| self.rooms.len() >= max as usize) && !self.rooms.contains_key(slug) {
            self.rooms.retain(|_, room| {
                let state = room.state();
                state.participant_of(self.socket.id()).is_some() || state.lobby.has_socket(self.socket.id())
            });
            if max.is_some_and(|max| self.rooms.len() >= max as usize) {
                let detail = "this socket is in as many rooms as it may be; leave one first";
                return reply.send(Err(ApiError::because(ErrorCode::Forbidden, detail)));
            }
        }
        if let Some(room) = presence::join(&self.app, &self.socket, slug, reply).await {
            self.rooms.insert(slug.clone(), room);
        }
    }

    /// Leaves the lobby of a room. False when the socket does not wait there.
    async fn stops_waiting(&mut self, slug: &RoomSlug) -> bool {
        let Some(room) = self.rooms.get(slug).filter(|room| room.state().lobby.has_socket(self.socket.id())) else {
            return false;
        };
        let waited = presence::stop_waiting(&self.app, &self.socket, room).await;
        if waited {
            self.rooms.remove(slug);
        }
        waited
    }

    async fn offer(&self, reply: Reply, room: &RoomSlug, sdp: String) {
        match self.may(Action::JoinCall, room) {
            Ok(live) => calls::offer(&self.app, &self.socket, live, sdp, reply).await,
            Err(error) => reply.send(Err(error)),
        }
    }

    /// The room, if the socket is in it and may do this there.
    fn may(&self, action: Action, slug: &RoomSlug) -> Result<Arc<LiveRoom>, ApiError> {
        let room = self.joined(slug)?;
        let who = self.socket.who();
        let standing = {
            let state = room.state();
            let seat = state.participant_of(self.socket.id()).and_then(|participant_id| state.seat(participant_id));
            seat.map(|seat| seat.standing(who)).ok_or(ErrorCode::NotJoined)?
        };
        action.check(who, Some(standing))?;
        Ok(room)
    }

    /// The room, if the socket has joined it and was not removed.
    fn joined(&self, slug: &RoomSlug) -> Result<Arc<LiveRoom>, ApiError> {
        let room = self.rooms.get(slug).filter(|room| room.state().participant_of(self.socket.id()).is_some());
        room.cloned().ok_or_else(|| ErrorCode::NotJoined.into())
    }
}

fn read_message(kind: String, payload: Value) -> Result<ClientMessage, ApiError> {
    if !ClientMessage::TYPES.contains(&kind.as_str()) {
        let known = ClientMessage::TYPES.join(", ");
        return Err(ApiError::because(ErrorCode::UnknownType, format!("{kind:.64} is not one of {known}")));
    }
    let payload = if payload.is_null() { json!({}) } else { payload };
    serde_json::from_value(json!({ "type": kind, "payload": payload }))
        .map_err(|error| ApiError::because(ErrorCode::Malformed, error.to_string()))
}
