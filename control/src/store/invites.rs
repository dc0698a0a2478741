//! Invites to make an account.

use async_trait::async_trait;
use boltorezka_proto::UserId;
use uuid::Uuid;

use super::{Audit, NewAccount, StoreError, UserRecord};
use crate::auth::TokenHash;

/// An invite to be kept.
#[derive(Clone, Debug)]
pub struct NewInvite {
    /// Of its token.
    pub hash: TokenHash,
    /// The only address that it is for, lower-cased.
    pub email: Option<String>,
    /// How many accounts may be made with it.
    pub uses_max: u32,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
}

/// An invite that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRecord {
    /// Stable id.
    pub id: Uuid,
    /// The only address that it is for.
    pub email: Option<String>,
    /// How many accounts may be made with it.
    pub uses_max: u32,
    /// How many were.
    pub uses: u32,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// When.
    pub created_at_ms: i64,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// What became of a registration.
#[derive(Debug)]
pub enum Registered {
    /// The account is there.
    Done(Box<UserRecord>),
    /// The invite is unknown, used up, expired, taken back or for another address.
    NoInvite,
    /// The address has an account. The invite was not used.
    Taken,
}

/// Invites.
#[async_trait]
pub trait InviteStore: Send + Sync {
    /// Keeps an invite.
    async fn create_invite(&self, invite: &NewInvite, audit: &Audit) -> Result<InviteRecord, StoreError>;

    /// Invites by order of creation, after `after`, at most `limit`.
    async fn invites(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<InviteRecord>, StoreError>;

    /// Takes an invite back. False when there is none, or it was taken back before.
    async fn revoke_invite(&self, id: Uuid, audit: &Audit) -> Result<bool, StoreError>;

    /// Whether an account for `email` could be made with this invite now.
    async fn invite_opens(&self, hash: TokenHash, email: &str, now_ms: i64) -> Result<bool, StoreError>;

    /// Makes an account with role user, and counts a use of the invite: as many as it has, however many come at once.
    async fn register_invited(
        &self,
        account: &NewAccount,
        hash: TokenHash,
        now_ms: i64,
    ) -> Result<Registered, StoreError>;
}
