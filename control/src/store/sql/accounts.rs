use async_trait::async_trait;
use boltorezka_proto::rest::{Role, User};
use boltorezka_proto::{DisplayName, UserId};
use sqlx::{Executor, Row as _};
use uuid::Uuid;

use super::oidc::delete_links;
use super::passkeys::delete_passkeys;
use super::{Db, Row, SqlStore, Tx, lock, participants, sessions};
use crate::store::write::{Lock, retried};
use crate::store::{AccountStore, Audit, NewAccount, SetupOutcome, StoreError, Topic, UserRecord, codec};

/// Set when the first super admin is there.
const SET_UP_AT: &str = "set_up_at";

/// What [`user_record`] reads. Further columns may follow.
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.display_name, u.role, u.password_hash, u.blocked_at, u.pending_since, u.credentials_rev, \
         u.email_verified_at, \
         EXISTS (SELECT 1 FROM second_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL)"
    };
}
pub(super) use user_columns;

/// How many they are.
pub(super) const USER_COLUMNS: usize = 10;

macro_rules! select_user {
    ($tail:literal) => {
        concat!("SELECT ", user_columns!(), " FROM users u ", $tail)
    };
}

pub(super) fn user_record(row: &Row) -> Result<UserRecord, StoreError> {
    Ok(UserRecord {
        user: User {
            id: UserId(row.try_get(0)?),
            email: row.try_get::<Option<String>, _>(1)?.unwrap_or_default(),
            display_name: codec::display_name(row.try_get(2)?)?,
            role: codec::role(row.try_get(3)?)?,
        },
        // Who came in another way, or is gone, has none.
        password_hash: row.try_get::<Option<String>, _>(4)?.filter(|hash| !hash.is_empty()),
        blocked: row.try_get::<Option<i64>, _>(5)?.is_some(),
        pending: row.try_get::<Option<i64>, _>(6)?.is_some(),
        credentials_rev: row.try_get(7)?,
        email_verified: row.try_get::<Option<i64>, _>(8)?.is_some(),
        second_factor: row.try_get(9)?,
    })
}

pub(super) async fn user_by_id(
    executor: impl Executor<'_, Database = Db>,
    user_id: UserId,
) -> Result<Option<UserRecord>, StoreError> {
    let row = sqlx::query(select_user!("WHERE u.id = $1")).bind(user_id.0).fetch_optional(executor).await?;
    row.as_ref().map(user_record).transpose()
}

impl SqlStore {
    pub(super) async fn insert_account(
        &self,
        tx: &mut Tx,
        account: &NewAccount,
        role: Role,
        now_ms: i64,
    ) -> Result<UserRecord, StoreError> {
        let user_id = UserId::generate();
        sqlx::query(
            "INSERT INTO users (id, workspace_id, kind, email, password_hash, display_name, role, created_at, pending_since)
             VALUES ($1, $2, 'local', $3, $4, $5, $6, $7, $8)",
        )
        .bind(user_id.0)
        .bind(self.home_id.0)
        .bind(&account.email)
        .bind(&account.password_hash)
        .bind(account.display_name.as_str())
        .bind(codec::role_text(role))
        .bind(now_ms)
        .bind(account.pending.then_some(now_ms))
        .execute(&mut **tx)
        .await?;
        if let Some(kind) = account.mail {
            self.put_mail(tx, user_id, kind, now_ms).await?;
        }
        user_by_id(&mut **tx, user_id).await?.ok_or(StoreError::Corrupt("users.id"))
    }

    async fn take_over_account(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        account: &NewAccount,
    ) -> Result<UserRecord, StoreError> {
        sqlx::query(
            "UPDATE users SET password_hash = $1, display_name = $2, role = 'super_admin', blocked_at = NULL,
             pending_since = NULL, credentials_rev = credentials_rev + 1 WHERE id = $3",
        )
        .bind(&account.password_hash)
        .bind(account.display_name.as_str())
        .bind(user_id.0)
        .execute(&mut **tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(user_id.0).execute(&mut **tx).await?;
        sqlx::query("DELETE FROM tickets WHERE user_id = $1").bind(user_id.0).execute(&mut **tx).await?;
        delete_links(tx, user_id).await?;
        delete_passkeys(tx, user_id).await?;
        user_by_id(&mut **tx, user_id).await?.ok_or(StoreError::Corrupt("users.id"))
    }

    pub(super) async fn user_id_by_email(&self, tx: &mut Tx, email: &str) -> Result<Option<UserId>, StoreError> {
        let id = sqlx::query_scalar("SELECT id FROM users WHERE workspace_id = $1 AND email = $2")
            .bind(self.home_id.0)
            .bind(email)
            .fetch_optional(&mut **tx)
            .await?;
        Ok(id.map(UserId))
    }
}

async fn put_setting(tx: &mut Tx, key: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>, StoreError> {
    let held = sqlx::query_scalar(
        "INSERT INTO settings (key, value) VALUES ($1, $2)
         ON CONFLICT (key) DO UPDATE SET value = CASE WHEN $3 THEN settings.value ELSE excluded.value END
         RETURNING value",
    )
    .bind(key)
    .bind(value)
    .bind(only_if_absent)
    .fetch_one(&mut **tx)
    .await?;
    Ok(held)
}

#[async_trait]
impl AccountStore for SqlStore {
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query_scalar("SELECT value FROM settings WHERE key = $1").bind(key);
        Ok(query.fetch_optional(&self.readers).await?)
    }

    async fn put_setting(&self, key: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let value = put_setting(&mut tx, key, value, only_if_absent).await?;
            tx.commit().await?;
            Ok(value)
        })
        .await
    }

    async fn set_up(&self, account: &NewAccount, audit: &Audit) -> Result<SetupOutcome, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            // First of all: of several who try at once, one makes this row.
            let claimed = sqlx::query("INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
                .bind(SET_UP_AT)
                .bind(audit.now_ms.to_string().into_bytes())
                .execute(&mut *tx)
                .await?;
            if claimed.rows_affected() == 0 {
                return Ok(SetupOutcome::AlreadySetUp);
            }
            let user = match self.user_id_by_email(&mut tx, &account.email).await? {
                Some(user_id) => self.take_over_account(&mut tx, user_id, account).await?,
                None => self.insert_account(&mut tx, account, Role::SuperAdmin, audit.now_ms).await?,
            };
            self.put_audit(&mut tx, audit, "server.set_up", &user.user.id.to_string()).await?;
            tx.commit().await?;
            Ok(SetupOutcome::Done(user))
        })
        .await
    }

    async fn is_set_up(&self) -> Result<bool, StoreError> {
        Ok(self.setting(SET_UP_AT).await?.is_some())
    }

    async fn register(&self, account: &NewAccount, now_ms: i64) -> Result<Option<UserRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            if self.user_id_by_email(&mut tx, &account.email).await?.is_some() {
                return Ok(None);
            }
            let user = self.insert_account(&mut tx, account, Role::User, now_ms).await?;
            tx.commit().await?;
            Ok(Some(user))
        })
        .await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<UserRecord>, StoreError> {
        let row = sqlx::query(select_user!("WHERE u.workspace_id = $1 AND u.email = $2"))
            .bind(self.home_id.0)
            .bind(email)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(user_record).transpose()
    }

    async fn user(&self, user_id: UserId) -> Result<Option<UserRecord>, StoreError> {
        user_by_id(&self.readers, user_id).await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>, StoreError> {
        let rows = sqlx::query(select_user!(
            "WHERE u.workspace_id = $1 AND u.kind = 'local' AND u.erased_at IS NULL AND ($2 IS NULL OR u.id > $2) ORDER BY u.id LIMIT $3"
        ))
        .bind(self.home_id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(user_record).collect()
    }

    async fn set_role(&self, user_id: UserId, role: Role, audit: &Audit) -> Result<Option<UserRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let changed = sqlx::query(
                "UPDATE users SET role = $1
                 WHERE id = $2 AND workspace_id = $3 AND kind = 'local' AND erased_at IS NULL",
            )
            .bind(codec::role_text(role))
            .bind(user_id.0)
            .bind(self.home_id.0)
            .execute(&mut *tx)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(None);
            }
            let target = format!("{user_id} {}", codec::role_text(role));
            self.put_audit(&mut tx, audit, "admin.user.promote", &target).await?;
            participants::tell_permissions(self, &mut tx, user_id, None, audit.now_ms).await?;
            sessions::renew_tokens(&mut tx, user_id).await?;
            let user = user_by_id(&mut *tx, user_id).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(user)
        })
        .await
    }

    async fn external_user(
        &self,
        api_key_id: Uuid,
        identity: &str,
        display_name: &DisplayName,
        now_ms: i64,
    ) -> Result<Option<UserRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::ApiKey(api_key_id)).await?;
            let written = sqlx::query(
                "INSERT INTO users (id, workspace_id, kind, api_key_id, identity, display_name, role, created_at)
                 SELECT $1, $2, 'external', k.id, $4, $5, 'user', $6 FROM api_keys k
                 WHERE k.id = $3 AND k.revoked_at IS NULL
                 ON CONFLICT (api_key_id, identity) WHERE identity IS NOT NULL
                 DO UPDATE SET display_name = excluded.display_name",
            )
            .bind(UserId::generate().0)
            .bind(self.workspace_id.0)
            .bind(api_key_id)
            .bind(identity)
            .bind(display_name.as_str())
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
            if written.rows_affected() == 0 {
                return Ok(None);
            }
            let row = sqlx::query(select_user!("WHERE u.api_key_id = $1 AND u.identity = $2 AND u.workspace_id = $3"))
                .bind(api_key_id)
                .bind(identity)
                .bind(self.workspace_id.0)
                .fetch_one(&mut *tx)
                .await?;
            tx.commit().await?;
            user_record(&row).map(Some)
        })
        .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM workspaces").execute(&self.readers).await?;
        Ok(())
    }
}
