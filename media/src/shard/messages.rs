//! What goes into a shard and what comes out, beside datagrams.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use boltorezka_proto::admission::{Admitted, ParticipantStatus};
use boltorezka_proto::call::{EndReason, MediaPermissions, TrackSource};
use boltorezka_proto::data::DataKind;
use boltorezka_proto::inspection::MediaInspection;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId, TrackNumber};

use super::data::DataMessage;
use super::offer::Offer;
use super::resume::ResumeGrant;
use super::tap::TapLink;
use crate::router::Needs;
use crate::rtp::{Format, LayerRates, Packet};

/// From the node to a shard.
#[derive(Debug)]
pub enum ShardCommand {
    /// Takes a participant in, or gives the one that is there a new connection or new sections.
    Admit {
        /// Comes back in the answer.
        request_id: u64,
        /// Who, where, with which rights.
        admitted: Admitted,
        /// The client's session description.
        offer: Box<Offer>,
    },
    /// Restarts ICE for whoever holds a token that says so.
    Resume {
        /// Comes back in the answer.
        request_id: u64,
        /// What the token says. Its signature is checked, its time is not.
        grant: ResumeGrant,
        /// The client's session description.
        offer: Box<Offer>,
    },
    /// Tells everybody that the node is being emptied, or that it is not any more.
    Drain {
        /// When those who are left are ended, from now.
        deadline: Option<Duration>,
    },
    /// Ends a participant now.
    Revoke {
        /// Who.
        participant_id: ParticipantId,
        /// What the client is told.
        reason: EndReason,
    },
    /// Changes what a participant may do, now.
    SetPermissions {
        /// Who.
        participant_id: ParticipantId,
        /// All its rights from now on.
        permissions: MediaPermissions,
    },
    /// Answered with [`ShardEvent::Inspected`].
    Inspect {
        /// Comes back.
        request_id: u64,
        /// One room only.
        room: Option<RoomId>,
    },
    /// Opens a tap.
    OpenTap(TapLink),
    /// Ends all taps of a room.
    CloseTaps {
        /// Which.
        room: RoomId,
    },
    /// Answered with [`ShardEvent::Applied`] when all commands before it have taken effect.
    Barrier {
        /// Comes back.
        rev: u64,
    },
}

/// From a shard to the node.
#[derive(Debug, Clone)]
pub enum ShardEvent {
    /// An `Admit` or `Resume` was carried out.
    Answer {
        /// The request's.
        request_id: u64,
        /// The session description for the client.
        sdp: String,
    },
    /// An `Admit` or `Resume` changed nothing.
    Refused {
        /// The request's.
        request_id: u64,
        /// For programs.
        code: ErrorCode,
        /// For people.
        message: String,
    },
    /// A participant's state or tracks changed.
    Status(ParticipantStatus),
    /// A participant is gone from the shard.
    Left {
        /// Who.
        participant_id: ParticipantId,
        /// Where.
        room: RoomId,
        /// Why.
        reason: EndReason,
    },
    /// Who speaks in a room, loudest first.
    Speaking {
        /// Where.
        room: RoomId,
        /// Without the silent.
        participant_ids: Vec<ParticipantId>,
    },
    /// What the shard does with its connections.
    Inspected {
        /// The request's.
        request_id: u64,
        /// All of it.
        inspection: Box<MediaInspection>,
    },
    /// All commands before the barrier have taken effect.
    Applied {
        /// The barrier's.
        rev: u64,
    },
    /// The shard's counters, cumulative, once a second.
    Counters(Counters),
}

/// From one shard to another. All but packets and lossy data must arrive; they are kept until there is room.
#[derive(Debug, Clone)]
pub enum PeerMessage {
    /// The sender has participants in the room, or has none any more.
    Interest {
        /// Which.
        room: RoomId,
        /// Whether it has.
        interested: bool,
    },
    /// A track of the sender's is there, or has changed.
    Track(TrackAnnouncement),
    /// A track of the sender's is gone.
    TrackGone {
        /// Where it was.
        room: RoomId,
        /// Its number.
        track: TrackNumber,
    },
    /// What the sender's subscribers need of a track of the receiver's.
    Wanted {
        /// Its number.
        track: TrackNumber,
        /// All of it.
        needs: Needs,
    },
    /// A subscriber of the sender's needs a keyframe.
    Keyframe {
        /// Of this track.
        track: TrackNumber,
        /// Of this encoding.
        encoding: u8,
    },
    /// Somebody's data, for those whom it names. A lossy one may be dropped; a reliable one may lose its contents.
    Data(DataMessage),
    /// A packet of a track of the sender's.
    Packet {
        /// The track's room.
        room: RoomId,
        /// The envelope.
        packet: Packet,
    },
}

impl PeerMessage {
    /// Whether it may be dropped when its receiver is busy.
    pub fn is_lossy(&self) -> bool {
        match self {
            Self::Packet { .. } => true,
            Self::Data(message) => message.kind == DataKind::Lossy,
            _ => false,
        }
    }

    /// Gives up the contents of data: whom it is for will be told that it is missing.
    pub fn lose_data(&mut self) {
        if let Self::Data(message) = self {
            message.contents = None;
        }
    }
}

/// A track as other shards need to know it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackAnnouncement {
    /// Its number.
    pub track: TrackNumber,
    /// Where.
    pub room: RoomId,
    /// Who publishes it.
    pub participant_id: ParticipantId,
    /// What it carries.
    pub source: TrackSource,
    /// Whether nothing of it is forwarded now.
    pub muted: bool,
    /// Height in pixels of its largest encoding.
    pub height: u32,
    /// Those of all its encodings, where its publisher says them.
    pub heights: Vec<u32>,
    /// `a=rid` of each encoding, empty without simulcast.
    pub rids: Vec<String>,
    /// The format that its publisher chose, once known.
    pub chosen: Option<Format>,
    /// What each encoding's pictures are coded with, once known.
    pub formats: Vec<Option<Format>>,
    /// Bits per second of each encoding's layers; `None` while it is not sent.
    pub bitrates_bps: Vec<Option<LayerRates>>,
    /// When it was published: the order of arrival.
    pub since: Instant,
}

/// What a shard has counted since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
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
    /// Datagrams that the kernel took, or a TCP connection's queue.
    pub datagrams_sent: u64,
    /// Messages that they left in: several datagrams for one client are one message.
    pub messages_sent: u64,
    /// Datagrams and packets not taken or not sent, by reason.
    pub packets_dropped: BTreeMap<&'static str, u64>,
    /// Bytes of datagrams taken.
    pub bytes_received: u64,
    /// Bytes of datagrams sent.
    pub bytes_sent: u64,
    /// Connections now.
    pub connections: u64,
    /// Connections that failed.
    pub connections_failed: u64,
    /// TCP connections now, those of strangers too.
    pub tcp_connections: u64,
    /// TCP connections that were closed, by reason.
    pub tcp_closed: BTreeMap<&'static str, u64>,
    /// Times that a turn's budget ran out, by budget.
    pub budget_exhausted: BTreeMap<&'static str, u64>,
    /// Microseconds that the thread worked; the loop around the shard notes them.
    pub busy_us: u64,
    /// Microseconds since the start.
    pub uptime_us: u64,
}

/// Why a received packet does not come as far as its track's slots.
const DROPPED_BEFORE_SLOTS: [&str; 6] =
    ["not_published", "unknown_track", "unknown_encoding", "descriptor_unreadable", "muted", "not_loudest"];
/// Why a copy for a slot, or a datagram of the node's own, does not leave.
const DROPPED_AT_SLOTS: [&str; 7] =
    ["suspended", "codec_not_offered", "not_selected", "not_sendable", "socket_full", "tcp_queue_full", "tcp_closed"];

impl Counters {
    /// Packets that are counted on one side and not on the other, before the slots and after them; between two turns
    /// both are 0. What comes in is routed or dropped; what is offered, sent again or generated leaves or is dropped.
    pub fn imbalance(&self) -> (i64, i64) {
        let dropped =
            |reasons: &[&str]| -> u64 { reasons.iter().filter_map(|reason| self.packets_dropped.get(reason)).sum() };
        let came = self.packets_received + self.packets_relay_received;
        let offered = self.packets_offered + self.packets_resent + self.datagrams_generated;
        let routed = self.packets_routed + dropped(&DROPPED_BEFORE_SLOTS);
        let left = self.datagrams_sent + dropped(&DROPPED_AT_SLOTS);
        (came.cast_signed() - routed.cast_signed(), offered.cast_signed() - left.cast_signed())
    }

    /// Counts one dropped packet or datagram.
    pub fn drop(&mut self, reason: &'static str) {
        self.drop_many(reason, 1);
    }

    /// Counts dropped packets or datagrams.
    pub fn drop_many(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.packets_dropped.entry(reason).or_default() += count;
        }
    }

    /// Counts a TCP connection that was closed.
    pub fn close_tcp(&mut self, reason: &'static str) {
        *self.tcp_closed.entry(reason).or_default() += 1;
    }

    /// Counts a budget that ran out.
    pub fn exhaust(&mut self, budget: &'static str) {
        *self.budget_exhausted.entry(budget).or_default() += 1;
    }
}
