//! `GET /v1/notifications`, `POST /v1/notifications/read`: an account's inbox.

use std::collections::HashMap;

use axum::Json as Body;
use boltorezka_proto::notifications::{NotificationPage, ReadNotificationsRequest, UnreadNotifications};
use boltorezka_proto::{ErrorCode, NotificationId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery};
use crate::permissions::Action;

/// A notification is kept for 90 days: who has been away for longer reads the rooms.
pub const NOTIFICATIONS_KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(read))
}

/// Lists who mentioned the caller and who answered it, newest first.
///
/// What is in rooms that it may not read any more is left out.
#[utoipa::path(get, path = "/notifications", operation_id = "listNotifications", security(("session" = [])),
    params(PageQuery), responses((status = 200, description = "A page of them.", body = NotificationPage)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<NotificationPage>, ApiError> {
    caller.may(Action::ListNotifications)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let before = page.cursor_as::<NotificationId>()?;
    let mut records = app.store.notifications(user_id, before, page.limit + 1).await?;
    let next_cursor = page.cut(&mut records).map(|last| last.notification.id.to_string());
    let (mut readable, mut items) = (HashMap::new(), Vec::with_capacity(records.len()));
    for record in records {
        let may_read = match readable.get(&record.room_id) {
            Some(known) => *known,
            None => {
                let standing = app.store.standing(record.room_id, user_id).await?;
                Action::ListMessages.check(caller.who(), standing).is_ok()
            }
        };
        readable.insert(record.room_id, may_read);
        if may_read {
            items.push(record.notification);
        }
    }
    let unread_count = app.store.unread_notifications(user_id).await?;
    Ok(Body(NotificationPage { items, next_cursor, unread_count }))
}

/// Marks a notification and all before it as read.
#[utoipa::path(post, path = "/notifications/read", operation_id = "readNotifications", security(("session" = [])),
    request_body = ReadNotificationsRequest,
    responses((status = 200, description = "How many are not read.", body = UnreadNotifications)))]
async fn read(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<ReadNotificationsRequest>,
) -> Result<Body<UnreadNotifications>, ApiError> {
    caller.may(Action::ReadNotifications)?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let now_ms = app.clock.now_ms();
    app.rates.reads_user.take(user_id, now_ms).map_err(ApiError::rate_limited)?;
    app.store.read_notifications(user_id, request.up_to, now_ms).await?;
    Ok(Body(UnreadNotifications { unread_count: app.store.unread_notifications(user_id).await? }))
}
