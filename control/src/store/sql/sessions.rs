use async_trait::async_trait;
use boltorezka_proto::{RoomId, UserId, WorkspaceId};
use sqlx::Row as _;

use super::SqlStore;
use super::accounts::user_record;
use crate::auth::TokenHash;
use crate::calls::PermissionBits;
use crate::store::write::retried;
use crate::store::{Grant, SessionStore, StoreError, UserRecord};

#[async_trait]
impl SessionStore for SqlStore {
    async fn create_session(
        &self,
        hash: TokenHash,
        user_id: UserId,
        now_ms: i64,
        expires_at_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (token_hash, workspace_id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hash.as_slice())
        .bind(self.home_id.0)
        .bind(user_id.0)
        .bind(now_ms)
        .bind(expires_at_ms)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn session(&self, hash: TokenHash, now_ms: i64) -> Result<Option<(UserRecord, i64)>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT u.id, u.email, u.display_name, u.role, u.password_hash, u.blocked_at, s.expires_at ",
            "FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1 AND s.expires_at > $2"
        ))
        .bind(hash.as_slice())
        .bind(now_ms)
        .fetch_optional(&self.readers)
        .await?;
        row.map(|row| Ok((user_record(&row)?, row.try_get(6)?))).transpose()
    }

    async fn extend_session(&self, hash: TokenHash, expires_at_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET expires_at = $1 WHERE token_hash = $2")
            .bind(expires_at_ms)
            .bind(hash.as_slice())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn delete_session(&self, hash: TokenHash) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(hash.as_slice()).execute(&mut *tx).await?;
            sqlx::query("DELETE FROM tickets WHERE session_hash = $1").bind(hash.as_slice()).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn create_ticket(&self, hash: TokenHash, grant: &Grant) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO tickets (token_hash, workspace_id, user_id, session_hash, room_id, permissions, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(hash.as_slice())
        .bind(grant.workspace_id.0)
        .bind(grant.user_id.0)
        .bind(grant.session.as_ref().map(|hash| hash.as_slice()))
        .bind(grant.room_id.map(|id| id.0))
        .bind(grant.permissions.0)
        .bind(grant.expires_at_ms)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn take_ticket(&self, hash: TokenHash, now_ms: i64) -> Result<Option<Grant>, StoreError> {
        let row = sqlx::query(
            "DELETE FROM tickets WHERE token_hash = $1
             RETURNING user_id, session_hash, room_id, permissions, expires_at, workspace_id",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.writer)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let session: Option<Vec<u8>> = row.try_get(1)?;
        let grant = Grant {
            workspace_id: WorkspaceId(row.try_get(5)?),
            user_id: UserId(row.try_get(0)?),
            session: session.and_then(|hash| hash.try_into().ok()),
            room_id: row.try_get::<Option<_>, _>(2)?.map(RoomId),
            permissions: PermissionBits(row.try_get(3)?),
            expires_at_ms: row.try_get(4)?,
        };
        Ok((grant.expires_at_ms > now_ms).then_some(grant))
    }

    async fn delete_expired(&self, now_ms: i64) -> Result<(), StoreError> {
        retried(|| async {
            sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
            sqlx::query("DELETE FROM tickets WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
            Ok(())
        })
        .await
    }
}
