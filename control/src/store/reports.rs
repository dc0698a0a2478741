//! Messages that members report to the admins of their workspace.

use async_trait::async_trait;
use boltorezka_proto::reports::Report;
use boltorezka_proto::{MessageId, ReportId, ReportReason, RoomId, UserId};

use super::{Audit, StoreError};

/// A report that somebody makes.
#[derive(Clone, Copy, Debug)]
pub struct NewReport<'a> {
    /// Where the message is.
    pub room_id: RoomId,
    /// Which.
    pub message_id: MessageId,
    /// Who reports it.
    pub reporter_id: UserId,
    /// Why.
    pub reason: &'a ReportReason,
    /// When.
    pub now_ms: i64,
}

/// Reports, of this workspace.
#[async_trait]
pub trait ReportStore: Send + Sync {
    /// Keeps a report with what the message says now; of the same account and message the first one stays. False when there is
    /// no such message in the room, or it was deleted before.
    async fn report_message(&self, new: NewReport<'_>) -> Result<bool, StoreError>;

    /// Those from before `before`, newest first, at most `limit`.
    async fn reports(&self, before: Option<ReportId>, limit: u32) -> Result<Vec<Report>, StoreError>;

    /// Marks one as done with. One that was so before stays as it is. `None` when there is no such report.
    async fn resolve_report(&self, id: ReportId, audit: &Audit) -> Result<Option<Report>, StoreError>;

    /// Drops those that were resolved before `before_ms`, in every workspace.
    async fn drop_old_reports(&self, before_ms: i64) -> Result<(), StoreError>;
}
