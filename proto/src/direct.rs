//! Direct messages: rooms of two, who refuses whose, and calls that ring.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{CallId, DisplayName, RoomId, RoomSlug, Timestamp, UserId};

/// A call in a direct room rings for a minute at most.
pub const RING_MS: i64 = 60_000;

/// `POST /v1/direct`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeginDirectRequest {
    /// With whom: another account that is in the workspace.
    pub user_id: UserId,
}

/// Whether the two of a direct room can write to each other. What was said can be read in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectState {
    /// They can.
    Open,
    /// The caller refuses the other's messages.
    Refusing,
    /// The other refuses the caller's messages.
    Refused,
    /// The other has left the workspace, is blocked by an admin, or is erased.
    Gone,
}

/// The other one of a direct room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectPerson {
    /// Who.
    pub id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Whether it has a socket open in the workspace now. Never of somebody who refuses the caller's messages.
    pub online: bool,
}

/// A direct room, as one of its two sees it. Its chat and its call are those of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct DirectRoom {
    /// Stable id.
    pub id: RoomId,
    /// Its name in addresses.
    pub room: RoomSlug,
    /// The other one.
    pub user: DirectPerson,
    /// Whether they can write to each other.
    pub state: DirectState,
    /// The number of the last change of its chat.
    pub last_seq: u64,
    /// Up to where the caller has read it.
    pub read_seq: u64,
    /// Messages of the other after that; 100 means 100 or more.
    pub unread_count: u32,
    /// When something was said last; when it was begun, while nothing is.
    pub last_at: Timestamp,
    /// The call that rings in it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ringing: Option<Ringing>,
}

/// Somebody calls the other one of a direct room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ringing {
    /// Where.
    pub room: RoomSlug,
    /// Which call: the same each time that it is told.
    pub call_id: CallId,
    /// Who calls.
    pub caller_id: UserId,
    /// Its name for people.
    pub caller_name: DisplayName,
    /// It rings no longer than until then.
    pub ends_at: Timestamp,
}

/// Why a call rings no more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RingEnd {
    /// The one who is called is in the call.
    Answered,
    /// The one who is called does not want it.
    Declined,
    /// The caller has gone, or a minute is over: it is in the inbox of the one who was called.
    Missed,
}

/// Somebody whose direct messages the caller refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockedUser {
    /// Who.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Since when.
    pub created_at: Timestamp,
}
