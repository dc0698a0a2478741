//! Roles that a workspace makes, and who holds them.

use async_trait::async_trait;
use boltorezka_proto::custom_roles::HeldRole;
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{CustomRoleId, CustomRoleName, UserId, WorkspaceId};

use super::{Audit, StoreError};
use crate::permissions::{Action, Grants};

/// Custom roles of a workspace: they are shown on one page, and people choose among them. More than any of the products that people
/// come from is used with.
pub const CUSTOM_ROLES_MAX: u32 = 50;

/// Custom roles of one member: each of its requests and messages has the database put them together.
pub const HELD_ROLES_MAX: u32 = 10;

/// A custom role as it is kept.
#[derive(Clone, Debug)]
pub struct CustomRoleRecord {
    /// Stable id.
    pub id: CustomRoleId,
    /// Unique in its workspace.
    pub name: CustomRoleName,
    /// What it gives.
    pub grants: Grants,
    /// How many hold it.
    pub member_count: u32,
    /// When it was made.
    pub created_at_ms: i64,
}

/// What is to change of a custom role; nothing stays as it is.
#[derive(Clone, Debug, Default)]
pub struct CustomRoleUpdate {
    /// Its name.
    pub name: Option<CustomRoleName>,
    /// All that it lets do.
    pub actions: Option<Vec<Action>>,
    /// The least that its holders are in every room.
    pub room_role: Option<RoomRole>,
}

/// What became of a wish that concerns custom roles.
#[derive(Debug)]
pub enum CustomRoleChange<T> {
    /// It is so.
    Done(T),
    /// There is no such role in this workspace.
    NoRole,
    /// Another one is called so.
    NameTaken,
    /// The workspace has [`CUSTOM_ROLES_MAX`] of them.
    TooMany,
    /// The member holds [`HELD_ROLES_MAX`] of them.
    TooManyHeld,
    /// There is no such account, or it is no member.
    NoMember,
    /// It stands too high for who asked.
    TooHigh,
}

/// Custom roles of this workspace.
#[async_trait]
pub trait CustomRoleStore: Send + Sync {
    /// All of them, by name.
    async fn custom_roles(&self) -> Result<Vec<CustomRoleRecord>, StoreError>;

    /// Makes one.
    async fn create_custom_role(
        &self,
        name: &CustomRoleName,
        grants: Grants,
        audit: &Audit,
    ) -> Result<CustomRoleChange<CustomRoleRecord>, StoreError>;

    /// Changes one, and orders the media node to give its holders the rights that they have then. Returns who they are.
    async fn update_custom_role(
        &self,
        id: CustomRoleId,
        update: &CustomRoleUpdate,
        audit: &Audit,
    ) -> Result<CustomRoleChange<(CustomRoleRecord, Vec<UserId>)>, StoreError>;

    /// Deletes one, as [`CustomRoleStore::update_custom_role`] changes one. Returns who held it.
    async fn delete_custom_role(
        &self,
        id: CustomRoleId,
        audit: &Audit,
    ) -> Result<CustomRoleChange<Vec<UserId>>, StoreError>;

    /// Gives a member a custom role, or takes it away, and tells the media node what that changes. `by` is what who asks is in the
    /// workspace. Nothing happens when it is so already.
    async fn set_custom_role(
        &self,
        user_id: UserId,
        id: CustomRoleId,
        held: bool,
        by: WorkspaceRole,
        audit: &Audit,
    ) -> Result<CustomRoleChange<()>, StoreError>;

    /// Which custom roles the members from `first` to `last` hold here, by the order of their ids, each by name.
    async fn held_roles(&self, first: UserId, last: UserId) -> Result<Vec<(UserId, HeldRole)>, StoreError>;

    /// The custom roles of an account in every workspace, by name.
    async fn custom_roles_of(&self, user_id: UserId) -> Result<Vec<(WorkspaceId, HeldRole, Grants)>, StoreError>;
}
