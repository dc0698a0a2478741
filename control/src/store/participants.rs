//! Who is in which room, and who is admitted to its call.

use async_trait::async_trait;
use boltorezka_proto::admission::Admitted;
use boltorezka_proto::call::{EndReason, MediaPermissions};
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::{DisplayName, ParticipantId, RoomId, RoomSlug, UserId, WorkspaceId};

use super::{DirectRefusal, StoreError};
use crate::calls::PermissionBits;
use crate::permissions::Grants;
use crate::whip::Kind;

/// A wish to enter a room.
#[derive(Clone, Copy, Debug)]
pub struct JoinRequest {
    /// Which. By its id: a room made anew under the same slug is another one.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// The only room that the caller's ticket opens.
    pub only_room: Option<RoomId>,
    /// The most that the caller's ticket allows.
    pub token_permissions: PermissionBits,
    /// What carries its call: a session of this kind, or a socket.
    pub whip: Option<Kind>,
    /// When.
    pub now_ms: i64,
}

/// Somebody in a room.
#[derive(Clone, Debug)]
pub struct ParticipantRecord {
    /// Id of the stay.
    pub participant_id: ParticipantId,
    /// The room's workspace.
    pub workspace_id: WorkspaceId,
    /// Where.
    pub room_id: RoomId,
    /// Its name in addresses.
    pub room: RoomSlug,
    /// Whose stay it is.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Role in the room.
    pub role: RoomRole,
    /// What its custom roles give it there.
    pub grants: Grants,
    /// When it came.
    pub joined_at_ms: i64,
    /// Whether the media node may serve it.
    pub admitted: bool,
    /// Whether it is not told to others.
    pub hidden: bool,
}

/// What became of a join.
#[derive(Debug)]
pub enum Join {
    /// It is in, or was in already.
    In(ParticipantRecord),
    /// There is no such room, or the ticket does not open it.
    NoRoom,
    /// The room is closed to it.
    Banned,
    /// It has to be let in first.
    Lobby,
    /// The server is closed to it.
    Blocked,
    /// It is in already, and a session of this kind carries its call.
    Carried(Kind),
    /// No seat is free.
    Full {
        /// How many there are.
        capacity: u32,
    },
}

/// What became of the wish to take part in a call.
#[derive(Debug)]
pub enum Admission {
    /// It may; this is what the node is told.
    Admitted(Admitted),
    /// It is not in the room.
    NotJoined,
    /// It has no right to any media there.
    Nothing,
    /// As many as the server takes are in calls.
    Full,
    /// The two of a direct room cannot call each other.
    Direct(DirectRefusal),
}

/// A participant's rights after they changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permitted {
    /// Who.
    pub participant_id: ParticipantId,
    /// All its rights from now on.
    pub permissions: MediaPermissions,
}

/// Who is where.
#[async_trait]
pub trait ParticipantStore: Send + Sync {
    /// Enters a room: counts seats and takes one in the same transaction.
    async fn join(&self, request: JoinRequest) -> Result<Join, StoreError>;

    /// Leaves a room for good; the media node is ordered to end the call, if there is one. False when it was not there.
    async fn leave(&self, participant_id: ParticipantId, reason: EndReason, now_ms: i64) -> Result<bool, StoreError>;

    /// Leaves the call and stays in the room under a new id, since an id that was revoked is never used again. The
    /// same id comes back when there was no call. `None` when it was not there.
    async fn leave_call(
        &self,
        participant_id: ParticipantId,
        now_ms: i64,
    ) -> Result<Option<ParticipantRecord>, StoreError>;

    /// Marks as admitted with the rights of this moment. `in_calls_max` bounds how many may be.
    async fn admit(&self, room_id: RoomId, user_id: UserId, in_calls_max: Option<u32>)
    -> Result<Admission, StoreError>;

    /// The media node does not serve it any more.
    async fn unadmit(&self, participant_id: ParticipantId) -> Result<(), StoreError>;

    /// Of all workspaces: keeps as admitted only those whom the media node serves; returns all that are left with the revision
    /// of the last order that is in them, and those that the node had lost.
    async fn reconcile(
        &self,
        on_node: &[ParticipantId],
    ) -> Result<(Vec<Admitted>, u64, Vec<ParticipantId>), StoreError>;

    /// Everybody in every room of every workspace.
    async fn participants(&self) -> Result<Vec<ParticipantRecord>, StoreError>;
}
