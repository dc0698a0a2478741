//! `GET /v1/attachments/{attachmentId}`: a file, and never anything that runs.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use boltorezka_proto::{AttachmentId, ErrorCode};

use super::feature::{failed, started};
use super::files::Opened;
use super::media_type::is_raster_image;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Path, id_in_path};
use crate::permissions::Action;
use crate::rooms::authorize;
use crate::store::AttachmentRecord;

/// A file that is opened as a page is one without scripts, forms, an origin, or anything from elsewhere.
const POLICY: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";
/// A browser keeps it, and asks each time whether it still may.
const CACHE: &str = "private, no-cache";

/// Fetches a file that was sent, by the rights of its room.
///
/// Pictures may be shown in a page, all else is to be saved. With `If-None-Match` the answer is 304 for who has it.
#[utoipa::path(get, path = "/attachments/{attachmentId}", operation_id = "getAttachment",
    security(("session" = []), ("apiKey" = [])), params(("attachmentId" = AttachmentId, Path)),
    responses(
        (status = 200, description = "What is in it.", body = Vec<u8>, content_type = "*/*"),
        (status = 304, description = "It is what the caller has."),
        (status = 503, description = "`unavailable`: files cannot be fetched right now. `Retry-After` says when to try again."),
    ))]
pub async fn download(
    app: App,
    caller: WorkspaceCaller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let no_file = || ApiError::because(ErrorCode::NotFound, "there is no such file");
    Action::ReadAttachment.check_kind(caller.who())?;
    let id: AttachmentId = id_in_path(&id)?;
    let record = app.store.attachment(id).await?.ok_or_else(no_file)?;
    authorize(&app, &caller, record.room.as_str(), Action::ReadAttachment).await?;
    if !record.is_sent && caller.user_id() != Some(record.uploader_id) {
        return Err(no_file());
    }
    // What is in it never changes.
    let tag = format!("\"{id}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    if known.flat_map(|tags| tags.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag), (header::CACHE_CONTROL, CACHE.to_owned())])
            .into_response());
    }
    started(&app).await?;
    let opened = app.attachments.files.open(id).await.map_err(failed)?;
    let Some(Opened { size_bytes, pieces }) = opened else {
        tracing::error!(%id, "a file is missing");
        return Err(ApiError::because(ErrorCode::NotFound, "the file is gone; the server's log says more"));
    };
    let mut response = Body::from_stream(pieces).into_response();
    let disposition = disposition(&record);
    let answer = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, record.attachment.media_type.as_str()),
        (header::CONTENT_LENGTH, &size_bytes.to_string()),
        (header::CONTENT_DISPOSITION, &disposition),
        (header::ETAG, &tag),
        (header::CACHE_CONTROL, CACHE),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        let value = HeaderValue::from_str(value).map_err(|_| ApiError::new(ErrorCode::Internal))?;
        answer.insert(name, value);
    }
    Ok(response)
}

/// How it is shown and what it is called (RFC 6266, RFC 8187).
fn disposition(record: &AttachmentRecord) -> String {
    let shown = if is_raster_image(&record.attachment.media_type) { "inline" } else { "attachment" };
    let mut value = format!("{shown}; filename*=UTF-8''");
    for byte in record.attachment.name.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    value
}
