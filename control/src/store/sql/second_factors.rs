use async_trait::async_trait;
use boltorezka_proto::UserId;
use sqlx::Row as _;

use super::{SqlStore, sessions};
use crate::auth::TokenHash;
use crate::store::second_factors::pause_ms;
use crate::store::write::retried;
use crate::store::{Attempt, Audit, SecondFactorRecord, SecondFactorStore, StoreError};

#[async_trait]
impl SecondFactorStore for SqlStore {
    async fn put_second_factor(&self, user_id: UserId, secret: &[u8], now_ms: i64) -> Result<bool, StoreError> {
        let put = sqlx::query(
            "INSERT INTO second_factors (user_id, workspace_id, secret, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at
             WHERE second_factors.confirmed_at IS NULL",
        )
        .bind(user_id.0)
        .bind(self.home_id.0)
        .bind(secret)
        .bind(now_ms)
        .execute(&self.writer)
        .await?;
        Ok(put.rows_affected() == 1)
    }

    async fn second_factor_attempt(&self, user_id: UserId, now_ms: i64) -> Result<Attempt, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let row = sqlx::query(
                "UPDATE second_factors SET failures = failures + 1 WHERE user_id = $1 AND retry_at <= $2
                 RETURNING failures, secret, confirmed_at, last_step",
            )
            .bind(user_id.0)
            .bind(now_ms)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(row) = row else {
                let retry_at_ms: Option<i64> =
                    sqlx::query_scalar("SELECT retry_at FROM second_factors WHERE user_id = $1")
                        .bind(user_id.0)
                        .fetch_optional(&mut *tx)
                        .await?;
                return Ok(retry_at_ms.map_or(Attempt::Missing, |retry_at_ms| Attempt::Wait {
                    retry_after_ms: u64::try_from(retry_at_ms - now_ms).unwrap_or(0).max(1),
                }));
            };
            sqlx::query("UPDATE second_factors SET retry_at = $1 WHERE user_id = $2")
                .bind(now_ms.saturating_add(pause_ms(row.try_get(0)?)))
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(Attempt::Allowed(SecondFactorRecord {
                secret: row.try_get(1)?,
                confirmed: row.try_get::<Option<i64>, _>(2)?.is_some(),
                last_step: row.try_get(3)?,
            }))
        })
        .await
    }

    async fn second_factor_passed(&self, user_id: UserId, step: i64) -> Result<bool, StoreError> {
        let passed = sqlx::query(
            "UPDATE second_factors SET last_step = $1, failures = 0, retry_at = 0 WHERE user_id = $2 AND last_step < $1",
        )
        .bind(step)
        .bind(user_id.0)
        .execute(&self.writer)
        .await?;
        Ok(passed.rows_affected() == 1)
    }

    async fn confirm_second_factor(
        &self,
        user_id: UserId,
        step: i64,
        codes: &[TokenHash],
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let confirmed = sqlx::query(
                "UPDATE second_factors SET confirmed_at = $1, last_step = $2, failures = 0, retry_at = 0
                 WHERE user_id = $3 AND confirmed_at IS NULL",
            )
            .bind(now_ms)
            .bind(step)
            .bind(user_id.0)
            .execute(&mut *tx)
            .await?;
            if confirmed.rows_affected() == 0 {
                return Ok(false);
            }
            for code in codes {
                sqlx::query("INSERT INTO recovery_codes (workspace_id, user_id, code_hash) VALUES ($1, $2, $3)")
                    .bind(self.home_id.0)
                    .bind(user_id.0)
                    .bind(code.as_slice())
                    .execute(&mut *tx)
                    .await?;
            }
            sqlx::query("UPDATE users SET credentials_rev = credentials_rev + 1 WHERE id = $1")
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            sessions::renew_tokens(&mut tx, user_id).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn take_recovery_code(&self, user_id: UserId, code: TokenHash) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let taken = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2")
                .bind(user_id.0)
                .bind(code.as_slice())
                .execute(&mut *tx)
                .await?;
            if taken.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query("UPDATE second_factors SET failures = 0, retry_at = 0 WHERE user_id = $1")
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn delete_second_factor(&self, user_id: UserId, audit: Option<&Audit>) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let deleted =
                sqlx::query("DELETE FROM second_factors WHERE user_id = $1").bind(user_id.0).execute(&mut *tx).await?;
            if deleted.rows_affected() == 0 {
                return Ok(false);
            }
            sessions::renew_tokens(&mut tx, user_id).await?;
            if let Some(audit) = audit {
                self.put_audit(&mut tx, audit, "admin.second_factor.delete", &user_id.to_string()).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
        .await
    }
}
