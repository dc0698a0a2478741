//! Messages of the realtime gateway, `GET /v1/realtime/ws?ticket=`: JSON text frames.
//!
//! A client frame is `{type, requestId, idempotencyKey?, payload}` and gets exactly one `ack` or `nack` with its
//! `requestId`. A server frame is such an answer, or `{type, payload}`.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::call::EndReason;
use crate::direct::{RingEnd, Ringing};
use crate::notifications::Notification;
use crate::rest::{Participant, User};
use crate::rooms::{RefusalReason, Waiting};
use crate::{
    AttachmentId, CallId, DisplayName, ErrorCode, MessageId, MessageText, ParticipantId, ReactionEmoji, RoomSlug,
    SessionId, Timestamp, UserId,
};

pub use crate::chat::*;

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
    /// The account is blocked, or the API key that vouched for the identity was revoked.
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
    /// Enters a room: presence, and its chat from here on. Acked with [`RoomJoined`]. Nacked with `lobby` when one waits from
    /// here on, which `room.admitted` or `room.refused` ends.
    #[serde(rename = "room.join")]
    RoomJoin {
        /// Which.
        room: RoomSlug,
    },
    /// Leaves a room and its call, or its lobby.
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
        /// Whom it mentions, by id: 20 at most.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(as = "Option<Vec<UserId>>")]
        mentions: Vec<UserId>,
        /// Files that one has uploaded to the room and not sent yet: 10 at most.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(as = "Option<Vec<AttachmentId>>")]
        attachments: Vec<AttachmentId>,
    },
    /// Changes the text of one's own message. Acked with [`MessageSent`]. Needs an idempotency key.
    #[serde(rename = "message.edit")]
    #[serde(rename_all = "camelCase")]
    MessageEdit {
        /// Where.
        room: RoomSlug,
        /// Which.
        message_id: MessageId,
        /// What it says from now on.
        text: MessageText,
        /// Whom it mentions from now on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(as = "Option<Vec<UserId>>")]
        mentions: Vec<UserId>,
    },
    /// Deletes one's own message, or that of somebody whom one may moderate. Acked with [`MessageSent`]. Needs an idempotency key.
    #[serde(rename = "message.delete")]
    #[serde(rename_all = "camelCase")]
    MessageDelete {
        /// Where.
        room: RoomSlug,
        /// Which.
        message_id: MessageId,
    },
    /// Reacts to a message, or takes that back. Acked with [`MessageSent`].
    #[serde(rename = "message.react")]
    #[serde(rename_all = "camelCase")]
    MessageReact {
        /// Where.
        room: RoomSlug,
        /// To which.
        message_id: MessageId,
        /// With what.
        emoji: ReactionEmoji,
        /// `false` takes it back.
        on: bool,
    },
    /// Pins a message, or takes that back. Acked with [`MessageSent`].
    #[serde(rename = "message.pin")]
    #[serde(rename_all = "camelCase")]
    MessagePin {
        /// Where.
        room: RoomSlug,
        /// Which.
        message_id: MessageId,
        /// `false` takes it back.
        on: bool,
    },
    /// Says up to where the room was read. Acked with [`ReadPointer`]: the highest number counts.
    #[serde(rename = "message.read")]
    MessageRead {
        /// Where.
        room: RoomSlug,
        /// The place of the last message that was seen.
        seq: u64,
    },
    /// Says that somebody is writing. Others are told and nothing is kept.
    #[serde(rename = "typing")]
    Typing {
        /// Where.
        room: RoomSlug,
    },
    /// Asks for what changed in a joined room's chat. Acked with [`ChatDelta`].
    #[serde(rename = "sync.resume")]
    SyncResume {
        /// Where.
        room: RoomSlug,
        /// The last number that the client knows. Absent: none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
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
    pub const TYPES: [&'static str; 15] = [
        "ping",
        "pong",
        "room.join",
        "room.leave",
        "message.send",
        "message.edit",
        "message.delete",
        "message.react",
        "message.pin",
        "message.read",
        "typing",
        "sync.resume",
        "call.offer",
        "call.ice",
        "call.leave",
    ];
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
    /// A message of a joined room was edited, deleted, reacted to, pinned or unpinned. Numbered with those that are new.
    #[serde(rename = "message.changed")]
    MessageChanged {
        /// As it is now.
        message: Message,
    },
    /// A moderator moved the client to another room, where its seat is kept for a while: join it. The first one is left, and its
    /// call has ended.
    #[serde(rename = "room.moved")]
    RoomMoved {
        /// Where it was.
        from: RoomSlug,
        /// Where it is to go.
        to: RoomSlug,
    },
    /// Who waits in the lobby of a joined room: all of them, by the time of their coming. Told to those who moderate, when they
    /// come in and after each change.
    #[serde(rename = "lobby.update")]
    LobbyUpdate {
        /// Where.
        room: RoomSlug,
        /// Who.
        waiting: Vec<Waiting>,
    },
    /// The client waited in the lobby of a room and is let in: join it.
    #[serde(rename = "room.admitted")]
    RoomAdmitted {
        /// Which.
        room: RoomSlug,
    },
    /// The client waited in the lobby of a room and is not let in: it waits no more.
    #[serde(rename = "room.refused")]
    RoomRefused {
        /// Which.
        room: RoomSlug,
        /// Why.
        reason: RefusalReason,
    },
    /// Old messages of a joined room were erased. Drop those of smaller places.
    #[serde(rename = "history.trimmed")]
    #[serde(rename_all = "camelCase")]
    HistoryTrimmed {
        /// Where.
        room: RoomSlug,
        /// The smallest place that may still be there.
        first_seq: u64,
    },
    /// Somebody is writing in a joined room. Show it for some seconds.
    #[serde(rename = "typing")]
    #[serde(rename_all = "camelCase")]
    Typing {
        /// Where.
        room: RoomSlug,
        /// Who.
        user_id: UserId,
        /// Name for people.
        display_name: DisplayName,
    },
    /// Somebody mentioned the account, answered it, wrote to it alone, or called it in vain. Told to each of its sockets in the workspace, whatever rooms they are in.
    #[serde(rename = "notification.new")]
    #[serde(rename_all = "camelCase")]
    NotificationNew {
        /// What.
        notification: Notification,
        /// How many are not read, this one too; 100 means 100 or more.
        unread_count: u32,
    },
    /// Somebody calls the account in a direct room. Told to each of its sockets in the workspace, whatever rooms they are in: to
    /// answer, join the room and its call.
    #[serde(rename = "call.ringing")]
    CallRinging {
        /// What.
        ringing: Ringing,
    },
    /// A call rings no more. Told to the sockets of both.
    #[serde(rename = "call.ring_ended")]
    #[serde(rename_all = "camelCase")]
    CallRingEnded {
        /// Where.
        room: RoomSlug,
        /// Which.
        call_id: CallId,
        /// Why.
        reason: RingEnd,
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
    /// The last number of the room's chat before the client came in: what follows is told. Absent after `call.leave`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub chat_seq: Option<u64>,
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
            let message_id = MessageId::generate();
            let payload = serde_json::json!({
                "room": "abc", "text": "x", "sdp": "v=0", "candidate": "", "messageId": message_id, "emoji": "+", "on": true, "seq": 1
            });
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
