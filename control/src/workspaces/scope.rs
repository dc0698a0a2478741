//! Which workspace a request is about: the one that its path names (`/v1/workspaces/{workspace}/…` in front of the same
//! routes), else the one of its API key or join token, else the default one.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::middleware::Next;
use axum::response::Response;
use boltorezka_proto::{WorkspaceId, WorkspaceSlug};

use super::no_workspace;
use crate::app::App;
use crate::auth::{Caller, Identified, identify};
use crate::error::ApiError;

const PREFIX: &str = "/v1/workspaces/";
/// What follows a workspace's name in routes of its own.
const OWN: [&str; 4] = ["members", "features", "roles", "permissions"];

/// The workspace that a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named(String);

/// Middleware, before any route is looked for: takes the workspace out of the path.
pub async fn strip_prefix(mut request: Request) -> Request {
    let Some((slug, inner)) = split(request.uri().path()) else { return request };
    let named = Named(slug.to_owned());
    if let Some(inner) = inner {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("/v1/{inner}{query}")).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request.extensions_mut().insert(named);
    request
}

/// A path's workspace, and what comes after it where that is a route of every workspace.
fn split(path: &str) -> Option<(&str, Option<&str>)> {
    let rest = path.strip_prefix(PREFIX)?;
    let (slug, inner) = rest.split_once('/').map_or((rest, None), |(slug, inner)| (slug, Some(inner)));
    let first = |inner: &str| inner.split('/').next().unwrap_or_default().to_owned();
    // There is no workspace within a workspace.
    let is_own = |inner: &&str| OWN.contains(&first(inner).as_str()) || first(inner) == "workspaces";
    Some((slug, inner.filter(|inner| !is_own(inner))))
}

/// Middleware of all routes that look at who asks: finds out who that is, and lets the handler see the workspace. Whoever is no
/// member hears the same as of a workspace that does not exist.
///
/// # Errors
/// `not_found`; `unauthenticated` and its kin when a workspace is named by somebody who is not known.
pub async fn enter(root: App, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let (caller, own_id) = identify(&root, &parts).await;
    let (app, caller) = match parts.extensions.remove::<Named>() {
        None => (root.of(own_id), caller),
        Some(Named(slug)) => {
            let (app, caller) = as_member(&root, &slug, caller?, own_id).await?;
            (app, Ok(caller))
        }
    };
    parts.extensions.insert(app);
    parts.extensions.insert(Identified(caller));
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn as_member(root: &App, slug: &str, caller: Caller, own_id: WorkspaceId) -> Result<(App, Caller), ApiError> {
    let slug = WorkspaceSlug::new(slug).map_err(|_| no_workspace())?;
    let record = root.store.workspace(&slug).await?.ok_or_else(no_workspace)?;
    let app = root.of(record.id);
    let caller = match caller {
        Caller::User { user, session, pending, .. } => {
            let (role, grants) = app.store.membership(user.id).await?.ok_or_else(no_workspace)?;
            Caller::User { user, session, pending, role, grants }
        }
        Caller::ApiKey { .. } | Caller::Join(_) if own_id == record.id => caller,
        Caller::ApiKey { .. } | Caller::Join(_) => return Err(no_workspace()),
    };
    Ok((app, caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_taken_out_of_the_path() {
        assert_eq!(split("/v1/workspaces/acme/rooms/talk"), Some(("acme", Some("rooms/talk"))));
        assert_eq!(split("/v1/workspaces/acme/auth/ws-ticket"), Some(("acme", Some("auth/ws-ticket"))));
        for own in
            ["", "/members", "/members/1", "/features/video", "/roles/1", "/permissions", "/workspaces/other/rooms"]
        {
            assert_eq!(split(&format!("/v1/workspaces/acme{own}")), Some(("acme", None)), "{own}");
        }
        for other in ["/v1/workspaces", "/v1/rooms", "/workspaces/acme/rooms"] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
