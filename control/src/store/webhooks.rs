//! Who is told of what happens, and what they have not been told yet.

use async_trait::async_trait;
use boltorezka_proto::webhooks::{Webhook, WebhookDelivery, WebhookEventType};
use boltorezka_proto::{EventId, Timestamp, WebhookId};

use super::{Audit, StoreError};

/// Key that requests are signed with.
pub type WebhookSecret = [u8; 32];

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Where its requests go.
    pub url: String,
    /// What it is told of.
    pub events: Vec<WebhookEventType>,
    /// What they are signed with.
    pub secret: WebhookSecret,
}

/// A delivery that is to be tried now.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    /// To whom.
    pub webhook_id: WebhookId,
    /// Which event: the same for all tries and all webhooks.
    pub event_id: EventId,
    /// Where it goes.
    pub url: String,
    /// Whether the webhook is of the default workspace.
    pub at_home: bool,
    /// What it is signed with.
    pub secret: WebhookSecret,
    /// What is sent.
    pub body: String,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// What a failed try leaves.
#[derive(Clone, Debug)]
pub struct FailedDelivery {
    /// What went wrong, in words.
    pub error: String,
    /// When it is tried again; never for a dead letter.
    pub next_attempt_at_ms: Option<i64>,
    /// The webhook is switched off.
    pub disables: bool,
}

/// A webhook as it is kept, without its secret.
#[derive(Clone, Debug)]
pub struct WebhookRecord {
    /// Stable id.
    pub id: WebhookId,
    /// Where its requests go.
    pub url: String,
    /// What it is told of.
    pub events: Vec<WebhookEventType>,
    /// When it was made.
    pub created_at_ms: i64,
    /// Since when nothing got through.
    pub failing_since_ms: Option<i64>,
    /// When it was switched off.
    pub disabled_at_ms: Option<i64>,
}

impl From<WebhookRecord> for Webhook {
    fn from(record: WebhookRecord) -> Self {
        Self {
            id: record.id,
            url: record.url,
            events: record.events,
            created_at: Timestamp::from_unix_ms(record.created_at_ms),
            failing_since: record.failing_since_ms.map(Timestamp::from_unix_ms),
            disabled_at: record.disabled_at_ms.map(Timestamp::from_unix_ms),
        }
    }
}

/// How many deliveries wait, and how many are dead letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeliveryCounts {
    /// To be tried, now or later.
    pub waiting: u64,
    /// Tried no more.
    pub dead: u64,
}

/// Webhooks.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Makes a webhook, where there are fewer than `total_max`.
    async fn create_webhook(
        &self,
        new: &NewWebhook,
        total_max: Option<u32>,
        audit: &Audit,
    ) -> Result<Option<WebhookRecord>, StoreError>;

    /// All of them, the oldest first.
    async fn webhooks(&self) -> Result<Vec<WebhookRecord>, StoreError>;

    /// Deletes one with what it was to be told. False when it was gone.
    async fn delete_webhook(&self, id: WebhookId, audit: &Audit) -> Result<bool, StoreError>;

    /// Switches one on again, where it was switched off, and has its dead letters tried again at once. `None` when it is gone.
    async fn replay_webhook(&self, id: WebhookId, audit: &Audit) -> Result<Option<WebhookRecord>, StoreError>;

    /// What one has not been told, by the event's id, after `after`, at most `limit`. `None` when there is no such webhook.
    async fn deliveries(
        &self,
        id: WebhookId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Option<Vec<WebhookDelivery>>, StoreError>;

    /// Takes what is to be tried now, of all workspaces, at most `limit`, of each webhook `of_each` at most. Nobody else gets it
    /// until `leased_until_ms`.
    async fn take_due_deliveries(
        &self,
        now_ms: i64,
        leased_until_ms: i64,
        of_each: u32,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, StoreError>;

    /// It got through.
    async fn delivered(&self, delivery: &DueDelivery) -> Result<(), StoreError>;

    /// It did not. Since when nothing gets through to the webhook.
    async fn delivery_failed(
        &self,
        delivery: &DueDelivery,
        failed: &FailedDelivery,
        now_ms: i64,
    ) -> Result<(), StoreError>;

    /// Switches off those to which nothing got through since `before_ms`, and those for whom more than `waiting_max` wait;
    /// deletes dead letters of before `dead_before_ms`. Returns those that were switched off.
    async fn tidy_webhooks(
        &self,
        now_ms: i64,
        failing_before_ms: i64,
        waiting_max: u32,
        dead_before_ms: i64,
    ) -> Result<Vec<WebhookId>, StoreError>;

    /// How many deliveries of all workspaces there are.
    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError>;
}
