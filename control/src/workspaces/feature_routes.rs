//! `/v1/workspaces/{workspace}/features`.

use axum::Json as Body;
use boltorezka_proto::rest::Page;
use boltorezka_proto::workspaces::{FeatureSwitch, OptionalFeature, SetFeatureRequest};
use boltorezka_proto::{ErrorCode, WorkspaceSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::changes;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, Path};
use crate::permissions::Action;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(set))
}

/// Lists the features that a workspace can switch, all on one page.
#[utoipa::path(get, path = "/workspaces/{workspace}/features", operation_id = "listFeatures",
    security(("session" = []), ("apiKey" = [])), params(("workspace" = WorkspaceSlug, Path)),
    responses((status = 200, description = "Each of them.", body = Page<FeatureSwitch>)))]
async fn list(app: App, caller: WorkspaceCaller) -> Result<Body<Page<FeatureSwitch>>, ApiError> {
    caller.may(Action::ListFeatures)?;
    let workspace = app.live_workspace();
    let switch = |feature| FeatureSwitch { feature, enabled: workspace.has(feature) };
    Ok(Body(Page { items: OptionalFeature::ALL.into_iter().map(switch).collect(), next_cursor: None }))
}

/// Switches a feature off or on. What it holds is kept; calls and tracks that need it end at once.
#[utoipa::path(put, path = "/workspaces/{workspace}/features/{feature}", operation_id = "setFeature",
    security(("session" = []), ("apiKey" = [])),
    params(("workspace" = WorkspaceSlug, Path), ("feature" = OptionalFeature, Path)), request_body = SetFeatureRequest,
    responses((status = 200, description = "The feature.", body = FeatureSwitch)))]
async fn set(
    app: App,
    caller: WorkspaceCaller,
    Path((_, feature)): Path<(String, String)>,
    Json(request): Json<SetFeatureRequest>,
) -> Result<Body<FeatureSwitch>, ApiError> {
    caller.may(Action::SetFeature)?;
    let feature = OptionalFeature::find(&feature).ok_or_else(|| {
        let names = OptionalFeature::ALL.map(OptionalFeature::name).join(", ");
        ApiError::because(ErrorCode::NotFound, format!("what can be switched is {names}"))
    })?;
    changes::set_feature(app, caller, feature, request.enabled).await?;
    Ok(Body(FeatureSwitch { feature, enabled: request.enabled }))
}
