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
    /// Of orders, the revision: greater than that of every order that was committed before, and so in the order of
    /// commits. Of events, the same within a room.
    pub id: u64,
    /// JSON.
    pub payload: String,
}

/// The outbox.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Orders to the media node after revision `after` that it has not confirmed, by revision, at most `limit`.
    async fn orders(&self, after: u64, limit: u32) -> Result<Vec<OutboxRow>, StoreError>;

    /// The media node has carried out all orders up to this revision.
    async fn orders_applied(&self, up_to: u64, now_ms: i64) -> Result<(), StoreError>;

    /// Events that wait to be told to sockets, at most `limit`. There is no place in them to go on from: those of
    /// another room may be committed later and have smaller ids.
    async fn events(&self, limit: u32) -> Result<Vec<OutboxRow>, StoreError>;

    /// These events were told.
    async fn events_told(&self, ids: &[u64], now_ms: i64) -> Result<(), StoreError>;

    /// How many rows wait.
    async fn outbox_depth(&self) -> Result<u64, StoreError>;

    /// Deletes rows that were delivered before `before_ms`.
    async fn delete_delivered(&self, before_ms: i64) -> Result<(), StoreError>;
}
