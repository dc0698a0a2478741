use async_trait::async_trait;
use boltorezka_proto::{ParticipantId, RoomId, WorkspaceId};
use uuid::Uuid;

use super::rooms::{is_seen, join_roles};
use super::{SqlStore, lock};
use crate::events::GatewayEvent;
use crate::store::write::{Lock, retried};
use crate::store::{RetentionStore, StoreError, StrangerRecord, Topic, codec};

const DAY_MS: i64 = 24 * 3_600_000;

impl SqlStore {
    /// Whether the room's oldest message is older than it keeps them. It is asked often and mostly is not: nobody who writes waits
    /// for that.
    async fn has_expired(&self, room_id: RoomId, now_ms: i64) -> Result<bool, StoreError> {
        let has_expired = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM rooms r WHERE r.id = $1 AND r.workspace_id = $2 AND r.retention_days > 0
                 AND (SELECT m.created_at FROM messages m WHERE m.room_id = r.id ORDER BY m.seq LIMIT 1)
                     <= $3 - r.retention_days * $4)",
        )
        .bind(room_id.0)
        .bind(self.workspace_id.0)
        .bind(now_ms)
        .bind(DAY_MS)
        .fetch_one(&self.readers)
        .await?;
        Ok(has_expired)
    }
}

#[async_trait]
impl RetentionStore for SqlStore {
    async fn rooms_with_retention(&self) -> Result<Vec<(WorkspaceId, RoomId)>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> =
            sqlx::query_as("SELECT workspace_id, id FROM rooms WHERE retention_days > 0 ORDER BY id")
                .fetch_all(&self.readers)
                .await?;
        Ok(rows.into_iter().map(|(workspace_id, id)| (WorkspaceId(workspace_id), RoomId(id))).collect())
    }

    async fn erase_expired(&self, room_id: RoomId, limit: u32, now_ms: i64) -> Result<u32, StoreError> {
        if !self.has_expired(room_id, now_ms).await? {
            return Ok(0);
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let days: Option<i64> = sqlx::query_scalar(
                "SELECT retention_days FROM rooms WHERE id = $1 AND workspace_id = $2 AND retention_days > 0",
            )
            .bind(room_id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(days) = days else { return Ok(0) };
            let before_ms = now_ms.saturating_sub(days.saturating_mul(DAY_MS));
            // By place, so that what is left has no hole: one that came in late waits for those before it.
            let oldest: Vec<(i64, i64)> =
                sqlx::query_as("SELECT seq, created_at FROM messages WHERE room_id = $1 ORDER BY seq LIMIT $2")
                    .bind(room_id.0)
                    .bind(i64::from(limit))
                    .fetch_all(&mut *tx)
                    .await?;
            let expired = oldest.iter().take_while(|(_, created_at_ms)| *created_at_ms <= before_ms);
            let Some((last, _)) = expired.last() else { return Ok(0) };
            let erased = sqlx::query("DELETE FROM messages WHERE room_id = $1 AND seq <= $2")
                .bind(room_id.0)
                .bind(last)
                .execute(&mut *tx)
                .await?;
            let first_seq = last.saturating_add(1);
            sqlx::query("UPDATE rooms SET history_from = $1 WHERE id = $2")
                .bind(first_seq)
                .bind(room_id.0)
                .execute(&mut *tx)
                .await?;
            let event = GatewayEvent::HistoryTrimmed { room_id, first_seq: codec::number(first_seq) };
            self.put_outbox(&mut tx, Topic::Gateway, &event, now_ms).await?;
            self.commit_and_wake(tx, Topic::Gateway).await?;
            Ok(u32::try_from(erased.rows_affected()).unwrap_or(u32::MAX))
        })
        .await
    }

    async fn forget_sends(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM room_sends WHERE sent_at < $1").bind(before_ms).execute(&self.writer).await?;
        Ok(())
    }

    async fn strangers(&self) -> Result<Vec<StrangerRecord>, StoreError> {
        let rows: Vec<(Uuid, Uuid, Uuid)> = sqlx::query_as(concat!(
            "SELECT p.workspace_id, p.room_id, p.id FROM rooms r JOIN participants p ON p.room_id = r.id ",
            "JOIN users u ON u.id = p.user_id ",
            join_roles!(),
            "WHERE r.hidden = TRUE AND (",
            is_seen!(),
            ") IS NOT TRUE ORDER BY p.id"
        ))
        .fetch_all(&self.readers)
        .await?;
        let stranger = |(workspace_id, room_id, participant_id)| StrangerRecord {
            workspace_id: WorkspaceId(workspace_id),
            room_id: RoomId(room_id),
            participant_id: ParticipantId(participant_id),
        };
        Ok(rows.into_iter().map(stranger).collect())
    }
}
