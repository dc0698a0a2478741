//! Workspaces and people in them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Client, TestServer};

/// A path in a workspace.
pub fn within(workspace: &str, path: &str) -> String {
    format!("/v1/workspaces/{workspace}{}", path.strip_prefix("/v1").expect("a path of the API"))
}

/// Makes a workspace.
pub async fn make_workspace(by: &Client, slug: &str) -> Value {
    by.post("/v1/workspaces", json!({ "slug": slug, "title": slug })).await.expect(201)
}

/// Gives somebody a role in a workspace.
pub async fn take_in(by: &Client, workspace: &str, who: &Client, role: &str) {
    let path = format!("/v1/workspaces/{workspace}/members/{}", who.id);
    by.send(Method::PUT, &path, Some(json!({ "role": role }))).await.expect(200);
}

/// Switches a feature.
pub async fn switch(by: &Client, workspace: &str, feature: &str, enabled: bool) {
    let path = format!("/v1/workspaces/{workspace}/features/{feature}");
    let answer = by.send(Method::PUT, &path, Some(json!({ "enabled": enabled }))).await.expect(200);
    assert_eq!(answer, json!({ "feature": feature, "enabled": enabled }));
}

impl TestServer {
    /// A workspace with an owner of its own, who is called after it.
    pub async fn tenant(&self, admin: &Client, slug: &str) -> Client {
        make_workspace(admin, slug).await;
        let owner = self.user(&format!("{slug}-owner")).await;
        take_in(admin, slug, &owner, "owner").await;
        owner.within(slug)
    }
}
