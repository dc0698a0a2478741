//! `/v1/admin/outbox`: what was committed and is not told yet, and what webhooks could not be told. Replaying is a matter of
//! each webhook, in its workspace (`webhooks/routes.rs`).

use axum::Json as Body;
use boltorezka_proto::admin::{DeadLetter, OutboxEvent};
use boltorezka_proto::rest::Page;
use boltorezka_proto::{EventId, WebhookId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::Pair;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::PageQuery;
use crate::permissions::Action;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(waiting)).routes(routes!(dead_letters))
}

/// Lists what was committed and the media node, or the sockets of a room, are not told yet.
#[utoipa::path(get, path = "/admin/outbox", operation_id = "listOutbox", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of it, in its order.", body = Page<OutboxEvent>)))]
async fn waiting(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<OutboxEvent>>, ApiError> {
    caller.may(Action::ListOutbox)?;
    let after = page.cursor_as::<u64>()?;
    let mut items = app.store.outbox(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut items).map(|last| last.id.to_string());
    Ok(Body(Page { items, next_cursor }))
}

/// Lists what webhooks of all workspaces are told no more.
#[utoipa::path(get, path = "/admin/outbox/dead-letters", operation_id = "listDeadLetters", security(("session" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of it, by webhook.", body = Page<DeadLetter>)))]
async fn dead_letters(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<DeadLetter>>, ApiError> {
    caller.may(Action::ListDeadLetters)?;
    let after = page.cursor_as::<Pair<WebhookId, EventId>>()?.map(|Pair(webhook, event)| (webhook, event));
    let mut items = app.store.dead_letters(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut items).map(|last| Pair(last.webhook_id, last.event_id).to_string());
    Ok(Body(Page { items, next_cursor }))
}
