//! Edits, deletions, reactions and pins.

use boltorezka_proto::ErrorCode;
use boltorezka_proto::socket::{ClientMessage, MessageSent, REACTIONS_MAX};

use super::{checked_mentions, needed_key, no_mentioned};
use crate::app::App;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::presence::LiveRoom;
use crate::store::{Actor, Audit, Change, ChangeOutcome, ChangeRefusal, MessageChange};
use crate::ws::SocketHandle;

/// Keys of changes are known for two days: whoever repeats a request does so within one.
pub const KEYS_KEPT_MS: i64 = 48 * 3_600_000;

/// Changes a message, once for each key.
///
/// # Errors
/// `malformed` without a usable key where one is needed, `rate_limited`, `not_joined`, `forbidden`, `conflict`, `not_found`.
pub async fn change(
    app: &App,
    socket: &SocketHandle,
    room: &LiveRoom,
    request: ClientMessage,
    key: Option<&str>,
) -> Result<MessageSent, ApiError> {
    let now_ms = app.clock.now_ms();
    // What is set, not added, may do without a key.
    let optional_key = || key.map(|key| needed_key(Some(key))).transpose();
    let kept;
    let (action, message_id, change, idempotency_key) = match &request {
        ClientMessage::MessageEdit { message_id, text, mentions, .. } => {
            kept = checked_mentions(mentions.clone())?;
            (Action::EditMessage, *message_id, Change::Edit { text, mentions: &kept }, Some(needed_key(key)?))
        }
        ClientMessage::MessageDelete { message_id, .. } => {
            let audit = Audit { actor: Actor::User(socket.user_id()), address: socket.address(), now_ms };
            (Action::DeleteMessage, *message_id, Change::Delete { audit }, Some(needed_key(key)?))
        }
        ClientMessage::MessageReact { message_id, emoji, on, .. } => {
            (Action::React, *message_id, Change::React { emoji, on: *on }, optional_key()?)
        }
        ClientMessage::MessagePin { message_id, on, .. } => {
            let pins_max = app.config.limits.pins_per_room;
            (Action::PinMessage, *message_id, Change::Pin { on: *on, pins_max }, optional_key()?)
        }
        _ => return Err(ErrorCode::Internal.into()),
    };
    action.check_kind(socket.who())?;
    app.rates.message_changes_user.take(socket.user_id(), now_ms).map_err(ApiError::rate_limited)?;
    let (room_id, actor_id) = (room.id, socket.user_id());
    let change = MessageChange { room_id, message_id, actor_id, change, idempotency_key, now_ms };
    match app.store.change_message(change).await? {
        ChangeOutcome::Changed(message) => Ok(MessageSent { message, duplicate: false }),
        ChangeOutcome::Unchanged(message) => Ok(MessageSent { message, duplicate: true }),
        ChangeOutcome::Refused(refusal) => Err(refused(app, action, refusal)),
    }
}

fn refused(app: &App, action: Action, refusal: ChangeRefusal) -> ApiError {
    let because = |code, detail: &str| ApiError::because(code, detail);
    match refusal {
        ChangeRefusal::Conflict => {
            because(ErrorCode::Conflict, "the idempotencyKey was used for another change; make a new one")
        }
        ChangeRefusal::NotJoined => ErrorCode::NotJoined.into(),
        ChangeRefusal::Forbidden => action.refusal(),
        ChangeRefusal::ReadOnly => because(ErrorCode::ReadOnly, "only moderators say something in this room"),
        ChangeRefusal::NotSender => because(ErrorCode::Forbidden, "it is somebody else's message"),
        ChangeRefusal::NotOutranked => {
            because(ErrorCode::Forbidden, "only messages of somebody with a lower role can be moderated")
        }
        ChangeRefusal::NoMessage => {
            because(ErrorCode::NotFound, "there is no such message in this room, or it was deleted")
        }
        ChangeRefusal::Direct(refusal) => refusal.into(),
        ChangeRefusal::NoMentioned => no_mentioned(),
        ChangeRefusal::TooManyReactions => because(
            ErrorCode::Forbidden,
            &format!("the message has {REACTIONS_MAX} kinds of reactions, as many as it may have; use one of them"),
        ),
        ChangeRefusal::TooManyPins => {
            let max = app.config.limits.pins_per_room.unwrap_or(u32::MAX);
            let detail = format!("the room has {max} pins, as many as limits.pins_per_room allows; unpin one first");
            because(ErrorCode::Forbidden, &detail)
        }
    }
}
