//! `/v1/webhooks`.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::rest::Page;
use boltorezka_proto::webhooks::{CreateWebhookRequest, CreatedWebhook, Webhook, WebhookDelivery};
use boltorezka_proto::{ErrorCode, EventId, WebhookId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{receiver, request};
use crate::app::App;
use crate::auth::{WorkspaceCaller, random_bytes};
use crate::error::ApiError;
use crate::http::{Fields, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::store::NewWebhook;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(delete))
        .routes(routes!(replay))
        .routes(routes!(deliveries))
}

/// Lists the webhooks. There are few: all come at once.
#[utoipa::path(get, path = "/webhooks", operation_id = "listWebhooks", security(("session" = []), ("apiKey" = [])),
    responses((status = 200, description = "All of them.", body = Page<Webhook>)))]
async fn list(app: App, caller: WorkspaceCaller) -> Result<Body<Page<Webhook>>, ApiError> {
    caller.may(Action::ListWebhooks)?;
    let items = app.store.webhooks().await?.into_iter().map(Webhook::from).collect();
    Ok(Body(Page { items, next_cursor: None }))
}

/// Makes a webhook. Its secret is shown once, in the answer.
#[utoipa::path(post, path = "/webhooks", operation_id = "createWebhook", security(("session" = []), ("apiKey" = [])),
    request_body = CreateWebhookRequest,
    responses(
        (status = 201, description = "The webhook and its secret.", body = CreatedWebhook),
        (status = 409, description = "`conflict`: there are as many as `limits.webhooks_total` allows."),
        (status = 422, description = "`invalid`: the address cannot be used, or no event is named, or one twice."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    Fields(request): Fields<CreateWebhookRequest>,
) -> Result<(StatusCode, Body<CreatedWebhook>), ApiError> {
    caller.may(Action::CreateWebhook)?;
    let at_home = app.workspace_id() == app.store.home_id();
    receiver::parse(&request.url, at_home, &app.config)
        .map_err(|wrong| ApiError::because(ErrorCode::Invalid, wrong))?;
    let mut events = request.events;
    let named = events.len();
    events.sort();
    events.dedup();
    if events.is_empty() || events.len() != named {
        return Err(ApiError::because(ErrorCode::Invalid, "events must name at least one type, and each once"));
    }
    let secret = random_bytes().map_err(|_| ErrorCode::Internal)?;
    let new = NewWebhook { url: request.url, events, secret };
    let max = app.config.limits.webhooks_total;
    let made = app.store.create_webhook(&new, max, &caller.audit(app.clock.now_ms())).await?;
    let made = made.ok_or_else(|| {
        let max = max.unwrap_or_default();
        let detail = format!("there are {max} webhooks, as many as limits.webhooks_total allows; delete one first");
        ApiError::because(ErrorCode::Conflict, detail)
    })?;
    Ok((StatusCode::CREATED, Body(CreatedWebhook { webhook: made.into(), secret: request::shown(&secret) })))
}

/// Deletes a webhook, with what it has not been told.
#[utoipa::path(delete, path = "/webhooks/{webhookId}", operation_id = "deleteWebhook",
    security(("session" = []), ("apiKey" = [])), params(("webhookId" = WebhookId, Path)),
    responses((status = 204, description = "It is gone.")))]
async fn delete(app: App, caller: WorkspaceCaller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    caller.may(Action::DeleteWebhook)?;
    let id: WebhookId = id_in_path(&id)?;
    match app.store.delete_webhook(id, &caller.audit(app.clock.now_ms())).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(no_webhook()),
    }
}

/// Tells a webhook again what it could not be told, and switches it on where it was switched off.
#[utoipa::path(post, path = "/webhooks/{webhookId}/replay", operation_id = "replayWebhook",
    security(("session" = []), ("apiKey" = [])), params(("webhookId" = WebhookId, Path)),
    responses((status = 200, description = "The webhook.", body = Webhook)))]
async fn replay(app: App, caller: WorkspaceCaller, Path(id): Path<String>) -> Result<Body<Webhook>, ApiError> {
    caller.may(Action::ReplayWebhook)?;
    let id: WebhookId = id_in_path(&id)?;
    let replayed = app.store.replay_webhook(id, &caller.audit(app.clock.now_ms())).await?;
    Ok(Body(replayed.ok_or_else(no_webhook)?.into()))
}

/// Lists what a webhook has not been told, by the events' ids: what waits for its next try, and dead letters.
#[utoipa::path(get, path = "/webhooks/{webhookId}/deliveries", operation_id = "listWebhookDeliveries",
    security(("session" = []), ("apiKey" = [])), params(("webhookId" = WebhookId, Path), PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<WebhookDelivery>)))]
async fn deliveries(
    app: App,
    caller: WorkspaceCaller,
    Path(id): Path<String>,
    page: PageQuery,
) -> Result<Body<Page<WebhookDelivery>>, ApiError> {
    caller.may(Action::ListDeliveries)?;
    let (id, after) = (id_in_path(&id)?, page.cursor_as::<EventId>()?);
    let mut items = app.store.deliveries(id, after, page.limit + 1).await?.ok_or_else(no_webhook)?;
    let next_cursor = page.cut(&mut items).map(|last| last.event_id.to_string());
    Ok(Body(Page { items, next_cursor }))
}

fn no_webhook() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such webhook")
}
