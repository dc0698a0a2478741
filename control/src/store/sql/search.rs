//! The index is the database's own, and so is the language of its queries: [`search_tail`] and [`search_query`].

use async_trait::async_trait;
use boltorezka_proto::RoomId;

use super::message_rows::{message_record, select_message};
use super::{SqlStore, search_query};
use crate::store::{MessageRecord, SearchStore, SearchWords, StoreError};

#[async_trait]
impl SearchStore for SqlStore {
    async fn search(
        &self,
        room_id: RoomId,
        words: &SearchWords,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let rows = sqlx::query(concat!(select_message!(""), search_tail!()))
            .bind(room_id.0)
            .bind(self.workspace_id.0)
            .bind(search_query(room_id, words))
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(message_record).collect()
    }
}
