use async_trait::async_trait;
use boltorezka_proto::{RoomId, UserId};
use uuid::Uuid;

use super::{SqlStore, lock};
use crate::store::write::{Lock, retried};
use crate::store::{Audit, BanRecord, BanStore, StoreError, codec};

#[async_trait]
impl BanStore for SqlStore {
    async fn bans(&self, room_id: RoomId, after: Option<UserId>, limit: u32) -> Result<Vec<BanRecord>, StoreError> {
        let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
            "SELECT b.user_id, u.display_name, b.created_at FROM room_bans b JOIN users u ON u.id = b.user_id
             WHERE b.room_id = $1 AND ($2 IS NULL OR b.user_id > $2) AND b.workspace_id = $4
             ORDER BY b.user_id LIMIT $3",
        )
        .bind(room_id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .bind(self.workspace_id.0)
        .fetch_all(&self.readers)
        .await?;
        let ban = |(user_id, name, banned_at_ms): (Uuid, String, i64)| {
            Ok(BanRecord { user_id: UserId(user_id), display_name: codec::display_name(&name)?, banned_at_ms })
        };
        rows.into_iter().map(ban).collect()
    }

    async fn lift_ban(&self, room_id: RoomId, user_id: UserId, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let slug: Option<String> = sqlx::query_scalar(
                "DELETE FROM room_bans WHERE room_id = $1 AND user_id = $2 AND workspace_id = $3
                 RETURNING (SELECT slug FROM rooms r WHERE r.id = room_bans.room_id)",
            )
            .bind(room_id.0)
            .bind(user_id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(slug) = slug else { return Ok(false) };
            self.put_audit(&mut tx, audit, "rooms.ban.lift", &format!("{slug} {user_id}")).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }
}
