//! Messages.

use async_trait::async_trait;
use boltorezka_proto::socket::Message;
use boltorezka_proto::{MessageId, MessageText, RoomId, UserId};

use super::StoreError;

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
    /// The sender's key: the same key is the same message.
    pub idempotency_key: &'a str,
    /// When.
    pub now_ms: i64,
}

/// A message and its place in the room.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// Grows by one with each message of the room.
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
    /// The message that it answers is not in the room.
    NoReplyTarget,
}

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
