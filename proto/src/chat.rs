//! What is said in rooms, as the socket and the HTTP API show it.
//!
//! Each change of a room's chat (a new message, an edit, a deletion, a reaction, a pin) takes the next number of the room. Numbers are
//! in the order of commits, without holes. A message is told as it is after the change, with the number of that change.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{AttachmentId, FileName, MessageId, MessageText, ReactionEmoji, RoomSlug, Timestamp, UserId};

/// Most people that a message can mention.
pub const MENTIONS_MAX: usize = 20;
/// Most kinds of reactions to one message.
pub const REACTIONS_MAX: usize = 20;
/// Most people that are named under a reaction; all are counted.
pub const REACTION_USERS_MAX: usize = 100;
/// Most files of a message.
pub const ATTACHMENTS_MAX: usize = 10;
/// Longest text that is searched for, in characters.
pub const SEARCH_CHARACTERS_MAX: usize = 200;

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Message {
    /// Stable id.
    pub id: MessageId,
    /// Where.
    pub room: RoomSlug,
    /// Its place in the room: the number that it took when it was sent. 0 from a server that numbers nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = true)]
    pub seq: u64,
    /// The number of its last change; absent while it is as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub changed_seq: Option<u64>,
    /// Who.
    pub sender_id: UserId,
    /// The sender's name when it was sent.
    pub sender_name: String,
    /// What. Absent when it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<MessageText>,
    /// The message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reply_to: Option<MessageId>,
    /// Whom it mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<UserId>>")]
    pub mentions: Vec<UserId>,
    /// How people reacted, by first use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Reaction>>")]
    pub reactions: Vec<Reaction>,
    /// Its files, in the order in which the sender named them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Attachment>>")]
    pub attachments: Vec<Attachment>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its text was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted. What is left keeps its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deleted_at: Option<Timestamp>,
    /// Since when it is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pinned_at: Option<Timestamp>,
}

impl Message {
    /// What it says; nothing when it was deleted.
    pub fn said(&self) -> &str {
        self.text.as_ref().map_or("", MessageText::as_str)
    }

    /// The number of its last change, or of itself.
    pub fn number(&self) -> u64 {
        self.changed_seq.unwrap_or(self.seq)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A file of a message. `GET /v1/attachments/{attachmentId}` has what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Stable id.
    pub id: AttachmentId,
    /// What its sender calls it.
    pub name: FileName,
    /// Its media type, as its content shows.
    #[serde(rename = "type")]
    pub media_type: String,
    /// How large it is.
    pub size_bytes: u64,
}

/// What people reacted with to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// With what.
    pub emoji: ReactionEmoji,
    /// How many did.
    pub count: u32,
    /// Who did; at most 100 of them.
    pub user_ids: Vec<UserId>,
}

/// Payload of the `ack` to `message.send` and to what changes a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MessageSent {
    /// As it is now.
    pub message: Message,
    /// Whether it was so before: by an earlier request with the same key, or because nothing had to change.
    pub duplicate: bool,
}

/// Payload of the `ack` to `sync.resume`: what changed after a number, or the room's newest messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct ChatDelta {
    /// Where.
    pub room: RoomSlug,
    /// Whether the client is to forget what it has and start anew from `messages`, the newest of the room by place. Else they are those
    /// that changed, by the number of their last change, each once as it is now.
    pub snapshot: bool,
    /// Which.
    pub messages: Vec<Message>,
    /// Everything up to this number is told; ask for what follows it.
    pub seq: u64,
    /// Whether more is there already: ask again with `seq`.
    pub has_more: bool,
    /// Messages of smaller places were deleted for good.
    pub first_seq: u64,
    /// Of a snapshot: the cursor of older messages, for `GET /v1/rooms/{slug}/messages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Payload of the `ack` to `message.read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ReadPointer {
    /// Where.
    pub room: RoomSlug,
    /// The highest number that was read.
    pub seq: u64,
}
