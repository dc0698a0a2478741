//! Workspaces (tenants), their members, and the features that they switched off.

use std::sync::Arc;

use async_trait::async_trait;
use boltorezka_proto::rest::Role;
use boltorezka_proto::workspaces::{OptionalFeature, WorkspaceRole};
use boltorezka_proto::{DisplayName, ParticipantId, RoomId, UserId, WorkspaceId, WorkspaceSlug, WorkspaceTitle};

use super::{Audit, Store, StoreError};
use crate::permissions::Grants;

/// A workspace as it is kept.
#[derive(Clone, Debug)]
pub struct WorkspaceRecord {
    /// Stable id.
    pub id: WorkspaceId,
    /// Its name in addresses.
    pub slug: WorkspaceSlug,
    /// Its name for people.
    pub title: WorkspaceTitle,
    /// When it was made.
    pub created_at_ms: i64,
}

/// What became of the wish for a workspace.
#[derive(Debug)]
pub enum WorkspaceCreated {
    /// Made now; who asked is its owner.
    New(WorkspaceRecord),
    /// The same one made it before, with the same title.
    Again(WorkspaceRecord),
    /// Somebody else's, or another title.
    Taken,
}

/// A member of a workspace.
#[derive(Clone, Debug)]
pub struct WorkspaceMemberRecord {
    /// Who.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Role in the workspace.
    pub role: WorkspaceRole,
}

/// What became of the wish to change a member.
#[derive(Debug)]
pub enum MemberChange<T> {
    /// It is so.
    Done(T),
    /// There is no such account, or it is no member.
    NoMember,
    /// It stands too high for who asked, or is to be given more than who asked has.
    TooHigh,
}

/// A stay that ended, or whose call did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Where.
    pub room_id: RoomId,
    /// Whose it was. The id is never used again.
    pub participant_id: ParticipantId,
    /// Under which id it stays in the room without a call; none when it is out.
    pub stays_as: Option<ParticipantId>,
}

/// What somebody with a role on the server is in a workspace. `at_home` is who lives there: an account in the default
/// workspace, an external identity in the one of its API key. `given` is the role of a member from elsewhere.
pub fn workspace_role(server_role: Role, at_home: bool, given: Option<WorkspaceRole>) -> Option<WorkspaceRole> {
    match (server_role, at_home) {
        (Role::SuperAdmin, _) | (Role::Admin, false) => Some(WorkspaceRole::Owner),
        (Role::Admin, true) => Some(WorkspaceRole::Admin),
        (Role::User, true) => Some(WorkspaceRole::Member),
        (Role::User, false) => given,
    }
}

/// Workspaces. A store sees the rooms, messages, participants and keys of one; what the methods below say of "this
/// workspace" is that one.
#[async_trait]
pub trait WorkspaceStore: Send + Sync {
    /// This workspace.
    fn workspace_id(&self) -> WorkspaceId;

    /// The default workspace, where all accounts are at home.
    fn home_id(&self) -> WorkspaceId;

    /// The same database as another workspace sees it.
    fn of(&self, workspace_id: WorkspaceId) -> Arc<dyn Store>;

    /// Makes a workspace with `owner` as its owner.
    async fn create_workspace(
        &self,
        slug: &WorkspaceSlug,
        title: &WorkspaceTitle,
        owner: UserId,
        audit: &Audit,
    ) -> Result<WorkspaceCreated, StoreError>;

    /// The workspace with this name.
    async fn workspace(&self, slug: &WorkspaceSlug) -> Result<Option<WorkspaceRecord>, StoreError>;

    /// Those that an account is in by name, after `after`, at most `limit`, each with its role there.
    async fn workspaces_of(
        &self,
        user_id: UserId,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(WorkspaceRecord, WorkspaceRole)>, StoreError>;

    /// Changes the title of this workspace.
    async fn update_workspace(&self, title: &WorkspaceTitle, audit: &Audit) -> Result<WorkspaceRecord, StoreError>;

    /// What a user is in this workspace. `None` for strangers.
    async fn workspace_role(&self, user_id: UserId) -> Result<Option<WorkspaceRole>, StoreError>;

    /// The same, with what its custom roles there give it. One query: each request to a workspace that its path names asks.
    async fn membership(&self, user_id: UserId) -> Result<Option<(WorkspaceRole, Grants)>, StoreError>;

    /// Members of this workspace by id, after `after`, at most `limit`: in the default one every account.
    async fn workspace_members(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<WorkspaceMemberRecord>, StoreError>;

    /// Makes an account a member of this workspace or gives it another role, and tells the media node what that changes.
    /// `by` is what who asks is in it.
    async fn set_workspace_member(
        &self,
        user_id: UserId,
        role: WorkspaceRole,
        by: WorkspaceRole,
        audit: &Audit,
    ) -> Result<MemberChange<WorkspaceMemberRecord>, StoreError>;

    /// Ends a membership with its roles in rooms, its tickets and its stays; the media node is ordered to cut them. `by` is
    /// as above; nobody is too high for themselves.
    async fn remove_workspace_member(
        &self,
        user_id: UserId,
        by: WorkspaceRole,
        audit: &Audit,
    ) -> Result<MemberChange<Vec<Ended>>, StoreError>;

    /// What is switched off in every workspace of the server.
    async fn features_off(&self) -> Result<Vec<(WorkspaceId, OptionalFeature)>, StoreError>;

    /// Switches a feature of this workspace, and orders the media node to take or give the rights that go with it. Returns
    /// whose calls ended.
    async fn set_feature(
        &self,
        feature: OptionalFeature,
        enabled: bool,
        audit: &Audit,
    ) -> Result<Vec<Ended>, StoreError>;
}
