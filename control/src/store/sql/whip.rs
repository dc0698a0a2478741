use async_trait::async_trait;
use boltorezka_proto::workspaces::OptionalFeature;
use boltorezka_proto::{ParticipantId, RoomId, UserId};
use sqlx::Row as _;

use super::participants::has_feature;
use super::{SqlStore, lock};
use crate::auth::TokenHash;
use crate::store::write::{Lock, retried};
use crate::store::{NewWhipSession, StoreError, WhipSessionRecord, WhipStore, codec};

#[async_trait]
impl WhipStore for SqlStore {
    async fn put_whip_session(&self, session: &NewWhipSession<'_>) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Participant(session.participant_id)).await?;
            if !has_feature(&mut tx, self.workspace_id, OptionalFeature::Whip).await? {
                return Ok(false);
            }
            sqlx::query("DELETE FROM whip_sessions WHERE participant_id = $1")
                .bind(session.participant_id.0)
                .execute(&mut *tx)
                .await?;
            let inserted = sqlx::query(
                "INSERT INTO whip_sessions (token_hash, workspace_id, participant_id, kind, offer, created_at)
                 SELECT $1, workspace_id, id, $2, $3, $4 FROM participants WHERE id = $5 AND workspace_id = $6",
            )
            .bind(session.token_hash.as_slice())
            .bind(session.kind.name())
            .bind(session.offer)
            .bind(session.now_ms)
            .bind(session.participant_id.0)
            .bind(self.workspace_id.0)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            Ok(inserted.rows_affected() == 1)
        })
        .await
    }

    async fn whip_session(&self, hash: TokenHash) -> Result<Option<WhipSessionRecord>, StoreError> {
        let row = sqlx::query(
            "SELECT p.id, p.room_id, p.user_id, s.kind, s.offer, s.generation
             FROM whip_sessions s JOIN participants p ON p.id = s.participant_id WHERE s.token_hash = $1
             AND s.workspace_id = $2",
        )
        .bind(hash.as_slice())
        .bind(self.workspace_id.0)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(WhipSessionRecord {
            participant_id: ParticipantId(row.try_get(0)?),
            room_id: RoomId(row.try_get(1)?),
            user_id: UserId(row.try_get(2)?),
            kind: codec::whip_kind(row.try_get(3)?)?,
            offer: row.try_get(4)?,
            generation: codec::count(row.try_get(5)?),
        }))
    }

    async fn renew_whip_session(&self, hash: TokenHash, generation: u32, offer: &str) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "UPDATE whip_sessions SET offer = $1, generation = generation + 1 WHERE token_hash = $2 AND generation = $3
             AND workspace_id = $4",
        )
        .bind(offer)
        .bind(hash.as_slice())
        .bind(i64::from(generation))
        .bind(self.workspace_id.0)
        .execute(&self.writer)
        .await?;
        Ok(updated.rows_affected() == 1)
    }

    async fn has_whip_session(&self, participant_id: ParticipantId) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM whip_sessions WHERE participant_id = $1 AND workspace_id = $2)",
        )
        .bind(participant_id.0)
        .bind(self.workspace_id.0)
        .fetch_one(&self.readers)
        .await?;
        Ok(found)
    }

    async fn whip_sessions_elsewhere(&self, user_id: UserId, room_id: RoomId) -> Result<u32, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM whip_sessions s JOIN participants p ON p.id = s.participant_id
             WHERE p.user_id = $1 AND p.room_id <> $2",
        )
        .bind(user_id.0)
        .bind(room_id.0)
        .fetch_one(&self.readers)
        .await?;
        Ok(codec::count(count))
    }
}
