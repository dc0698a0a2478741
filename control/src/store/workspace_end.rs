//! The end of a workspace.

use async_trait::async_trait;

use super::{Audit, StoreError};

/// The end of a workspace.
#[async_trait]
pub trait WorkspaceEndStore: Send + Sync {
    /// Deletes this workspace with everything of it, also the identities that its API keys vouched for, and orders the media
    /// node to end its calls. Accounts stay, and so does the audit, which outlives what it names. False when it is gone, and
    /// for the default workspace, which stays.
    async fn delete_workspace(&self, audit: &Audit) -> Result<bool, StoreError>;
}
