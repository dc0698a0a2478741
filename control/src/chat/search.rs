//! `GET /v1/rooms/{slug}/messages/search`.

use axum::Json;
use boltorezka_proto::rest::Page;
use boltorezka_proto::socket::{Message, SEARCH_CHARACTERS_MAX};
use boltorezka_proto::{ErrorCode, RoomSlug};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{PageQuery, Path, Query};
use crate::permissions::Action;
use crate::rooms::authorize;
use crate::store::SearchWords;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(search))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// Words. A message is found when each of them begins a word of it; case and order do not count.
    #[param(min_length = 1, max_length = 200)]
    q: String,
}

/// Looks for messages of a room by their words, newest first.
///
/// What was edited is found by its text of now, what was deleted not at all. The cursor is the number of the page's last message.
#[utoipa::path(get, path = "/rooms/{slug}/messages/search", operation_id = "searchMessages",
    security(("session" = []), ("apiKey" = [])), params(("slug" = RoomSlug, Path), SearchQuery, PageQuery),
    responses((status = 200, description = "A page of them.", body = Page<Message>)))]
async fn search(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    Query(query): Query<SearchQuery>,
    page: PageQuery,
) -> Result<Json<Page<Message>>, ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::SearchMessages).await?;
    if query.q.chars().count() > SEARCH_CHARACTERS_MAX {
        let detail = format!("q may have {SEARCH_CHARACTERS_MAX} characters at most; look for fewer words");
        return Err(ApiError::because(ErrorCode::Malformed, detail));
    }
    let no_words = || ApiError::because(ErrorCode::Malformed, "q has no letter and no digit; give a word to look for");
    let words = SearchWords::of(&query.q).ok_or_else(no_words)?;
    let before = page.cursor_as::<i64>()?;
    app.rates.searches.take(caller.id(), app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let mut records = app.store.search(room.id, &words, before, page.limit + 1).await?;
    let next_cursor = page.cut(&mut records).map(|last| last.seq.to_string());
    let items = records.into_iter().map(|record| record.message).collect();
    Ok(Json(Page { items, next_cursor }))
}
