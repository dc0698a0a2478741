//! Sessions and tickets.

use async_trait::async_trait;
use boltorezka_proto::{RoomId, UserId, WorkspaceId};

use super::{StoreError, UserRecord};
use crate::auth::TokenHash;
use crate::calls::PermissionBits;

/// What a ticket opens.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The workspace that the socket sees.
    pub workspace_id: WorkspaceId,
    /// Whose it is.
    pub user_id: UserId,
    /// The session it was issued from, if any.
    pub session: Option<TokenHash>,
    /// The only room it opens; any when absent.
    pub room_id: Option<RoomId>,
    /// The most that it allows.
    pub permissions: PermissionBits,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
}

/// What callers show to prove who they are.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a session.
    async fn create_session(
        &self,
        hash: TokenHash,
        user_id: UserId,
        now_ms: i64,
        expires_at_ms: i64,
    ) -> Result<(), StoreError>;

    /// The session's account and when the session expires. `None` when it has.
    async fn session(&self, hash: TokenHash, now_ms: i64) -> Result<Option<(UserRecord, i64)>, StoreError>;

    /// Lets a session live until `expires_at_ms`.
    async fn extend_session(&self, hash: TokenHash, expires_at_ms: i64) -> Result<(), StoreError>;

    /// Ends a session and the tickets that it was given.
    async fn delete_session(&self, hash: TokenHash) -> Result<(), StoreError>;

    /// Keeps a ticket.
    async fn create_ticket(&self, hash: TokenHash, grant: &Grant) -> Result<(), StoreError>;

    /// Takes a ticket out: the second caller gets `None`. So does the first, when it has expired.
    async fn take_ticket(&self, hash: TokenHash, now_ms: i64) -> Result<Option<Grant>, StoreError>;

    /// Deletes sessions and tickets that have expired.
    async fn delete_expired(&self, now_ms: i64) -> Result<(), StoreError>;
}
