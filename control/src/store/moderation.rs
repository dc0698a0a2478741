//! What takes rights away: each writes the media node's order to the outbox in the same transaction.

use async_trait::async_trait;
use boltorezka_proto::call::{EndReason, TrackSource};
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::{ParticipantId, RoomId, UserId};

use super::{Audit, MemberRecord, Permitted, StoreError};

/// A participant that is in the room no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Removed {
    /// Its id, which is never used again.
    pub participant_id: ParticipantId,
    /// Whose it was.
    pub user_id: UserId,
}

/// Kicks, bans, mutes, roles and the end of rooms.
#[async_trait]
pub trait ModerationStore: Send + Sync {
    /// Removes a participant and orders the media node to cut its call, if there is one, for `reason` kicked or banned. A ban also closes the
    /// room to the user. `None` when the participant is not in the room.
    async fn expel(
        &self,
        room_id: RoomId,
        participant_id: ParticipantId,
        reason: EndReason,
        audit: &Audit,
    ) -> Result<Option<Removed>, StoreError>;

    /// Takes or gives back the right to publish `source`. `None` when the participant is not in the room.
    async fn mute(
        &self,
        room_id: RoomId,
        participant_id: ParticipantId,
        source: TrackSource,
        muted: bool,
        audit: &Audit,
    ) -> Result<Option<Permitted>, StoreError>;

    /// Gives a user a role in a room. `None` when there is no such user or room.
    async fn set_member(
        &self,
        room_id: RoomId,
        user_id: UserId,
        role: RoomRole,
        audit: &Audit,
    ) -> Result<Option<MemberRecord>, StoreError>;

    /// Takes a user's own role in a room, which leaves the default. False when there was none.
    async fn delete_member(&self, room_id: RoomId, user_id: UserId, audit: &Audit) -> Result<bool, StoreError>;

    /// Deletes a room with all that is in it, and orders the media node to close it. False when it was gone.
    async fn delete_room(&self, room_id: RoomId, audit: &Audit) -> Result<bool, StoreError>;
}
