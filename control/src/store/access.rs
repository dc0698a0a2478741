//! Who may come in: blocked and pending accounts.

use async_trait::async_trait;
use boltorezka_proto::rest::Role;
use boltorezka_proto::{ParticipantId, RoomId, UserId};

use super::{Audit, StoreError, UserRecord};

/// What became of a block.
#[derive(Debug)]
pub enum Blocked {
    /// It is blocked, and was taken out of these stays.
    Done {
        /// The account.
        user: Box<UserRecord>,
        /// Where it was, and as whom.
        removed: Vec<(RoomId, ParticipantId)>,
    },
    /// There is no such account. External identities are not accounts.
    NoAccount,
    /// Its role is not below that of who asks.
    TooHigh,
}

/// Blocks and approvals.
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// Blocks an account with a role below `below`: ends its sessions, tickets and stays, and orders the media node to cut
    /// them.
    async fn block(&self, user_id: UserId, below: Role, audit: &Audit) -> Result<Blocked, StoreError>;

    /// Lets a blocked account with a role below `below` in again. It has to sign in anew.
    async fn unblock(&self, user_id: UserId, below: Role, audit: &Audit) -> Result<Blocked, StoreError>;

    /// Lets a pending account in. `None` when there is no such account; nothing changes when it is not pending.
    async fn approve(&self, user_id: UserId, audit: &Audit) -> Result<Option<UserRecord>, StoreError>;
}
