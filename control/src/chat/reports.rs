//! `POST /v1/rooms/{slug}/messages/{messageId}/report`, `/v1/reports`: what members report to the admins of their workspace.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::reports::{Report, ReportMessageRequest};
use boltorezka_proto::rest::Page;
use boltorezka_proto::{ErrorCode, MessageId, ReportId, RoomSlug};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::rooms::authorize;
use crate::store::NewReport;

/// A report is kept for 90 days after it was resolved: as long as notifications.
pub const REPORTS_KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(report)).routes(routes!(list)).routes(routes!(resolve))
}

/// Reports a message to the admins of the workspace.
///
/// What it says now is kept with the report. Of one account and message there is one report: the first.
#[utoipa::path(post, path = "/rooms/{slug}/messages/{messageId}/report", operation_id = "reportMessage",
    security(("session" = [])), params(("slug" = RoomSlug, Path), ("messageId" = MessageId, Path)),
    request_body = ReportMessageRequest, responses((status = 204, description = "It is reported.")))]
async fn report(
    app: App,
    caller: WorkspaceCaller,
    Path((slug, message_id)): Path<(String, String)>,
    Json(request): Json<ReportMessageRequest>,
) -> Result<StatusCode, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::ReportMessage).await?;
    let reporter_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let message_id = id_in_path(&message_id)?;
    let now_ms = app.clock.now_ms();
    app.rates.reports_user.take(reporter_id, now_ms).map_err(ApiError::rate_limited)?;
    let new = NewReport { room_id: room.id, message_id, reporter_id, reason: &request.reason, now_ms };
    if app.store.report_message(new).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        let detail = "there is no such message in this room, or it was deleted";
        Err(ApiError::because(ErrorCode::NotFound, detail))
    }
}

/// Lists what was reported in the workspace, newest first.
#[utoipa::path(get, path = "/reports", operation_id = "listReports", security(("session" = []), ("apiKey" = [])),
    params(PageQuery), responses((status = 200, description = "A page of them.", body = Page<Report>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<Report>>, ApiError> {
    caller.may(Action::ListReports)?;
    let before = page.cursor_as::<ReportId>()?;
    let mut items = app.store.reports(before, page.limit + 1).await?;
    let next_cursor = page.cut(&mut items).map(|last| last.id.to_string());
    Ok(Body(Page { items, next_cursor }))
}

/// Marks a report as done with.
#[utoipa::path(post, path = "/reports/{reportId}/resolve", operation_id = "resolveReport",
    security(("session" = []), ("apiKey" = [])), params(("reportId" = ReportId, Path)),
    responses((status = 200, description = "The report.", body = Report)))]
async fn resolve(app: App, caller: WorkspaceCaller, Path(report_id): Path<String>) -> Result<Body<Report>, ApiError> {
    caller.may(Action::ResolveReport)?;
    let resolved = app.store.resolve_report(id_in_path(&report_id)?, &caller.audit(app.clock.now_ms())).await?;
    resolved.map(Body).ok_or_else(|| ApiError::because(ErrorCode::NotFound, "there is no such report"))
}
