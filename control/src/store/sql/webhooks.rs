use async_trait::async_trait;
use boltorezka_proto::webhooks::{WebhookBody, WebhookDelivery, WebhookEvent, WebhookEventType};
use boltorezka_proto::{EventId, Timestamp, WebhookId};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Row, SqlStore, Tx};
use crate::store::write::retried;
use crate::store::{
    Audit, DeliveryCounts, DueDelivery, FailedDelivery, NewWebhook, StoreError, WebhookRecord, WebhookStore, codec,
};

macro_rules! select_webhook {
    ($tail:literal) => {
        concat!("SELECT id, url, created_at, failing_since, disabled_at FROM webhooks ", $tail)
    };
}

impl SqlStore {
    /// Keeps an event for those who are to be told of it: nothing where nobody is, and nothing of direct rooms. Twice the same id is once.
    pub(super) async fn put_event(
        &self,
        tx: &mut Tx,
        event_id: EventId,
        event: WebhookEvent,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (kind, room) = (event.kind(), event.room().clone());
        let body = WebhookBody { timestamp: Timestamp::from_unix_ms(now_ms), event };
        let body = serde_json::to_string(&body).map_err(|_| StoreError::Corrupt("webhook_deliveries.body"))?;
        sqlx::query(
            "INSERT INTO webhook_deliveries (webhook_id, event_id, type, body, created_at, next_attempt_at)
             SELECT w.id, $1, t.type, $2, $3, $3 FROM webhooks w JOIN webhook_types t ON t.webhook_id = w.id
             WHERE w.workspace_id = $4 AND w.disabled_at IS NULL AND t.type = $5
                 AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.workspace_id = $4 AND r.slug = $6 AND r.direct_low IS NOT NULL)
             ON CONFLICT (webhook_id, event_id) DO NOTHING",
        )
        .bind(event_id.0)
        .bind(body)
        .bind(now_ms)
        .bind(self.workspace_id.0)
        .bind(kind.name())
        .bind(room.as_str())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Whether anybody, in whatever workspace, is told of events of this type.
    pub(super) async fn anybody_is_told_of(&self, tx: &mut Tx, kind: WebhookEventType) -> Result<bool, StoreError> {
        let told = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM webhook_types WHERE type = $1)")
            .bind(kind.name())
            .fetch_one(&mut **tx)
            .await?;
        Ok(told)
    }

    async fn webhook(&self, tx: &mut Tx, id: WebhookId) -> Result<Option<WebhookRecord>, StoreError> {
        let row = sqlx::query(select_webhook!("WHERE id = $1 AND workspace_id = $2"))
            .bind(id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut **tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let types = sqlx::query_as("SELECT webhook_id, type FROM webhook_types WHERE webhook_id = $1")
            .bind(id.0)
            .fetch_all(&mut **tx)
            .await?;
        webhook_record(&row, &types).map(Some)
    }
}

fn webhook_record(row: &Row, types: &[(Uuid, String)]) -> Result<WebhookRecord, StoreError> {
    let id = WebhookId(row.try_get(0)?);
    let mut events = Vec::new();
    for (_, kind) in types.iter().filter(|(of, _)| *of == id.0) {
        events.push(codec::webhook_event_type(kind)?);
    }
    events.sort();
    Ok(WebhookRecord {
        id,
        url: row.try_get(1)?,
        events,
        created_at_ms: row.try_get(2)?,
        failing_since_ms: row.try_get(3)?,
        disabled_at_ms: row.try_get(4)?,
    })
}

#[async_trait]
impl WebhookStore for SqlStore {
    async fn create_webhook(
        &self,
        new: &NewWebhook,
        total_max: Option<u32>,
        audit: &Audit,
    ) -> Result<Option<WebhookRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let id = WebhookId::generate();
            let inserted = sqlx::query(
                "INSERT INTO webhooks (id, workspace_id, url, secret, created_at) SELECT $1, $2, $3, $4, $5
                 WHERE $6 IS NULL OR (SELECT count(*) FROM webhooks WHERE workspace_id = $2) < $6",
            )
            .bind(id.0)
            .bind(self.workspace_id.0)
            .bind(&new.url)
            .bind(new.secret.as_slice())
            .bind(audit.now_ms)
            .bind(total_max.map(i64::from))
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                return Ok(None);
            }
            for kind in &new.events {
                sqlx::query("INSERT INTO webhook_types (webhook_id, type) VALUES ($1, $2)")
                    .bind(id.0)
                    .bind(kind.name())
                    .execute(&mut *tx)
                    .await?;
            }
            self.put_audit(&mut tx, audit, "webhooks.webhook.create", &id.to_string()).await?;
            let record = self.webhook(&mut tx, id).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    async fn webhooks(&self) -> Result<Vec<WebhookRecord>, StoreError> {
        let mut tx = self.readers.begin().await?;
        let rows = sqlx::query(select_webhook!("WHERE workspace_id = $1 ORDER BY id"))
            .bind(self.workspace_id.0)
            .fetch_all(&mut *tx)
            .await?;
        let types: Vec<(Uuid, String)> = sqlx::query_as(
            "SELECT t.webhook_id, t.type FROM webhook_types t JOIN webhooks w ON w.id = t.webhook_id
             WHERE w.workspace_id = $1",
        )
        .bind(self.workspace_id.0)
        .fetch_all(&mut *tx)
        .await?;
        rows.iter().map(|row| webhook_record(row, &types)).collect()
    }

    async fn delete_webhook(&self, id: WebhookId, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let deleted = sqlx::query("DELETE FROM webhooks WHERE id = $1 AND workspace_id = $2")
                .bind(id.0)
                .bind(self.workspace_id.0)
                .execute(&mut *tx)
                .await?;
            if deleted.rows_affected() == 0 {
                return Ok(false);
            }
            self.put_audit(&mut tx, audit, "webhooks.webhook.delete", &id.to_string()).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn replay_webhook(&self, id: WebhookId, audit: &Audit) -> Result<Option<WebhookRecord>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let known = sqlx::query(
                "UPDATE webhooks SET disabled_at = NULL, failing_since = NULL WHERE id = $1 AND workspace_id = $2",
            )
            .bind(id.0)
            .bind(self.workspace_id.0)
            .execute(&mut *tx)
            .await?;
            if known.rows_affected() == 0 {
                return Ok(None);
            }
            sqlx::query(
                "UPDATE webhook_deliveries SET attempts = 0, next_attempt_at = $1
                 WHERE webhook_id = $2 AND next_attempt_at IS NULL",
            )
            .bind(audit.now_ms)
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
            self.put_audit(&mut tx, audit, "webhooks.webhook.replay", &id.to_string()).await?;
            let record = self.webhook(&mut tx, id).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    async fn deliveries(
        &self,
        id: WebhookId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Option<Vec<WebhookDelivery>>, StoreError> {
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM webhooks WHERE id = $1 AND workspace_id = $2)")
                .bind(id.0)
                .bind(self.workspace_id.0)
                .fetch_one(&self.readers)
                .await?;
        if !known {
            return Ok(None);
        }
        let rows = sqlx::query(
            "SELECT event_id, type, created_at, attempts, next_attempt_at, last_error FROM webhook_deliveries
             WHERE webhook_id = $1 AND ($2 IS NULL OR event_id > $2) ORDER BY event_id LIMIT $3",
        )
        .bind(id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let delivery = |row: &Row| {
            Ok(WebhookDelivery {
                event_id: EventId(row.try_get(0)?),
                kind: codec::webhook_event_type(row.try_get(1)?)?,
                created_at: Timestamp::from_unix_ms(row.try_get(2)?),
                attempts: codec::count(row.try_get(3)?),
                next_attempt_at: row.try_get::<Option<_>, _>(4)?.map(Timestamp::from_unix_ms),
                last_error: row.try_get(5)?,
            })
        };
        rows.iter().map(delivery).collect::<Result<_, StoreError>>().map(Some)
    }

    async fn take_due_deliveries(
        &self,
        now_ms: i64,
        leased_until_ms: i64,
        of_each: u32,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        // Most of the time there is none: a look must not take the writer.
        let due: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM webhook_deliveries WHERE next_attempt_at <= $1 AND leased_until <= $1)",
        )
        .bind(now_ms)
        .fetch_one(&self.readers)
        .await?;
        if !due {
            return Ok(Vec::new());
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            let taken: Vec<(Uuid, Uuid, String, i64, String, bool, Vec<u8>)> = sqlx::query_as(
                "UPDATE webhook_deliveries SET leased_until = $1, attempts = attempts + 1
                 WHERE (webhook_id, event_id) IN (
                     SELECT webhook_id, event_id FROM (
                         SELECT d.webhook_id, d.event_id, d.next_attempt_at, row_number() OVER
                             (PARTITION BY d.webhook_id ORDER BY d.next_attempt_at, d.event_id) AS place
                         FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
                         WHERE d.next_attempt_at <= $2 AND d.leased_until <= $2 AND w.disabled_at IS NULL
                     ) AS due WHERE place <= $3 ORDER BY next_attempt_at, event_id LIMIT $4)
                 AND leased_until <= $2
                 RETURNING webhook_id, event_id, body, attempts,
                     (SELECT url FROM webhooks w WHERE w.id = webhook_deliveries.webhook_id),
                     (SELECT workspace_id = $5 FROM webhooks w WHERE w.id = webhook_deliveries.webhook_id),
                     (SELECT secret FROM webhooks w WHERE w.id = webhook_deliveries.webhook_id)",
            )
            .bind(leased_until_ms)
            .bind(now_ms)
            .bind(i64::from(of_each))
            .bind(i64::from(limit))
            .bind(self.home_id.0)
            .fetch_all(&mut *tx)
            .await?;
            tx.commit().await?;
            let mut due = Vec::with_capacity(taken.len());
            for (webhook_id, event_id, body, attempts, url, at_home, secret) in taken {
                let secret = secret.as_slice().try_into().map_err(|_| StoreError::Corrupt("webhooks.secret"))?;
                let attempt = codec::count(attempts);
                let (webhook_id, event_id) = (WebhookId(webhook_id), EventId(event_id));
                due.push(DueDelivery { webhook_id, event_id, url, at_home, secret, body, attempt });
            }
            due.sort_by_key(|delivery| delivery.event_id);
            Ok(due)
        })
        .await
    }

    async fn delivered(&self, delivery: &DueDelivery) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            sqlx::query("DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND event_id = $2")
                .bind(delivery.webhook_id.0)
                .bind(delivery.event_id.0)
                .execute(&mut *tx)
                .await?;
            sqlx::query("UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL")
                .bind(delivery.webhook_id.0)
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn delivery_failed(
        &self,
        delivery: &DueDelivery,
        failed: &FailedDelivery,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            sqlx::query(
                "UPDATE webhook_deliveries SET next_attempt_at = $1, last_error = $2, leased_until = 0
                 WHERE webhook_id = $3 AND event_id = $4",
            )
            .bind(failed.next_attempt_at_ms)
            .bind(&failed.error)
            .bind(delivery.webhook_id.0)
            .bind(delivery.event_id.0)
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "UPDATE webhooks SET failing_since = coalesce(failing_since, $1),
                     disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, $1) ELSE disabled_at END
                 WHERE id = $3",
            )
            .bind(now_ms)
            .bind(failed.disables)
            .bind(delivery.webhook_id.0)
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn tidy_webhooks(
        &self,
        now_ms: i64,
        failing_before_ms: i64,
        waiting_max: u32,
        dead_before_ms: i64,
    ) -> Result<Vec<WebhookId>, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let disabled: Vec<Uuid> = sqlx::query_scalar(
                "UPDATE webhooks SET disabled_at = $1 WHERE disabled_at IS NULL AND (failing_since < $2
                     OR (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id) > $3)
                 RETURNING id",
            )
            .bind(now_ms)
            .bind(failing_before_ms)
            .bind(i64::from(waiting_max))
            .fetch_all(&mut *tx)
            .await?;
            // What waited for one that was switched off is a dead letter: it can be replayed.
            sqlx::query(
                "UPDATE webhook_deliveries SET next_attempt_at = NULL WHERE next_attempt_at IS NOT NULL
                 AND webhook_id IN (SELECT id FROM webhooks WHERE disabled_at IS NOT NULL)",
            )
            .execute(&mut *tx)
            .await?;
            sqlx::query("DELETE FROM webhook_deliveries WHERE next_attempt_at IS NULL AND created_at < $1")
                .bind(dead_before_ms)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(disabled.into_iter().map(WebhookId).collect())
        })
        .await
    }

    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError> {
        let (waiting, dead): (i64, i64) =
            sqlx::query_as("SELECT count(next_attempt_at), count(*) - count(next_attempt_at) FROM webhook_deliveries")
                .fetch_one(&self.readers)
                .await?;
        let count = |count| u64::try_from(count).unwrap_or(0);
        Ok(DeliveryCounts { waiting: count(waiting), dead: count(dead) })
    }
}
