//! What is kept of an account: its export and its end.

use async_trait::async_trait;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::socket::Attachment;
use boltorezka_proto::{MessageId, ParticipantId, RoomId, RoomSlug, UserId};

use super::{StoreError, UserRecord};

/// The name that messages of an erased account carry.
pub const ERASED_NAME: &str = "deleted account";

/// What became of the wish to be erased.
#[derive(Debug, PartialEq, Eq)]
pub enum Planned {
    /// It will be, and is out of these stays.
    Done {
        /// Where it was, and as whom.
        removed: Vec<(RoomId, ParticipantId)>,
    },
    /// There would be no super admin left.
    LastSuperAdmin,
    /// There is no such account.
    NoAccount,
}

/// Something that an account did and the audit keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRecord {
    /// What.
    pub action: String,
    /// To whom or to what.
    pub target: String,
    /// From where.
    pub address: String,
    /// When.
    pub created_at_ms: i64,
}

/// Something that an account wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRecord {
    /// Which.
    pub id: MessageId,
    /// Where.
    pub room: RoomSlug,
    /// What.
    pub text: String,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// When.
    pub created_at_ms: i64,
}

/// Export and erasure.
#[async_trait]
pub trait ErasureStore: Send + Sync {
    /// Plans the end of an account for `erase_at_ms` and signs it out everywhere. A session made before then takes it back.
    async fn plan_erasure(&self, user_id: UserId, erase_at_ms: i64, now_ms: i64) -> Result<Planned, StoreError>;

    /// Erases one account whose time has come: what it was goes, what it wrote stays without its name. `None` when there is
    /// none.
    async fn erase_one(&self, now_ms: i64) -> Result<Option<Vec<(RoomId, ParticipantId)>>, StoreError>;

    /// The account with the time of its making.
    async fn account(&self, user_id: UserId) -> Result<Option<(UserRecord, i64)>, StoreError>;

    /// Its roles in rooms.
    async fn roles_of(&self, user_id: UserId) -> Result<Vec<(RoomSlug, RoomRole)>, StoreError>;

    /// Whose direct messages it refuses, in every workspace.
    async fn blocked_by(&self, user_id: UserId) -> Result<Vec<UserId>, StoreError>;

    /// The last acts that the audit keeps of it, at most `limit`.
    async fn acts_of(&self, user_id: UserId, limit: u32) -> Result<Vec<ActRecord>, StoreError>;

    /// What it wrote, by order, after `after`, at most `limit`.
    async fn written_by(
        &self,
        user_id: UserId,
        after: Option<MessageId>,
        limit: u32,
    ) -> Result<Vec<WrittenRecord>, StoreError>;
}
