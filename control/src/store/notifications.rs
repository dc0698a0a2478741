//! An account's inbox.

use async_trait::async_trait;
use boltorezka_proto::notifications::Notification;
use boltorezka_proto::{NotificationId, RoomId, UserId};

use super::StoreError;

/// A notification and whose rights count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotificationRecord {
    /// As clients see it.
    pub notification: Notification,
    /// The room that it is about.
    pub room_id: RoomId,
}

/// Inboxes, of this workspace. They are written by whatever stores and changes messages.
#[async_trait]
pub trait NotificationStore: Send + Sync {
    /// An account's, before `before`, newest first, at most `limit`.
    async fn notifications(
        &self,
        user_id: UserId,
        before: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<NotificationRecord>, StoreError>;

    /// How many are not read, as far as [`super::UNREAD_MAX`]. Those of rooms that it is banned from do not count.
    async fn unread_notifications(&self, user_id: UserId) -> Result<u32, StoreError>;

    /// Marks one and all before it as read.
    async fn read_notifications(&self, user_id: UserId, up_to: NotificationId, now_ms: i64) -> Result<(), StoreError>;

    /// Drops those from before `before_ms`, in every workspace.
    async fn drop_old_notifications(&self, before_ms: i64) -> Result<(), StoreError>;
}
