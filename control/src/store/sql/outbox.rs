use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::{Db, SqlStore};
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
        let mut query = QueryBuilder::<Db>::new("UPDATE outbox SET delivered_at = ");
        query.push_bind(now_ms).push(" WHERE delivered_at IS NULL AND id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(stored(*id));
        }
        query.push(")");
        // As many texts as there are lengths: they are not worth being kept.
        query.build().persistent(false).execute(&self.writer).await?;
        Ok(())
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
