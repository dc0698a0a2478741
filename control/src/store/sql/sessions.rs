use async_trait::async_trait;
use boltorezka_proto::{RoomId, UserId, WorkspaceId};
use sqlx::Row as _;
use uuid::Uuid;

use super::accounts::{USER_COLUMNS, user_columns, user_record};
use super::rooms::grants;
use super::{Row, SqlStore, Tx};
use crate::auth::TokenHash;
use crate::calls::PermissionBits;
use crate::permissions::Grants;
use crate::store::write::retried;
use crate::store::{Grant, NewSession, SessionRecord, SessionStore, StoreError, UserRecord};

/// Sessions of an account that are listed. More than anybody has; the limits on log-ins bound them.
const LISTED_MAX: i64 = 1_000;

macro_rules! session_columns {
    () => {
        "s.id, s.created_at, s.seen_at, s.expires_at, s.token_at, s.token_hash, \
         s.previous_hash IS NOT NULL AND s.previous_until IS NULL, s.address, s.user_agent"
    };
}

/// How many they are.
const SESSION_COLUMNS: usize = 9;

/// From column `at` on.
fn session_record(row: &Row, at: usize, shown: Option<TokenHash>) -> Result<SessionRecord, StoreError> {
    let token_hash: Vec<u8> = row.try_get(at + 5)?;
    Ok(SessionRecord {
        id: row.try_get(at)?,
        created_at_ms: row.try_get(at + 1)?,
        seen_at_ms: row.try_get(at + 2)?,
        expires_at_ms: row.try_get(at + 3)?,
        token_at_ms: row.try_get(at + 4)?,
        is_previous: shown.is_some_and(|shown| token_hash != shown),
        has_previous: row.try_get(at + 6)?,
        address: row.try_get(at + 7)?,
        user_agent: row.try_get(at + 8)?,
    })
}

/// Has the tokens of an account's sessions replaced at their next use.
pub(super) async fn renew_tokens(tx: &mut Tx, user_id: UserId) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET token_at = 0 WHERE user_id = $1").bind(user_id.0).execute(&mut **tx).await?;
    Ok(())
}

/// Ends the sessions of an account but `kept`, with their tickets. Returns how many.
pub(super) async fn end_sessions(tx: &mut Tx, user_id: UserId, kept: Option<Uuid>) -> Result<u64, StoreError> {
    let ended = sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND ($2 IS NULL OR id <> $2)")
        .bind(user_id.0)
        .bind(kept)
        .execute(&mut **tx)
        .await?;
    Ok(ended.rows_affected())
}

#[async_trait]
impl SessionStore for SqlStore {
    async fn create_session(&self, session: &NewSession) -> Result<Option<Uuid>, StoreError> {
        retried(|| async {
            let id = Uuid::now_v7();
            let mut tx = self.begin().await?;
            super::lock(&mut tx, crate::store::write::Lock::User(session.user_id)).await?;
            let made = sqlx::query(
                "INSERT INTO sessions (id, workspace_id, user_id, token_hash, token_at, created_at, seen_at, expires_at,
                     address, user_agent)
                 SELECT $1, u.workspace_id, u.id, $2, $3, $3, $3, $4, $5, $6
                 FROM users u WHERE u.id = $7 AND u.credentials_rev = $8 AND u.blocked_at IS NULL",
            )
            .bind(id)
            .bind(session.hash.as_slice())
            .bind(session.now_ms)
            .bind(session.expires_at_ms)
            .bind(session.address.as_deref())
            .bind(session.user_agent.as_deref())
            .bind(session.user_id.0)
            .bind(session.credentials_rev)
            .execute(&mut *tx)
            .await?;
            if made.rows_affected() == 1 {
                sqlx::query("UPDATE users SET erase_at = NULL WHERE id = $1 AND erase_at IS NOT NULL")
                    .bind(session.user_id.0)
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            Ok((made.rows_affected() == 1).then_some(id))
        })
        .await
    }

    async fn session(
        &self,
        hash: TokenHash,
        now_ms: i64,
    ) -> Result<Option<(UserRecord, SessionRecord, Grants)>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            session_columns!(),
            ", ",
            grants!("u.workspace_id"),
            " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.expires_at > $2 AND (s.token_hash = $1 ",
            "OR (s.previous_hash = $1 AND (s.previous_until IS NULL OR s.previous_until > $2)))"
        ))
        .bind(hash.as_slice())
        .bind(now_ms)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let session = session_record(&row, USER_COLUMNS, Some(hash))?;
        let grants = Grants::read(row.try_get(USER_COLUMNS + SESSION_COLUMNS)?);
        Ok(Some((user_record(&row)?, session, grants)))
    }

    async fn sessions(&self, user_id: UserId, now_ms: i64) -> Result<Vec<SessionRecord>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions s WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.seen_at DESC, s.id DESC LIMIT $3"
        ))
        .bind(user_id.0)
        .bind(now_ms)
        .bind(LISTED_MAX)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| session_record(row, 0, None)).collect()
    }

    async fn touch_session(&self, id: Uuid, now_ms: i64, expires_at_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET seen_at = $1, expires_at = $2 WHERE id = $3")
            .bind(now_ms)
            .bind(expires_at_ms)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn rotate_token(
        &self,
        id: Uuid,
        token_at_ms: i64,
        shown: TokenHash,
        fresh: TokenHash,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let rotated = sqlx::query(
            "UPDATE sessions SET token_hash = $1, token_at = $2, previous_hash = $3, previous_until = NULL
             WHERE id = $4 AND token_at = $5",
        )
        .bind(fresh.as_slice())
        .bind(now_ms)
        .bind(shown.as_slice())
        .bind(id)
        .bind(token_at_ms)
        .execute(&self.writer)
        .await?;
        Ok(rotated.rows_affected() == 1)
    }

    async fn retire_token(&self, id: Uuid, until_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET previous_until = $1 WHERE id = $2 AND previous_until IS NULL")
            .bind(until_ms)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn delete_session(&self, user_id: UserId, id: Uuid) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE id = $1 AND user_id = $2")
            .bind(id)
            .bind(user_id.0)
            .execute(&self.writer)
            .await?;
        Ok(ended.rows_affected() == 1)
    }

    async fn delete_other_sessions(&self, user_id: UserId, kept: Uuid) -> Result<u64, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let ended = end_sessions(&mut tx, user_id, Some(kept)).await?;
            tx.commit().await?;
            Ok(ended)
        })
        .await
    }

    async fn change_password(
        &self,
        user_id: UserId,
        credentials_rev: i64,
        password_hash: &str,
        kept: Option<Uuid>,
    ) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let changed = sqlx::query(
                "UPDATE users SET password_hash = $1, credentials_rev = credentials_rev + 1
                 WHERE id = $2 AND credentials_rev = $3 AND kind = 'local' AND blocked_at IS NULL",
            )
            .bind(password_hash)
            .bind(user_id.0)
            .bind(credentials_rev)
            .execute(&mut *tx)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            end_sessions(&mut tx, user_id, kept).await?;
            renew_tokens(&mut tx, user_id).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn create_ticket(&self, hash: TokenHash, grant: &Grant) -> Result<bool, StoreError> {
        let made = sqlx::query(
            "INSERT INTO tickets (token_hash, workspace_id, user_id, session_id, room_id, permissions, expires_at)
             SELECT $1, $2, u.id, $4, $5, $6, $7 FROM users u WHERE u.id = $3 AND u.blocked_at IS NULL",
        )
        .bind(hash.as_slice())
        .bind(grant.workspace_id.0)
        .bind(grant.user_id.0)
        .bind(grant.session)
        .bind(grant.room_id.map(|id| id.0))
        .bind(grant.permissions.0)
        .bind(grant.expires_at_ms)
        .execute(&self.writer)
        .await
        .map_err(StoreError::from);
        match made {
            Ok(made) => Ok(made.rows_affected() > 0),
            Err(error) if error.is_lost_race() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn take_ticket(&self, hash: TokenHash, now_ms: i64) -> Result<Option<Grant>, StoreError> {
        let row = sqlx::query(
            "DELETE FROM tickets WHERE token_hash = $1
             RETURNING user_id, session_id, room_id, permissions, expires_at, workspace_id",
        )
        .bind(hash.as_slice())
        .fetch_optional(&self.writer)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let grant = Grant {
            workspace_id: WorkspaceId(row.try_get(5)?),
            user_id: UserId(row.try_get(0)?),
            session: row.try_get(1)?,
            room_id: row.try_get::<Option<_>, _>(2)?.map(RoomId),
            permissions: PermissionBits(row.try_get(3)?),
            expires_at_ms: row.try_get(4)?,
        };
        Ok((grant.expires_at_ms > now_ms).then_some(grant))
    }

    async fn grant_holds(&self, grant: &Grant) -> Result<bool, StoreError> {
        let holds = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND blocked_at IS NULL AND pending_since IS NULL)
                AND ($2 IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = $2))",
        )
        .bind(grant.user_id.0)
        .bind(grant.session)
        .fetch_one(&self.readers)
        .await?;
        Ok(holds)
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
