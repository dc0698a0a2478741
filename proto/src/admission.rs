//! The contract between the control plane and a media node: one JSON object a line, over a Unix socket.
//!
//! The node listens, control connects. The node speaks first (`hello`), control answers with a `snapshot` of all that
//! is admitted; the node ends whatever the snapshot lacks, and only then takes `admit`. From there on both send deltas.
//! Either side may restart at any time: the next `hello` and `snapshot` make them agree again. Media flows on while
//! control is away.
//!
//! A participant id that was revoked stays revoked: the node remembers it and refuses an `admit` that was on its way.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::call::{EndReason, MediaPermissions, TrackSource};
use crate::inspection::MediaInspection;
use crate::{ErrorCode, ParticipantId, RoomId, TrackNumber};

/// Version of this contract. Both sides must speak the same.
pub const VERSION: u32 = 2;

/// Longest line in bytes: an offer, or a snapshot of 10,000 participants.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Control to node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ControlMessage {
    /// Everything that is admitted on this node, as of revision `rev`. First on each connection.
    Snapshot {
        /// Revision of control's media state.
        rev: u64,
        /// Whom the node may serve.
        admitted: Vec<Admitted>,
    },
    /// Takes a participant in, or gives the one that is there a new connection or new sections.
    Admit {
        /// Comes back in `answer` or `refused`.
        request_id: u64,
        /// Who, where, and with which rights.
        admitted: Admitted,
        /// The client's session description.
        offer: String,
    },
    /// Restarts ICE for whoever holds a resume token of this node. Answered as `admit` is; what control knows does not count.
    Resume {
        /// Comes back in `answer` or `refused`.
        request_id: u64,
        /// What the node gave to the client.
        token: String,
        /// The client's session description.
        offer: String,
    },
    /// Ends a participant now and for good. Answered with `applied`.
    Revoke {
        /// Revision of control's media state.
        rev: u64,
        /// Who.
        participant_id: ParticipantId,
        /// What the client is told.
        reason: EndReason,
    },
    /// Changes what a participant may do, now.
    SetPermissions {
        /// Revision of control's media state.
        rev: u64,
        /// Who.
        participant_id: ParticipantId,
        /// All its rights from now on.
        permissions: MediaPermissions,
    },
    /// Ends all participants of a room.
    CloseRoom {
        /// Revision of control's media state.
        rev: u64,
        /// Which.
        room: RoomId,
        /// What the clients are told.
        reason: EndReason,
    },
    /// Asks what the node does with its connections, for an operator. Answered with `inspection`, or `refused` when too many
    /// such questions are open.
    Inspect {
        /// Comes back.
        request_id: u64,
        /// One room only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
    },
    /// Takes no new participants, and tells those inside. The node ends when nobody is left, and ends those who are at the
    /// deadline.
    Drain {
        /// From now.
        deadline_ms: u64,
    },
    /// Takes a drain back: those inside are told, others may join again.
    Undrain {},
}

/// A participant as control admitted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Admitted {
    /// Who.
    pub participant_id: ParticipantId,
    /// Where.
    pub room: RoomId,
    /// What it may do.
    pub permissions: MediaPermissions,
}

/// Node to control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MediaMessage {
    /// First on each connection: what the node is and whom it serves.
    Hello {
        /// [`VERSION`] of the node.
        version: u32,
        /// Process id, so that a restarted control can stop a node that it did not start.
        pid: u32,
        /// A random number of this run of the node.
        epoch: u64,
        /// Latest revision that the node has applied, from any connection.
        rev: u64,
        /// Everyone it serves.
        participants: Vec<ParticipantStatus>,
    },
    /// The answer to an `admit`.
    Answer {
        /// The request's.
        request_id: u64,
        /// The node's session description.
        sdp: String,
    },
    /// An `admit` changed nothing.
    Refused {
        /// The request's.
        request_id: u64,
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
    /// The answer to an `inspect`.
    Inspection {
        /// The request's.
        request_id: u64,
        /// The node, or the room.
        inspection: MediaInspection,
    },
    /// The node has applied everything up to this revision: nothing of a revoked participant is sent or taken any more.
    Applied {
        /// Revision of control's media state.
        rev: u64,
    },
    /// A participant's state or tracks changed. Whole state, the latest wins.
    Participant(ParticipantStatus),
    /// A participant is gone from the node.
    Left {
        /// Who.
        participant_id: ParticipantId,
        /// Where.
        room: RoomId,
        /// Why.
        reason: EndReason,
    },
    /// Who speaks in a room, loudest first. Lossy.
    Speaking {
        /// Where.
        room: RoomId,
        /// Without the silent.
        participant_ids: Vec<ParticipantId>,
    },
    /// The node's counters, cumulative since its start, once a second.
    Load(NodeLoad),
}

/// A participant as the node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantStatus {
    /// Who.
    pub participant_id: ParticipantId,
    /// Where.
    pub room: RoomId,
    /// How its connection does.
    pub state: ConnectionState,
    /// What it publishes.
    pub tracks: Vec<PublishedTrack>,
}

/// How a participant's connection does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    /// Answered, not connected yet.
    Connecting,
    /// Media may flow.
    Connected,
    /// Silent for 15 s; its tracks are withdrawn, its seat is kept for 60 s more.
    Suspended,
}

/// A track as the node publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedTrack {
    /// Its number.
    pub track: TrackNumber,
    /// What it carries.
    pub source: TrackSource,
    /// Whether nothing of it is forwarded now.
    pub muted: bool,
}

/// Cumulative counters of a node, summed over its shards, and gauges of this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeLoad {
    /// RTP packets taken from clients.
    pub packets_received: u64,
    /// RTP packets given to other shards.
    pub packets_relayed: u64,
    /// RTP packets taken from other shards.
    pub packets_relay_received: u64,
    /// RTP packets, of clients and other shards, that came as far as their track's slots.
    pub packets_routed: u64,
    /// Copies of them that slots could have been sent: one for each slot that is subscribed.
    pub packets_offered: u64,
    /// RTP packets sent to clients for the first time.
    pub packets_forwarded: u64,
    /// RTP packets sent to clients again, because they asked.
    pub packets_resent: u64,
    /// Datagrams of the node's own: reports, probes, answers to checks, handshakes, in-call messages.
    pub datagrams_generated: u64,
    /// Datagrams that the kernel took, or the queue of a TCP connection.
    pub datagrams_sent: u64,
    /// Messages that they left in: several datagrams for one client are one message.
    pub messages_sent: u64,
    /// Datagrams and packets not taken or not sent, by reason.
    pub packets_dropped: std::collections::BTreeMap<String, u64>,
    /// Bytes taken from the sockets.
    pub bytes_received: u64,
    /// Bytes given to the sockets.
    pub bytes_sent: u64,
    /// Connections that exist now.
    pub connections: u64,
    /// Connections that ended because of an error of theirs or in handling them.
    pub connections_failed: u64,
    /// TCP connections that are open now, those of strangers too.
    pub tcp_connections: u64,
    /// TCP connections that were closed, by reason.
    pub tcp_closed: std::collections::BTreeMap<String, u64>,
    /// Times that a turn's budget ran out, by budget.
    pub budget_exhausted: std::collections::BTreeMap<String, u64>,
    /// Microseconds that shards' threads worked.
    pub busy_us: u64,
    /// Shards now.
    pub shards: u64,
    /// Shards that take nobody new now, because they have too much to do.
    pub shards_overloaded: u64,
    /// Newcomers that were refused at the door, by reason.
    pub joins_refused: std::collections::BTreeMap<String, u64>,
    /// Whether the node is being emptied.
    pub draining: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_flat_object() {
        let message =
            ControlMessage::Revoke { rev: 9, participant_id: ParticipantId::generate(), reason: EndReason::Kicked };
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!(json["type"], "revoke");
        assert_eq!(json["rev"], 9);
        assert_eq!(json["reason"], "kicked");
        assert_eq!(serde_json::from_value::<ControlMessage>(json).unwrap(), message);
    }

    #[test]
    fn a_status_is_flat_too() {
        let status = ParticipantStatus {
            participant_id: ParticipantId::generate(),
            room: RoomId::generate(),
            state: ConnectionState::Connected,
            tracks: vec![],
        };
        let json = serde_json::to_value(MediaMessage::Participant(status.clone())).unwrap();
        assert_eq!(json["type"], "participant");
        assert_eq!(json["state"], "connected");
        assert_eq!(serde_json::from_value::<MediaMessage>(json).unwrap(), MediaMessage::Participant(status));
    }
}
