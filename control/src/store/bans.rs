//! Bans: who may not come back, and until when.

use async_trait::async_trait;
use boltorezka_proto::{DisplayName, ParticipantId, RoomId, UserId};

use super::{Audit, StoreError};

/// Somebody to whom a room is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanRecord {
    /// Who.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Since when.
    pub banned_at_ms: i64,
}

/// Bans. [`super::ModerationStore::expel`] makes them too, of who is inside.
#[async_trait]
pub trait BanStore: Send + Sync {
    /// Those banned from a room by id, after `after`, at most `limit`.
    async fn bans(&self, room_id: RoomId, after: Option<UserId>, limit: u32) -> Result<Vec<BanRecord>, StoreError>;

    /// Closes a room to somebody, inside or not, and ends its stay there, whose id is returned: with the order to the media node to
    /// cut it. `None` when there is no such room or user.
    async fn ban(
        &self,
        room_id: RoomId,
        user_id: UserId,
        audit: &Audit,
    ) -> Result<Option<Option<ParticipantId>>, StoreError>;

    /// Opens a room to somebody again. False when it was not closed.
    async fn lift_ban(&self, room_id: RoomId, user_id: UserId, audit: &Audit) -> Result<bool, StoreError>;
}
