use async_trait::async_trait;
use boltorezka_proto::passkeys::PASSKEYS_MAX;
use boltorezka_proto::{PasskeyId, PasskeyName, UserId};
use uuid::Uuid;

use super::access::held;
use super::accounts::user_by_id;
use super::{SqlStore, Tx};
use crate::store::passkeys::{
    NewPasskey, PasskeyAdded, PasskeyKey, PasskeyRecord, PasskeyRemoved, PasskeySignedIn, PasskeyStore, PasskeyUse,
};
use crate::store::write::retried;
use crate::store::{Audit, EndedState, StoreError, codec};

impl SqlStore {
    /// False when it has ended before.
    async fn end_ceremony(&self, tx: &mut Tx, ended: EndedState) -> Result<bool, StoreError> {
        let outcome = sqlx::query(
            "INSERT INTO passkey_ended (challenge_hash, workspace_id, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (challenge_hash) DO NOTHING",
        )
        .bind(ended.hash.as_slice())
        .bind(self.home_id.0)
        .bind(ended.expires_at_ms)
        .execute(&mut **tx)
        .await?;
        Ok(outcome.rows_affected() == 1)
    }

    async fn passkey_owner(&self, tx: &mut Tx, credential_id: &[u8]) -> Result<Option<UserId>, StoreError> {
        let id = sqlx::query_scalar("SELECT user_id FROM passkeys WHERE workspace_id = $1 AND credential_id = $2")
            .bind(self.home_id.0)
            .bind(credential_id)
            .fetch_optional(&mut **tx)
            .await?;
        Ok(id.map(UserId))
    }

    async fn put_passkey(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        passkey: &NewPasskey,
        audit: &Audit,
    ) -> Result<PasskeyAdded, StoreError> {
        if held(self, tx, user_id).await?.is_none() {
            return Ok(PasskeyAdded::NoAccount);
        }
        if self.passkey_owner(tx, &passkey.credential_id).await?.is_some() {
            return Ok(PasskeyAdded::Taken);
        }
        if count(tx, user_id).await? >= i64::try_from(PASSKEYS_MAX).unwrap_or(i64::MAX) {
            return Ok(PasskeyAdded::TooMany);
        }
        let id = PasskeyId::generate();
        sqlx::query(
            "INSERT INTO passkeys (id, workspace_id, user_id, credential_id, public_key, sign_count, backup_eligible,
                 name, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id.0)
        .bind(self.home_id.0)
        .bind(user_id.0)
        .bind(&passkey.credential_id)
        .bind(&passkey.public_key)
        .bind(i64::from(passkey.sign_count))
        .bind(passkey.backup_eligible)
        .bind(passkey.name.as_str())
        .bind(audit.now_ms)
        .execute(&mut **tx)
        .await?;
        self.put_audit(tx, audit, "accounts.passkey.add", &format!("{user_id} {id}")).await?;
        Ok(PasskeyAdded::Done(PasskeyRecord {
            id,
            name: passkey.name.clone(),
            credential_id: passkey.credential_id.clone(),
            created_at_ms: audit.now_ms,
            used_at_ms: None,
        }))
    }

    async fn use_passkey(&self, tx: &mut Tx, used: PasskeyUse<'_>) -> Result<PasskeySignedIn, StoreError> {
        let Some(user_id) = self.passkey_owner(tx, used.credential_id).await? else {
            return Ok(PasskeySignedIn::Gone);
        };
        // Whoever takes it away at this moment comes before, or after.
        if held(self, tx, user_id).await?.is_none() || self.passkey_owner(tx, used.credential_id).await?.is_none() {
            return Ok(PasskeySignedIn::Gone);
        }
        let noted = sqlx::query(
            "UPDATE passkeys SET sign_count = $1, used_at = $2 WHERE workspace_id = $3 AND credential_id = $4
                 AND (sign_count < $1 OR (sign_count = 0 AND $1 = 0))",
        )
        .bind(i64::from(used.sign_count))
        .bind(used.now_ms)
        .bind(self.home_id.0)
        .bind(used.credential_id)
        .execute(&mut **tx)
        .await?;
        if noted.rows_affected() == 0 {
            return Ok(PasskeySignedIn::CountWentBack);
        }
        let user = user_by_id(&mut **tx, user_id).await?.ok_or(StoreError::Corrupt("passkeys.user_id"))?;
        Ok(if user.blocked { PasskeySignedIn::Blocked } else { PasskeySignedIn::Done(Box::new(user)) })
    }
}

/// How many an account has.
pub(super) async fn count(tx: &mut Tx, user_id: UserId) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("SELECT count(*) FROM passkeys WHERE user_id = $1");
    Ok(query.bind(user_id.0).fetch_one(&mut **tx).await?)
}

#[async_trait]
impl PasskeyStore for SqlStore {
    async fn add_passkey(
        &self,
        user_id: UserId,
        ended: EndedState,
        passkey: &NewPasskey,
        audit: &Audit,
    ) -> Result<PasskeyAdded, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            if !self.end_ceremony(&mut tx, ended).await? {
                return Ok(PasskeyAdded::Ended);
            }
            let outcome = self.put_passkey(&mut tx, user_id, passkey, audit).await?;
            // Also when it was refused: then the ceremony has ended, and nothing else was written.
            tx.commit().await?;
            Ok(outcome)
        })
        .await
    }

    async fn passkey(&self, credential_id: &[u8]) -> Result<Option<PasskeyKey>, StoreError> {
        let row: Option<(Uuid, String, Vec<u8>, bool)> = sqlx::query_as(
            "SELECT u.id, u.email, p.public_key, p.backup_eligible FROM passkeys p JOIN users u ON u.id = p.user_id
             WHERE p.workspace_id = $1 AND p.credential_id = $2",
        )
        .bind(self.home_id.0)
        .bind(credential_id)
        .fetch_optional(&self.readers)
        .await?;
        let key = |(user_id, email, public_key, backup_eligible)| PasskeyKey {
            user_id: UserId(user_id),
            email,
            public_key,
            backup_eligible,
        };
        Ok(row.map(key))
    }

    async fn passkey_sign_in(&self, used: PasskeyUse<'_>) -> Result<PasskeySignedIn, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            if !self.end_ceremony(&mut tx, used.ended).await? {
                return Ok(PasskeySignedIn::Ended);
            }
            let outcome = self.use_passkey(&mut tx, used).await?;
            tx.commit().await?;
            Ok(outcome)
        })
        .await
    }

    async fn passkeys(&self, user_id: UserId) -> Result<Vec<PasskeyRecord>, StoreError> {
        let rows: Vec<(Uuid, String, Vec<u8>, i64, Option<i64>)> = sqlx::query_as(
            "SELECT id, name, credential_id, created_at, used_at FROM passkeys WHERE user_id = $1 ORDER BY id LIMIT $2",
        )
        .bind(user_id.0)
        .bind(i64::try_from(PASSKEYS_MAX).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await?;
        let record = |(id, name, credential_id, created_at_ms, used_at_ms): (_, String, _, _, _)| {
            let name = codec::passkey_name(&name)?;
            Ok(PasskeyRecord { id: PasskeyId(id), name, credential_id, created_at_ms, used_at_ms })
        };
        rows.into_iter().map(record).collect()
    }

    async fn rename_passkey(&self, user_id: UserId, id: PasskeyId, name: &PasskeyName) -> Result<bool, StoreError> {
        let renamed = sqlx::query("UPDATE passkeys SET name = $1 WHERE id = $2 AND user_id = $3")
            .bind(name.as_str())
            .bind(id.0)
            .bind(user_id.0)
            .execute(&self.writer)
            .await?;
        Ok(renamed.rows_affected() == 1)
    }

    async fn remove_passkey(
        &self,
        user_id: UserId,
        id: PasskeyId,
        issuer: Option<&str>,
        audit: &Audit,
    ) -> Result<PasskeyRemoved, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let Some(user) = held(self, &mut tx, user_id).await? else { return Ok(PasskeyRemoved::Missing) };
            let removed = sqlx::query("DELETE FROM passkeys WHERE id = $1 AND user_id = $2")
                .bind(id.0)
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            if removed.rows_affected() == 0 {
                return Ok(PasskeyRemoved::Missing);
            }
            let is_linked = match issuer {
                Some(issuer) => self.has_link(&mut tx, user_id, issuer).await?,
                None => false,
            };
            if user.password_hash.is_none() && !is_linked && count(&mut tx, user_id).await? == 0 {
                // Undone with the transaction.
                return Ok(PasskeyRemoved::LastWayIn);
            }
            sqlx::query("UPDATE users SET credentials_rev = credentials_rev + 1 WHERE id = $1")
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            self.put_audit(&mut tx, audit, "accounts.passkey.remove", &format!("{user_id} {id}")).await?;
            tx.commit().await?;
            Ok(PasskeyRemoved::Done)
        })
        .await
    }

    async fn delete_expired_passkey_ceremonies(&self, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM passkey_ended WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
        Ok(())
    }
}

/// Takes the passkeys of an account whose owner came back by a stronger proof.
pub(super) async fn delete_passkeys(tx: &mut Tx, user_id: UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM passkeys WHERE user_id = $1").bind(user_id.0).execute(&mut **tx).await?;
    Ok(())
}
