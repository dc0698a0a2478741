//! Links that prove something about an account, and the mails that carry them.

use async_trait::async_trait;
use boltorezka_proto::UserId;
use boltorezka_proto::accounts::LinkKind;
use boltorezka_proto::rest::User;
use uuid::Uuid;

use super::{Audit, StoreError};
use crate::auth::TokenHash;

/// A link to be kept.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Of its token.
    pub hash: TokenHash,
    /// What it is for.
    pub kind: LinkKind,
    /// When.
    pub now_ms: i64,
    /// From when on it is worthless.
    pub expires_at_ms: i64,
}

/// A mail to be sent now.
#[derive(Clone, Debug)]
pub struct MailRecord {
    /// Which.
    pub id: Uuid,
    /// To whom.
    pub user: User,
    /// What for.
    pub kind: LinkKind,
    /// How often it was tried, this time included.
    pub attempts: u32,
}

/// What became of a link that was to verify an address.
#[derive(Debug, PartialEq, Eq)]
pub enum Verified {
    /// The address is the account's.
    Done {
        /// Whether the account became super admin by that.
        super_admin: bool,
    },
    /// The link is unknown, used, expired or another account's.
    NoLink,
}

/// Links and mails.
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Keeps a link that an admin hands out. False when there is no such account.
    async fn create_link(&self, user_id: UserId, link: &NewLink, audit: &Audit) -> Result<bool, StoreError>;

    /// Queues a mail with a link for the account with this address, unless one waits or was sent after `since_ms`.
    async fn queue_mail(&self, email: &str, kind: LinkKind, since_ms: i64, now_ms: i64) -> Result<(), StoreError>;

    /// Takes a mail that is due and puts its next try off by `pause_ms`, so that nobody else sends it meanwhile.
    async fn take_mail(&self, now_ms: i64, pause_ms: fn(u32) -> i64) -> Result<Option<MailRecord>, StoreError>;

    /// Keeps the link of a mail that is about to be sent.
    async fn link_mail(&self, mail: &MailRecord, link: &NewLink) -> Result<(), StoreError>;

    /// A mail was sent, or was given up.
    async fn delete_mail(&self, id: Uuid) -> Result<(), StoreError>;

    /// Whether a link for another password could be used now.
    async fn reset_opens(&self, hash: TokenHash, now_ms: i64) -> Result<bool, StoreError>;

    /// Uses a link for another password, once: ends all sessions of the account, its other links, and what else signed in to
    /// it. `None` when the link is unknown, used or expired, or the account blocked.
    async fn reset_password(
        &self,
        hash: TokenHash,
        password_hash: &str,
        now_ms: i64,
    ) -> Result<Option<UserId>, StoreError>;

    /// Uses a link of this account to verify its address, once. Makes the account super admin when the link was sent to the
    /// address `super_admin`.
    async fn verify_email(
        &self,
        user_id: UserId,
        hash: TokenHash,
        super_admin: Option<&str>,
        audit: &Audit,
    ) -> Result<Verified, StoreError>;

    /// Deletes links that have expired.
    async fn delete_expired_links(&self, now_ms: i64) -> Result<(), StoreError>;
}
