//! Export and end of one's account.

use axum::Json as Body;
use boltorezka_proto::accounts::{
    DeleteMeRequest, DeletionPlanned, Export, ExportedAct, ExportedMessage, ExportedRole,
};
use boltorezka_proto::socket::CloseCode;
use boltorezka_proto::{ErrorCode, MessageId, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{Caller, ClientAddress, SignedIn};
use super::oidc::link_view;
use super::passkeys::passkey_view;
use super::session_routes::{check_password, session_view};
use crate::app::App;
use crate::error::ApiError;
use crate::http::{Fields, PageQuery};
use crate::permissions::Action;
use crate::presence::take_out;
use crate::push::subscription_view;
use crate::store::{Planned, StoreError};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Acts of the audit in an export: the last ones.
const ACTS_MAX: u32 = 1_000;
/// Accounts that are erased at one sweep; the next one goes on.
const ERASED_AT_ONCE: usize = 100;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(export)).routes(routes!(delete_me))
}

/// All that is kept of the account, and a page of its messages.
#[utoipa::path(get, path = "/auth/me/export", operation_id = "exportMe", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "Ask again with `nextCursor` until it is absent.", body = Export)))]
async fn export(app: App, caller: Caller, page: PageQuery) -> Result<Body<Export>, ApiError> {
    let SignedIn { user, session } = caller.signed_in(Action::ExportMe)?;
    let after = page.cursor_as::<MessageId>()?;
    let now_ms = app.clock.now_ms();
    let (record, created_at_ms) = app.store.account(user.id).await?.ok_or(ErrorCode::Unauthenticated)?;
    let sessions = app.store.sessions(user.id, now_ms).await?;
    let identities = app.store.oidc_links(user.id).await?;
    let passkeys = app.store.passkeys(user.id).await?;
    let browsers = app.store.push_subscriptions(user.id).await?;
    let roles = app.store.roles_of(user.id).await?;
    let custom_roles = app.store.custom_roles_of(user.id).await?;
    let blocked = app.store.blocked_by(user.id).await?;
    let acts = app.store.acts_of(user.id, ACTS_MAX).await?;
    let mut messages = app.store.written_by(user.id, after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut messages).map(|last| last.id.to_string());
    let message = |message: crate::store::WrittenRecord| ExportedMessage {
        id: message.id,
        room: message.room,
        text: message.text,
        attachments: message.attachments,
        created_at: Timestamp::from_unix_ms(message.created_at_ms),
    };
    let act = |act: crate::store::ActRecord| ExportedAct {
        action: act.action,
        target: act.target,
        address: act.address,
        at: Timestamp::from_unix_ms(act.created_at_ms),
    };
    Ok(Body(Export {
        state: record.state(),
        email_verified: record.email_verified,
        second_factor: record.second_factor,
        user: record.user,
        created_at: Timestamp::from_unix_ms(created_at_ms),
        identities: identities.into_iter().map(link_view).collect(),
        passkeys: passkeys.into_iter().map(passkey_view).collect(),
        push_subscriptions: browsers.into_iter().map(|record| subscription_view(record, session)).collect(),
        sessions: sessions.into_iter().map(|record| session_view(record, session)).collect(),
        roles: roles.into_iter().map(|(room, role)| ExportedRole { room, role }).collect(),
        custom_roles: custom_roles.into_iter().map(|(_, role, _)| role).collect(),
        blocked,
        acts: acts.into_iter().map(act).collect(),
        messages: messages.into_iter().map(message).collect(),
        next_cursor,
    }))
}

/// Signs the account out everywhere and plans its end. Logging in before that takes it back.
#[utoipa::path(delete, path = "/auth/me", operation_id = "deleteMe", security(("session" = [])),
    request_body = DeleteMeRequest,
    responses(
        (status = 200, description = "When it is erased.", body = DeletionPlanned),
        (status = 401, description = "`invalid_credentials`: the password. `unauthenticated`."),
        (status = 409, description = "`conflict`: there would be no super admin left."),
        (status = 422, description = "`invalid`."),
        (status = 503, description = "`unavailable`: too many people are signing in."),
    ))]
async fn delete_me(
    app: App,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Fields(request): Fields<DeleteMeRequest>,
) -> Result<Body<DeletionPlanned>, ApiError> {
    let signed_in = caller.signed_in(Action::DeleteMe)?;
    check_password(&app, address, &signed_in, request.password).await?;
    let user = signed_in.user;
    let now_ms = app.clock.now_ms();
    let erase_at_ms = now_ms + i64::from(app.config.account_deletion_days) * DAY_MS;
    let removed = match app.store.plan_erasure(user.id, erase_at_ms, now_ms).await? {
        Planned::Done { removed } => removed,
        Planned::LastSuperAdmin => {
            let detail = "there would be no super admin left; make another one first";
            return Err(ApiError::because(ErrorCode::Conflict, detail));
        }
        Planned::NoAccount => return Err(ErrorCode::Unauthenticated.into()),
    };
    app.hub.close_sockets_of(user.id, CloseCode::InvalidTicket);
    take_out(&app, removed).await;
    Ok(Body(DeletionPlanned { erase_at: Timestamp::from_unix_ms(erase_at_ms) }))
}

/// Erases the accounts whose time has come.
///
/// # Errors
/// When the database fails.
pub async fn erase_due(app: &App) -> Result<(), StoreError> {
    for _ in 0..ERASED_AT_ONCE {
        let Some(removed) = app.store.erase_one(app.clock.now_ms()).await? else { break };
        take_out(app, removed).await;
    }
    Ok(())
}
