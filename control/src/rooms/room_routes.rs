//! `/v1/rooms`, `/v1/rooms/{slug}`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::rest::{CAPACITY_MAX, CreateRoomRequest, Page, Room, RoomKind, RoomRole, UpdateRoomRequest};
use boltorezka_proto::rooms::{POSITION_MAX, RETENTION_DAYS_MAX, RoomSettingsChange, SLOW_MODE_S_MAX};
use boltorezka_proto::{ErrorCode, RoomSlug, RoomTitle};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::authorize;
use super::{hiding, lobby, moderation};
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path};
use crate::permissions::Action;
use crate::store::{NewRoom, RoomPlace, Standing};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(read, update, delete))
}

/// Lists the rooms by category, position and title.
#[utoipa::path(get, path = "/rooms", operation_id = "listRooms", security(("session" = []), ("apiKey" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Room>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<Room>>, ApiError> {
    caller.may(Action::ListRooms)?;
    let after = page.cursor_as::<RoomPlace>()?;
    let mut rooms = app.store.rooms(caller.user_id(), after.as_ref(), page.limit + 1).await?;
    let next_cursor = page.cut(&mut rooms).map(|(last, _)| RoomPlace::from(last).to_string());
    let of_key = caller.who().standing();
    let mut items: Vec<Room> =
        rooms.into_iter().map(|(room, standing)| room.into_room(role_in(standing.unwrap_or(of_key)))).collect();
    add_unread(&app, &caller, &mut items).await?;
    Ok(Body(Page { items, next_cursor }))
}

/// Makes a room.
#[utoipa::path(post, path = "/rooms", operation_id = "createRoom", security(("session" = []), ("apiKey" = [])),
    request_body = CreateRoomRequest,
    responses(
        (status = 201, description = "The room.", body = Room),
        (status = 409, description = "`conflict`: the slug is taken."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<CreateRoomRequest>,
) -> Result<(StatusCode, Body<Room>), ApiError> {
    caller.may(Action::CreateRoom)?;
    if request.kind == RoomKind::Direct || request.slug.looks_direct() {
        let detail = "direct rooms, and slugs like theirs, are made by POST /v1/direct; choose another kind or slug";
        return Err(ApiError::because(ErrorCode::Malformed, detail));
    }
    check_capacity(request.capacity)?;
    check_settings(&request.settings)?;
    if let Some(max) = app.config.limits.rooms_total
        && app.store.room_count().await? >= max
    {
        let detail = format!("there are {max} rooms, as many as limits.rooms_total allows; delete one first");
        return Err(ApiError::because(ErrorCode::Forbidden, detail));
    }
    let CreateRoomRequest { slug, title, kind, capacity, settings } = request;
    let room = NewRoom { slug, title, kind, capacity, settings, owner: caller.user_id() };
    let created = app.store.create_room(&room, &caller.audit(app.clock.now_ms())).await?;
    let created = created.ok_or_else(|| ApiError::because(ErrorCode::Conflict, "slug is taken; choose another"))?;
    Ok((StatusCode::CREATED, Body(with_unread(&app, &caller, created.into_room(Some(RoomRole::Owner))).await?)))
}

/// One room. A direct room has the other one's name as its title.
#[utoipa::path(get, path = "/rooms/{slug}", operation_id = "getRoom", security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path)),
    responses((status = 200, description = "The room.", body = Room)))]
async fn read(app: App, caller: WorkspaceCaller, Path(slug): Path<String>) -> Result<Body<Room>, ApiError> {
    let (room, standing) = authorize(&app, &caller, &slug, Action::ReadRoom).await?;
    let mut room = room.into_room(role_in(standing));
    if let (RoomKind::Direct, Some(user_id)) = (room.kind, caller.user_id())
        && let Some(record) = app.store.direct_room(room.id, user_id).await?
        && let Ok(title) = RoomTitle::new(record.other_name.as_str())
    {
        room.title = title;
    }
    Ok(Body(with_unread(&app, &caller, room).await?))
}

/// Changes a room.
#[utoipa::path(patch, path = "/rooms/{slug}", operation_id = "updateRoom", security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path)),
    request_body = UpdateRoomRequest, responses((status = 200, description = "The room.", body = Room)))]
async fn update(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    Json(request): Json<UpdateRoomRequest>,
) -> Result<Body<Room>, ApiError> {
    let (room, standing) = authorize(&app, &caller, &slug, Action::UpdateRoom).await?;
    check_capacity(request.capacity)?;
    check_settings(&request.settings)?;
    let audit = caller.audit(app.clock.now_ms());
    let updated = lobby::update_room(&app, &room, &request, &audit).await?;
    if request.settings.hidden == Some(true) {
        hiding::take_out_strangers(&app, Some(&audit)).await?;
    }
    let updated = updated.ok_or(ErrorCode::NotFound)?.into_room(role_in(standing));
    Ok(Body(with_unread(&app, &caller, updated).await?))
}

/// Deletes a room with its messages, and ends its call.
#[utoipa::path(delete, path = "/rooms/{slug}", operation_id = "deleteRoom", security(("session" = []), ("apiKey" = [])),
    params(("slug" = RoomSlug, Path)),
    responses((status = 204, description = "It is gone.")))]
async fn delete(app: App, caller: WorkspaceCaller, Path(slug): Path<String>) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::DeleteRoom).await?;
    moderation::delete_room(&app, &caller, &room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// With what the caller has not read.
///
/// # Errors
/// When the database fails.
pub(super) async fn with_unread(app: &App, caller: &WorkspaceCaller, room: Room) -> Result<Room, ApiError> {
    let mut room = [room];
    add_unread(app, caller, &mut room).await?;
    let [room] = room;
    Ok(room)
}

/// Adds what the caller has not read; nothing for the banned and for API keys.
async fn add_unread(app: &App, caller: &WorkspaceCaller, rooms: &mut [Room]) -> Result<(), ApiError> {
    let Some(user_id) = caller.user_id() else { return Ok(()) };
    let open: Vec<_> = rooms.iter().filter(|room| room.my_role.is_some()).map(|room| room.id).collect();
    let unread = app.store.unread(user_id, &open).await?;
    for room in rooms {
        let Some(of_room) = unread.get(&room.id) else { continue };
        room.last_seq = Some(of_room.last_seq);
        room.read_seq = Some(of_room.read_seq);
        room.unread_count = Some(of_room.unread_count);
        room.mention_count = Some(of_room.mention_count);
    }
    Ok(())
}

/// The banned have no role.
pub(super) fn role_in(standing: Standing) -> Option<RoomRole> {
    (!standing.banned).then_some(standing.role)
}

fn check_capacity(capacity: Option<u32>) -> Result<(), ApiError> {
    match capacity {
        Some(capacity) if !(1..=CAPACITY_MAX).contains(&capacity) => {
            Err(ApiError::because(ErrorCode::Malformed, format!("capacity must be 1 to {CAPACITY_MAX}, or left out")))
        }
        _ => Ok(()),
    }
}

fn check_settings(settings: &RoomSettingsChange) -> Result<(), ApiError> {
    for (name, value, max) in [
        ("position", settings.position, POSITION_MAX),
        ("slowModeS", settings.slow_mode_s, SLOW_MODE_S_MAX),
        ("retentionDays", settings.retention_days, RETENTION_DAYS_MAX),
    ] {
        if value.is_some_and(|value| value > max) {
            return Err(ApiError::because(ErrorCode::Malformed, format!("{name} must be 0 to {max}, or left out")));
        }
    }
    Ok(())
}
