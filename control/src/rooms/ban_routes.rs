//! `/v1/rooms/{slug}/bans`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::rest::Page;
use boltorezka_proto::rooms::Ban;
use boltorezka_proto::{ErrorCode, RoomSlug, Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{authorize, check_outranks};
use super::moderation;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::store::BanRecord;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(ban, lift))
}

/// Lists those to whom a room is closed.
#[utoipa::path(get, path = "/rooms/{slug}/bans", operation_id = "listBans",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Ban>)))]
async fn list(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<Ban>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListBans).await?;
    let after = page.cursor_as::<UserId>()?;
    let mut bans = app.store.bans(room.id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut bans).map(|last| last.user_id.to_string());
    Ok(Body(Page { items: bans.into_iter().map(view).collect(), next_cursor }))
}

/// Closes a room for good to somebody with a lower role: who is inside goes, who waits in the lobby is sent away, who is elsewhere
/// does not come in.
#[utoipa::path(put, path = "/rooms/{slug}/bans/{userId}", operation_id = "ban",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("userId" = UserId, Path)),
    responses((status = 204, description = "It is out, if it was in, and stays out.")))]
async fn ban(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, standing) = authorize(&app, &caller, &slug, Action::Ban).await?;
    moderation::ban(&app, &caller, standing, &room, id_in_path(&user_id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Opens a room again to somebody with a lower role, who may join then.
#[utoipa::path(delete, path = "/rooms/{slug}/bans/{userId}", operation_id = "liftBan",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("userId" = UserId, Path)),
    responses((status = 204, description = "It may come back.")))]
async fn lift(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, user_id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, standing) = authorize(&app, &caller, &slug, Action::LiftBan).await?;
    let user_id: UserId = id_in_path(&user_id)?;
    // Who is no member of the workspace any more stands below everybody.
    if let Some(target) = app.store.standing(room.id, user_id).await? {
        check_outranks(standing, caller.user_id(), target, user_id)?;
    }
    if app.store.lift_ban(room.id, user_id, &caller.audit(app.clock.now_ms())).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::because(ErrorCode::NotFound, "the user is not banned from this room"))
    }
}

fn view(record: BanRecord) -> Ban {
    Ban {
        user_id: record.user_id,
        display_name: record.display_name,
        banned_at: Timestamp::from_unix_ms(record.banned_at_ms),
    }
}
