//! Webhooks: what a server of the operator's is told, over HTTP, of what happened here. Form and signature are those of Standard
//! Webhooks 1.0.0 (<https://www.standardwebhooks.com>).

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::call::EndReason;
use crate::rest::RoomKind;
use crate::schema::WebhookUrl;
use crate::socket::Message;
use crate::{DisplayName, EventId, ParticipantId, RoomSlug, RoomTitle, Timestamp, UserId, WebhookId};

/// Longest address of a webhook, in bytes: what servers take at least (RFC 9110, section 4.1, asks for 8,000).
pub const WEBHOOK_URL_BYTES_MAX: usize = 2_000;
/// What secrets begin with, as the specification has it.
pub const WEBHOOK_SECRET_PREFIX: &str = "whsec_";

/// Something that happened: the body of a webhook's request, with the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum WebhookEvent {
    /// A room was made.
    #[serde(rename = "room.created", rename_all = "camelCase")]
    RoomCreated {
        /// Which.
        room: RoomSlug,
        /// Its name for people.
        title: RoomTitle,
        /// What it is for.
        kind: RoomKind,
    },
    /// A room was changed.
    #[serde(rename = "room.updated", rename_all = "camelCase")]
    RoomUpdated {
        /// Which.
        room: RoomSlug,
        /// Its name for people, as of now.
        title: RoomTitle,
    },
    /// A room was deleted, with all that was in it. Nothing more is said of those inside.
    #[serde(rename = "room.deleted", rename_all = "camelCase")]
    RoomDeleted {
        /// Which it was.
        room: RoomSlug,
    },
    /// Somebody entered a room.
    #[serde(rename = "participant.joined", rename_all = "camelCase")]
    ParticipantJoined {
        /// Which.
        room: RoomSlug,
        /// Who, for this stay: who leaves a call and stays gets another id, of which nothing is said here.
        participant_id: ParticipantId,
        /// Whose stay it is.
        user_id: UserId,
        /// Name for people.
        display_name: DisplayName,
    },
    /// Somebody left a room.
    #[serde(rename = "participant.left", rename_all = "camelCase")]
    ParticipantLeft {
        /// Which.
        room: RoomSlug,
        /// Who, as it was known at its end.
        participant_id: ParticipantId,
        /// Whose stay it was.
        user_id: UserId,
        /// How it ended.
        reason: EndReason,
    },
    /// Something was said.
    #[serde(rename = "message.new", rename_all = "camelCase")]
    MessageNew {
        /// What.
        message: Message,
    },
}

/// What there is to be told of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
pub enum WebhookEventType {
    /// A room was made.
    #[serde(rename = "room.created")]
    RoomCreated,
    /// A room was changed.
    #[serde(rename = "room.updated")]
    RoomUpdated,
    /// A room was deleted.
    #[serde(rename = "room.deleted")]
    RoomDeleted,
    /// Somebody entered a room.
    #[serde(rename = "participant.joined")]
    ParticipantJoined,
    /// Somebody left a room.
    #[serde(rename = "participant.left")]
    ParticipantLeft,
    /// Something was said.
    #[serde(rename = "message.new")]
    MessageNew,
}

impl WebhookEventType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::RoomCreated,
        Self::RoomUpdated,
        Self::RoomDeleted,
        Self::ParticipantJoined,
        Self::ParticipantLeft,
        Self::MessageNew,
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::RoomCreated => "room.created",
            Self::RoomUpdated => "room.updated",
            Self::RoomDeleted => "room.deleted",
            Self::ParticipantJoined => "participant.joined",
            Self::ParticipantLeft => "participant.left",
            Self::MessageNew => "message.new",
        }
    }
}

impl WebhookEvent {
    /// The room that it is about.
    pub fn room(&self) -> &RoomSlug {
        match self {
            Self::RoomCreated { room, .. }
            | Self::RoomUpdated { room, .. }
            | Self::RoomDeleted { room }
            | Self::ParticipantJoined { room, .. }
            | Self::ParticipantLeft { room, .. } => room,
            Self::MessageNew { message } => &message.room,
        }
    }

    /// Its type.
    pub fn kind(&self) -> WebhookEventType {
        match self {
            Self::RoomCreated { .. } => WebhookEventType::RoomCreated,
            Self::RoomUpdated { .. } => WebhookEventType::RoomUpdated,
            Self::RoomDeleted { .. } => WebhookEventType::RoomDeleted,
            Self::ParticipantJoined { .. } => WebhookEventType::ParticipantJoined,
            Self::ParticipantLeft { .. } => WebhookEventType::ParticipantLeft,
            Self::MessageNew { .. } => WebhookEventType::MessageNew,
        }
    }
}

/// The body of a webhook's request: `{type, timestamp, data}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookBody {
    /// When it happened.
    pub timestamp: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: WebhookEvent,
}

/// `POST /v1/webhooks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateWebhookRequest {
    /// Where the requests go: `https:`, or `http:` where the host is this machine.
    #[schema(value_type = WebhookUrl)]
    pub url: String,
    /// What to tell of, each once.
    #[schema(min_items = 1, max_items = 6)]
    pub events: Vec<WebhookEventType>,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Webhook {
    /// Stable id.
    pub id: WebhookId,
    /// Where the requests go.
    #[schema(value_type = WebhookUrl)]
    pub url: String,
    /// What it is told of.
    pub events: Vec<WebhookEventType>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when nothing got through to it, while that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub failing_since: Option<Timestamp>,
    /// When it was switched off, because nothing had got through for long or it said 410: nothing is kept for it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub disabled_at: Option<Timestamp>,
}

/// The answer to `POST /v1/webhooks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedWebhook {
    /// As it is listed.
    pub webhook: Webhook,
    /// What requests are signed with: `whsec_` and the key in base64. It is shown once.
    pub secret: String,
}

/// An event that has not got through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct WebhookDelivery {
    /// The event's id, as in the header `webhook-id`.
    pub event_id: EventId,
    /// What it tells of.
    #[serde(rename = "type")]
    pub kind: WebhookEventType,
    /// When it happened.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; none for a dead letter, which is tried no more unless it is replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_attempt_at: Option<Timestamp>,
    /// What became of the last try, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_in_json() {
        for kind in WebhookEventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let event = WebhookEvent::RoomDeleted { room: RoomSlug::new("talk").unwrap() };
        let body = WebhookBody { timestamp: Timestamp::from_unix_ms(0), event };
        let json = serde_json::to_value(&body).unwrap();
        let expected = r#"{"timestamp":"1970-01-01T00:00:00.000Z","type":"room.deleted","data":{"room":"talk"}}"#;
        assert_eq!(json, serde_json::from_str::<serde_json::Value>(expected).unwrap());
        assert_eq!(serde_json::from_value::<WebhookBody>(json).unwrap(), body);
    }
}
