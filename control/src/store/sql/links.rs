use async_trait::async_trait;
use boltorezka_proto::UserId;
use boltorezka_proto::accounts::LinkKind;
use sqlx::Row as _;
use uuid::Uuid;

use super::accounts::user_by_id;
use super::oidc::delete_links;
use super::passkeys::delete_passkeys;
use super::{SqlStore, Tx, participants, sessions};
use crate::auth::TokenHash;
use crate::store::write::retried;
use crate::store::{Audit, LinkStore, MailRecord, NewLink, StoreError, Topic, Verified, codec};

impl SqlStore {
    /// Queues a mail, unless one waits.
    pub(super) async fn put_mail(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        kind: LinkKind,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO mails (id, workspace_id, user_id, kind, created_at, next_at) VALUES ($1, $2, $3, $4, $5, $5)
             ON CONFLICT (user_id, kind) DO NOTHING",
        )
        .bind(Uuid::now_v7())
        .bind(self.home_id.0)
        .bind(user_id.0)
        .bind(codec::link_kind_text(kind))
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    async fn put_link(&self, tx: &mut Tx, user_id: UserId, link: &NewLink, mailed: bool) -> Result<bool, StoreError> {
        let made = sqlx::query(
            "INSERT INTO account_links (token_hash, workspace_id, user_id, kind, email, mailed, created_at, expires_at)
             SELECT $1, workspace_id, id, $2, email, $3, $4, $5 FROM users
             WHERE id = $6 AND workspace_id = $7 AND kind = 'local' AND erased_at IS NULL",
        )
        .bind(link.hash.as_slice())
        .bind(codec::link_kind_text(link.kind))
        .bind(mailed)
        .bind(link.now_ms)
        .bind(link.expires_at_ms)
        .bind(user_id.0)
        .bind(self.home_id.0)
        .execute(&mut **tx)
        .await?;
        Ok(made.rows_affected() == 1)
    }
}

/// Gives the account of the configured address what its proven owner has.
pub(super) async fn make_super_admin(
    store: &SqlStore,
    tx: &mut Tx,
    user_id: UserId,
    audit: &Audit,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET role = 'super_admin', pending_since = NULL WHERE id = $1")
        .bind(user_id.0)
        .execute(&mut **tx)
        .await?;
    participants::tell_permissions(store, tx, user_id, None, audit.now_ms).await?;
    sessions::renew_tokens(tx, user_id).await?;
    store.put_audit(tx, audit, "accounts.email.verify", &format!("{user_id} super_admin")).await
}

#[async_trait]
impl LinkStore for SqlStore {
    async fn create_link(&self, user_id: UserId, link: &NewLink, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            if !self.put_link(&mut tx, user_id, link, false).await? {
                return Ok(false);
            }
            let target = format!("{user_id} {}", codec::link_kind_text(link.kind));
            self.put_audit(&mut tx, audit, "admin.link.create", &target).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn queue_mail(&self, email: &str, kind: LinkKind, since_ms: i64, now_ms: i64) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let Some(user_id) = self.user_id_by_email(&mut tx, email).await? else { return Ok(()) };
            let sent: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM account_links
                     WHERE user_id = $1 AND kind = $2 AND mailed = TRUE AND created_at > $3)",
            )
            .bind(user_id.0)
            .bind(codec::link_kind_text(kind))
            .bind(since_ms)
            .fetch_one(&mut *tx)
            .await?;
            if !sent {
                self.put_mail(&mut tx, user_id, kind, now_ms).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn take_mail(&self, now_ms: i64, pause_ms: fn(u32) -> i64) -> Result<Option<MailRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let row = sqlx::query(
                "UPDATE mails SET attempts = attempts + 1, next_at = $1
                 WHERE id = (SELECT id FROM mails WHERE next_at <= $2 ORDER BY next_at, id LIMIT 1) AND next_at <= $2
                 RETURNING id, user_id, kind, attempts",
            )
            // Nobody else's until the next statement has said for how long.
            .bind(i64::MAX)
            .bind(now_ms)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(row) = row else { return Ok(None) };
            let (id, attempts): (Uuid, u32) = (row.try_get(0)?, codec::count(row.try_get(3)?));
            sqlx::query("UPDATE mails SET next_at = $1 WHERE id = $2")
                .bind(now_ms.saturating_add(pause_ms(attempts)))
                .bind(id)
                .execute(&mut *tx)
                .await?;
            let user_id = UserId(row.try_get(1)?);
            let user = user_by_id(&mut *tx, user_id).await?.ok_or(StoreError::Corrupt("mails.user_id"))?.user;
            tx.commit().await?;
            Ok(Some(MailRecord { id, user, kind: codec::link_kind(row.try_get(2)?)?, attempts }))
        })
        .await
    }

    async fn link_mail(&self, mail: &MailRecord, link: &NewLink) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            self.put_link(&mut tx, mail.user.id, link, true).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn delete_mail(&self, id: Uuid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM mails WHERE id = $1").bind(id).execute(&self.writer).await?;
        Ok(())
    }

    async fn reset_opens(&self, hash: TokenHash, now_ms: i64) -> Result<bool, StoreError> {
        let opens = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM account_links
                 WHERE token_hash = $1 AND kind = 'reset_password' AND expires_at > $2)",
        );
        Ok(opens.bind(hash.as_slice()).bind(now_ms).fetch_one(&self.readers).await?)
    }

    async fn reset_password(
        &self,
        hash: TokenHash,
        password_hash: &str,
        now_ms: i64,
    ) -> Result<Option<UserId>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let used: Option<(Uuid, bool)> = sqlx::query_as(
                "DELETE FROM account_links WHERE token_hash = $1 AND kind = 'reset_password' AND expires_at > $2
                 RETURNING user_id, mailed",
            )
            .bind(hash.as_slice())
            .bind(now_ms)
            .fetch_optional(&mut *tx)
            .await?;
            let Some((user_id, mailed)) = used.map(|(user_id, mailed)| (UserId(user_id), mailed)) else {
                return Ok(None);
            };
            let changed = sqlx::query(
                "UPDATE users SET password_hash = $1, credentials_rev = credentials_rev + 1
                 WHERE id = $2 AND blocked_at IS NULL",
            )
            .bind(password_hash)
            .bind(user_id.0)
            .execute(&mut *tx)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(None);
            }
            sqlx::query("DELETE FROM account_links WHERE user_id = $1 AND kind = 'reset_password'")
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            // Whoever had the account before its address was shown to be another's comes back in no other way.
            delete_links(&mut tx, user_id).await?;
            // Passkeys stay with whoever has shown the mailbox to be theirs before, and shows it again.
            let user = user_by_id(&mut *tx, user_id).await?;
            if !mailed || user.is_none_or(|user| !user.email_verified) {
                delete_passkeys(&mut tx, user_id).await?;
            }
            sessions::end_sessions(&mut tx, user_id, None).await?;
            tx.commit().await?;
            Ok(Some(user_id))
        })
        .await
    }

    async fn verify_email(
        &self,
        user_id: UserId,
        hash: TokenHash,
        super_admin: Option<&str>,
        audit: &Audit,
    ) -> Result<Verified, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let used: Option<(String, bool)> = sqlx::query_as(
                "DELETE FROM account_links
                 WHERE token_hash = $1 AND kind = 'verify_email' AND user_id = $2 AND expires_at > $3
                 RETURNING email, mailed",
            )
            .bind(hash.as_slice())
            .bind(user_id.0)
            .bind(audit.now_ms)
            .fetch_optional(&mut *tx)
            .await?;
            let Some((email, mailed)) = used else { return Ok(Verified::NoLink) };
            sqlx::query(
                "UPDATE users SET email_verified_at = coalesce(email_verified_at, $1) WHERE id = $2 AND email = $3",
            )
            .bind(audit.now_ms)
            .bind(user_id.0)
            .bind(&email)
            .execute(&mut *tx)
            .await?;
            // What an admin hands out proves nothing about the mailbox.
            let super_admin = mailed && super_admin == Some(email.as_str());
            if super_admin {
                make_super_admin(self, &mut tx, user_id, audit).await?;
            }
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Verified::Done { super_admin })
        })
        .await
    }

    async fn delete_expired_links(&self, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM account_links WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
        Ok(())
    }
}
