//! Browsers that accounts are pushed to, and what they were not pushed yet.

use async_trait::async_trait;
use boltorezka_proto::notifications::NotificationKind;
use boltorezka_proto::rest::Role;
use boltorezka_proto::{
    CallId, DisplayName, NotificationId, PushSubscriptionId, RoomId, RoomSlug, RoomTitle, UserId, WorkspaceId,
    WorkspaceSlug,
};
use uuid::Uuid;

use super::StoreError;
use crate::push::BrowserKeys;

/// A browser that is to be pushed to.
#[derive(Clone)]
pub struct NewPushSubscription {
    /// Whose it is.
    pub user_id: UserId,
    /// The session that it lives as long as.
    pub session_id: Uuid,
    /// Where its pushes go.
    pub endpoint: String,
    /// What they are encrypted for.
    pub keys: BrowserKeys,
    /// When.
    pub now_ms: i64,
}

/// A browser as its owner is shown it.
#[derive(Clone, Debug)]
pub struct PushSubscriptionRecord {
    /// Stable id.
    pub id: PushSubscriptionId,
    /// The session that it lives as long as.
    pub session_id: Uuid,
    /// Where its pushes go: a secret.
    pub endpoint: String,
    /// What the session was begun with, if that was kept.
    pub user_agent: Option<String>,
    /// When it was made.
    pub created_at_ms: i64,
}

/// What of a room is pushed: each is one notification of the browser's system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PushAbout {
    /// Its messages.
    Message,
    /// Its calls.
    Call,
}

impl PushAbout {
    /// As in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Call => "call",
        }
    }
}

/// A push that is to be tried now.
#[derive(Clone, Debug)]
pub struct DuePush {
    /// To which browser.
    pub subscription_id: PushSubscriptionId,
    /// The room's workspace.
    pub workspace_id: WorkspaceId,
    /// The room that it is about.
    pub room_id: RoomId,
    /// What of it.
    pub about: PushAbout,
    /// Notification or call: from this one on.
    pub first_event_id: Uuid,
    /// Notification or call: the newest.
    pub event_id: Uuid,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// When the newest came.
    pub created_at_ms: i64,
    /// From when on nobody needs it.
    pub expires_at_ms: i64,
}

/// Whom a push is for, as of now.
#[derive(Clone)]
pub struct PushTarget {
    /// Which account.
    pub user_id: UserId,
    /// Its role on the server.
    pub role: Role,
    /// Where the push goes.
    pub endpoint: String,
    /// What it is encrypted for.
    pub keys: BrowserKeys,
}

/// What is pushed, as of now.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are those of the notices")]
pub enum PushContent {
    /// The newest message that is not read.
    Message {
        workspace: WorkspaceSlug,
        room: RoomSlug,
        room_title: RoomTitle,
        notification_id: NotificationId,
        kind: NotificationKind,
        sender_name: String,
        text: String,
        created_at_ms: i64,
    },
    /// A call that rings.
    Ringing { workspace: WorkspaceSlug, room: RoomSlug, call_id: CallId, caller_name: DisplayName, began_at_ms: i64 },
    /// The newest call that was missed, and is not read.
    MissedCall {
        workspace: WorkspaceSlug,
        room: RoomSlug,
        notification_id: NotificationId,
        caller_name: DisplayName,
        created_at_ms: i64,
    },
}

/// Browsers and pushes. They wait as whatever stores notifications and calls has written them.
#[async_trait]
pub trait PushStore: Send + Sync {
    /// Has a session's browser pushed to, in place of what the session had before, and of whoever had this endpoint. The oldest go
    /// where there would be more than `max`. `None` when the session has ended.
    async fn subscribe_push(
        &self,
        new: &NewPushSubscription,
        max: Option<u32>,
    ) -> Result<Option<PushSubscriptionRecord>, StoreError>;

    /// The browsers of an account, the oldest first.
    async fn push_subscriptions(&self, user_id: UserId) -> Result<Vec<PushSubscriptionRecord>, StoreError>;

    /// Takes a browser away from an account. False when it has none of this id.
    async fn unsubscribe_push(&self, user_id: UserId, id: PushSubscriptionId) -> Result<bool, StoreError>;

    /// Whether an account wants to be pushed to.
    async fn wants_push(&self, user_id: UserId) -> Result<bool, StoreError>;

    /// Says whether it does. What waits goes when it does not.
    async fn want_push(&self, user_id: UserId, wants: bool, now_ms: i64) -> Result<(), StoreError>;

    /// Takes what is to be tried now, of all workspaces, at most `limit`, of each account `of_each` at most. Nobody else gets it
    /// until `leased_until_ms`.
    async fn take_due_pushes(
        &self,
        now_ms: i64,
        leased_until_ms: i64,
        of_each: u32,
        limit: u32,
    ) -> Result<Vec<DuePush>, StoreError>;

    /// Whom a push is for. `None` when its session has ended, its account may not come in, or wants none.
    async fn push_target(&self, id: PushSubscriptionId, now_ms: i64) -> Result<Option<PushTarget>, StoreError>;

    /// What is pushed about a room of this workspace. `None` when it was read or deleted, or rings no more. Rights are the caller's
    /// to check.
    async fn push_content(
        &self,
        push: &DuePush,
        user_id: UserId,
        now_ms: i64,
    ) -> Result<Option<PushContent>, StoreError>;

    /// It got through, or is not needed. What came meanwhile is tried at once.
    async fn push_done(&self, push: &DuePush, now_ms: i64) -> Result<(), StoreError>;

    /// It is tried again then. `counts`: it was tried.
    async fn push_again(&self, push: &DuePush, next_attempt_at_ms: i64, counts: bool) -> Result<(), StoreError>;

    /// The push service does not know this endpoint any more: the browser goes, unless it has another one by now.
    async fn push_gone(&self, id: PushSubscriptionId, endpoint: &str) -> Result<(), StoreError>;

    /// Gives up what is too old.
    async fn drop_expired_pushes(&self, now_ms: i64) -> Result<(), StoreError>;

    /// How many pushes wait, of all workspaces.
    async fn push_count(&self) -> Result<u64, StoreError>;
}
