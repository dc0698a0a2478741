use async_trait::async_trait;
use boltorezka_proto::direct::RING_MS;
use boltorezka_proto::{PushSubscriptionId, RoomId, UserId, WorkspaceId};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Row, SqlStore, Tx, lock};
use crate::push::BrowserKeys;
use crate::store::write::{Lock, retried};
use crate::store::{
    DuePush, NewPushSubscription, PushAbout, PushContent, PushStore, PushSubscriptionRecord, PushTarget, StoreError,
    codec,
};

/// A push about messages or a missed call is given up after a day: who comes later finds the inbox.
const KEPT_MS: i64 = 24 * 3_600_000;

fn subscription_record(row: &Row) -> Result<PushSubscriptionRecord, StoreError> {
    Ok(PushSubscriptionRecord {
        id: PushSubscriptionId(row.try_get(0)?),
        session_id: row.try_get(1)?,
        endpoint: row.try_get(2)?,
        created_at_ms: row.try_get(3)?,
        user_agent: row.try_get(4)?,
    })
}

fn due_push(row: &Row) -> Result<DuePush, StoreError> {
    Ok(DuePush {
        subscription_id: PushSubscriptionId(row.try_get(0)?),
        room_id: RoomId(row.try_get(1)?),
        about: match row.try_get(2)? {
            "message" => PushAbout::Message,
            "call" => PushAbout::Call,
            _ => return Err(StoreError::Corrupt("push_deliveries.about")),
        },
        workspace_id: WorkspaceId(row.try_get(3)?),
        first_event_id: row.try_get(4)?,
        event_id: row.try_get(5)?,
        attempt: codec::count(row.try_get(6)?),
        created_at_ms: row.try_get(7)?,
        expires_at_ms: row.try_get(8)?,
    })
}

impl SqlStore {
    /// Has an account's browsers pushed to about something new in a room. What waits about the room already stands for both; when it
    /// is tried next stays as it is, so that a push service that asked for a pause has it.
    pub(super) async fn put_push(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        room_id: RoomId,
        about: PushAbout,
        event_id: Uuid,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO push_deliveries (subscription_id, room_id, about, workspace_id, first_event_id, event_id, created_at,
                 expires_at, next_attempt_at)
             SELECT s.id, $1, $2, $3, $4, $4, $5, $6, $5 FROM push_subscriptions s JOIN users u ON u.id = s.user_id
             WHERE s.user_id = $7 AND u.push_off_at IS NULL
             ON CONFLICT (subscription_id, room_id, about) DO UPDATE SET event_id = excluded.event_id,
                 created_at = excluded.created_at, expires_at = excluded.expires_at",
        )
        .bind(room_id.0)
        .bind(about.as_str())
        .bind(self.workspace_id.0)
        .bind(event_id)
        .bind(now_ms)
        .bind(now_ms.saturating_add(KEPT_MS))
        .bind(user_id.0)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    async fn put_subscription(&self, tx: &mut Tx, new: &NewPushSubscription) -> Result<bool, StoreError> {
        // The same browser of the same session goes on with what waits for it; anybody else's does not get it.
        sqlx::query(
            "DELETE FROM push_subscriptions WHERE (endpoint = $1 AND session_id <> $2) OR (session_id = $2 AND endpoint <> $1)",
        )
        .bind(&new.endpoint)
        .bind(new.session_id)
        .execute(&mut **tx)
        .await?;
        let same =
            sqlx::query("UPDATE push_subscriptions SET p256dh = $1, auth = $2 WHERE session_id = $3 AND user_id = $4")
                .bind(&new.keys.p256dh)
                .bind(&new.keys.auth)
                .bind(new.session_id)
                .bind(new.user_id.0)
                .execute(&mut **tx)
                .await?;
        if same.rows_affected() == 1 {
            return Ok(true);
        }
        let put = sqlx::query(
            "INSERT INTO push_subscriptions (id, workspace_id, user_id, session_id, endpoint, p256dh, auth, created_at)
             SELECT $1, $2, s.user_id, s.id, $3, $4, $5, $6 FROM sessions s WHERE s.id = $7 AND s.user_id = $8",
        )
        .bind(PushSubscriptionId::generate().0)
        .bind(self.home_id.0)
        .bind(&new.endpoint)
        .bind(&new.keys.p256dh)
        .bind(&new.keys.auth)
        .bind(new.now_ms)
        .bind(new.session_id)
        .bind(new.user_id.0)
        .execute(&mut **tx)
        .await?;
        Ok(put.rows_affected() == 1)
    }
}

#[async_trait]
impl PushStore for SqlStore {
    async fn subscribe_push(
        &self,
        new: &NewPushSubscription,
        max: Option<u32>,
    ) -> Result<Option<PushSubscriptionRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Account(new.user_id)).await?;
            if !self.put_subscription(&mut tx, new).await? {
                return Ok(None);
            }
            if let Some(max) = max {
                sqlx::query(
                    "DELETE FROM push_subscriptions WHERE user_id = $1 AND session_id <> $2 AND id NOT IN (
                         SELECT id FROM push_subscriptions WHERE user_id = $1 AND session_id <> $2 ORDER BY id DESC LIMIT $3)",
                )
                .bind(new.user_id.0)
                .bind(new.session_id)
                .bind(i64::from(max.saturating_sub(1)))
                .execute(&mut *tx)
                .await?;
            }
            let row = sqlx::query(
                "SELECT p.id, p.session_id, p.endpoint, p.created_at, s.user_agent FROM push_subscriptions p
                 JOIN sessions s ON s.id = p.session_id WHERE p.session_id = $1",
            )
            .bind(new.session_id)
            .fetch_one(&mut *tx)
            .await?;
            tx.commit().await?;
            subscription_record(&row).map(Some)
        })
        .await
    }

    async fn push_subscriptions(&self, user_id: UserId) -> Result<Vec<PushSubscriptionRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.id, p.session_id, p.endpoint, p.created_at, s.user_agent FROM push_subscriptions p
             JOIN sessions s ON s.id = p.session_id WHERE p.user_id = $1 AND p.workspace_id = $2 ORDER BY p.id",
        )
        .bind(user_id.0)
        .bind(self.home_id.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(subscription_record).collect()
    }

    async fn unsubscribe_push(&self, user_id: UserId, id: PushSubscriptionId) -> Result<bool, StoreError> {
        let gone = sqlx::query("DELETE FROM push_subscriptions WHERE id = $1 AND user_id = $2 AND workspace_id = $3")
            .bind(id.0)
            .bind(user_id.0)
            .bind(self.home_id.0)
            .execute(&self.writer)
            .await?;
        Ok(gone.rows_affected() == 1)
    }

    async fn wants_push(&self, user_id: UserId) -> Result<bool, StoreError> {
        let wants = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND push_off_at IS NULL)");
        Ok(wants.bind(user_id.0).fetch_one(&self.readers).await?)
    }

    async fn want_push(&self, user_id: UserId, wants: bool, now_ms: i64) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            sqlx::query("UPDATE users SET push_off_at = $1 WHERE id = $2")
                .bind((!wants).then_some(now_ms))
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            if !wants {
                sqlx::query(
                    "DELETE FROM push_deliveries WHERE subscription_id IN (SELECT id FROM push_subscriptions WHERE user_id = $1)",
                )
                .bind(user_id.0)
                .execute(&mut *tx)
                .await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn take_due_pushes(
        &self,
        now_ms: i64,
        leased_until_ms: i64,
        of_each: u32,
        limit: u32,
    ) -> Result<Vec<DuePush>, StoreError> {
        // Most of the time there is none: a look must not take the writer.
        let due: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM push_deliveries WHERE next_attempt_at <= $1 AND leased_until <= $1 AND expires_at > $1)",
        )
        .bind(now_ms)
        .fetch_one(&self.readers)
        .await?;
        if !due {
            return Ok(Vec::new());
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            let rows = sqlx::query(
                "UPDATE push_deliveries SET leased_until = $1, attempts = attempts + 1
                 WHERE (subscription_id, room_id, about) IN (
                     SELECT subscription_id, room_id, about FROM (
                         SELECT d.subscription_id, d.room_id, d.about, d.next_attempt_at, row_number() OVER
                             (PARTITION BY s.user_id ORDER BY d.next_attempt_at, d.event_id) AS place
                         FROM push_deliveries d JOIN push_subscriptions s ON s.id = d.subscription_id
                         WHERE d.next_attempt_at <= $2 AND d.leased_until <= $2 AND d.expires_at > $2
                     ) AS due WHERE place <= $3 ORDER BY next_attempt_at LIMIT $4)
                 AND leased_until <= $2
                 RETURNING subscription_id, room_id, about, workspace_id, first_event_id, event_id, attempts, created_at, expires_at",
            )
            .bind(leased_until_ms)
            .bind(now_ms)
            .bind(i64::from(of_each))
            .bind(i64::from(limit))
            .fetch_all(&mut *tx)
            .await?;
            tx.commit().await?;
            rows.iter().map(due_push).collect()
        })
        .await
    }

    async fn push_target(&self, id: PushSubscriptionId, now_ms: i64) -> Result<Option<PushTarget>, StoreError> {
        let row = sqlx::query(
            "SELECT u.id, u.role, p.endpoint, p.p256dh, p.auth FROM push_subscriptions p
             JOIN sessions s ON s.id = p.session_id JOIN users u ON u.id = p.user_id
             WHERE p.id = $1 AND s.expires_at > $2 AND u.blocked_at IS NULL AND u.pending_since IS NULL
                 AND u.push_off_at IS NULL",
        )
        .bind(id.0)
        .bind(now_ms)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(PushTarget {
            user_id: UserId(row.try_get(0)?),
            role: codec::role(row.try_get(1)?)?,
            endpoint: row.try_get(2)?,
            keys: BrowserKeys { p256dh: row.try_get(3)?, auth: row.try_get(4)? },
        }))
    }

    async fn push_content(
        &self,
        push: &DuePush,
        user_id: UserId,
        now_ms: i64,
    ) -> Result<Option<PushContent>, StoreError> {
        match push.about {
            PushAbout::Message => self.pushed_message(push, user_id).await,
            PushAbout::Call => {
                let ringing = self.pushed_ringing(push, user_id, now_ms.saturating_sub(RING_MS)).await?;
                if ringing.is_some() { Ok(ringing) } else { self.pushed_missed_call(push, user_id).await }
            }
        }
    }

    async fn push_done(&self, push: &DuePush, now_ms: i64) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            sqlx::query(
                "DELETE FROM push_deliveries WHERE subscription_id = $1 AND room_id = $2 AND about = $3 AND event_id = $4",
            )
            .bind(push.subscription_id.0)
            .bind(push.room_id.0)
            .bind(push.about.as_str())
            .bind(push.event_id)
            .execute(&mut *tx)
            .await?;
            // What is left came while it was sent.
            sqlx::query(
                "UPDATE push_deliveries SET first_event_id = event_id, attempts = 0, leased_until = 0, next_attempt_at = $1
                 WHERE subscription_id = $2 AND room_id = $3 AND about = $4",
            )
            .bind(now_ms)
            .bind(push.subscription_id.0)
            .bind(push.room_id.0)
            .bind(push.about.as_str())
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn push_again(&self, push: &DuePush, next_attempt_at_ms: i64, counts: bool) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE push_deliveries SET next_attempt_at = $1, leased_until = 0, attempts = attempts - $2
             WHERE subscription_id = $3 AND room_id = $4 AND about = $5",
        )
        .bind(next_attempt_at_ms)
        .bind(i64::from(!counts))
        .bind(push.subscription_id.0)
        .bind(push.room_id.0)
        .bind(push.about.as_str())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn push_gone(&self, id: PushSubscriptionId, endpoint: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM push_subscriptions WHERE id = $1 AND endpoint = $2")
            .bind(id.0)
            .bind(endpoint)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn drop_expired_pushes(&self, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM push_deliveries WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
        Ok(())
    }

    async fn push_count(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM push_deliveries").fetch_one(&self.readers).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
