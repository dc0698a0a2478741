//! `/v1/admin/audit-log`: who did what, when, and from where.

use axum::Json as Body;
use boltorezka_proto::admin::{ACTION_BYTES_MAX, AuditEntry};
use boltorezka_proto::rest::Page;
use boltorezka_proto::{AuditId, ErrorCode, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::cursor::Pair;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{PageQuery, Query};
use crate::permissions::Action;
use crate::store::AuditFilter;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only what this account or API key did.
    #[param(value_type = Option<String>, format = "uuid", nullable = false)]
    actor: Option<Uuid>,
    /// Only this action, or those whose names begin with these words: `admin.user` is all that was done with accounts.
    #[param(nullable = false, min_length = 1, max_length = 100, pattern = "^[a-z_.]+$")]
    action: Option<String>,
    /// Only from then on.
    #[param(nullable = false)]
    from: Option<Timestamp>,
    /// Only before then.
    #[param(nullable = false)]
    until: Option<Timestamp>,
}

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Lists the acts of power that were carried out, in every workspace, the latest first.
#[utoipa::path(get, path = "/admin/audit-log", operation_id = "listAuditLog", security(("session" = [])),
    params(AuditQuery, PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<AuditEntry>)))]
async fn list(
    app: App,
    caller: WorkspaceCaller,
    Query(query): Query<AuditQuery>,
    page: PageQuery,
) -> Result<Body<Page<AuditEntry>>, ApiError> {
    caller.may(Action::ReadAuditLog)?;
    if query.action.as_deref().is_some_and(|action| !is_name(action)) {
        let detail = format!(
            "action must be a permission's name or its first words: a to z, _ and dots, {ACTION_BYTES_MAX} of them at most"
        );
        return Err(ApiError::because(ErrorCode::Malformed, detail));
    }
    let filter = AuditFilter {
        actor: query.actor,
        action: query.action,
        from_ms: query.from.map(Timestamp::unix_ms),
        until_ms: query.until.map(Timestamp::unix_ms),
    };
    let before = page.cursor_as::<Pair<i64, AuditId>>()?.map(|Pair(at_ms, id)| (at_ms, id));
    let mut items = app.store.audit_log(&filter, before, page.limit + 1).await?;
    let next_cursor = page.cut(&mut items).map(|last| Pair(last.created_at.unix_ms(), last.id).to_string());
    Ok(Body(Page { items, next_cursor }))
}

/// Whether an action, or its first words, can be called so.
fn is_name(action: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
    (1..=ACTION_BYTES_MAX).contains(&action.len()) && action.bytes().all(is_allowed)
}
