//! Workspaces and their features.

use boltorezka_proto::workspaces::{
    CreateWorkspaceRequest, FeatureSwitch, OptionalFeature, SetFeatureRequest, SetWorkspaceMemberRequest, Workspace,
    WorkspaceMember, WorkspaceRole,
};
use boltorezka_proto::{UserId, WorkspaceSlug, WorkspaceTitle};
use reqwest::Method;

use crate::client::{Client, ClientError, parse};

impl Client {
    /// Makes a workspace. Asked for again with the same title, it is the same.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `conflict` or `forbidden`.
    pub async fn create_workspace(
        &self,
        slug: &WorkspaceSlug,
        title: &WorkspaceTitle,
    ) -> Result<Workspace, ClientError> {
        let request = CreateWorkspaceRequest { slug: slug.clone(), title: title.clone() };
        self.post("/v1/workspaces", &request).await
    }

    /// Takes an account into a workspace, or gives it another role there.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` or `forbidden`.
    pub async fn set_workspace_member(
        &self,
        workspace: &WorkspaceSlug,
        user_id: UserId,
        role: WorkspaceRole,
    ) -> Result<WorkspaceMember, ClientError> {
        let path = format!("/v1/workspaces/{workspace}/members/{user_id}");
        let body = self.send(Method::PUT, &path, Some(&SetWorkspaceMemberRequest { role })).await?.1;
        parse(&path, &body)
    }

    /// Switches a feature of a workspace. What needs it ends at once; what it holds is kept.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with `not_found` or `forbidden`.
    pub async fn set_feature(
        &self,
        workspace: &WorkspaceSlug,
        feature: OptionalFeature,
        enabled: bool,
    ) -> Result<FeatureSwitch, ClientError> {
        let path = format!("/v1/workspaces/{workspace}/features/{}", feature.name());
        let body = self.send(Method::PUT, &path, Some(&SetFeatureRequest { enabled })).await?.1;
        parse(&path, &body)
    }
}
