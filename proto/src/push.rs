//! Web push: browsers that are told what waits for an account while no page is open (Push API; RFC 8030, 8291 and 8292).

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::notifications::NotificationKind;
use crate::{CallId, DisplayName, NotificationId, PushSubscriptionId, RoomSlug, RoomTitle, Timestamp, WorkspaceSlug};

/// Longest address of a subscription: push services give some 100 to 600 bytes.
pub const PUSH_ENDPOINT_BYTES_MAX: usize = 1_024;
/// Characters of a message that are pushed: more than a notification of a system shows. The payload stays far below the 4,096
/// bytes that every push service takes (RFC 8030, section 7.2).
pub const PUSH_TEXT_CHARACTERS_MAX: usize = 200;

/// A browser that the account is pushed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct PushSubscription {
    /// Stable id.
    pub id: PushSubscriptionId,
    /// Whether it belongs to the session that asks.
    pub current: bool,
    /// The host of the push service that the browser chose.
    pub service: String,
    /// What the client of its session calls itself, if that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_agent: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// `GET /v1/push`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct PushStatus {
    /// Whether browsers can subscribe here.
    pub available: bool,
    /// Why they cannot, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// The server's public key, for `PushManager.subscribe`: an uncompressed point of P-256 in base64url without padding.
    pub public_key: String,
    /// Whether the account wants to be pushed to.
    pub enabled: bool,
    /// Its browsers, the oldest first.
    pub subscriptions: Vec<PushSubscription>,
}

/// `POST /v1/push/subscriptions`: what `PushSubscription.toJSON` of a browser gives. Bytes in base64url without padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscribePushRequest {
    /// Where the push service takes what is for this browser; 1,024 bytes at most.
    pub endpoint: String,
    /// The browser's public key: an uncompressed point of P-256.
    pub p256dh: String,
    /// The secret that the browser shares with the server: 16 bytes.
    pub auth: String,
}

/// `PATCH /v1/push`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdatePushRequest {
    /// Whether the account wants to be pushed to.
    pub enabled: bool,
}

/// What a browser is pushed, and its service worker shows. A later one about the same room, or its call, takes the place of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PushNotice {
    /// A message that is for the account.
    Message {
        /// Where: the workspace.
        workspace: WorkspaceSlug,
        /// Where: the room.
        room: RoomSlug,
        /// Its title for people.
        room_title: RoomTitle,
        /// The entry of the inbox.
        notification_id: NotificationId,
        /// Why it is for the account.
        kind: NotificationKind,
        /// Who sent it.
        sender_name: String,
        /// Its beginning, 200 characters at most; empty of a message of files alone.
        text: String,
        /// When.
        at: Timestamp,
    },
    /// Somebody calls the account now.
    Ringing {
        /// Where: the workspace.
        workspace: WorkspaceSlug,
        /// Where: the direct room.
        room: RoomSlug,
        /// Which call.
        call_id: CallId,
        /// Who.
        caller_name: DisplayName,
        /// When it rings no more.
        ends_at: Timestamp,
    },
    /// Somebody called, and the account did not come.
    MissedCall {
        /// Where: the workspace.
        workspace: WorkspaceSlug,
        /// Where: the direct room.
        room: RoomSlug,
        /// The entry of the inbox.
        notification_id: NotificationId,
        /// Who.
        caller_name: DisplayName,
        /// When.
        at: Timestamp,
    },
}
