//! An account's inbox: who mentioned it, and who answered it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::chat::Message;
use crate::{NotificationId, Timestamp};

/// Why somebody is notified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// The message mentions the account.
    Mention,
    /// It answers a message of the account.
    Reply,
}

/// Something that an account is to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Notification {
    /// Stable id. Ids grow with time.
    pub id: NotificationId,
    /// Why.
    pub kind: NotificationKind,
    /// The message, as it is now.
    pub message: Message,
    /// When.
    pub created_at: Timestamp,
    /// When it was read; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub read_at: Option<Timestamp>,
}

/// `GET /v1/notifications`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct NotificationPage {
    /// Newest first. A page may be shorter than was asked for: what is in rooms that one may not read any more is left out.
    pub items: Vec<Notification>,
    /// Opaque; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
    /// How many are not read; 100 means 100 or more.
    pub unread_count: u32,
}

/// `POST /v1/notifications/read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadNotificationsRequest {
    /// This one and all before it are read.
    pub up_to: NotificationId,
}

/// How many are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadNotifications {
    /// 100 means 100 or more.
    pub unread_count: u32,
}
