//! `POST /v1/rooms/{slug}/attachments`.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use boltorezka_proto::rest::RoomKind;
use boltorezka_proto::socket::Attachment;
use boltorezka_proto::{AttachmentId, ErrorCode, FileName, RoomSlug, UserId};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::IntoParams;

use super::feature::{failed, started};
use super::files::Incoming;
use super::media_type::media_type_of;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::{Path, Query};
use crate::permissions::Action;
use crate::rooms::authorize;
use crate::store::{Added, DirectRefusal, NewAttachment, RoomRecord, Space};

/// Who sends nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(15);
/// A place among the uploads is not held for longer: 25 MiB come in it at 350 kbit/s.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);
/// When somebody may try again who finds no place.
const RETRY_MS: u64 = 2_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// What the file is called: a text, and never a path.
    #[param(value_type = FileName)]
    name: String,
}

/// Uploads a file, to be named in a message of the room.
///
/// The body is the file. What it is, its content says; the `Content-Type` does not count. What is not sent within an hour is deleted.
#[utoipa::path(post, path = "/rooms/{slug}/attachments", operation_id = "uploadAttachment", security(("session" = [])),
    params(("slug" = RoomSlug, Path), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "It can be sent.", body = Attachment),
        (status = 409, description = "`conflict`: the files of the account, or of the room, take as much as they may."),
        (status = 415, description = "`unsupported_media_type`: the server takes no files of this type."),
        (status = 503, description = "`unavailable`: files cannot be kept right now. Nothing is left of it; `Retry-After` says when to try again."),
    ))]
pub async fn upload(
    app: App,
    caller: WorkspaceCaller,
    Path(slug): Path<String>,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<Attachment>), ApiError> {
    let (room, _) = authorize(&app, &caller, &slug, Action::UploadAttachment).await?;
    let user_id = caller.user_id().ok_or(ErrorCode::Forbidden)?;
    let name =
        FileName::new(&query.name).map_err(|error| ApiError::because(ErrorCode::Malformed, error.to_string()))?;
    if room.kind == RoomKind::Direct
        && let Some(record) = app.store.direct_room(room.id, user_id).await?
        && let Some(refusal) = DirectRefusal::of(record.state)
    {
        return Err(refusal.into());
    }
    app.rates.uploads.take(user_id, app.clock.now_ms()).map_err(ApiError::rate_limited)?;
    let expected = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    check_size(&app, expected.unwrap_or(0))?;
    // Before anything is read: who has no space left learns it at once.
    let taken = app.store.space_taken(user_id, room.id).await?;
    check_space(&app, taken, expected.unwrap_or(1))?;
    started(&app).await?;
    let Some(_place) = app.attachments.begin(user_id) else {
        let detail = "too many uploads run at the same time; wait until one has ended";
        return Err(ApiError { detail: Some(detail.to_owned()), ..ApiError::rate_limited(RETRY_MS) });
    };
    let id = AttachmentId::generate();
    let mut incoming = app.attachments.files.create(id).await.map_err(failed)?;
    let deadline = Instant::now() + UPLOAD_TIMEOUT;
    let late = |_| ApiError::because(ErrorCode::Malformed, "the body did not arrive in time");
    timeout_at(deadline, receive(&app, request, &mut incoming)).await.map_err(late)??;
    let media_type = media_type_of(incoming.head()).to_owned();
    let types = &app.config.attachment_types;
    if !types.allow(&media_type) {
        let detail = format!("the content is {media_type}; the server takes {}", types.names());
        return Err(ApiError::because(ErrorCode::UnsupportedMediaType, detail));
    }
    let attachment = Attachment { id, name, media_type, size_bytes: incoming.size_bytes() };
    incoming.finish().await.map_err(failed)?;
    add(&app, &room, user_id, &attachment).await?;
    Ok((StatusCode::CREATED, Json(attachment)))
}

/// Writes the body to the disk as it comes.
async fn receive(app: &App, request: Request, incoming: &mut Incoming<'_>) -> Result<(), ApiError> {
    let mut pieces = request.into_body().into_data_stream();
    let malformed = |detail: &str| ApiError::because(ErrorCode::Malformed, detail);
    loop {
        let piece = timeout(SILENCE, pieces.next()).await.map_err(|_| malformed("the body did not arrive in time"))?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|error| malformed(&format!("the body broke off: {error}")))?;
        check_size(app, incoming.size_bytes() + piece.len() as u64)?;
        incoming.write(&piece).await.map_err(failed)?;
    }
    if incoming.size_bytes() == 0 {
        return Err(malformed("the body is the file, and it is empty"));
    }
    Ok(())
}

/// Gives a file that is there its row, or takes it away.
async fn add(app: &App, room: &RoomRecord, user_id: UserId, attachment: &Attachment) -> Result<(), ApiError> {
    let space = space_max(app);
    let new = NewAttachment { attachment, room_id: room.id, uploader_id: user_id, space, now_ms: app.clock.now_ms() };
    let added = app.store.add_attachment(new).await;
    if !matches!(added, Ok(Added::Done))
        && let Err(error) = app.attachments.files.remove(attachment.id).await
    {
        // The sweep finds it.
        tracing::warn!(%error, "a file that was refused is left for a while");
    }
    match added? {
        Added::Done => Ok(()),
        Added::Forbidden => Err(Action::UploadAttachment.refusal()),
        Added::UserFull => Err(user_full()),
        Added::RoomFull => Err(room_full()),
    }
}

fn check_size(app: &App, size_bytes: u64) -> Result<(), ApiError> {
    match app.config.limits.attachment_bytes {
        Some(max) if size_bytes > u64::from(max) => {
            let detail = format!("a file may have {max} bytes at most (limits.attachment_bytes)");
            Err(ApiError::because(ErrorCode::TooLarge, detail))
        }
        _ => Ok(()),
    }
}

fn check_space(app: &App, taken: Space, size_bytes: u64) -> Result<(), ApiError> {
    let space = space_max(app);
    if taken.of_user.saturating_add(size_bytes) > space.of_user {
        return Err(user_full());
    }
    if taken.of_room.saturating_add(size_bytes) > space.of_room {
        return Err(room_full());
    }
    Ok(())
}

fn space_max(app: &App) -> Space {
    let bytes = |mib: Option<u32>| mib.map_or(u64::MAX, |mib| u64::from(mib) << 20);
    let limits = &app.config.limits;
    Space { of_user: bytes(limits.attachments_mib_per_user), of_room: bytes(limits.attachments_mib_per_room) }
}

fn user_full() -> ApiError {
    let detail =
        "your files take as much as they may (limits.attachments_mib_per_user); delete messages with files first";
    ApiError::because(ErrorCode::Conflict, detail)
}

fn room_full() -> ApiError {
    let detail =
        "the room's files take as much as they may (limits.attachments_mib_per_room); delete messages with files first";
    ApiError::because(ErrorCode::Conflict, detail)
}
