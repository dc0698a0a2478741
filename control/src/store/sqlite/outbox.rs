use async_trait::async_trait;

use super::SqliteStore;
use crate::store::{OutboxRow, OutboxStore, StoreError, Topic};

fn stored(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn outbox(&self, topic: Topic, after: u64, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT id, payload FROM outbox WHERE topic = ? AND delivered_at IS NULL AND id > ? ORDER BY id LIMIT ?",
        )
        .bind(topic.as_str())
        .bind(stored(after))
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(|(id, payload)| OutboxRow { id: u64::try_from(id).unwrap_or(0), payload }).collect())
    }

    async fn delivered(&self, topic: Topic, up_to: u64, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE outbox SET delivered_at = ? WHERE topic = ? AND delivered_at IS NULL AND id <= ?")
            .bind(now_ms)
            .bind(topic.as_str())
            .bind(stored(up_to))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn outbox_depth(&self) -> Result<u64, StoreError> {
        let depth: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE delivered_at IS NULL")
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(depth).unwrap_or(0))
    }

    async fn delete_delivered(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE delivered_at < ?").bind(before_ms).execute(&self.writer).await?;
        Ok(())
    }
}
