//! What is pushed, read right before it goes.

use boltorezka_proto::{CallId, NotificationId, UserId};
use sqlx::Row as _;

use super::SqlStore;
use crate::store::{DuePush, PushContent, StoreError, codec};

impl SqlStore {
    /// The newest message that waits in the room's part of the inbox, and that was neither deleted nor read in the room.
    pub(super) async fn pushed_message(
        &self,
        push: &DuePush,
        user_id: UserId,
    ) -> Result<Option<PushContent>, StoreError> {
        let row = sqlx::query(
            "SELECT w.slug, r.slug, r.title, n.id, n.kind, m.sender_name, m.text, n.created_at
             FROM notifications n JOIN messages m ON m.id = n.message_id JOIN rooms r ON r.id = n.room_id
             JOIN workspaces w ON w.id = r.workspace_id
             LEFT JOIN room_reads p ON p.room_id = n.room_id AND p.user_id = n.user_id
             WHERE n.user_id = $1 AND n.workspace_id = $2 AND n.room_id = $3 AND n.id >= $4 AND n.read_at IS NULL
                 AND m.deleted_at IS NULL AND m.seq > coalesce(p.seq, 0)
             ORDER BY n.id DESC LIMIT 1",
        )
        .bind(user_id.0)
        .bind(self.workspace_id.0)
        .bind(push.room_id.0)
        .bind(push.first_event_id)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(PushContent::Message {
            workspace: codec::workspace_slug(row.try_get(0)?)?,
            room: codec::slug(row.try_get(1)?)?,
            room_title: codec::title(row.try_get(2)?)?,
            notification_id: NotificationId(row.try_get(3)?),
            kind: codec::notification_kind(row.try_get(4)?)?,
            sender_name: row.try_get(5)?,
            text: row.try_get(6)?,
            created_at_ms: row.try_get(7)?,
        }))
    }

    /// The call that rings for the account in the room, if it began after `after_ms`.
    pub(super) async fn pushed_ringing(
        &self,
        push: &DuePush,
        user_id: UserId,
        after_ms: i64,
    ) -> Result<Option<PushContent>, StoreError> {
        let row = sqlx::query(
            "SELECT w.slug, r.slug, c.id, u.display_name, c.began_at FROM direct_calls c JOIN rooms r ON r.id = c.room_id
             JOIN workspaces w ON w.id = r.workspace_id JOIN users u ON u.id = c.caller_id
             WHERE c.room_id = $1 AND c.workspace_id = $2 AND c.callee_id = $3 AND c.began_at > $4",
        )
        .bind(push.room_id.0)
        .bind(self.workspace_id.0)
        .bind(user_id.0)
        .bind(after_ms)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(PushContent::Ringing {
            workspace: codec::workspace_slug(row.try_get(0)?)?,
            room: codec::slug(row.try_get(1)?)?,
            call_id: CallId(row.try_get(2)?),
            caller_name: codec::display_name(row.try_get(3)?)?,
            began_at_ms: row.try_get(4)?,
        }))
    }

    /// The newest call that the account missed in the room and has not read of.
    pub(super) async fn pushed_missed_call(
        &self,
        push: &DuePush,
        user_id: UserId,
    ) -> Result<Option<PushContent>, StoreError> {
        let row = sqlx::query(
            "SELECT w.slug, r.slug, n.id, u.display_name, n.created_at FROM notifications n JOIN rooms r ON r.id = n.room_id
             JOIN workspaces w ON w.id = r.workspace_id JOIN users u ON u.id = n.caller_id
             WHERE n.user_id = $1 AND n.workspace_id = $2 AND n.room_id = $3 AND n.id >= $4 AND n.read_at IS NULL
             ORDER BY n.id DESC LIMIT 1",
        )
        .bind(user_id.0)
        .bind(self.workspace_id.0)
        .bind(push.room_id.0)
        .bind(push.first_event_id)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(PushContent::MissedCall {
            workspace: codec::workspace_slug(row.try_get(0)?)?,
            room: codec::slug(row.try_get(1)?)?,
            notification_id: NotificationId(row.try_get(2)?),
            caller_name: codec::display_name(row.try_get(3)?)?,
            created_at_ms: row.try_get(4)?,
        }))
    }
}
