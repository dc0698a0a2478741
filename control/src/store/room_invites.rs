//! Invites into a room.

use async_trait::async_trait;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::{RoomId, RoomSlug, UserId, WorkspaceId, WorkspaceSlug};
use uuid::Uuid;

use super::{Audit, StoreError};
use crate::auth::TokenHash;

/// An invite to be kept.
#[derive(Clone, Debug)]
pub struct NewRoomInvite {
    /// Of its token.
    pub hash: TokenHash,
    /// The role that it gives.
    pub role: RoomRole,
    /// How many may come in by it.
    pub uses_max: u32,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
}

/// An invite that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInviteRecord {
    /// Stable id.
    pub id: Uuid,
    /// The role that it gives.
    pub role: RoomRole,
    /// How many may come in by it.
    pub uses_max: u32,
    /// How many did.
    pub uses: u32,
    /// Who made it; none for an API key.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at_ms: i64,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// What became of the wish for an invite.
#[derive(Debug)]
pub enum RoomInvited {
    /// It is made.
    Made(RoomInviteRecord),
    /// As many as a room may have can be redeemed now.
    TooMany,
    /// The room is gone.
    NoRoom,
}

/// Where an invite leads.
#[derive(Clone, Debug)]
pub struct InvitedTo {
    /// The room's workspace.
    pub workspace_id: WorkspaceId,
    /// Its name in addresses.
    pub workspace: WorkspaceSlug,
    /// The room.
    pub room_id: RoomId,
    /// Its name in addresses.
    pub room: RoomSlug,
}

/// What became of an invite that somebody redeemed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redeemed {
    /// The role was given, and a use is gone.
    Given,
    /// The user has that role in the room, or a higher one: nothing changed.
    Had,
    /// The invite is unknown, used up, expired or taken back, or its maker may not invite any more.
    NoInvite,
    /// The room is closed to the user.
    Banned,
}

/// Invites into rooms.
#[async_trait]
pub trait RoomInviteStore: Send + Sync {
    /// Keeps an invite, unless `open_max` of the room can be redeemed already.
    async fn create_room_invite(
        &self,
        room_id: RoomId,
        invite: &NewRoomInvite,
        open_max: u32,
        audit: &Audit,
    ) -> Result<RoomInvited, StoreError>;

    /// Invites of a room by order of creation, after `after`, at most `limit`.
    async fn room_invites(
        &self,
        room_id: RoomId,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<RoomInviteRecord>, StoreError>;

    /// Takes an invite back. False when there is none, or it was taken back before.
    async fn revoke_room_invite(&self, room_id: RoomId, id: Uuid, audit: &Audit) -> Result<bool, StoreError>;

    /// Where an invite of any workspace leads, whether it is worth something or not.
    async fn invited_to(&self, hash: TokenHash) -> Result<Option<InvitedTo>, StoreError>;

    /// Gives an account the role of an invite into a room of this workspace, and makes it a guest where it is no member:
    /// as often as the invite has uses, however many come at once. Nobody's role is lowered, and who has it already uses nothing up.
    async fn redeem_room_invite(&self, hash: TokenHash, user_id: UserId, audit: &Audit)
    -> Result<Redeemed, StoreError>;

    /// Of all workspaces: forgets invites that expired before `before_ms`.
    async fn forget_room_invites(&self, before_ms: i64) -> Result<(), StoreError>;
}
