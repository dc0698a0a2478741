//! Calls in direct rooms ring for the other one. `POST /v1/rooms/{slug}/call/decline` is for who does not want it.

use std::time::Duration;

use axum::http::StatusCode;
use boltorezka_proto::{ErrorCode, RoomSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::Path;
use crate::permissions::Action;
use crate::rooms::authorize;
use crate::store::StoreError;

/// It is looked this often for calls that ring no more: as late as that the one who is called hears of it.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(decline))
}

/// Ends the ringing of a call to the caller. It is no missed call.
#[utoipa::path(post, path = "/rooms/{slug}/call/decline", operation_id = "declineCall", security(("session" = [])),
    params(("slug" = RoomSlug, Path)),
    responses((status = 204, description = "It rings no more."), (status = 404, description = "`not_found`: nobody calls.")))]
async fn decline(app: App, caller: WorkspaceCaller, Path(slug): Path<String>) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::DeclineCall).await?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    if app.store.decline_call(room.id, user_id, app.clock.now_ms()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::because(ErrorCode::NotFound, "nobody calls you here now"))
    }
}

/// Ends what rings no more: answered, left by its caller, or over.
///
/// # Errors
/// When the database fails; what is left ends the next time.
pub async fn end_rings(app: App) -> Result<(), StoreError> {
    app.store.end_rings(app.clock.now_ms()).await.map(|_| ())
}
