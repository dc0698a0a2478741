//! Messages.

use std::collections::HashMap;

use async_trait::async_trait;
use boltorezka_proto::socket::{ChatDelta, Message};
use boltorezka_proto::{AttachmentId, MessageId, MessageText, ReactionEmoji, RoomId, UserId};

use super::{Audit, DirectRefusal, StoreError};

/// A message to be stored.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Where.
    pub room_id: RoomId,
    /// Who.
    pub sender_id: UserId,
    /// What.
    pub text: &'a MessageText,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whom it mentions, each once.
    pub mentions: &'a [UserId],
    /// Its files, each once.
    pub attachments: &'a [AttachmentId],
    /// The sender's key: the same key is the same message.
    pub idempotency_key: &'a str,
    /// When.
    pub now_ms: i64,
}

/// A message and its place in the room.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// Grows with each message of the room.
    pub seq: i64,
    /// As clients see it.
    pub message: Message,
}

/// What became of a message.
#[derive(Debug)]
pub enum SendOutcome {
    /// Stored now.
    Stored(Message),
    /// An earlier request with the same key stored it.
    Duplicate(Message),
    /// The key was used for something else.
    Conflict,
    /// The sender is not in the room.
    NotJoined,
    /// A listener says nothing.
    Forbidden,
    /// Only moderators say something in this room.
    ReadOnly,
    /// The sender said something in this room a moment ago.
    SlowMode {
        /// Until it may say something again.
        retry_after_ms: u64,
    },
    /// The message that it answers is not in the room.
    NoReplyTarget,
    /// Somebody whom it mentions is not there, or is banned from the room.
    NoMentioned,
    /// A file is not there, not the sender's, of another room, or in another message.
    NoAttachment,
    /// The two of a direct room cannot write to each other.
    Direct(DirectRefusal),
}

/// A change of a message that is there.
#[derive(Clone, Debug)]
pub struct MessageChange<'a> {
    /// Where.
    pub room_id: RoomId,
    /// Which.
    pub message_id: MessageId,
    /// Who.
    pub actor_id: UserId,
    /// What.
    pub change: Change<'a>,
    /// The actor's key: the same key is the same change.
    pub idempotency_key: Option<&'a str>,
    /// When.
    pub now_ms: i64,
}

/// What is changed.
#[derive(Clone, Debug)]
pub enum Change<'a> {
    /// The text.
    Edit {
        /// What it says from now on.
        text: &'a MessageText,
        /// Whom it mentions from now on, each once.
        mentions: &'a [UserId],
    },
    /// All that it said.
    Delete {
        /// Written when it is somebody else's.
        audit: Audit,
    },
    /// How somebody reacts to it.
    React {
        /// With what.
        emoji: &'a ReactionEmoji,
        /// Or takes it back.
        on: bool,
    },
    /// Whether it is pinned.
    Pin {
        /// Whether.
        on: bool,
        /// Most in the room.
        pins_max: Option<u32>,
    },
}

/// What became of a change.
#[derive(Debug)]
pub enum ChangeOutcome {
    /// It is made.
    Changed(Message),
    /// It was so before.
    Unchanged(Message),
    /// It may not be made.
    Refused(ChangeRefusal),
}

/// Why a change is not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeRefusal {
    /// The key was used for something else.
    Conflict,
    /// The actor is not in the room.
    NotJoined,
    /// The actor's role does not take the action.
    Forbidden,
    /// Only moderators say something in this room.
    ReadOnly,
    /// Only its sender may.
    NotSender,
    /// The actor may not moderate the sender.
    NotOutranked,
    /// There is no such message in the room, or it was deleted.
    NoMessage,
    /// Somebody whom it mentions is not there, or is banned from the room.
    NoMentioned,
    /// The message has as many kinds of reactions as it may have.
    TooManyReactions,
    /// The room has as many pins as it may have.
    TooManyPins,
    /// The two of a direct room cannot write to each other.
    Direct(DirectRefusal),
}

/// What somebody has not read of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unread {
    /// The room's last number.
    pub last_seq: u64,
    /// Up to where it was read.
    pub read_seq: u64,
    /// Messages of others after that, as far as [`UNREAD_MAX`].
    pub unread_count: u32,
    /// Those of them that mention the reader, likewise.
    pub mention_count: u32,
}

/// Nobody counts further, and a list of rooms is not to read the whole history.
pub const UNREAD_MAX: u32 = 100;

/// Messages.
#[async_trait]
pub trait ChatStore: Send + Sync {
    /// Stores a message, takes its number and writes `message.new` to the outbox, once for each key of a sender.
    async fn send_message(&self, message: NewMessage<'_>) -> Result<SendOutcome, StoreError>;

    /// Messages before number `before`, newest first, at most `limit`.
    async fn messages(
        &self,
        room_id: RoomId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError>;
}

/// Changes of messages.
#[async_trait]
pub trait ChangeStore: Send + Sync {
    /// Changes a message, takes the next number of the room and writes `message.changed` to the outbox. What changes nothing takes no
    /// number.
    async fn change_message(&self, change: MessageChange<'_>) -> Result<ChangeOutcome, StoreError>;

    /// Forgets keys of changes from before `before_ms`.
    async fn forget_chat_keys(&self, before_ms: i64) -> Result<(), StoreError>;
}

/// What is asked for by [`ChatSyncStore::chat_after`].
#[derive(Clone, Copy, Debug)]
pub struct DeltaRequest {
    /// Where.
    pub room_id: RoomId,
    /// The last number that is known.
    pub after: Option<u64>,
    /// Messages in one answer.
    pub limit: u32,
    /// Who is further behind starts anew.
    pub behind_max: u64,
}

/// What changed, and what was read.
#[async_trait]
pub trait ChatSyncStore: Send + Sync {
    /// What changed after a number. `None` when the room is gone.
    async fn chat_after(&self, request: DeltaRequest) -> Result<Option<ChatDelta>, StoreError>;

    /// The last number that a room gave. `None` when it is gone.
    async fn last_number(&self, room_id: RoomId) -> Result<Option<u64>, StoreError>;

    /// What is pinned, newest pin first, at most `limit`.
    async fn pins(&self, room_id: RoomId, limit: u32) -> Result<Vec<Message>, StoreError>;

    /// Moves somebody's pointer up to `seq`, at most to the room's last number, never back. Returns where it is then; `None` when the
    /// room is gone.
    async fn mark_read(&self, room_id: RoomId, user_id: UserId, seq: u64) -> Result<Option<u64>, StoreError>;

    /// What somebody has not read, for each of `rooms` that is there.
    async fn unread(&self, user_id: UserId, rooms: &[RoomId]) -> Result<HashMap<RoomId, Unread>, StoreError>;
}
