//! `/v1/direct`: rooms of two. What is said in them is chat as in any room; here they are begun and listed.

use std::fmt;
use std::str::FromStr;

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::direct::{BeginDirectRequest, DirectPerson, DirectRoom, DirectState};
use boltorezka_proto::rest::Page;
use boltorezka_proto::{ErrorCode, RoomId, Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery};
use crate::permissions::Action;
use crate::store::{Begun, DirectPlace, DirectRecord, DirectRefusal, StoreError};

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, begin))
}

/// Lists the caller's direct rooms, newest first.
#[utoipa::path(get, path = "/direct", operation_id = "listDirectRooms", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<DirectRoom>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<DirectRoom>>, ApiError> {
    caller.may(Action::ListDirectRooms)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let after = page.cursor_as::<Place>()?.map(|Place(place)| place);
    let mut records = app.store.direct_rooms(user_id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut records).map(|last| Place((last.last_at_ms, last.room_id)).to_string());
    Ok(Body(Page { items: views(&app, user_id, records).await?, next_cursor }))
}

/// Finds or makes the direct room with somebody.
#[utoipa::path(post, path = "/direct", operation_id = "beginDirectRoom", security(("session" = [])),
    request_body = BeginDirectRequest,
    responses(
        (status = 200, description = "It was there.", body = DirectRoom),
        (status = 201, description = "It is there now.", body = DirectRoom),
        (status = 403, description = "`direct_refused`: one of the two refuses the other's messages. `forbidden`: for guests, and those who have begun as many as they may."),
        (status = 404, description = "`not_found`: nobody with that id can be written to here."),
    ))]
async fn begin(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<BeginDirectRequest>,
) -> Result<(StatusCode, Body<DirectRoom>), ApiError> {
    caller.may(Action::BeginDirectRoom)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let now_ms = app.clock.now_ms();
    app.rates.direct_begun_user.take(user_id, now_ms).map_err(ApiError::rate_limited)?;
    let begun_max = app.config.limits.direct_rooms_per_user;
    let (status, record) = match app.store.begin_direct(user_id, request.user_id, begun_max, now_ms).await? {
        Begun::New(record) => (StatusCode::CREATED, record),
        Begun::There(record) => (StatusCode::OK, record),
        Begun::NoPerson => {
            let detail = "nobody with this id can be written to in this workspace";
            return Err(ApiError::because(ErrorCode::NotFound, detail));
        }
        Begun::Refused(refusal) => return Err(refusal.into()),
        Begun::TooMany => {
            let max = begun_max.unwrap_or(u32::MAX);
            let detail = format!("you have begun {max} direct rooms, as many as limits.direct_rooms_per_user allows");
            return Err(ApiError::because(ErrorCode::Forbidden, detail));
        }
    };
    let [room] = views(&app, user_id, vec![record]).await?.try_into().map_err(|_| ErrorCode::Internal)?;
    Ok((status, Body(room)))
}

/// With what the caller has not read, and whether the others are there.
async fn views(app: &App, user_id: UserId, records: Vec<DirectRecord>) -> Result<Vec<DirectRoom>, StoreError> {
    let ids: Vec<RoomId> = records.iter().map(|record| record.room_id).collect();
    let unread = app.store.unread(user_id, &ids).await?;
    let view = |record: DirectRecord| {
        let of_room = unread.get(&record.room_id).copied().unwrap_or_default();
        let may_see = matches!(record.state, DirectState::Open | DirectState::Refusing);
        DirectRoom {
            id: record.room_id,
            room: record.room,
            user: DirectPerson {
                id: record.other_id,
                display_name: record.other_name,
                online: may_see && app.hub.has_socket_of(app.workspace_id(), record.other_id),
            },
            state: record.state,
            last_seq: of_room.last_seq,
            read_seq: of_room.read_seq,
            unread_count: of_room.unread_count,
            last_at: Timestamp::from_unix_ms(record.last_at_ms),
            ringing: record.ringing.filter(|ringing| ringing.ends_at.unix_ms() > app.clock.now_ms()),
        }
    };
    Ok(records.into_iter().map(view).collect())
}

/// A place in the list as a cursor.
struct Place(DirectPlace);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self((at_ms, room_id)) = self;
        write!(f, "{at_ms}.{room_id}")
    }
}

/// It is no place in the list.
struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (at_ms, room_id) = text.split_once('.').ok_or(NoPlace)?;
        Ok(Self((at_ms.parse().map_err(|_| NoPlace)?, room_id.parse().map_err(|_| NoPlace)?)))
    }
}

impl From<DirectRefusal> for ApiError {
    fn from(refusal: DirectRefusal) -> Self {
        match refusal {
            DirectRefusal::Refusing => Self::because(
                ErrorCode::DirectRefused,
                "you refuse this person's direct messages; take that back to write to it",
            ),
            DirectRefusal::Refused => {
                Self::because(ErrorCode::DirectRefused, "this person takes no direct messages of yours")
            }
            DirectRefusal::Gone => Self::because(
                ErrorCode::RecipientGone,
                "this person has left, or is blocked; what was said can still be read",
            ),
        }
    }
}
