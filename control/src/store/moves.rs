//! Moves from room to room. The end of one stay and the begin of the other are those of every stay.

use async_trait::async_trait;
use boltorezka_proto::{RoomSlug, UserId};

use super::{Audit, StoreError};

/// Moves.
#[async_trait]
pub trait MoveStore: Send + Sync {
    /// Keeps who moved whom, and where to.
    async fn audit_move(
        &self,
        from: &RoomSlug,
        user_id: UserId,
        to: &RoomSlug,
        audit: &Audit,
    ) -> Result<(), StoreError>;
}
