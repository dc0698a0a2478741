use std::collections::HashSet;

use async_trait::async_trait;
use boltorezka_proto::socket::{Attachment, Message};
use boltorezka_proto::{AttachmentId, RoomId, UserId};
use sqlx::{Executor, QueryBuilder, Row as _};
use uuid::Uuid;

use super::message_rows::list_text;
use super::{Db, Row, SqlStore, Tx, lock, rooms};
use crate::permissions::Action;
use crate::store::write::{Lock, retried};
use crate::store::{Added, AttachmentRecord, AttachmentStore, NewAttachment, NewMessage, Space, StoreError, codec};

/// Reads `id, name, media_type, size_bytes`.
fn attachment(row: &Row) -> Result<Attachment, StoreError> {
    Ok(Attachment {
        id: AttachmentId(row.try_get(0)?),
        name: codec::file_name(row.try_get(1)?)?,
        media_type: row.try_get(2)?,
        size_bytes: codec::number(row.try_get(3)?),
    })
}

/// Whether each file that a message names is the sender's, of that room, and in no other message. They are held: nobody sends or
/// drops them until the end of the transaction.
pub(super) async fn may_be_attached(tx: &mut Tx, new: &NewMessage<'_>) -> Result<bool, StoreError> {
    for (place, id) in (0_i64..).zip(new.attachments) {
        let held = sqlx::query(
            "UPDATE attachments SET place = $1 WHERE id = $2 AND room_id = $3 AND uploader_id = $4 AND message_id IS NULL",
        )
        .bind(place)
        .bind(id.0)
        .bind(new.room_id.0)
        .bind(new.sender_id.0)
        .execute(&mut **tx)
        .await?;
        if held.rows_affected() == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the files that are held those of the message.
pub(super) async fn attach(tx: &mut Tx, message: &mut Message, ids: &[AttachmentId]) -> Result<(), StoreError> {
    for id in ids {
        sqlx::query("UPDATE attachments SET message_id = $1 WHERE id = $2")
            .bind(message.id.0)
            .bind(id.0)
            .execute(&mut **tx)
            .await?;
    }
    let rows =
        sqlx::query("SELECT id, name, media_type, size_bytes FROM attachments WHERE message_id = $1 ORDER BY place")
            .bind(message.id.0)
            .fetch_all(&mut **tx)
            .await?;
    message.attachments = rows.iter().map(attachment).collect::<Result<_, _>>()?;
    sqlx::query("UPDATE messages SET attachments = $1 WHERE id = $2")
        .bind(list_text(&message.attachments))
        .bind(message.id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes all that an account has uploaded away, from its messages too.
pub(super) async fn erase_attachments(tx: &mut Tx, user_id: UserId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM attachments WHERE uploader_id = $1",
        "UPDATE messages SET attachments = NULL WHERE sender_id = $1 AND attachments IS NOT NULL",
    ] {
        sqlx::query(statement).bind(user_id.0).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn space_taken(
    executor: impl Executor<'_, Database = Db>,
    uploader_id: UserId,
    room_id: RoomId,
) -> Result<Space, StoreError> {
    let (of_user, of_room): (i64, i64) = sqlx::query_as(
        "SELECT CAST(coalesce((SELECT sum(a.size_bytes) FROM attachments a WHERE a.uploader_id = $1), 0) AS BIGINT),
                CAST(coalesce((SELECT sum(a.size_bytes) FROM attachments a WHERE a.room_id = $2), 0) AS BIGINT)",
    )
    .bind(uploader_id.0)
    .bind(room_id.0)
    .fetch_one(executor)
    .await?;
    Ok(Space { of_user: codec::number(of_user), of_room: codec::number(of_room) })
}

#[async_trait]
impl AttachmentStore for SqlStore {
    async fn space_taken(&self, uploader_id: UserId, room_id: RoomId) -> Result<Space, StoreError> {
        space_taken(&self.readers, uploader_id, room_id).await
    }

    async fn add_attachment(&self, new: NewAttachment<'_>) -> Result<Added, StoreError> {
        let NewAttachment { attachment, room_id, uploader_id, space, now_ms } = new;
        retried(|| async {
            let mut tx = self.begin().await?;
            // Uploads that end at the same moment are counted one after the other.
            lock(&mut tx, Lock::Account(uploader_id)).await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let standing = rooms::standing_of(&mut *tx, self.workspace_id, room_id, uploader_id).await?;
            let may = |standing: crate::store::Standing| {
                !standing.banned && !standing.outside && Action::UploadAttachment.is_open_to(standing)
            };
            if !standing.is_some_and(may) {
                return Ok(Added::Forbidden);
            }
            let taken = space_taken(&mut *tx, uploader_id, room_id).await?;
            let fits = |taken: u64, most: u64| taken.saturating_add(attachment.size_bytes) <= most;
            if !fits(taken.of_user, space.of_user) {
                return Ok(Added::UserFull);
            }
            if !fits(taken.of_room, space.of_room) {
                return Ok(Added::RoomFull);
            }
            sqlx::query(
                "INSERT INTO attachments (id, workspace_id, room_id, uploader_id, name, media_type, size_bytes, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(attachment.id.0)
            .bind(self.workspace_id.0)
            .bind(room_id.0)
            .bind(uploader_id.0)
            .bind(attachment.name.as_str())
            .bind(&attachment.media_type)
            .bind(codec::stored(attachment.size_bytes))
            .bind(now_ms)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            Ok(Added::Done)
        })
        .await
    }

    async fn attachment(&self, id: AttachmentId) -> Result<Option<AttachmentRecord>, StoreError> {
        let row = sqlx::query(
            "SELECT a.id, a.name, a.media_type, a.size_bytes, r.slug, a.uploader_id, a.message_id IS NOT NULL
             FROM attachments a JOIN rooms r ON r.id = a.room_id WHERE a.id = $1 AND a.workspace_id = $2",
        )
        .bind(id.0)
        .bind(self.workspace_id.0)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(AttachmentRecord {
            attachment: attachment(&row)?,
            room: codec::slug(row.try_get(4)?)?,
            uploader_id: UserId(row.try_get(5)?),
            is_sent: row.try_get(6)?,
        }))
    }

    async fn drop_unsent_attachments(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM attachments WHERE message_id IS NULL AND created_at < $1")
            .bind(before_ms)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn removed_files(&self, limit: u32) -> Result<Vec<AttachmentId>, StoreError> {
        let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM attachment_files_removed ORDER BY id LIMIT $1")
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        Ok(ids.into_iter().map(AttachmentId).collect())
    }

    async fn forget_removed_files(&self, ids: &[AttachmentId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut query = QueryBuilder::<Db>::new("DELETE FROM attachment_files_removed WHERE id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.0);
        }
        query.push(")");
        query.build().persistent(false).execute(&self.writer).await?;
        Ok(())
    }

    async fn attachments_among(&self, ids: &[AttachmentId]) -> Result<HashSet<AttachmentId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let mut query = QueryBuilder::<Db>::new("SELECT id FROM attachments WHERE id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.0);
        }
        query.push(")");
        let ids: Vec<Uuid> = query.build_query_scalar().persistent(false).fetch_all(&self.readers).await?;
        Ok(ids.into_iter().map(AttachmentId).collect())
    }
}
