//! `/v1/admin/settings`: what is set, and by what.

use axum::Json as Body;
use boltorezka_proto::admin::AdminSetting;
use boltorezka_proto::rest::Page;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::permissions::Action;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Lists the settings in force, all on one page. Of secrets it says whether they are set.
#[utoipa::path(get, path = "/admin/settings", operation_id = "listSettings", security(("session" = [])),
    responses((status = 200, description = "Each of them.", body = Page<AdminSetting>)))]
async fn list(app: App, caller: WorkspaceCaller) -> Result<Body<Page<AdminSetting>>, ApiError> {
    caller.may(Action::ListSettings)?;
    Ok(Body(Page { items: app.config.settings.clone(), next_cursor: None }))
}
