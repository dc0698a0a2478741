//! Messages: said once, kept, told in the order of commits.

mod attachments;
mod blocks;
mod changes;
mod direct;
mod feature;
mod following;
mod notifications;
mod reports;
mod routes;
mod search;

use std::collections::HashSet;

use boltorezka_proto::socket::{ATTACHMENTS_MAX, MENTIONS_MAX, MessageSent, REQUEST_ID_BYTES_MAX};
use boltorezka_proto::{AttachmentId, ErrorCode, MessageId, MessageText, UserId};

use crate::app::App;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::presence::LiveRoom;
use crate::store::{NewMessage, SendOutcome};
use crate::ws::SocketHandle;

pub use attachments::{
    AttachmentFiles, Attachments, CopyError, FOLDER as ATTACHMENTS_FOLDER, FilesCopied, MediaTypes, S3Addressing,
    S3Config, S3Place, copy_files, files_owner, hold as hold_attachments,
};
use changes::KEYS_KEPT_MS;
pub use changes::change;
pub use feature::Chat;
pub use following::{mark_read, resume, typing};
use routes::routes;

/// A message that somebody wants to send.
pub struct Outgoing<'a> {
    /// Where.
    pub room: &'a LiveRoom,
    /// What.
    pub text: &'a MessageText,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whom it mentions.
    pub mentions: Vec<UserId>,
    /// Its files.
    pub attachments: Vec<AttachmentId>,
    /// The sender's key.
    pub key: Option<&'a str>,
}

/// Stores a message once for each key.
///
/// # Errors
/// `malformed` without a usable key, `rate_limited`, `not_joined`, `forbidden`, `read_only`, `slow_mode`, `conflict`,
/// `not_found`, `direct_refused`, `recipient_gone`.
pub async fn send(app: &App, socket: &SocketHandle, message: Outgoing<'_>) -> Result<MessageSent, ApiError> {
    let sent = store(app, socket, message).await;
    match &sent {
        Ok(MessageSent { duplicate: false, .. }) => app.metrics.messages.inc(),
        Err(error) if error.code == ErrorCode::Internal => app.metrics.sends_failed.inc(),
        Ok(_) | Err(_) => {}
    }
    sent
}

async fn store(app: &App, socket: &SocketHandle, message: Outgoing<'_>) -> Result<MessageSent, ApiError> {
    Action::SendMessage.check_kind(socket.who())?;
    let key = needed_key(message.key)?;
    let mentions = checked_mentions(message.mentions)?;
    check_attachments(&message.attachments)?;
    let now_ms = app.clock.now_ms();
    app.rates.messages_user.take(socket.user_id(), now_ms).map_err(ApiError::rate_limited)?;
    let new = NewMessage {
        room_id: message.room.id,
        sender_id: socket.user_id(),
        text: message.text,
        reply_to: message.reply_to,
        mentions: &mentions,
        attachments: &message.attachments,
        idempotency_key: key,
        now_ms,
    };
    match app.store.send_message(new).await? {
        SendOutcome::Stored(message) => Ok(MessageSent { message, duplicate: false }),
        SendOutcome::Duplicate(message) => Ok(MessageSent { message, duplicate: true }),
        SendOutcome::Conflict => {
            let detail = "the idempotencyKey was used for another message; make a new one";
            Err(ApiError::because(ErrorCode::Conflict, detail))
        }
        SendOutcome::NotJoined => Err(ErrorCode::NotJoined.into()),
        // The role counts in the transaction, after a repeated message has got its answer.
        SendOutcome::Forbidden => Err(Action::SendMessage.refusal()),
        SendOutcome::ReadOnly => {
            Err(ApiError::because(ErrorCode::ReadOnly, "only moderators say something in this room"))
        }
        SendOutcome::SlowMode { retry_after_ms } => {
            let detail = "you said something in this room a moment ago; send it again after retryAfterMs";
            Err(ApiError { retry_after_ms: Some(retry_after_ms), ..ApiError::because(ErrorCode::SlowMode, detail) })
        }
        SendOutcome::NoReplyTarget => {
            Err(ApiError::because(ErrorCode::NotFound, "the message in replyTo is not in this room"))
        }
        SendOutcome::Direct(refusal) => Err(refusal.into()),
        SendOutcome::NoMentioned => Err(no_mentioned()),
        SendOutcome::NoAttachment => {
            let detail = "a file in attachments is not yours, not of this room, sent already, or gone; upload it again";
            Err(ApiError::because(ErrorCode::NotFound, detail))
        }
    }
}

fn needed_key(key: Option<&str>) -> Result<&str, ApiError> {
    key.filter(|key| !key.is_empty() && key.len() <= REQUEST_ID_BYTES_MAX).ok_or_else(|| {
        let detail = format!("idempotencyKey must have 1 to {REQUEST_ID_BYTES_MAX} bytes; make one for each message");
        ApiError::because(ErrorCode::Malformed, detail)
    })
}

/// Each once, in one order: so is the same list the same, however it was written.
fn checked_mentions(mut mentions: Vec<UserId>) -> Result<Vec<UserId>, ApiError> {
    if mentions.len() > MENTIONS_MAX {
        let detail = format!("a message mentions at most {MENTIONS_MAX}; leave some out");
        return Err(ApiError::because(ErrorCode::Malformed, detail));
    }
    mentions.sort_unstable();
    mentions.dedup();
    Ok(mentions)
}

fn check_attachments(ids: &[AttachmentId]) -> Result<(), ApiError> {
    let mut seen = HashSet::new();
    if ids.len() > ATTACHMENTS_MAX || !ids.iter().all(|id| seen.insert(id)) {
        let detail = format!("a message has at most {ATTACHMENTS_MAX} attachments, each once");
        return Err(ApiError::because(ErrorCode::Malformed, detail));
    }
    Ok(())
}

fn no_mentioned() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "somebody in mentions is not known here, or banned from this room")
}
