//! What must be told to others.

use async_trait::async_trait;
use tokio::sync::Notify;

use super::StoreError;

/// Who is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// The media node. The payload is a [`crate::calls::MediaOrder`], the row's id its revision.
    Media,
    /// The sockets of a room. The payload is a [`crate::events::GatewayEvent`].
    Gateway,
}

impl Topic {
    /// As in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Gateway => "gateway",
        }
    }
}

/// Fired at each commit that wrote to the outbox, so that nobody has to poll.
#[derive(Debug, Default)]
pub struct OutboxSignal {
    media: Notify,
    gateway: Notify,
}

impl OutboxSignal {
    /// The one of `topic`. One task waits on each; a wake-up that comes before the wait is kept.
    pub fn of(&self, topic: Topic) -> &Notify {
        match topic {
            Topic::Media => &self.media,
            Topic::Gateway => &self.gateway,
        }
    }
}

/// A row that waits for its delivery.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Order of commits.
    pub id: u64,
    /// JSON.
    pub payload: String,
}

/// The outbox.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Rows of `topic` after `after` that were not delivered, by order of commits, at most `limit`.
    async fn outbox(&self, topic: Topic, after: u64, limit: u32) -> Result<Vec<OutboxRow>, StoreError>;

    /// Marks the rows of `topic` up to `id` as delivered.
    async fn delivered(&self, topic: Topic, up_to: u64, now_ms: i64) -> Result<(), StoreError>;

    /// How many rows wait.
    async fn outbox_depth(&self) -> Result<u64, StoreError>;

    /// Deletes rows that were delivered before `before_ms`.
    async fn delete_delivered(&self, before_ms: i64) -> Result<(), StoreError>;
}
