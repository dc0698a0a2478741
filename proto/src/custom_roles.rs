//! Bodies of `/v1/workspaces/{workspace}/roles`: roles that a workspace makes, which members hold beside their own one.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::rest::RoomRole;
use crate::{CustomRoleId, CustomRoleName, Timestamp};

/// A custom role. Who holds it has its rights beside those of its other roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomRole {
    /// Stable id.
    pub id: CustomRoleId,
    /// Its name, unique in the workspace.
    pub name: CustomRoleName,
    /// What its holders may do: names out of `GET /v1/workspaces/{workspace}/permissions`.
    pub permissions: Vec<String>,
    /// The least that its holders are in every room that they see; `listener`, which everybody is, gives nothing.
    pub room_role: RoomRole,
    /// How many hold it.
    pub member_count: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A custom role that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRole {
    /// Which.
    pub id: CustomRoleId,
    /// Its name.
    pub name: CustomRoleName,
}

/// `POST /v1/workspaces/{workspace}/roles`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CreateCustomRoleRequest {
    /// Unique in the workspace.
    pub name: CustomRoleName,
    /// What its holders may do. Without it nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub permissions: Option<Vec<String>>,
    /// The least that its holders are in every room that they see. Without it `listener`, which everybody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub room_role: Option<RoomRole>,
}

/// `PATCH /v1/workspaces/{workspace}/roles/{roleId}`: what is left out stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct UpdateCustomRoleRequest {
    /// Unique in the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<CustomRoleName>,
    /// All that its holders may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub permissions: Option<Vec<String>>,
    /// The least that its holders are in every room that they see; `listener` takes that back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub room_role: Option<RoomRole>,
}

/// A permission that a custom role can give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantablePermission {
    /// `<feature>.<entity>.<action>`
    pub name: String,
    /// The feature that it is of.
    pub feature: String,
    /// What it is, for people.
    pub about: String,
}
