//! What operators see of the whole server: all workspaces at once.

use async_trait::async_trait;
use boltorezka_proto::admin::{AdminParticipant, AdminRoom, AuditEntry, DeadLetter, OutboxEvent};
use boltorezka_proto::{AuditId, EventId, ParticipantId, RoomId, WebhookId};
use uuid::Uuid;

use super::{Audit, StoreError};

/// What the audit log is searched for. Whatever is none counts not.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The account or API key that acted.
    pub actor: Option<Uuid>,
    /// The action, or the first words of its name.
    pub action: Option<String>,
    /// From then on.
    pub from_ms: Option<i64>,
    /// Before then.
    pub until_ms: Option<i64>,
}

/// A place in the audit log.
pub type AuditPlace = (i64, AuditId);

/// The whole server. Lists are of all workspaces, and hold `limit` at most.
#[async_trait]
pub trait AdminStore: Send + Sync {
    /// Who did what, the latest first, of before `before`.
    async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<AuditPlace>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;

    /// Keeps an act that changes nothing in the database.
    async fn note_act(&self, action: &str, target: &str, audit: &Audit) -> Result<(), StoreError>;

    /// Rooms, by the slug of their workspace and their own, after `after`.
    async fn all_rooms(&self, after: Option<(&str, &str)>, limit: u32) -> Result<Vec<AdminRoom>, StoreError>;

    /// Who is in rooms, by room, after `after`. What the media node knows of them is not in the database.
    async fn all_participants(
        &self,
        after: Option<(RoomId, ParticipantId)>,
        limit: u32,
    ) -> Result<Vec<(RoomId, AdminParticipant)>, StoreError>;

    /// What was committed and is not told yet, by id, after `after`.
    async fn outbox(&self, after: Option<u64>, limit: u32) -> Result<Vec<OutboxEvent>, StoreError>;

    /// What webhooks are told no more, by webhook and event, after `after`.
    async fn dead_letters(
        &self,
        after: Option<(WebhookId, EventId)>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError>;
}
