use async_trait::async_trait;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::Role;
use boltorezka_proto::{ParticipantId, RoomId, UserId};

use super::accounts::user_by_id;
use super::sessions::end_sessions;
use super::stays::Stays;
use super::{SqlStore, Tx};
use crate::store::write::retried;
use crate::store::{AccessStore, Audit, Blocked, StoreError, Topic, UserRecord};

/// The account, held against everybody else until the end of the transaction.
pub(super) async fn held(store: &SqlStore, tx: &mut Tx, user_id: UserId) -> Result<Option<UserRecord>, StoreError> {
    let held = sqlx::query(
        "UPDATE users SET role = role WHERE id = $1 AND workspace_id = $2 AND kind = 'local' AND erased_at IS NULL",
    )
    .bind(user_id.0)
    .bind(store.home_id.0)
    .execute(&mut **tx)
    .await?;
    if held.rows_affected() == 0 { Ok(None) } else { user_by_id(&mut **tx, user_id).await }
}

/// Whether an account may not come in. What the transaction [holds](crate::store::write::Lock::User) stays as it is.
pub(super) async fn is_shut(tx: &mut Tx, user_id: UserId) -> Result<bool, StoreError> {
    let shut = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND (blocked_at IS NOT NULL OR pending_since IS NOT NULL))",
    );
    Ok(shut.bind(user_id.0).fetch_one(&mut **tx).await?)
}

/// Takes people out of their rooms, and orders the media node to cut their calls.
pub(super) async fn shut_out(
    store: &SqlStore,
    tx: &mut Tx,
    stays: Stays,
    now_ms: i64,
) -> Result<Vec<(RoomId, ParticipantId)>, StoreError> {
    let ended = store.end_stays(tx, stays, EndReason::Revoked, now_ms).await?;
    Ok(ended.into_iter().map(|stay| (stay.room_id, stay.participant_id)).collect())
}

#[async_trait]
impl AccessStore for SqlStore {
    async fn block(&self, user_id: UserId, below: Role, audit: &Audit) -> Result<Blocked, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            match held(self, &mut tx, user_id).await? {
                None => return Ok(Blocked::NoAccount),
                Some(user) if user.user.role >= below => return Ok(Blocked::TooHigh),
                Some(_) => {}
            }
            sqlx::query("UPDATE users SET blocked_at = $1, credentials_rev = credentials_rev + 1 WHERE id = $2")
                .bind(audit.now_ms)
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            end_sessions(&mut tx, user_id, None).await?;
            sqlx::query("DELETE FROM tickets WHERE user_id = $1").bind(user_id.0).execute(&mut *tx).await?;
            self.put_audit(&mut tx, audit, "admin.user.block", &user_id.to_string()).await?;
            let user = user_by_id(&mut *tx, user_id).await?.ok_or(StoreError::Corrupt("users.id"))?;
            let removed = shut_out(self, &mut tx, Stays::OfAccount(user_id), audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Blocked::Done { user: Box::new(user), removed })
        })
        .await
    }

    async fn unblock(&self, user_id: UserId, below: Role, audit: &Audit) -> Result<Blocked, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            match held(self, &mut tx, user_id).await? {
                None => return Ok(Blocked::NoAccount),
                Some(user) if user.user.role >= below => return Ok(Blocked::TooHigh),
                Some(_) => {}
            }
            sqlx::query("UPDATE users SET blocked_at = NULL WHERE id = $1").bind(user_id.0).execute(&mut *tx).await?;
            self.put_audit(&mut tx, audit, "admin.user.unblock", &user_id.to_string()).await?;
            let user = user_by_id(&mut *tx, user_id).await?.ok_or(StoreError::Corrupt("users.id"))?;
            tx.commit().await?;
            Ok(Blocked::Done { user: Box::new(user), removed: Vec::new() })
        })
        .await
    }

    async fn approve(&self, user_id: UserId, audit: &Audit) -> Result<Option<UserRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let Some(user) = held(self, &mut tx, user_id).await? else { return Ok(None) };
            if user.pending {
                sqlx::query("UPDATE users SET pending_since = NULL WHERE id = $1")
                    .bind(user_id.0)
                    .execute(&mut *tx)
                    .await?;
                self.put_audit(&mut tx, audit, "admin.user.approve", &user_id.to_string()).await?;
            }
            tx.commit().await?;
            Ok(Some(UserRecord { pending: false, ..user }))
        })
        .await
    }
}
