//! Messages that members report to the admins of their workspace.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{DisplayName, MessageId, MessageText, ReportId, ReportReason, RoomSlug, Timestamp, UserId};

/// `POST /v1/rooms/{slug}/messages/{messageId}/report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportMessageRequest {
    /// Why, in the reporter's words.
    pub reason: ReportReason,
}

/// A report of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Report {
    /// Stable id. Ids grow with time.
    pub id: ReportId,
    /// Where it was said.
    pub room: RoomSlug,
    /// The message, which may be gone.
    pub message_id: MessageId,
    /// Who said it.
    pub sender_id: UserId,
    /// Its name now.
    pub sender_name: DisplayName,
    /// Who reports it.
    pub reporter_id: UserId,
    /// Its name now.
    pub reporter_name: DisplayName,
    /// What the message said when it was reported.
    pub text: MessageText,
    /// Why it is reported.
    pub reason: ReportReason,
    /// When.
    pub created_at: Timestamp,
    /// When an admin was done with it; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub resolved_at: Option<Timestamp>,
}
