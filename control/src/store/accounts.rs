//! Accounts, external identities and settings.

use async_trait::async_trait;
use boltorezka_proto::accounts::{AccountState, LinkKind};
use boltorezka_proto::rest::{Role, User};
use boltorezka_proto::{DisplayName, UserId};
use uuid::Uuid;

use super::{Audit, StoreError};

/// An account or an external identity.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// As others see it. The address of an external identity is empty.
    pub user: User,
    /// Argon2id in PHC form; none for an external identity, and for an account that signs in by a provider alone.
    pub password_hash: Option<String>,
    /// Whether the account was blocked.
    pub blocked: bool,
    /// Whether it waits for an admin, and sees nothing but itself until then.
    pub pending: bool,
    /// Whether it was shown that the address is its own.
    pub email_verified: bool,
    /// Whether signing in takes a second factor.
    pub second_factor: bool,
    /// Grows with whatever makes earlier proofs of identity worthless: a new password, a block.
    pub credentials_rev: i64,
}

impl UserRecord {
    /// Whether it may come in.
    pub fn state(&self) -> AccountState {
        match self {
            Self { blocked: true, .. } => AccountState::Blocked,
            Self { pending: true, .. } => AccountState::Pending,
            _ => AccountState::Active,
        }
    }
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Lower-cased.
    pub email: String,
    /// Argon2id in PHC form; empty for none.
    pub password_hash: String,
    /// Name for people.
    pub display_name: DisplayName,
    /// Whether an admin has to let it in.
    pub pending: bool,
    /// The mail that it is sent.
    pub mail: Option<LinkKind>,
}

/// What became of a set-up.
#[derive(Debug)]
pub enum SetupOutcome {
    /// This is the first super admin.
    Done(UserRecord),
    /// Somebody was faster.
    AlreadySetUp,
}

/// Accounts, external identities and settings.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// A setting that the server keeps for itself.
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets a setting; `only_if_absent` keeps what is there. Returns what holds from now on.
    async fn put_setting(&self, key: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>, StoreError>;

    /// Makes `account` the first super admin, once. An account that registered with the address before is taken over
    /// and signed out everywhere, and what else signed in to it does so no more: the owner link is the stronger proof.
    async fn set_up(&self, account: &NewAccount, audit: &Audit) -> Result<SetupOutcome, StoreError>;

    /// Whether the first super admin is there.
    async fn is_set_up(&self) -> Result<bool, StoreError>;

    /// Makes an account with role user. `None` when the address is taken.
    async fn register(&self, account: &NewAccount, now_ms: i64) -> Result<Option<UserRecord>, StoreError>;

    /// The account with this lower-cased address.
    async fn user_by_email(&self, email: &str) -> Result<Option<UserRecord>, StoreError>;

    /// The account or identity.
    async fn user(&self, user_id: UserId) -> Result<Option<UserRecord>, StoreError>;

    /// Accounts of the server by order of creation, after `after`, at most `limit`.
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRecord>, StoreError>;

    /// Gives an account a role. `None` when there is no such account. External identities are not accounts.
    async fn set_role(&self, user_id: UserId, role: Role, audit: &Audit) -> Result<Option<UserRecord>, StoreError>;

    /// The user that `identity` of an API key stands for, made when it is new, renamed when the name changed.
    /// `None` when the key is not in force.
    async fn external_user(
        &self,
        api_key_id: Uuid,
        identity: &str,
        display_name: &DisplayName,
        now_ms: i64,
    ) -> Result<Option<UserRecord>, StoreError>;

    /// Answers when the database does.
    async fn check(&self) -> Result<(), StoreError>;
}
