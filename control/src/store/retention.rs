//! What rooms do not keep for ever.

use async_trait::async_trait;
use boltorezka_proto::{ParticipantId, RoomId, WorkspaceId};

use super::StoreError;

/// Somebody in a room that is hidden from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StrangerRecord {
    /// The room's workspace.
    pub workspace_id: WorkspaceId,
    /// Where.
    pub room_id: RoomId,
    /// Whose stay is to end.
    pub participant_id: ParticipantId,
}

/// What is done now and then.
#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Of all workspaces: the rooms whose messages are erased after some days.
    async fn rooms_with_retention(&self) -> Result<Vec<(WorkspaceId, RoomId)>, StoreError>;

    /// Erases the oldest messages of a room, at most `limit`, as far as they are older than it keeps them, and writes
    /// `history.trimmed` to the outbox. Returns how many.
    async fn erase_expired(&self, room_id: RoomId, limit: u32, now_ms: i64) -> Result<u32, StoreError>;

    /// Of all workspaces: forgets who said something in rooms with slow mode before `before_ms`.
    async fn forget_sends(&self, before_ms: i64) -> Result<(), StoreError>;

    /// Of all workspaces: who is in a room that is hidden from it since.
    async fn strangers(&self) -> Result<Vec<StrangerRecord>, StoreError>;
}
