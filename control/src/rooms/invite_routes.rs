//! `/v1/rooms/{slug}/invites`, `/v1/room-invites/redeem`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::rest::{Page, RoomRole};
use boltorezka_proto::rooms::{
    CreateRoomInviteRequest, ROOM_INVITE_S_MAX, ROOM_INVITE_USES_MAX, RedeemRoomInviteRequest, RoomInvite,
    RoomInviteCreated, RoomInviteRedeemed,
};
use boltorezka_proto::{ErrorCode, InviteId, RoomSlug, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::authorize;
use super::moderation::refresh_role;
use super::room_routes::{role_in, with_unread};
use crate::app::App;
use crate::auth::{WorkspaceCaller, hash_token, new_token};
use crate::error::ApiError;
use crate::http::{Json, OptionalJson, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::store::{NewRoomInvite, Redeemed, RoomInviteRecord, RoomInvited, Standing};

/// Invites of a room that can be redeemed at the same time: a list that a person reads.
const OPEN_MAX: u32 = 100;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke)).routes(routes!(redeem))
}

/// Lists the invites into a room.
#[utoipa::path(get, path = "/rooms/{slug}/invites", operation_id = "listRoomInvites",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), PageQuery),
    responses((status = 200, description = "A page of them, also of those that are used up.", body = Page<RoomInvite>)))]
async fn list(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<RoomInvite>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ListRoomInvites).await?;
    let after = page.cursor_as::<InviteId>()?.map(|id| id.0);
    let mut invites = app.store.room_invites(room.id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut invites).map(|last| last.id.to_string());
    Ok(Body(Page { items: invites.into_iter().map(view).collect(), next_cursor }))
}

/// Makes an invite into a room, whose token is shown once.
///
/// It is worth something for as long as its maker could make it.
#[utoipa::path(post, path = "/rooms/{slug}/invites", operation_id = "createRoomInvite",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path)),
    request_body = Option<CreateRoomInviteRequest>,
    responses(
        (status = 201, description = "The invite.", body = RoomInviteCreated),
        (status = 409, description = "`conflict`: the room has as many open invites as it may have."),
        (status = 422, description = "`invalid`: a value is not acceptable."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    OptionalJson(request): OptionalJson<CreateRoomInviteRequest>,
) -> Result<(StatusCode, Body<RoomInviteCreated>), ApiError> {
    let (room, standing) = authorize(&app, &caller, &slug, Action::CreateRoomInvite).await?;
    check(&request, standing.role)?;
    let token = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let now_ms = app.clock.now_ms();
    let invite = NewRoomInvite {
        hash: hash_token(&token),
        role: request.role,
        uses_max: request.uses,
        expires_at_ms: now_ms + i64::from(request.ttl_s) * 1000,
    };
    match app.store.create_room_invite(room.id, &invite, OPEN_MAX, &caller.audit(now_ms)).await? {
        RoomInvited::Made(invite) => Ok((StatusCode::CREATED, Body(RoomInviteCreated { invite: view(invite), token }))),
        RoomInvited::TooMany => {
            let detail = format!("the room has {OPEN_MAX} open invites, as many as it may have; take one back first");
            Err(ApiError::because(ErrorCode::Conflict, detail))
        }
        RoomInvited::NoRoom => Err(ErrorCode::NotFound.into()),
    }
}

/// Takes an invite back. Who came in by it stays.
#[utoipa::path(delete, path = "/rooms/{slug}/invites/{inviteId}", operation_id = "revokeRoomInvite",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), ("inviteId" = InviteId, Path)),
    responses((status = 204, description = "It is worthless.")))]
async fn revoke(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::RevokeRoomInvite).await?;
    let InviteId(id) = id_in_path(&id)?;
    if app.store.revoke_room_invite(room.id, id, &caller.audit(app.clock.now_ms())).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::because(ErrorCode::NotFound, "there is no such invite, or it was taken back before"))
    }
}

/// Gives the caller the role of an invite, in whichever workspace its room is.
///
/// Who is no member of that workspace becomes a guest of it. Nobody's role is lowered, and who has it already uses nothing up.
#[utoipa::path(post, path = "/room-invites/redeem", operation_id = "redeemRoomInvite", security(("session" = [])),
    request_body = RedeemRoomInviteRequest,
    responses((status = 200, description = "Where one may go now.", body = RoomInviteRedeemed)))]
async fn redeem(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<RedeemRoomInviteRequest>,
) -> Result<Body<RoomInviteRedeemed>, ApiError> {
    caller.may(Action::RedeemRoomInvite)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let hash = hash_token(&request.token);
    let place = app.store.invited_to(hash).await?.ok_or_else(no_invite)?;
    let app = app.of(place.workspace_id);
    let audit = caller.audit(app.clock.now_ms());
    {
        let live = app.live_room(place.room_id, &place.room);
        let _gate = live.gate.lock().await;
        match app.store.redeem_room_invite(hash, user_id, &audit).await? {
            Redeemed::Given => refresh_role(&app, &live, user_id).await?,
            Redeemed::Had => {}
            Redeemed::NoInvite => return Err(no_invite()),
            Redeemed::Banned => return Err(ErrorCode::Banned.into()),
        }
    }
    let room = app.store.room(&place.room).await?.ok_or_else(no_invite)?;
    let standing: Standing = app.store.standing(room.id, user_id).await?.ok_or_else(no_invite)?;
    let room = with_unread(&app, &caller, room.into_room(role_in(standing))).await?;
    Ok(Body(RoomInviteRedeemed { workspace: place.workspace, room }))
}

fn check(request: &CreateRoomInviteRequest, own: RoomRole) -> Result<(), ApiError> {
    if !(1..=ROOM_INVITE_USES_MAX).contains(&request.uses) {
        return Err(ApiError::because(ErrorCode::Invalid, format!("uses must be 1 to {ROOM_INVITE_USES_MAX}")));
    }
    if !(1..=ROOM_INVITE_S_MAX).contains(&request.ttl_s) {
        return Err(ApiError::because(ErrorCode::Invalid, format!("ttlS must be 1 to {ROOM_INVITE_S_MAX}")));
    }
    if request.role > own {
        return Err(ApiError::because(ErrorCode::Forbidden, "an invite gives no more than its maker has"));
    }
    Ok(())
}

fn no_invite() -> ApiError {
    ApiError::because(ErrorCode::InvalidToken, "the invite is unknown, used up, expired or taken back; ask for another")
}

fn view(record: RoomInviteRecord) -> RoomInvite {
    RoomInvite {
        id: InviteId(record.id),
        role: record.role,
        uses: record.uses,
        uses_max: record.uses_max,
        created_by: record.created_by,
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
        expires_at: Timestamp::from_unix_ms(record.expires_at_ms),
        revoked: record.revoked,
    }
}
