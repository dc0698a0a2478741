use async_trait::async_trait;
use boltorezka_proto::notifications::{MissedCall, Notification, NotificationKind};
use boltorezka_proto::socket::Message;
use boltorezka_proto::{MessageId, NotificationId, RoomId, Timestamp, UserId, WorkspaceId};
use sqlx::{Executor, Row as _};
use uuid::Uuid;

use super::chat::may_be_mentioned;
use super::message_rows::{message_record, select_message};
use super::rooms::{is_seen, join_roles};
use super::{Db, Row, SqlStore, Tx};
use crate::events::GatewayEvent;
use crate::store::{NotificationRecord, NotificationStore, PushAbout, StoreError, Topic, UNREAD_MAX, codec};

/// Columns of messages before those of notifications.
const MESSAGE_COLUMNS: usize = 17;

fn notification_record(row: &Row) -> Result<NotificationRecord, StoreError> {
    let read_at: Option<i64> = row.try_get(MESSAGE_COLUMNS + 3)?;
    let caller_id: Option<Uuid> = row.try_get(MESSAGE_COLUMNS + 5)?;
    let (message, call) = match caller_id {
        None => (Some(message_record(row)?.message), None),
        Some(caller_id) => {
            let caller_name = codec::display_name(row.try_get(MESSAGE_COLUMNS + 6)?)?;
            (None, Some(MissedCall { room: codec::slug(row.try_get(2)?)?, caller_id: UserId(caller_id), caller_name }))
        }
    };
    let notification = Notification {
        id: NotificationId(row.try_get(MESSAGE_COLUMNS)?),
        kind: codec::notification_kind(row.try_get(MESSAGE_COLUMNS + 1)?)?,
        message,
        call,
        created_at: Timestamp::from_unix_ms(row.try_get(MESSAGE_COLUMNS + 2)?),
        read_at: read_at.map(Timestamp::from_unix_ms),
    };
    Ok(NotificationRecord { notification, room_id: RoomId(row.try_get(MESSAGE_COLUMNS + 4)?) })
}

/// Of what is in rooms that the account may read now.
pub(super) async fn unread_count(
    executor: impl Executor<'_, Database = Db>,
    workspace_id: WorkspaceId,
    user_id: UserId,
) -> Result<u32, StoreError> {
    let count: i64 = sqlx::query_scalar(concat!(
        "SELECT count(*) FROM (SELECT 1 FROM notifications n JOIN rooms r ON r.id = n.room_id JOIN users u ON u.id = n.user_id ",
        join_roles!(),
        "WHERE n.user_id = $1 AND n.workspace_id = $2 AND n.read_at IS NULL AND (",
        is_seen!(),
        ") AND NOT EXISTS (SELECT 1 FROM room_bans b WHERE b.room_id = n.room_id AND b.user_id = n.user_id) LIMIT $3) AS unread"
    ))
    .bind(user_id.0)
    .bind(workspace_id.0)
    .bind(i64::from(UNREAD_MAX))
    .fetch_one(executor)
    .await?;
    Ok(codec::count(count))
}

/// Whom a message answers: who sent the other one, if it is somebody else who may read the room.
async fn answered(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    room_id: RoomId,
    message: &Message,
    reply_to: MessageId,
) -> Result<Option<UserId>, StoreError> {
    let sender_id: Option<Uuid> =
        sqlx::query_scalar("SELECT sender_id FROM messages WHERE id = $1 AND room_id = $2 AND deleted_at IS NULL")
            .bind(reply_to.0)
            .bind(room_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    let Some(user_id) = sender_id.map(UserId).filter(|user_id| *user_id != message.sender_id) else { return Ok(None) };
    Ok(may_be_mentioned(tx, workspace_id, room_id, &[user_id]).await?.then_some(user_id))
}

impl SqlStore {
    /// Notifies those whom a new message mentions, and whom it answers; in a direct room the other one, of each.
    pub(super) async fn notify(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        message: &Message,
        direct_with: Option<UserId>,
    ) -> Result<(), StoreError> {
        if let Some(other) = direct_with {
            return self.put_notification(tx, room_id, message, other, NotificationKind::Direct).await;
        }
        self.notify_mentioned(tx, room_id, message, &[]).await?;
        if let Some(reply_to) = message.reply_to
            && let Some(user_id) = answered(tx, self.workspace_id, room_id, message, reply_to).await?
        {
            self.put_notification(tx, room_id, message, user_id, NotificationKind::Reply).await?;
        }
        Ok(())
    }

    /// Notifies those whom a message mentions now and did not before, and takes it back from those whom it mentions no more.
    pub(super) async fn notify_mentioned(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        message: &Message,
        before: &[UserId],
    ) -> Result<(), StoreError> {
        for user_id in before.iter().filter(|user_id| !message.mentions.contains(user_id)) {
            sqlx::query("DELETE FROM notifications WHERE message_id = $1 AND user_id = $2 AND kind = 'mention'")
                .bind(message.id.0)
                .bind(user_id.0)
                .execute(&mut **tx)
                .await?;
        }
        let is_new = |user_id: &&UserId| !before.contains(user_id) && **user_id != message.sender_id;
        for user_id in message.mentions.iter().filter(is_new) {
            self.put_notification(tx, room_id, message, *user_id, NotificationKind::Mention).await?;
        }
        Ok(())
    }

    /// Once for each account and message. An account that is gone has no inbox.
    async fn put_notification(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        message: &Message,
        user_id: UserId,
        kind: NotificationKind,
    ) -> Result<(), StoreError> {
        let id = NotificationId::generate();
        let created_at = message.edited_at.unwrap_or(message.created_at);
        let written = sqlx::query(
            "INSERT INTO notifications (id, workspace_id, user_id, kind, room_id, message_id, created_at)
             SELECT $1, $2, u.id, $3, $4, $5, $6 FROM users u WHERE u.id = $7 AND u.erased_at IS NULL
             ON CONFLICT (user_id, message_id) DO NOTHING",
        )
        .bind(id.0)
        .bind(self.workspace_id.0)
        .bind(codec::notification_kind_text(kind))
        .bind(room_id.0)
        .bind(message.id.0)
        .bind(created_at.unix_ms())
        .bind(user_id.0)
        .execute(&mut **tx)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        let unread_count = unread_count(&mut **tx, self.workspace_id, user_id).await?;
        let notification =
            Notification { id, kind, message: Some(message.clone()), call: None, created_at, read_at: None };
        let workspace_id = self.workspace_id;
        let event = GatewayEvent::NotificationNew { workspace_id, room_id, user_id, notification, unread_count };
        self.put_outbox(tx, Topic::Gateway, &event, created_at.unix_ms()).await?;
        self.put_push(tx, user_id, room_id, PushAbout::Message, id.0, created_at.unix_ms()).await
    }
}

#[async_trait]
impl NotificationStore for SqlStore {
    async fn notifications(
        &self,
        user_id: UserId,
        before: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<NotificationRecord>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            select_message!(columns),
            ", n.id, n.kind, n.created_at, n.read_at, n.room_id, n.caller_id, c.display_name
             FROM notifications n JOIN rooms r ON r.id = n.room_id LEFT JOIN messages m ON m.id = n.message_id
             LEFT JOIN users c ON c.id = n.caller_id
             WHERE n.user_id = $1 AND n.workspace_id = $2 AND ($3 IS NULL OR n.id < $3) ORDER BY n.id DESC LIMIT $4"
        ))
        .bind(user_id.0)
        .bind(self.workspace_id.0)
        .bind(before.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(notification_record).collect()
    }

    async fn unread_notifications(&self, user_id: UserId) -> Result<u32, StoreError> {
        unread_count(&self.readers, self.workspace_id, user_id).await
    }

    async fn read_notifications(&self, user_id: UserId, up_to: NotificationId, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE notifications SET read_at = $1
             WHERE user_id = $2 AND workspace_id = $3 AND id <= $4 AND read_at IS NULL",
        )
        .bind(now_ms)
        .bind(user_id.0)
        .bind(self.workspace_id.0)
        .bind(up_to.0)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn drop_old_notifications(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM notifications WHERE created_at < $1").bind(before_ms).execute(&self.writer).await?;
        Ok(())
    }
}
