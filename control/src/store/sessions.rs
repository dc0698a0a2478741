//! Sessions and tickets.

use async_trait::async_trait;
use boltorezka_proto::{RoomId, UserId, WorkspaceId};
use uuid::Uuid;

use super::{StoreError, UserRecord};
use crate::auth::TokenHash;
use crate::calls::PermissionBits;
use crate::permissions::Grants;

/// What a ticket opens.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The workspace that the socket sees.
    pub workspace_id: WorkspaceId,
    /// Whose it is.
    pub user_id: UserId,
    /// The session it was issued from, if any.
    pub session: Option<Uuid>,
    /// The only room it opens; any when absent.
    pub room_id: Option<RoomId>,
    /// The most that it allows.
    pub permissions: PermissionBits,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
}

/// A session to be kept.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Of its token.
    pub hash: TokenHash,
    /// Whose it is.
    pub user_id: UserId,
    /// What [`UserRecord::credentials_rev`] was when the account proved who it is.
    pub credentials_rev: i64,
    /// From where it was begun, if that may be kept.
    pub address: Option<String>,
    /// What it was begun with, if that may be kept.
    pub user_agent: Option<String>,
    /// When.
    pub now_ms: i64,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
}

/// A session in force.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Stays when the token is replaced.
    pub id: Uuid,
    /// When it began.
    pub created_at_ms: i64,
    /// When it was used last, about.
    pub seen_at_ms: i64,
    /// When it ends, unless it is used.
    pub expires_at_ms: i64,
    /// When its token was made; 0: it is to be replaced at once.
    pub token_at_ms: i64,
    /// Whether another token was issued since the one that was shown.
    pub is_previous: bool,
    /// Whether the token of before is still taken, until it is known that the client has the new one.
    pub has_previous: bool,
    /// From where it was begun, if that was kept.
    pub address: Option<String>,
    /// What it was begun with, if that was kept.
    pub user_agent: Option<String>,
}

/// What callers show to prove who they are.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Keeps a session and returns its id. An end that was planned for the account is taken back. `None` when the account was blocked or its credentials changed meanwhile.
    async fn create_session(&self, session: &NewSession) -> Result<Option<Uuid>, StoreError>;

    /// The session with this token, or with this one before it, its account, and what custom roles give that in the default
    /// workspace. One query: each request asks. `None` when it has expired.
    async fn session(
        &self,
        hash: TokenHash,
        now_ms: i64,
    ) -> Result<Option<(UserRecord, SessionRecord, Grants)>, StoreError>;

    /// The sessions of an account that are in force, those used last first.
    async fn sessions(&self, user_id: UserId, now_ms: i64) -> Result<Vec<SessionRecord>, StoreError>;

    /// A session was used: it lives until `expires_at_ms`.
    async fn touch_session(&self, id: Uuid, now_ms: i64, expires_at_ms: i64) -> Result<(), StoreError>;

    /// Replaces the token made at `token_at_ms`, once: false for the second caller. The one of `shown` is taken until the
    /// new one was [seen](Self::retire_token).
    async fn rotate_token(
        &self,
        id: Uuid,
        token_at_ms: i64,
        shown: TokenHash,
        fresh: TokenHash,
        now_ms: i64,
    ) -> Result<bool, StoreError>;

    /// The client has the new token: the one of before is taken until `until_ms` and not longer.
    async fn retire_token(&self, id: Uuid, until_ms: i64) -> Result<(), StoreError>;

    /// Ends a session of an account with the tickets that it was given. False when there is none.
    async fn delete_session(&self, user_id: UserId, id: Uuid) -> Result<bool, StoreError>;

    /// Ends all sessions of an account but one. Returns how many.
    async fn delete_other_sessions(&self, user_id: UserId, kept: Uuid) -> Result<u64, StoreError>;

    /// Gives an account another password, if its credentials are those of `credentials_rev`, and ends its sessions but
    /// `kept`, whose token is to be replaced. False when they are not.
    async fn change_password(
        &self,
        user_id: UserId,
        credentials_rev: i64,
        password_hash: &str,
        kept: Option<Uuid>,
    ) -> Result<bool, StoreError>;

    /// Keeps a ticket. False when its session has ended meanwhile, or its user is blocked.
    async fn create_ticket(&self, hash: TokenHash, grant: &Grant) -> Result<bool, StoreError>;

    /// Takes a ticket out: the second caller gets `None`. So does the first, when it has expired.
    async fn take_ticket(&self, hash: TokenHash, now_ms: i64) -> Result<Option<Grant>, StoreError>;

    /// Whether what a ticket opened may stay open: its session is there, and its account may come in.
    async fn grant_holds(&self, grant: &Grant) -> Result<bool, StoreError>;

    /// Deletes sessions and tickets that have expired.
    async fn delete_expired(&self, now_ms: i64) -> Result<(), StoreError>;
}
