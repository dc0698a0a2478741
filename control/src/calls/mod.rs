//! Calls: who is admitted to the media node, with which rights, and what the node says of them.

mod feature;
mod inspections;
mod link;
mod node_events;
mod offer;
mod permissions;
mod resume;
mod ringing;

use boltorezka_proto::admission::ControlMessage;
use boltorezka_proto::call::{EndReason, MediaPermissions};
use boltorezka_proto::{ParticipantId, RoomId};
use serde::{Deserialize, Serialize};

pub use feature::{Calls, Screen, Video};
pub use link::Link;
use link::run_link;
pub use offer::{answer, begin, offer};
pub use permissions::{PermissionBits, media_permissions};
pub use resume::tell_node;

/// An order to the media node, as the outbox keeps it. The row's id is its revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MediaOrder {
    /// Ends a participant for good.
    Revoke {
        /// Who.
        participant_id: ParticipantId,
        /// What the client is told.
        reason: EndReason,
    },
    /// Changes what a participant may do.
    SetPermissions {
        /// Who.
        participant_id: ParticipantId,
        /// All its rights from now on.
        permissions: MediaPermissions,
    },
    /// Ends everybody in a room.
    CloseRoom {
        /// Which.
        room: RoomId,
        /// What the clients are told.
        reason: EndReason,
    },
}

impl MediaOrder {
    /// As the contract with the node has it.
    pub fn at(self, rev: u64) -> ControlMessage {
        match self {
            Self::Revoke { participant_id, reason } => ControlMessage::Revoke { rev, participant_id, reason },
            Self::SetPermissions { participant_id, permissions } => {
                ControlMessage::SetPermissions { rev, participant_id, permissions }
            }
            Self::CloseRoom { room, reason } => ControlMessage::CloseRoom { rev, room, reason },
        }
    }
}
