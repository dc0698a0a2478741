use std::collections::HashMap;

use async_trait::async_trait;
use boltorezka_proto::socket::{ChatDelta, Message};
use boltorezka_proto::{RoomId, UserId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::message_rows::{message_record, select_message};
use super::{Db, SqlStore};
use crate::store::{ChatStore, ChatSyncStore, DeltaRequest, StoreError, UNREAD_MAX, Unread, codec};

impl SqlStore {
    /// As one statement, which sees one moment: what is in a page is all that there is up to the page's last number.
    async fn changed_after(&self, room_id: RoomId, after: u64, limit: u32) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT * FROM (SELECT * FROM (",
            select_message!("WHERE m.room_id = $1 AND m.changed_seq IS NULL AND m.seq > $2 ORDER BY m.seq LIMIT $3"),
            ") AS unchanged UNION ALL SELECT * FROM (",
            select_message!("WHERE m.room_id = $1 AND m.changed_seq > $2 ORDER BY m.changed_seq LIMIT $3"),
            ") AS changed) AS m ORDER BY coalesce(m.changed_seq, m.seq) LIMIT $3"
        ))
        .bind(room_id.0)
        .bind(codec::stored(after))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok(message_record(row)?.message)).collect()
    }
}

/// Takes what is over `limit` off. Whether something was.
fn cut<T>(list: &mut Vec<T>, limit: u32) -> bool {
    let limit = limit as usize;
    let more = list.len() > limit;
    list.truncate(limit);
    more
}

#[async_trait]
impl ChatSyncStore for SqlStore {
    async fn chat_after(&self, request: DeltaRequest) -> Result<Option<ChatDelta>, StoreError> {
        let DeltaRequest { room_id, after, limit, behind_max } = request;
        // First: whatever is committed after this read has a greater number, and is asked for or told later.
        let room: Option<(String, i64, i64)> =
            sqlx::query_as("SELECT slug, message_seq, history_from FROM rooms WHERE id = $1")
                .bind(room_id.0)
                .fetch_optional(&self.readers)
                .await?;
        let Some((slug, last_seq, first_seq)) = room else { return Ok(None) };
        let (room, last_seq, first_seq) = (codec::slug(&slug)?, codec::number(last_seq), codec::number(first_seq));
        let known = after.filter(|&after| last_seq.checked_sub(after).is_some_and(|behind| behind <= behind_max));
        let Some(after) = known else {
            let mut records = self.messages(room_id, None, limit.saturating_add(1)).await?;
            let more = cut(&mut records, limit);
            let next_cursor = records.last().filter(|_| more).map(|oldest| oldest.seq.to_string());
            let messages: Vec<Message> = records.into_iter().rev().map(|record| record.message).collect();
            // What came between the two reads is in the page, and not told again.
            let reached = messages.iter().map(Message::number).max().unwrap_or(0);
            let (snapshot, seq, has_more) = (true, reached.max(last_seq), false);
            return Ok(Some(ChatDelta { room, snapshot, messages, seq, has_more, first_seq, next_cursor }));
        };
        let mut messages = self.changed_after(room_id, after, limit.saturating_add(1)).await?;
        let has_more = cut(&mut messages, limit);
        let reached = messages.last().map_or(0, Message::number);
        let seq = if has_more { reached } else { reached.max(last_seq) };
        Ok(Some(ChatDelta { room, snapshot: false, messages, seq, has_more, first_seq, next_cursor: None }))
    }

    async fn last_number(&self, room_id: RoomId) -> Result<Option<u64>, StoreError> {
        let seq: Option<i64> = sqlx::query_scalar("SELECT message_seq FROM rooms WHERE id = $1")
            .bind(room_id.0)
            .fetch_optional(&self.readers)
            .await?;
        Ok(seq.map(codec::number))
    }

    async fn pins(&self, room_id: RoomId, limit: u32) -> Result<Vec<Message>, StoreError> {
        let rows = sqlx::query(select_message!(
            "WHERE m.room_id = $1 AND m.pinned_at IS NOT NULL ORDER BY m.pinned_at DESC, m.id DESC LIMIT $2"
        ))
        .bind(room_id.0)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| Ok(message_record(row)?.message)).collect()
    }

    async fn mark_read(&self, room_id: RoomId, user_id: UserId, seq: u64) -> Result<Option<u64>, StoreError> {
        // One statement: pointers that race end at the highest.
        let seq: Option<i64> = sqlx::query_scalar(
            "INSERT INTO room_reads (workspace_id, room_id, user_id, seq)
             SELECT $1, r.id, $2, CASE WHEN r.message_seq < $3 THEN r.message_seq ELSE $3 END FROM rooms r WHERE r.id = $4
             ON CONFLICT (room_id, user_id) DO UPDATE
             SET seq = CASE WHEN room_reads.seq < excluded.seq THEN excluded.seq ELSE room_reads.seq END RETURNING seq",
        )
        .bind(self.workspace_id.0)
        .bind(user_id.0)
        .bind(codec::stored(seq))
        .bind(room_id.0)
        .fetch_optional(&self.writer)
        .await?;
        Ok(seq.map(codec::number))
    }

    async fn unread(&self, user_id: UserId, rooms: &[RoomId]) -> Result<HashMap<RoomId, Unread>, StoreError> {
        if rooms.is_empty() {
            return Ok(HashMap::new());
        }
        let (user_id, max) = (user_id.0, i64::from(UNREAD_MAX));
        let mut query = QueryBuilder::<Db>::new("SELECT r.id, r.message_seq, coalesce(p.seq, 0), ");
        query
            .push(
                "(SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.room_id = r.id AND m.seq > coalesce(p.seq, 0)",
            )
            .push(" AND m.deleted_at IS NULL AND m.sender_id <> ")
            .push_bind(user_id)
            .push(" LIMIT ")
            .push_bind(max)
            .push(") AS unread), (SELECT count(*) FROM (SELECT 1 FROM message_mentions n WHERE n.room_id = r.id")
            .push(" AND n.seq > coalesce(p.seq, 0) AND n.user_id = ")
            .push_bind(user_id)
            .push(" LIMIT ")
            .push_bind(max)
            .push(") AS mentions) FROM rooms r LEFT JOIN room_reads p ON p.room_id = r.id AND p.user_id = ")
            .push_bind(user_id)
            .push(" WHERE r.id IN (");
        let mut ids = query.separated(", ");
        for room_id in rooms {
            ids.push_bind(room_id.0);
        }
        ids.push_unseparated(")");
        let rows: Vec<(Uuid, i64, i64, i64, i64)> = query.build_query_as().fetch_all(&self.readers).await?;
        let of_row = |(room_id, last_seq, read_seq, unread_count, mention_count)| {
            let of_room = Unread {
                last_seq: codec::number(last_seq),
                read_seq: codec::number(read_seq),
                unread_count: codec::count(unread_count),
                mention_count: codec::count(mention_count),
            };
            (RoomId(room_id), of_room)
        };
        Ok(rows.into_iter().map(of_row).collect())
    }
}
