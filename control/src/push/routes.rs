//! `/v1/push`: one's own browsers.

use axum::Json as Body;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::push::{PushStatus, PushSubscription, SubscribePushRequest, UpdatePushRequest};
use boltorezka_proto::{ErrorCode, PushSubscriptionId, Timestamp, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::BrowserKeys;
use super::endpoint::{self, service_of};
use super::site::Site;
use crate::app::App;
use crate::auth::{Caller, SignedIn};
use crate::error::ApiError;
use crate::http::{Fields, Path, id_in_path};
use crate::permissions::Action;
use crate::store::{NewPushSubscription, PushSubscriptionRecord};

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(read, update)).routes(routes!(subscribe)).routes(routes!(unsubscribe))
}

/// What a browser needs to subscribe, and the account's browsers.
#[utoipa::path(get, path = "/push", operation_id = "getPush", security(("session" = [])),
    responses((status = 200, description = "Whether and how.", body = PushStatus)))]
async fn read(app: App, caller: Caller, site: Site) -> Result<Body<PushStatus>, ApiError> {
    let SignedIn { user, session } = caller.signed_in(Action::ReadPush)?;
    status(&app, user.id, session, site).await
}

/// Says whether the account wants to be pushed to, on whatever browser.
#[utoipa::path(patch, path = "/push", operation_id = "updatePush", security(("session" = [])),
    request_body = UpdatePushRequest,
    responses(
        (status = 200, description = "As it is now.", body = PushStatus),
        (status = 422, description = "`invalid`: `enabled` is no boolean."),
    ))]
async fn update(
    app: App,
    caller: Caller,
    site: Site,
    Fields(request): Fields<UpdatePushRequest>,
) -> Result<Body<PushStatus>, ApiError> {
    let SignedIn { user, session } = caller.signed_in(Action::UpdatePush)?;
    app.store.want_push(user.id, request.enabled, app.clock.now_ms()).await?;
    status(&app, user.id, session, site).await
}

async fn status(app: &App, user_id: UserId, session: Uuid, site: Site) -> Result<Body<PushStatus>, ApiError> {
    let vapid = app.push.vapid().ok_or(ErrorCode::Unavailable)?;
    let enabled = app.store.wants_push(user_id).await?;
    let subscriptions = app.store.push_subscriptions(user_id).await?;
    Ok(Body(PushStatus {
        available: site.reason().is_none(),
        reason: site.reason().map(str::to_owned),
        public_key: vapid.public_key(),
        enabled,
        subscriptions: subscriptions.into_iter().map(|record| subscription_view(record, session)).collect(),
    }))
}

/// Has the browser of this session pushed to. It takes the place of what the session had before; a browser that somebody else
/// had subscribed is this account's from here on.
#[utoipa::path(post, path = "/push/subscriptions", operation_id = "subscribePush", security(("session" = [])),
    request_body = SubscribePushRequest,
    responses(
        (status = 200, description = "The browser.", body = PushSubscription),
        (status = 404, description = "`not_found`: browsers have no push here; `detail` says why."),
        (status = 422, description = "`invalid`: the endpoint cannot be used, or a key is none."),
    ))]
async fn subscribe(
    app: App,
    caller: Caller,
    site: Site,
    Fields(request): Fields<SubscribePushRequest>,
) -> Result<Body<PushSubscription>, ApiError> {
    let SignedIn { user, session } = caller.signed_in(Action::SubscribePush)?;
    site.available()?;
    let now_ms = app.clock.now_ms();
    app.rates.push_user.take(user.id, now_ms).map_err(ApiError::rate_limited)?;
    let invalid = |detail: String| ApiError::because(ErrorCode::Invalid, detail);
    endpoint::parse(&request.endpoint, &app.config.push_local_services).map_err(invalid)?;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default();
    let keys = BrowserKeys { p256dh: bytes(&request.p256dh), auth: bytes(&request.auth) };
    if !keys.are_valid() {
        let detail = "p256dh must be an uncompressed point of P-256, and auth 16 bytes, both in base64url";
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    let new = NewPushSubscription { user_id: user.id, session_id: session, endpoint: request.endpoint, keys, now_ms };
    let record = app.store.subscribe_push(&new, app.config.limits.push_subscriptions_per_user).await?;
    Ok(Body(subscription_view(record.ok_or(ErrorCode::Unauthenticated)?, session)))
}

/// Has a browser of the account pushed to no more.
#[utoipa::path(delete, path = "/push/subscriptions/{subscriptionId}", operation_id = "unsubscribePush",
    security(("session" = [])), params(("subscriptionId" = PushSubscriptionId, Path)),
    responses((status = 204, description = "It is gone.")))]
async fn unsubscribe(app: App, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let user = caller.signed_in(Action::UnsubscribePush)?.user;
    match app.store.unsubscribe_push(user.id, id_in_path(&id)?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::because(ErrorCode::NotFound, "there is no such browser; list them anew")),
    }
}

/// A browser as its owner sees it.
pub fn subscription_view(record: PushSubscriptionRecord, current: Uuid) -> PushSubscription {
    PushSubscription {
        id: record.id,
        current: record.session_id == current,
        service: service_of(&record.endpoint),
        user_agent: record.user_agent,
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
    }
}
