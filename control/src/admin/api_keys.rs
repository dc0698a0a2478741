//! `/v1/admin/api-keys`: keys of the operator's servers.

use axum::Json as Body;
use axum::http::StatusCode;
use boltorezka_proto::accounts::{
    API_KEY_NAME_CHARACTERS_MAX, API_KEY_SCOPES_MAX, ApiKey, ApiKeyCreated, CreateApiKeyRequest,
};
use boltorezka_proto::rest::Page;
use boltorezka_proto::socket::CloseCode;
use boltorezka_proto::{ApiKeyId, ErrorCode, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{WorkspaceCaller, new_api_key};
use crate::error::ApiError;
use crate::http::{Json, PageQuery, Path, id_in_path};
use crate::permissions::Action;
use crate::presence::take_out;
use crate::store::ApiKeyRecord;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list, create)).routes(routes!(revoke))
}

/// Lists the API keys.
#[utoipa::path(get, path = "/admin/api-keys", operation_id = "listApiKeys", security(("session" = [])), params(PageQuery),
    responses((status = 200, description = "A page of them, also of those that were revoked.", body = Page<ApiKey>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<ApiKey>>, ApiError> {
    caller.may(Action::ListApiKeys)?;
    let after = page.cursor_as::<ApiKeyId>()?.map(|id| id.0);
    let mut keys = app.store.api_keys(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut keys).map(|last| last.id.to_string());
    Ok(Body(Page { items: keys.into_iter().map(view).collect(), next_cursor }))
}

/// Makes an API key, which is shown once.
#[utoipa::path(post, path = "/admin/api-keys", operation_id = "createApiKey", security(("session" = [])),
    request_body = CreateApiKeyRequest,
    responses(
        (status = 201, description = "The key.", body = ApiKeyCreated),
        (status = 422, description = "`invalid`: a value is not acceptable."),
    ))]
async fn create(
    app: App,
    caller: WorkspaceCaller,
    Json(request): Json<CreateApiKeyRequest>,
) -> Result<(StatusCode, Body<ApiKeyCreated>), ApiError> {
    caller.may(Action::CreateApiKey)?;
    let name = request.name.trim();
    if name.is_empty() || name.chars().count() > API_KEY_NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
        let detail = format!("name must have 1 to {API_KEY_NAME_CHARACTERS_MAX} characters in one line");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    if request.scopes.as_ref().is_some_and(|scopes| scopes.is_empty() || scopes.len() > API_KEY_SCOPES_MAX) {
        let detail = format!("scopes must be 1 to {API_KEY_SCOPES_MAX}; leave it out for all");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    let audit = caller.audit(app.clock.now_ms());
    let (record, key) = new_api_key(&app, name, request.scopes, &audit).await?;
    Ok((StatusCode::CREATED, Body(ApiKeyCreated { api_key: view(record), key })))
}

/// Revokes an API key, and with it all that it vouched for: its join tokens are worthless, the calls and sockets of its
/// identities end. Rooms that it made stay, and what was said in them.
#[utoipa::path(delete, path = "/admin/api-keys/{apiKeyId}", operation_id = "revokeApiKey", security(("session" = [])),
    params(("apiKeyId" = ApiKeyId, Path)),
    responses((status = 204, description = "It is worthless.")))]
async fn revoke(app: App, caller: WorkspaceCaller, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    caller.may(Action::RevokeApiKey)?;
    let ApiKeyId(id) = id_in_path(&id)?;
    let revoked = app.store.revoke_api_key(id, &caller.audit(app.clock.now_ms())).await?;
    let Some(revoked) = revoked else {
        return Err(ApiError::because(ErrorCode::NotFound, "there is no such key, or it was revoked before"));
    };
    for identity in revoked.identities {
        app.hub.close_sockets_of(identity, CloseCode::AccountBlocked);
    }
    take_out(&app, revoked.removed).await;
    Ok(StatusCode::NO_CONTENT)
}

fn view(record: ApiKeyRecord) -> ApiKey {
    ApiKey {
        id: ApiKeyId(record.id),
        name: record.name,
        scopes: record.scopes,
        created_at: Timestamp::from_unix_ms(record.created_at_ms),
        last_used_at: record.used_at_ms.map(Timestamp::from_unix_ms),
        revoked_at: record.revoked_at_ms.map(Timestamp::from_unix_ms),
    }
}
