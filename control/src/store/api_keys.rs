//! API keys.

use async_trait::async_trait;
use boltorezka_proto::{ParticipantId, RoomId, UserId, WorkspaceId};
use uuid::Uuid;

use super::{Audit, StoreError};
use crate::auth::TokenHash;
use crate::permissions::Scopes;

/// A key to be kept.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Of the key.
    pub hash: TokenHash,
    /// What it is for.
    pub name: String,
    /// What it may do, as [`Scopes::parse`] takes it; everything that keys may when absent.
    pub scopes: Option<Vec<String>>,
}

/// A server's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKeyRecord {
    /// Stable id.
    pub id: Uuid,
    /// The workspace that it acts in.
    pub workspace_id: WorkspaceId,
    /// What it is for.
    pub name: String,
    /// What it may do, by name; everything that keys may when absent.
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was used last, about.
    pub used_at_ms: Option<i64>,
    /// Since when it is worthless.
    pub revoked_at_ms: Option<i64>,
}

impl ApiKeyRecord {
    /// What it may do.
    pub fn allowed(&self) -> Scopes {
        self.scopes.as_deref().map_or(Scopes::ALL, Scopes::known)
    }
}

/// Who went with an API key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevokedApiKey {
    /// The identities that it vouched for.
    pub identities: Vec<UserId>,
    /// Where they were, and as whom.
    pub removed: Vec<(RoomId, ParticipantId)>,
}

/// API keys.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Keeps an API key of this workspace.
    async fn create_api_key(&self, key: &NewApiKey, audit: &Audit) -> Result<ApiKeyRecord, StoreError>;

    /// The API key that is in force under this hash, of whichever workspace.
    async fn api_key(&self, hash: TokenHash) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// Keys of this workspace by order of creation, after `after`, at most `limit`; also those that were revoked.
    async fn api_keys(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// A key was used.
    async fn touch_api_key(&self, id: Uuid, now_ms: i64) -> Result<(), StoreError>;

    /// Makes a key of this workspace worthless, and with it all that it vouched for: its identities are blocked, their
    /// tickets and stays end, and the media node is ordered to cut them. `None` when there is no such key, or it is worthless.
    async fn revoke_api_key(&self, id: Uuid, audit: &Audit) -> Result<Option<RevokedApiKey>, StoreError>;
}
