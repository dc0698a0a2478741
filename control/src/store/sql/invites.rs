use async_trait::async_trait;
use boltorezka_proto::UserId;
use boltorezka_proto::rest::Role;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Row, SqlStore, Tx};
use crate::auth::TokenHash;
use crate::store::write::retried;
use crate::store::{Actor, Audit, InviteRecord, InviteStore, NewAccount, NewInvite, Registered, StoreError, codec};

macro_rules! select_invite {
    ($tail:literal) => {
        concat!(
            "SELECT id, email, uses_max, uses, created_by, created_at, expires_at, revoked_at FROM account_invites ",
            $tail
        )
    };
}

fn invite_record(row: &Row) -> Result<InviteRecord, StoreError> {
    Ok(InviteRecord {
        id: row.try_get(0)?,
        email: row.try_get(1)?,
        uses_max: codec::count(row.try_get(2)?),
        uses: codec::count(row.try_get(3)?),
        created_by: row.try_get::<Option<Uuid>, _>(4)?.map(UserId),
        created_at_ms: row.try_get(5)?,
        expires_at_ms: row.try_get(6)?,
        revoked: row.try_get::<Option<i64>, _>(7)?.is_some(),
    })
}

/// Counts a use of an invite for an address. False when it is not for it, or not any more.
pub(super) async fn use_invite(tx: &mut Tx, hash: TokenHash, email: &str, now_ms: i64) -> Result<bool, StoreError> {
    let used = sqlx::query(
        "UPDATE account_invites SET uses = uses + 1 WHERE token_hash = $1 AND uses < uses_max
             AND expires_at > $2 AND revoked_at IS NULL AND (email IS NULL OR email = $3)",
    )
    .bind(hash.as_slice())
    .bind(now_ms)
    .bind(email)
    .execute(&mut **tx)
    .await?;
    Ok(used.rows_affected() == 1)
}

#[async_trait]
impl InviteStore for SqlStore {
    async fn create_invite(&self, invite: &NewInvite, audit: &Audit) -> Result<InviteRecord, StoreError> {
        retried(|| async {
            let id = Uuid::now_v7();
            let created_by = match audit.actor {
                Actor::User(user_id) => Some(user_id.0),
                Actor::ApiKey(_) | Actor::OwnerLink => None,
            };
            let mut tx = self.begin().await?;
            sqlx::query(
                "INSERT INTO account_invites
                     (id, workspace_id, token_hash, email, uses_max, created_by, created_at, expires_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(id)
            .bind(self.home_id.0)
            .bind(invite.hash.as_slice())
            .bind(invite.email.as_deref())
            .bind(i64::from(invite.uses_max))
            .bind(created_by)
            .bind(audit.now_ms)
            .bind(invite.expires_at_ms)
            .execute(&mut *tx)
            .await?;
            let target = format!("{id} {}", invite.email.as_deref().unwrap_or_default());
            self.put_audit(&mut tx, audit, "admin.invite.create", target.trim_end()).await?;
            let row = sqlx::query(select_invite!("WHERE id = $1")).bind(id).fetch_one(&mut *tx).await?;
            tx.commit().await?;
            invite_record(&row)
        })
        .await
    }

    async fn invites(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<InviteRecord>, StoreError> {
        let query = select_invite!("WHERE workspace_id = $1 AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3");
        let rows =
            sqlx::query(query).bind(self.home_id.0).bind(after).bind(i64::from(limit)).fetch_all(&self.readers).await?;
        rows.iter().map(invite_record).collect()
    }

    async fn revoke_invite(&self, id: Uuid, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let revoked = sqlx::query(
                "UPDATE account_invites SET revoked_at = $1
                 WHERE id = $2 AND workspace_id = $3 AND revoked_at IS NULL",
            )
            .bind(audit.now_ms)
            .bind(id)
            .bind(self.home_id.0)
            .execute(&mut *tx)
            .await?;
            if revoked.rows_affected() == 0 {
                return Ok(false);
            }
            self.put_audit(&mut tx, audit, "admin.invite.revoke", &id.to_string()).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn invite_opens(&self, hash: TokenHash, email: &str, now_ms: i64) -> Result<bool, StoreError> {
        let opens = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM account_invites WHERE token_hash = $1 AND uses < uses_max
                 AND expires_at > $2 AND revoked_at IS NULL AND (email IS NULL OR email = $3))",
        );
        Ok(opens.bind(hash.as_slice()).bind(now_ms).bind(email).fetch_one(&self.readers).await?)
    }

    async fn register_invited(
        &self,
        account: &NewAccount,
        hash: TokenHash,
        now_ms: i64,
    ) -> Result<Registered, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            // First: of those who come at once, each holds the invite until its account is there.
            if !use_invite(&mut tx, hash, &account.email, now_ms).await? {
                return Ok(Registered::NoInvite);
            }
            if self.user_id_by_email(&mut tx, &account.email).await?.is_some() {
                return Ok(Registered::Taken);
            }
            let user = self.insert_account(&mut tx, account, Role::User, now_ms).await?;
            tx.commit().await?;
            Ok(Registered::Done(Box::new(user)))
        })
        .await
    }
}
