//! Moves from room to room.

use async_trait::async_trait;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::{ParticipantId, RoomId, RoomSlug};

use super::{Audit, Removed, StoreError};

/// Moves.
#[async_trait]
pub trait MoveStore: Send + Sync {
    /// Ends a stay in `from`, as [`super::ModerationStore::expel`] does, of somebody who has a seat in `to`; keeps who moved
    /// whom, and where to. `None` when the participant is not in the room.
    async fn move_out(
        &self,
        from: RoomId,
        participant_id: ParticipantId,
        to: &RoomSlug,
        reason: EndReason,
        audit: &Audit,
    ) -> Result<Option<Removed>, StoreError>;
}
