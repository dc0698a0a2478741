//! Bodies of `/v1/workspaces` and of what concerns features.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::custom_roles::HeldRole;
use crate::{DisplayName, Timestamp, UserId, WorkspaceId, WorkspaceSlug, WorkspaceTitle};

/// What a member may do in one workspace. Ordered: each includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceRole {
    /// Sees and hears in each room, and no more than that where no role in the room says so.
    Guest,
    /// Takes part in each room.
    Member,
    /// Owns every room, makes rooms, looks after members and features.
    Admin,
    /// Also after admins and other owners.
    Owner,
}

/// A tenant: rooms, members and features of its own, of which no other sees anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// Stable id.
    pub id: WorkspaceId,
    /// Its name in addresses.
    pub slug: WorkspaceSlug,
    /// Its name for people.
    pub title: WorkspaceTitle,
    /// The caller's role in it.
    pub my_role: WorkspaceRole,
    /// The custom roles that it holds beside that.
    #[serde(default)]
    #[schema(required = true)]
    pub my_custom_roles: Vec<HeldRole>,
    /// What they let it do, whatever its other roles are.
    #[serde(default)]
    #[schema(required = true)]
    pub my_granted_permissions: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// `POST /v1/workspaces`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateWorkspaceRequest {
    /// Unique on the server; it stays.
    pub slug: WorkspaceSlug,
    /// Name for people.
    pub title: WorkspaceTitle,
}

/// `PATCH /v1/workspaces/{workspace}`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateWorkspaceRequest {
    /// New name for people.
    pub title: WorkspaceTitle,
}

/// A member of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceMember {
    /// Account.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Role in the workspace.
    pub role: WorkspaceRole,
    /// The custom roles that it holds beside that.
    #[serde(default)]
    #[schema(required = true)]
    pub custom_roles: Vec<HeldRole>,
}

/// `PUT /v1/workspaces/{workspace}/members/{userId}`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetWorkspaceMemberRequest {
    /// Role in the workspace.
    pub role: WorkspaceRole,
}

/// A feature that a workspace can switch off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptionalFeature {
    /// Messages.
    Chat,
    /// Calls, with everything in them.
    Calls,
    /// Cameras.
    Video,
    /// Shared screens and their sound.
    Screen,
    /// Publishing and playing without a socket.
    Whip,
    /// What clients tell of themselves.
    Telemetry,
}

impl OptionalFeature {
    /// Each of them.
    pub const ALL: [Self; 6] = [Self::Chat, Self::Calls, Self::Video, Self::Screen, Self::Whip, Self::Telemetry];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Calls => "calls",
            Self::Video => "video",
            Self::Screen => "screen",
            Self::Whip => "whip",
            Self::Telemetry => "telemetry",
        }
    }

    /// The feature with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }
}

/// Whether a workspace has a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeatureSwitch {
    /// Which.
    pub feature: OptionalFeature,
    /// Whether it is on.
    pub enabled: bool,
}

/// `PUT /v1/workspaces/{workspace}/features/{feature}`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetFeatureRequest {
    /// Whether it is to be on.
    pub enabled: bool,
}

/// How far a feature of the server is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeatureStatus {
    /// Its start is not over.
    Starting,
    /// It does its work.
    Ok,
    /// It runs, and something that it needs does not answer.
    Unhealthy,
    /// Its start failed: its requests are refused until the server is started again.
    Failed,
}

/// A feature of the server: in `GET /readyz` and `GET /v1/admin/features`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct FeatureState {
    /// Its name, as the first word of its permissions.
    pub name: String,
    /// What it is.
    pub title: String,
    /// Whether the server is not ready without it.
    pub critical: bool,
    /// Whether workspaces can switch it off.
    pub optional: bool,
    /// How far it is.
    pub status: FeatureStatus,
    /// What is wrong, for admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_called_the_same_in_addresses_and_bodies() {
        for feature in OptionalFeature::ALL {
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
            assert_eq!(OptionalFeature::find(feature.name()), Some(feature));
        }
    }
}
