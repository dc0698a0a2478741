//! `/v1/admin/invites`: invites to make an account.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::accounts::{CreateInviteRequest, INVITE_S_MAX, INVITE_USES_MAX, Invite, InviteCreated};
use boltorezka_proto::rest::Page;
use boltorezka_proto::{ErrorCode, InviteId, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{WorkspaceCaller, check_email, hash_token, new_token};
use crate::error::ApiError;
use crate::http::{OptionalJson, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::store::{InviteRecord, NewInvite};

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke))
}

/// Lists the invites.
#[utoipa::path(get, path = "/admin/invites", operation_id = "listInvites", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of them, also of those that are used up.", body = Page<Invite>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<Invite>>, ApiError> {
    caller.may(Action::ListInvites)?;
    let after = page.cursor_as::<InviteId>()?.map(|id| id.0);
    let mut invites = app.store.invites(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut invites).map(|last| last.id.to_string());
    Ok(Body(Page { items: invites.into_iter().map(view).collect(), next_cursor }))
}

/// Makes an invite, whose token is shown once.
#[utoipa::path(post, path = "/admin/invites", operation_id = "createInvite", security(("session" = [])),
    request_body = Option<CreateInviteRequest>,
    responses(
        (status = 201, description = "The invite.", body = InviteCreated),
        (status = 422, description = "`invalid`: a value is not acceptable."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    OptionalJson(request): OptionalJson<CreateInviteRequest>,
) -> Result<(StatusCode, Body<InviteCreated>), ApiError> {
    caller.may(Action::CreateInvite)?;
    let email = request.email.as_deref().map(check_email).transpose()?;
    if !(1..=INVITE_USES_MAX).contains(&request.uses) {
        return Err(ApiError::because(ErrorCode::Invalid, format!("uses must be 1 to {INVITE_USES_MAX}")));
    }
    if !(1..=INVITE_S_MAX).contains(&request.ttl_s) {
        return Err(ApiError::because(ErrorCode::Invalid, format!("ttlS must be 1 to {INVITE_S_MAX}")));
    }
    let token = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let now_ms = app.clock.now_ms();
    let invite = NewInvite {
        hash: hash_token(&token),
        email,
        uses_max: request.uses,
        expires_at_ms: now_ms + i64::from(request.ttl_s) * 1000,
    };
    let invite = app.store.create_invite(&invite, &caller.audit(now_ms)).await?;
    let link = app.config.page(&format!("register?invite={token}"));
    Ok((StatusCode::CREATED, Body(InviteCreated { invite: view(invite), token, link })))
}

/// Takes an invite back. Accounts that were made with it stay.
#[utoipa::path(delete, path = "/admin/invites/{inviteId}", operation_id = "revokeInvite", security(("session" = [])),
    params(("inviteId" = InviteId, Path)),
    responses((status = 204, description = "It is worthless.")))]
async fn revoke(app: App, caller: WorkspaceCaller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    caller.may(Action::RevokeInvite)?;
    let InviteId(id) = id_in_path(&id)?;
    if app.store.revoke_invite(id, &caller.audit(app.clock.now_ms())).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::because(ErrorCode::NotFound, "there is no such invite, or it was taken back before"))
    }
}

fn view(record: InviteRecord) -> Invite {
    Invite {
        id: InviteId(record.id),
        email: record.email,
        uses: record.uses,
        uses_max: record.uses_max,
        created_by: record.created_by,
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
        expires_at: Timestamp::from_unix_ms(record.expires_at_ms),
        revoked: record.revoked,
    }
}
