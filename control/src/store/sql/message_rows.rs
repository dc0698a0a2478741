//! Messages as rows.

use boltorezka_proto::socket::{Message, Reaction};
use boltorezka_proto::{AttachmentId, MessageId, MessageText, RoomId, Timestamp, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use super::Row;
use crate::auth::{TokenHash, hash_token};
use crate::store::{MessageRecord, StoreError, codec};

/// A query of messages, with its tail, and perhaps more columns behind those of messages.
macro_rules! select_message {
    // What `message_record` reads of the message `m` in the room `r`.
    (columns) => {
        "m.seq, m.id, r.slug, m.sender_id, m.sender_name, m.text, m.reply_to, m.created_at, m.room_id, m.changed_seq, \
         m.edited_at, m.deleted_at, m.pinned_at, m.mentions, m.reactions, m.sent_digest, m.attachments"
    };
    ($tail:literal) => {
        select_message!("", $tail)
    };
    ($more:literal, $tail:literal) => {
        concat!("SELECT ", select_message!(columns), $more, " FROM messages m JOIN rooms r ON r.id = m.room_id ", $tail)
    };
}
pub(super) use select_message;

pub(super) fn message_record(row: &Row) -> Result<MessageRecord, StoreError> {
    let seq = row.try_get(0)?;
    let time = |column: usize| Ok::<_, StoreError>(row.try_get::<Option<_>, _>(column)?.map(Timestamp::from_unix_ms));
    let deleted_at = time(11)?;
    Ok(MessageRecord {
        seq,
        message: Message {
            id: MessageId(row.try_get(1)?),
            room: codec::slug(row.try_get(2)?)?,
            seq: codec::number(seq),
            changed_seq: row.try_get::<Option<_>, _>(9)?.map(codec::number),
            sender_id: UserId(row.try_get(3)?),
            sender_name: row.try_get(4)?,
            text: if deleted_at.is_some() { None } else { Some(codec::message_text(row.try_get(5)?)?) },
            reply_to: row.try_get::<Option<_>, _>(6)?.map(MessageId),
            mentions: list(row.try_get(13)?, "messages.mentions")?,
            reactions: list(row.try_get(14)?, "messages.reactions")?,
            attachments: list(row.try_get(16)?, "messages.attachments")?,
            created_at: Timestamp::from_unix_ms(row.try_get(7)?),
            edited_at: time(10)?,
            deleted_at,
            pinned_at: time(12)?,
        },
    })
}

pub(super) fn room_id(row: &Row) -> Result<RoomId, StoreError> {
    Ok(RoomId(row.try_get(8)?))
}

/// What was sent, as its digest, when the row does not say it any more.
pub(super) fn sent_digest(row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(row.try_get(15)?)
}

pub(super) fn list<T: DeserializeOwned>(text: Option<&str>, column: &'static str) -> Result<Vec<T>, StoreError> {
    text.map_or(Ok(Vec::new()), |text| serde_json::from_str(text).map_err(|_| StoreError::Corrupt(column)))
}

/// A list as a column; nothing for an empty one.
pub(super) fn list_text<T: Serialize>(list: &[T]) -> Option<String> {
    if list.is_empty() { None } else { serde_json::to_string(list).ok() }
}

pub(super) fn reactions_text(reactions: &[Reaction]) -> Option<String> {
    list_text(reactions)
}

/// What a message says, in 32 bytes.
pub(super) fn content_digest(
    text: Option<&MessageText>,
    reply_to: Option<MessageId>,
    mentions: &[UserId],
    attachments: &[AttachmentId],
) -> TokenHash {
    // Digests of before there were files are still known.
    if attachments.is_empty() {
        digest_of(&(text, reply_to, mentions))
    } else {
        digest_of(&(text, reply_to, mentions, attachments))
    }
}

/// The same of a message that is as it was sent.
pub(super) fn digest_of_message(message: &Message) -> TokenHash {
    let attachments: Vec<AttachmentId> = message.attachments.iter().map(|attachment| attachment.id).collect();
    content_digest(message.text.as_ref(), message.reply_to, &message.mentions, &attachments)
}

/// Anything, in 32 bytes.
pub(super) fn digest_of(content: &impl Serialize) -> TokenHash {
    hash_token(&serde_json::to_string(content).unwrap_or_default())
}
