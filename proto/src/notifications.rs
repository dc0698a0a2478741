//! An account's inbox: who mentioned it, who answered it, who wrote to it, and whose calls it missed.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::chat::Message;
use crate::{DisplayName, NotificationId, RoomSlug, Timestamp, UserId};

/// Why somebody is notified.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// The message mentions the account.
    Mention,
    /// It answers a message of the account.
    Reply,
    /// It is a direct message to the account.
    Direct,
    /// Somebody called the account, and it did not come.
    MissedCall,
}

/// A call that an account did not come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissedCall {
    /// The direct room.
    pub room: RoomSlug,
    /// Who called.
    pub caller_id: UserId,
    /// Its name for people, of now.
    pub caller_name: DisplayName,
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
    /// The message, as it is now; absent of a missed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<Message>,
    /// The call that was missed, which began when this was made; absent of all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<MissedCall>,
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
