//! Accounts, external identities, API keys and settings.

use async_trait::async_trait;
use boltorezka_proto::rest::{Role, User};
use boltorezka_proto::{DisplayName, UserId, WorkspaceId};
use uuid::Uuid;

use super::{Audit, StoreError};
use crate::auth::TokenHash;

/// An account or an external identity.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// As others see it. The address of an external identity is empty.
    pub user: User,
    /// Argon2id in PHC form; none for an external identity.
    pub password_hash: Option<String>,
    /// Whether the account was blocked.
    pub blocked: bool,
}

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Lower-cased.
    pub email: String,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// Name for people.
    pub display_name: DisplayName,
}

/// What became of a set-up.
#[derive(Debug)]
pub enum SetupOutcome {
    /// This is the first super admin.
    Done(UserRecord),
    /// Somebody was faster.
    AlreadySetUp,
}

/// A server's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ApiKeyRecord {
    /// Stable id.
    pub id: Uuid,
    /// The workspace that it acts in.
    pub workspace_id: WorkspaceId,
}

/// Accounts and API keys.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// A setting that the server keeps for itself.
    async fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Sets a setting; `only_if_absent` keeps what is there. Returns what holds from now on.
    async fn put_setting(&self, key: &str, value: &[u8], only_if_absent: bool) -> Result<Vec<u8>, StoreError>;

    /// Makes `account` the first super admin, once. An account that registered with the address before is taken over
    /// and signed out everywhere: the owner link is the stronger proof.
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

    /// Keeps an API key of this workspace.
    async fn create_api_key(&self, hash: TokenHash, name: &str, now_ms: i64) -> Result<ApiKeyRecord, StoreError>;

    /// The API key that is in force under this hash, of whichever workspace.
    async fn api_key(&self, hash: TokenHash) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// The user that `identity` of an API key stands for, made when it is new, renamed when the name changed.
    async fn external_user(
        &self,
        api_key_id: Uuid,
        identity: &str,
        display_name: &DisplayName,
        now_ms: i64,
    ) -> Result<UserRecord, StoreError>;

    /// Answers when the database does.
    async fn check(&self) -> Result<(), StoreError>;
}
