use async_trait::async_trait;
use boltorezka_proto::webhooks::{WebhookEvent, WebhookEventType};
use boltorezka_proto::{EventId, WorkspaceId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Db, SqlStore, Tx};
use crate::events::GatewayEvent;
use crate::store::write::retried;
use crate::store::{OutboxRow, OutboxStore, StoreError, Topic};

fn stored(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

impl SqlStore {
    async fn waiting(&self, topic: Topic, after: u64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT id, payload FROM outbox WHERE topic = $1 AND delivered_at IS NULL AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(topic.as_str())
        .bind(stored(after))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(id, payload)| OutboxRow { id: u64::try_from(id).unwrap_or(0), payload }).collect())
    }
}

impl SqlStore {
    /// Has webhooks told of a message that the sockets were told of. Here and not where it is sent, which many wait for: it is
    /// one transaction with the mark, so that none is left out.
    async fn put_message_event(&self, tx: &mut Tx, workspace_id: WorkspaceId, payload: &str) -> Result<(), StoreError> {
        let Ok(GatewayEvent::MessageNew { message, .. }) = serde_json::from_str(payload) else { return Ok(()) };
        let (event_id, at_ms) = (EventId(message.id.0), message.created_at.unix_ms());
        self.in_workspace(workspace_id).put_event(tx, event_id, WebhookEvent::MessageNew { message }, at_ms).await
    }
}

/// Has sockets told of events, in this order. One statement for all: each waits for the database's thread.
pub(super) async fn put_gateway_events(
    tx: &mut Tx,
    events: &[(WorkspaceId, GatewayEvent, i64)],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(events.len());
    for (workspace_id, event, now_ms) in events {
        rows.push((workspace_id, payload(event)?, now_ms));
    }
    let mut query = QueryBuilder::<Db>::new("INSERT INTO outbox (workspace_id, topic, payload, created_at) ");
    query.push_values(rows, |mut row, (workspace_id, payload, now_ms)| {
        row.push_bind(workspace_id.0).push_bind(Topic::Gateway.as_str()).push_bind(payload).push_bind(now_ms);
    });
    // That of a single one is worth being kept; of others there are as many texts as there are lengths.
    query.build().persistent(events.len() == 1).execute(&mut **tx).await?;
    Ok(())
}

/// As the outbox keeps it.
pub(super) fn payload(content: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(content).map_err(|_| StoreError::Corrupt("outbox.payload"))
}

#[async_trait]
impl OutboxStore for SqlStore {
    async fn orders(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.waiting(Topic::Media, after, limit).await
    }

    async fn orders_applied(&self, up_to: u64, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET delivered_at = $1 WHERE topic = $2 AND delivered_at IS NULL AND id <= $3")
            .bind(now_ms)
            .bind(Topic::Media.as_str())
            .bind(stored(up_to))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn events(&self, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.waiting(Topic::Gateway, 0, limit).await
    }

    async fn events_told(&self, ids: &[u64], now_ms: i64) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            let mut query = QueryBuilder::<Db>::new("UPDATE outbox SET delivered_at = ");
            query.push_bind(now_ms).push(" WHERE delivered_at IS NULL AND id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(stored(*id));
            }
            query.push(")");
            if self.anybody_is_told_of(&mut tx, WebhookEventType::MessageNew).await? {
                query.push(" RETURNING workspace_id, payload");
                let rows: Vec<(Uuid, String)> = query.build_query_as().persistent(false).fetch_all(&mut *tx).await?;
                for (workspace_id, payload) in rows {
                    self.put_message_event(&mut tx, WorkspaceId(workspace_id), &payload).await?;
                }
            } else {
                // As many texts as there are lengths: they are not worth being kept.
                query.build().persistent(false).execute(&mut *tx).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    async fn outbox_depth(&self) -> Result<u64, StoreError> {
        let depth: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE delivered_at IS NULL")
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(depth).unwrap_or(0))
    }

    async fn delete_delivered(&self, before_ms: i64) -> Result<(), StoreError> {
        // The last order stays: its id is the revision of the media state.
        sqlx::query(
            "DELETE FROM outbox WHERE delivered_at < $1
             AND (topic <> $2 OR id < (SELECT max(o.id) FROM outbox o WHERE o.topic = $2))",
        )
        .bind(before_ms)
        .bind(Topic::Media.as_str())
        .execute(&self.writer)
        .await?;
        Ok(())
    }
}
