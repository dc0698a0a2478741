use async_trait::async_trait;
use boltorezka_proto::{RoomSlug, UserId};

use super::SqlStore;
use crate::store::{Audit, MoveStore, StoreError};

#[async_trait]
impl MoveStore for SqlStore {
    async fn audit_move(
        &self,
        from: &RoomSlug,
        user_id: UserId,
        to: &RoomSlug,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        self.put_audit(&mut tx, audit, "rooms.participant.move", &format!("{from} {user_id} {to}")).await?;
        Ok(tx.commit().await?)
    }
}
