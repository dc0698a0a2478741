use async_trait::async_trait;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::{ParticipantId, RoomId, UserId};
use uuid::Uuid;

use super::stays::Stays;
use super::{SqlStore, Tx, lock};
use crate::store::write::{Lock, retried};
use crate::store::{Audit, BanRecord, BanStore, StoreError, Topic, codec};

impl SqlStore {
    /// Closes a room to somebody. What it is doing there ends elsewhere.
    pub(super) async fn put_ban(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        user_id: UserId,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO room_bans (workspace_id, room_id, user_id, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (room_id, user_id) DO NOTHING",
        )
        .bind(self.workspace_id.0)
        .bind(room_id.0)
        .bind(user_id.0)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }
}

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

    async fn ban(
        &self,
        room_id: RoomId,
        user_id: UserId,
        audit: &Audit,
    ) -> Result<Option<Option<ParticipantId>>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            lock(&mut tx, Lock::ParticipantsOf(user_id, Some(room_id))).await?;
            let found: Option<(String, Option<Uuid>)> = sqlx::query_as(
                "SELECT r.slug, p.id FROM rooms r JOIN users u ON u.id = $2
                     LEFT JOIN participants p ON p.room_id = r.id AND p.user_id = u.id
                 WHERE r.id = $1 AND r.workspace_id = $3",
            )
            .bind(room_id.0)
            .bind(user_id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut *tx)
            .await?;
            let Some((slug, participant_id)) = found else { return Ok(None) };
            let participant_id = participant_id.map(ParticipantId);
            self.put_ban(&mut tx, room_id, user_id, audit.now_ms).await?;
            self.put_audit(&mut tx, audit, "rooms.participant.ban", &format!("{slug} {user_id}")).await?;
            if let Some(participant_id) = participant_id {
                self.end_stays(&mut tx, Stays::One(participant_id), EndReason::Banned, audit.now_ms).await?;
            }
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(participant_id))
        })
        .await
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
