use async_trait::async_trait;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::{MessageId, ParticipantId, RoomId, RoomSlug, UserId};
use uuid::Uuid;

use super::access::{held, shut_out};
use super::accounts::user_by_id;
use super::attachments::erase_attachments;
use super::message_rows::list;
use super::stays::Stays;
use super::{SqlStore, Tx, sessions};
use crate::store::erasure::ERASED_NAME;
use crate::store::write::retried;
use crate::store::{
    ActRecord, Actor, Audit, ErasureStore, Planned, StoreError, Topic, UserRecord, WrittenRecord, codec,
};

/// Roles and blocks that an export shows: more rooms than there may be.
const ROLES_MAX: i64 = 20_000;

async fn forget(tx: &mut Tx, user_id: UserId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM push_subscriptions WHERE user_id = $1",
        "DELETE FROM sessions WHERE user_id = $1",
        "DELETE FROM tickets WHERE user_id = $1",
        "DELETE FROM second_factors WHERE user_id = $1",
        "DELETE FROM account_links WHERE user_id = $1",
        "DELETE FROM oidc_links WHERE user_id = $1",
        "DELETE FROM passkeys WHERE user_id = $1",
        "DELETE FROM mails WHERE user_id = $1",
        "DELETE FROM workspace_members WHERE user_id = $1",
        "DELETE FROM custom_role_members WHERE user_id = $1",
        "DELETE FROM room_members WHERE user_id = $1",
        "DELETE FROM room_mutes WHERE user_id = $1",
        "DELETE FROM room_bans WHERE user_id = $1",
        "DELETE FROM lobby_grants WHERE user_id = $1",
        "DELETE FROM room_reads WHERE user_id = $1",
        "DELETE FROM room_sends WHERE user_id = $1",
        "DELETE FROM notifications WHERE user_id = $1",
        "DELETE FROM user_blocks WHERE user_id = $1 OR blocked_id = $1",
        "DELETE FROM direct_calls WHERE caller_id = $1 OR callee_id = $1",
        // Of two who are both gone nothing is left to be read by anybody.
        "DELETE FROM rooms WHERE (direct_low = $1 AND (SELECT u.erased_at FROM users u WHERE u.id = direct_high) IS NOT NULL)
             OR (direct_high = $1 AND (SELECT u.erased_at FROM users u WHERE u.id = direct_low) IS NOT NULL)",
        "DELETE FROM chat_keys WHERE sender_id = $1",
        "UPDATE audit SET address = '' WHERE actor_kind = 'user' AND actor_id = $1",
    ] {
        sqlx::query(statement).bind(user_id.0).execute(&mut **tx).await?;
    }
    erase_attachments(tx, user_id).await?;
    sqlx::query("UPDATE messages SET sender_name = $1 WHERE sender_id = $2")
        .bind(ERASED_NAME)
        .bind(user_id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[async_trait]
impl ErasureStore for SqlStore {
    async fn plan_erasure(&self, user_id: UserId, erase_at_ms: i64, now_ms: i64) -> Result<Planned, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            // All of them are held: of two who go at once, one is the last.
            sqlx::query("UPDATE users SET role = role WHERE role = 'super_admin'").execute(&mut *tx).await?;
            let Some(user) = held(self, &mut tx, user_id).await? else { return Ok(Planned::NoAccount) };
            let others: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM users WHERE role = 'super_admin' AND id <> $1 AND blocked_at IS NULL
                     AND erase_at IS NULL",
            )
            .bind(user_id.0)
            .fetch_one(&mut *tx)
            .await?;
            if user.user.role == Role::SuperAdmin && others == 0 {
                return Ok(Planned::LastSuperAdmin);
            }
            sqlx::query("UPDATE users SET erase_at = $1 WHERE id = $2")
                .bind(erase_at_ms)
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            sessions::end_sessions(&mut tx, user_id, None).await?;
            let removed = shut_out(self, &mut tx, Stays::OfAccount(user_id), now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Planned::Done { removed })
        })
        .await
    }

    async fn erase_one(&self, now_ms: i64) -> Result<Option<Vec<(RoomId, ParticipantId)>>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let user_id: Option<Uuid> =
                sqlx::query_scalar("SELECT id FROM users WHERE erase_at <= $1 ORDER BY erase_at, id LIMIT 1")
                    .bind(now_ms)
                    .fetch_optional(&mut *tx)
                    .await?;
            let Some(user_id) = user_id.map(UserId) else { return Ok(None) };
            // Whoever signs in at this moment comes before, and takes it back, or after.
            let erased = sqlx::query(
                "UPDATE users SET erased_at = $1, erase_at = NULL, blocked_at = $1, email = $2, password_hash = '',
                     display_name = $3, role = 'user', pending_since = NULL, email_verified_at = NULL,
                     credentials_rev = credentials_rev + 1
                 WHERE id = $4 AND erase_at <= $1",
            )
            .bind(now_ms)
            .bind(format!("{user_id}@deleted.invalid"))
            .bind(ERASED_NAME)
            .bind(user_id.0)
            .execute(&mut *tx)
            .await?;
            if erased.rows_affected() == 0 {
                return Ok(Some(Vec::new()));
            }
            let audit = Audit { actor: Actor::User(user_id), address: String::new(), now_ms };
            self.put_audit(&mut tx, &audit, "accounts.user.delete", &user_id.to_string()).await?;
            forget(&mut tx, user_id).await?;
            let removed = shut_out(self, &mut tx, Stays::OfAccount(user_id), now_ms).await?;
            self.commit_and_wake(tx, Topic::Media).await?;
            Ok(Some(removed))
        })
        .await
    }

    async fn account(&self, user_id: UserId) -> Result<Option<(UserRecord, i64)>, StoreError> {
        let Some(user) = user_by_id(&self.readers, user_id).await? else { return Ok(None) };
        let query = sqlx::query_scalar("SELECT created_at FROM users WHERE id = $1").bind(user_id.0);
        Ok(Some((user, query.fetch_one(&self.readers).await?)))
    }

    async fn roles_of(&self, user_id: UserId) -> Result<Vec<(RoomSlug, RoomRole)>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT r.slug, m.role FROM room_members m JOIN rooms r ON r.id = m.room_id
             WHERE m.user_id = $1 ORDER BY r.slug LIMIT $2",
        )
        .bind(user_id.0)
        .bind(ROLES_MAX)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|(slug, role)| Ok((codec::slug(slug)?, codec::room_role(role)?))).collect()
    }

    async fn blocked_by(&self, user_id: UserId) -> Result<Vec<UserId>, StoreError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT DISTINCT blocked_id FROM user_blocks WHERE user_id = $1 ORDER BY blocked_id LIMIT $2",
        )
        .bind(user_id.0)
        .bind(ROLES_MAX)
        .fetch_all(&self.readers)
        .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    async fn acts_of(&self, user_id: UserId, limit: u32) -> Result<Vec<ActRecord>, StoreError> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT action, target, address, created_at FROM audit WHERE actor_kind = 'user' AND actor_id = $1
             ORDER BY id DESC LIMIT $2",
        )
        .bind(user_id.0)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let act = |(action, target, address, created_at_ms)| ActRecord { action, target, address, created_at_ms };
        Ok(rows.into_iter().map(act).collect())
    }

    async fn written_by(
        &self,
        user_id: UserId,
        after: Option<MessageId>,
        limit: u32,
    ) -> Result<Vec<WrittenRecord>, StoreError> {
        let rows: Vec<(Uuid, String, String, Option<String>, i64)> = sqlx::query_as(
            "SELECT m.id, r.slug, m.text, m.attachments, m.created_at FROM messages m JOIN rooms r ON r.id = m.room_id
             WHERE m.sender_id = $1 AND ($2 IS NULL OR m.id > $2) ORDER BY m.id LIMIT $3",
        )
        .bind(user_id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let written = |(id, slug, text, files, created_at_ms): (Uuid, String, String, Option<String>, i64)| {
            let attachments = list(files.as_deref(), "messages.attachments")?;
            Ok(WrittenRecord { id: MessageId(id), room: codec::slug(&slug)?, text, attachments, created_at_ms })
        };
        rows.into_iter().map(written).collect()
    }
}
