use async_trait::async_trait;
use boltorezka_proto::{UserId, WorkspaceId};
use sqlx::Row as _;
use uuid::Uuid;

use super::access::shut_out;
use super::stays::Stays;
use super::{Row, SqlStore};
use crate::auth::TokenHash;
use crate::store::write::retried;
use crate::store::{ApiKeyRecord, ApiKeyStore, Audit, NewApiKey, RevokedApiKey, StoreError, Topic};

macro_rules! select_key {
    ($tail:literal) => {
        concat!("SELECT id, name, scopes, created_at, used_at, revoked_at, workspace_id FROM api_keys ", $tail)
    };
}

fn api_key_record(row: &Row) -> Result<ApiKeyRecord, StoreError> {
    let scopes: Option<&str> = row.try_get(2)?;
    Ok(ApiKeyRecord {
        id: row.try_get(0)?,
        workspace_id: WorkspaceId(row.try_get(6)?),
        name: row.try_get(1)?,
        scopes: scopes.map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()),
        created_at_ms: row.try_get(3)?,
        used_at_ms: row.try_get(4)?,
        revoked_at_ms: row.try_get(5)?,
    })
}

#[async_trait]
impl ApiKeyStore for SqlStore {
    async fn create_api_key(&self, key: &NewApiKey, audit: &Audit) -> Result<ApiKeyRecord, StoreError> {
        retried(|| async {
            let id = Uuid::now_v7();
            let scopes = key.scopes.as_ref().map(|scopes| scopes.join(" "));
            let mut tx = self.begin().await?;
            sqlx::query(
                "INSERT INTO api_keys (id, workspace_id, name, key_hash, scopes, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(id)
            .bind(self.workspace_id.0)
            .bind(&key.name)
            .bind(key.hash.as_slice())
            .bind(scopes)
            .bind(audit.now_ms)
            .execute(&mut *tx)
            .await?;
            self.put_audit(&mut tx, audit, "admin.api_key.create", &format!("{id} {}", key.name)).await?;
            let row = sqlx::query(select_key!("WHERE id = $1")).bind(id).fetch_one(&mut *tx).await?;
            tx.commit().await?;
            api_key_record(&row)
        })
        .await
    }

    async fn api_key(&self, hash: TokenHash) -> Result<Option<ApiKeyRecord>, StoreError> {
        let row = sqlx::query(select_key!("WHERE key_hash = $1 AND revoked_at IS NULL"))
            .bind(hash.as_slice())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(api_key_record).transpose()
    }

    async fn api_keys(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let query = select_key!("WHERE workspace_id = $1 AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3");
        let rows = sqlx::query(query)
            .bind(self.workspace_id.0)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(api_key_record).collect()
    }

    async fn touch_api_key(&self, id: Uuid, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE api_keys SET used_at = $1 WHERE id = $2")
            .bind(now_ms)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn revoke_api_key(&self, id: Uuid, audit: &Audit) -> Result<Option<RevokedApiKey>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let revoked = sqlx::query(
                "UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND workspace_id = $3 AND revoked_at IS NULL",
            )
            .bind(audit.now_ms)
            .bind(id)
            .bind(self.workspace_id.0)
            .execute(&mut *tx)
            .await?;
            if revoked.rows_affected() == 0 {
                return Ok(None);
            }
            let identities: Vec<Uuid> = sqlx::query_scalar(
                "UPDATE users SET blocked_at = $1, credentials_rev = credentials_rev + 1
                 WHERE api_key_id = $2 AND blocked_at IS NULL RETURNING id",
            )
            .bind(audit.now_ms)
            .bind(id)
            .fetch_all(&mut *tx)
            .await?;
            sqlx::query("DELETE FROM tickets WHERE user_id IN (SELECT id FROM users WHERE api_key_id = $1)")
                .bind(id)
                .execute(&mut *tx)
                .await?;
            self.put_audit(&mut tx, audit, "admin.api_key.revoke", &id.to_string()).await?;
            let removed = shut_out(self, &mut tx, Stays::OfApiKey(id), audit.now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(RevokedApiKey { identities: identities.into_iter().map(UserId).collect(), removed }))
        })
        .await
    }
}
