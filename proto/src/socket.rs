//! Messages of the realtime gateway, `GET /v1/realtime/ws?ticket=`: JSON text frames.
//!
//! A client frame is `{type, requestId, idempotencyKey?, payload}` and gets exactly one `ack` or `nack` with its
//! `requestId`. A server frame is such an answer, or `{type, payload}`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::call::EndReason;
use crate::rest::{Participant, User};
use crate::{ErrorCode, MessageId, MessageText, ParticipantId, RoomSlug, SessionId, Timestamp, UserId};

/// Largest frame in bytes that the gateway takes: an offer with some forty sections fits.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;

/// Longest `requestId` and `idempotencyKey`, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Why the server closed a socket (RFC 6455, section 7.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum CloseCode {
    /// The server restarts; come back.
    Restart = 1012,
    /// The client reads too slowly, or the server holds as many sockets as it can; come back.
    TryAgainLater = 1013,
    /// There was no ticket.
    NoTicket = 4001,
    /// The ticket is unknown, used or expired.
    InvalidTicket = 4002,
    /// A frame was not of the documented form.
    Malformed = 4003,
    /// The account is blocked.
    AccountBlocked = 4004,
    /// Nothing was heard for too long.
    Idle = 4008,
    /// The account has too many sockets.
    TooManySockets = 4029,
}

/// The outer form of each client frame. `message` is read in a second step, so that an unknown type or a bad payload
/// can be answered under the request's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientFrame {
    /// Names the payload.
    #[serde(rename = "type")]
    pub kind: String,
    /// Comes back in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Makes a write happen once, however often it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// As [`ClientMessage`] says for the type.
    #[serde(default)]
    pub payload: serde_json::Value,
}

/// What a client asks for.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "payload")]
#[ts(optional_fields)]
pub enum ClientMessage {
    /// Keeps the socket open; answered by `pong` beside the `ack`.
    #[serde(rename = "ping")]
    Ping {},
    /// Answers the server's `ping`. Needs no request id and gets no answer.
    #[serde(rename = "pong")]
    Pong {},
    /// Enters a room: presence, and its chat from here on. Acked with [`RoomJoined`].
    #[serde(rename = "room.join")]
    RoomJoin {
        /// Which.
        room: RoomSlug,
    },
    /// Leaves a room and its call.
    #[serde(rename = "room.leave")]
    RoomLeave {
        /// Which.
        room: RoomSlug,
    },
    /// Says something. Acked with [`MessageSent`] when it is stored. Needs an idempotency key.
    #[serde(rename = "message.send")]
    #[serde(rename_all = "camelCase")]
    MessageSend {
        /// Where.
        room: RoomSlug,
        /// What.
        text: MessageText,
        /// The message it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageId>,
    },
    /// Joins the room's call, or changes the client's part in it. Acked, then answered by `call.answer`.
    #[serde(rename = "call.offer")]
    CallOffer {
        /// Where. The client has joined it.
        room: RoomSlug,
        /// The client's session description. A new `o=` session id makes a new connection, which replaces the old.
        sdp: String,
    },
    /// A candidate of the client. Acked; the media node learns addresses from checks.
    #[serde(rename = "call.ice")]
    CallIce {
        /// Where.
        room: RoomSlug,
        /// As in `a=candidate`, or empty at the end.
        candidate: String,
    },
    /// Leaves the call and stays in the room. Acked with [`RoomJoined`]: a participant that was in the call has a new
    /// id, because the old one was revoked.
    #[serde(rename = "call.leave")]
    CallLeave {
        /// Where.
        room: RoomSlug,
    },
}

impl ClientMessage {
    /// The types, as on the wire.
    pub const TYPES: [&'static str; 8] =
        ["ping", "pong", "room.join", "room.leave", "message.send", "call.offer", "call.ice", "call.leave"];
}

/// The outer form of each server frame. `P` is what a payload is kept as.
#[derive(Clone, Debug, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "lowercase")]
#[ts(optional_fields, concrete(P = serde_json::Value))]
pub enum Answer<P = serde_json::Value> {
    /// The request was carried out.
    #[serde(rename_all = "camelCase")]
    Ack {
        /// The request's.
        request_id: String,
        /// The request's type.
        event_type: String,
        /// When it was answered.
        ts: Timestamp,
        /// As the request's type says.
        #[ts(type = "unknown")]
        payload: P,
    },
    /// The request changed nothing.
    #[serde(rename_all = "camelCase")]
    Nack {
        /// The request's.
        request_id: String,
        /// The request's type.
        event_type: String,
        /// When it was answered.
        ts: Timestamp,
        /// For programs.
        code: ErrorCode,
        /// For people: what is wrong, and the cure.
        message: String,
        /// Earliest time of another try.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

/// What the server tells without being asked. `P` is what a [`Participant`] is kept as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "payload")]
#[ts(optional_fields, concrete(P = Participant))]
pub enum ServerMessage<P = Participant> {
    /// First on the socket.
    #[serde(rename = "server.ready")]
    #[serde(rename_all = "camelCase")]
    ServerReady {
        /// This socket.
        session_id: SessionId,
        /// Who it belongs to.
        user: User,
        /// The server pings this often and closes after somewhat more than two silent intervals.
        heartbeat_ms: u64,
    },
    /// Asks for a `pong`.
    #[serde(rename = "ping")]
    Ping {},
    /// Answers a `ping`.
    #[serde(rename = "pong")]
    Pong {},
    /// Who is in a room. See [`PresenceUpdate`].
    #[serde(rename = "presence.update")]
    PresenceUpdate(PresenceUpdate<P>),
    /// Something was said in a joined room, once for each message, in commit order.
    #[serde(rename = "message.new")]
    MessageNew {
        /// What.
        message: Message,
    },
    /// The answer to `call.offer`.
    #[serde(rename = "call.answer")]
    CallAnswer {
        /// Where.
        room: RoomSlug,
        /// The media node's session description, with all its candidates.
        sdp: String,
    },
    /// The client's part in a call is over.
    #[serde(rename = "call.ended")]
    CallEnded {
        /// Where.
        room: RoomSlug,
        /// Why.
        reason: EndReason,
    },
}

/// A change of who is in a room: `seq` grows by one with each update of a room. With `snapshot` the list starts anew
/// from `joined`; else `joined` and `changed` replace entries by `participantId`, and `left` removes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(concrete(P = Participant))]
pub struct PresenceUpdate<P = Participant> {
    /// Where.
    pub room: RoomSlug,
    /// Number of the update in its room.
    pub seq: u64,
    /// Whether it holds all.
    pub snapshot: bool,
    /// New ones.
    pub joined: Vec<P>,
    /// Gone ones.
    pub left: Vec<ParticipantId>,
    /// Changed ones.
    pub changed: Vec<P>,
}

/// Payload of the `ack` to `room.join` and `call.leave`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(concrete(P = Participant))]
pub struct RoomJoined<P = Participant> {
    /// Where.
    pub room: RoomSlug,
    /// Who the client is there.
    pub participant_id: ParticipantId,
    /// Who is there, the client too.
    pub participants: Vec<P>,
    /// The presence update that the list includes.
    pub seq: u64,
}

/// Payload of the `ack` to `message.send`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MessageSent {
    /// As stored.
    pub message: Message,
    /// Whether an earlier request with the same key had stored it.
    pub duplicate: bool,
}

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Message {
    /// Stable id.
    pub id: MessageId,
    /// Where.
    pub room: RoomSlug,
    /// Who.
    pub sender_id: UserId,
    /// The sender's name when it was sent.
    pub sender_name: String,
    /// What.
    pub text: MessageText,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reply_to: Option<MessageId>,
    /// When it was stored.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_in_two_steps() {
        let text = r#"{"type":"room.join","requestId":"1","payload":{"room":"stand-up"}}"#;
        let frame: ClientFrame = serde_json::from_str(text).unwrap();
        let message: ClientMessage =
            serde_json::from_value(serde_json::json!({"type": frame.kind, "payload": frame.payload})).unwrap();
        assert!(matches!(message, ClientMessage::RoomJoin { room } if room.as_str() == "stand-up"));
    }

    #[test]
    fn every_type_is_listed() {
        for kind in ClientMessage::TYPES {
            let payload = serde_json::json!({"room": "abc", "text": "x", "sdp": "v=0", "candidate": ""});
            let frame = serde_json::json!({"type": kind, "payload": payload});
            serde_json::from_value::<ClientMessage>(frame).unwrap();
        }
    }

    #[test]
    fn answers_are_flat_and_events_have_a_payload() {
        let nack: Answer = Answer::Nack {
            request_id: "1".into(),
            event_type: "room.join".into(),
            ts: Timestamp::from_unix_ms(0),
            code: ErrorCode::RoomFull,
            message: "full".into(),
            retry_after_ms: None,
        };
        let json = serde_json::to_value(nack).unwrap();
        assert_eq!(json["type"], "nack");
        assert_eq!(json["requestId"], "1");
        assert_eq!(json["code"], "room_full");
        let ended: ServerMessage =
            ServerMessage::CallEnded { room: RoomSlug::new("abc").unwrap(), reason: EndReason::RoomDeleted };
        assert_eq!(
            serde_json::to_value(ended).unwrap(),
            serde_json::json!({"type": "call.ended", "payload": {"room": "abc", "reason": "room_deleted"}})
        );
    }
}
