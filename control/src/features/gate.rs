//! Routes of a feature that is switched off, or could not be started.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};

use super::Feature;
use crate::app::App;

/// Lets requests through to the routes of a feature while it works, and where `in_workspace`, in workspaces that have it.
pub fn gate(root: &App, feature: &dyn Feature, in_workspace: bool, routes: Router<App>) -> Router<App> {
    if !routes.has_routes() {
        return routes;
    }
    let (root, name) = (root.clone(), Arc::<str>::from(feature.name()));
    routes.route_layer(from_fn(move |request: Request, next: Next| {
        let app = request.extensions().get::<App>().unwrap_or(&root).clone();
        let name = name.clone();
        async move {
            if let Some(feature) = app.features.all().find(|feature| feature.name() == &*name) {
                app.features.check(&app, feature, in_workspace).await?;
            }
            Ok::<_, crate::error::ApiError>(next.run(request).await)
        }
    }))
}
