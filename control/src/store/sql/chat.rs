use async_trait::async_trait;
use boltorezka_proto::socket::Message;
use boltorezka_proto::{MessageId, RoomId, RoomSlug, Timestamp, UserId, WorkspaceId};

use super::attachments::{attach, may_be_attached};
use super::message_rows::{
    content_digest, digest_of_message, list_text, message_record, room_id, select_message, sent_digest,
};
use super::restraints::{inside, restraint};
use super::{SENDS_TOGETHER_MAX, SqlStore, Tx, lock, rooms};
use crate::permissions::Action;
use crate::store::write::Lock;
use crate::store::{ChatStore, MessageRecord, NewMessage, SendOutcome, StoreError, codec};

/// What an earlier request with the same key made of it.
pub(super) async fn earlier(tx: &mut Tx, new: &NewMessage<'_>) -> Result<Option<SendOutcome>, StoreError> {
    let row = sqlx::query(select_message!("WHERE m.sender_id = $1 AND m.idempotency_key = $2"))
        .bind(new.sender_id.0)
        .bind(new.idempotency_key)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let message = message_record(&row)?.message;
    // As it was sent, whatever became of it since.
    let sent = match sent_digest(&row)? {
        Some(digest) => digest,
        None => digest_of_message(&message).to_vec(),
    };
    let asked = content_digest(Some(new.text), new.reply_to, new.mentions, new.attachments);
    let same = room_id(&row)? == new.room_id && sent == asked;
    Ok(Some(if same { SendOutcome::Duplicate(message) } else { SendOutcome::Conflict }))
}

/// Whether each of `mentions` is somebody who may come into the room, without waiting in its lobby.
pub(super) async fn may_be_mentioned(
    tx: &mut Tx,
    workspace_id: WorkspaceId,
    room_id: RoomId,
    mentions: &[UserId],
) -> Result<bool, StoreError> {
    for user_id in mentions {
        let standing = rooms::standing_of(&mut **tx, workspace_id, room_id, *user_id).await?;
        if standing.is_none_or(|standing| standing.banned || standing.outside) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the sender may say this here, and in a direct room to whom; or why not.
async fn checked(
    store: &SqlStore,
    tx: &mut Tx,
    new: &NewMessage<'_>,
) -> Result<Result<Option<UserId>, SendOutcome>, StoreError> {
    let Some(inside) = inside(store, tx, new.room_id, new.sender_id).await? else {
        return Ok(Err(SendOutcome::NotJoined));
    };
    let standing = inside.standing;
    if !Action::SendMessage.is_open_to(standing) {
        return Ok(Err(SendOutcome::Forbidden));
    }
    if inside.direct_with.is_some()
        && let Some(refusal) = store.direct_refusal(tx, new.room_id, new.sender_id).await?
    {
        return Ok(Err(SendOutcome::Direct(refusal)));
    }
    if !may_be_mentioned(tx, store.workspace_id, new.room_id, new.mentions).await? {
        return Ok(Err(SendOutcome::NoMentioned));
    }
    if !may_be_attached(tx, new).await? {
        return Ok(Err(SendOutcome::NoAttachment));
    }
    if let Some(reply_to) = new.reply_to {
        let answered: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM messages WHERE id = $1 AND room_id = $2)")
                .bind(reply_to.0)
                .bind(new.room_id.0)
                .fetch_one(&mut **tx)
                .await?;
        if !answered {
            return Ok(Err(SendOutcome::NoReplyTarget));
        }
    }
    let restraint =
        if Action::SendUnrestrained.is_open_to(standing) { None } else { restraint(store, tx, &inside, new).await? };
    Ok(restraint.map_or(Ok(inside.direct_with), Err))
}

impl SqlStore {
    /// Writes a message, where it may be sent and is new; else nothing. The sockets are still to be told of it.
    pub(super) async fn put_message(&self, tx: &mut Tx, new: &NewMessage<'_>) -> Result<SendOutcome, StoreError> {
        // First of all: whoever waits for the room then sees what was said meanwhile.
        lock(tx, Lock::Room(new.room_id)).await?;
        let direct_with = match checked(self, tx, new).await? {
            Ok(direct_with) => direct_with,
            // What was said is answered as it was, whatever its sender may say by now.
            Err(refusal) => return Ok(earlier(tx, new).await?.unwrap_or(refusal)),
        };
        let Some(mut message) = self.insert_message(tx, new).await? else {
            return Ok(earlier(tx, new).await?.unwrap_or(SendOutcome::NotJoined));
        };
        if !new.mentions.is_empty() {
            self.put_mentions(tx, &message, new.room_id, new.mentions, new.now_ms).await?;
            message.mentions = new.mentions.to_vec();
        }
        if !new.attachments.is_empty() {
            attach(tx, &mut message, new.attachments).await?;
        }
        self.notify(tx, new.room_id, &message, direct_with).await?;
        Ok(SendOutcome::Stored(message))
    }

    /// Nothing when the sender has sent one with this key before.
    async fn insert_message(&self, tx: &mut Tx, new: &NewMessage<'_>) -> Result<Option<Message>, StoreError> {
        let id = MessageId::generate();
        let sender_name: Option<String> = sqlx::query_scalar(
            "INSERT INTO messages (id, workspace_id, room_id, seq, sender_id, sender_name, text, reply_to,
                                   idempotency_key, created_at)
             SELECT $1, $2, r.id, r.message_seq + 1, u.id, u.display_name, $3, $4, $5, $6
             FROM rooms r JOIN users u ON u.id = $7 WHERE r.id = $8
             ON CONFLICT (sender_id, idempotency_key) DO NOTHING RETURNING sender_name",
        )
        .bind(id.0)
        .bind(self.workspace_id.0)
        .bind(new.text.as_str())
        .bind(new.reply_to.map(|id| id.0))
        .bind(new.idempotency_key)
        .bind(new.now_ms)
        .bind(new.sender_id.0)
        .bind(new.room_id.0)
        .fetch_optional(&mut **tx)
        .await?;
        let Some(sender_name) = sender_name else { return Ok(None) };
        let (seq, room) = take_seq(tx, new.room_id).await?.ok_or(StoreError::Corrupt("messages.room_id"))?;
        // As it would be read back. Mentions and attachments follow.
        Ok(Some(Message {
            id,
            room,
            seq: codec::number(seq),
            changed_seq: None,
            sender_id: new.sender_id,
            sender_name,
            text: Some(new.text.clone()),
            reply_to: new.reply_to,
            mentions: Vec::new(),
            reactions: Vec::new(),
            attachments: Vec::new(),
            created_at: Timestamp::from_unix_ms(new.now_ms),
            edited_at: None,
            deleted_at: None,
            pinned_at: None,
        }))
    }

    /// Makes `mentions` those of the message.
    pub(super) async fn put_mentions(
        &self,
        tx: &mut Tx,
        message: &Message,
        room_id: RoomId,
        mentions: &[UserId],
        now_ms: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE messages SET mentions = $1 WHERE id = $2")
            .bind(list_text(mentions))
            .bind(message.id.0)
            .execute(&mut **tx)
            .await?;
        for user_id in message.mentions.iter().filter(|user_id| !mentions.contains(user_id)) {
            sqlx::query("DELETE FROM message_mentions WHERE message_id = $1 AND user_id = $2")
                .bind(message.id.0)
                .bind(user_id.0)
                .execute(&mut **tx)
                .await?;
        }
        for user_id in mentions {
            sqlx::query(
                "INSERT INTO message_mentions (workspace_id, message_id, user_id, room_id, seq, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (message_id, user_id) DO NOTHING",
            )
            .bind(self.workspace_id.0)
            .bind(message.id.0)
            .bind(user_id.0)
            .bind(room_id.0)
            .bind(codec::stored(message.seq))
            .bind(now_ms)
            .execute(&mut **tx)
            .await?;
        }
        Ok(())
    }
}

/// The room's next number, and what the room is called. Numbers and events of a room are in the order of commits, since the room is locked; what is not
/// committed gives its number back.
pub(super) async fn take_seq(tx: &mut Tx, room_id: RoomId) -> Result<Option<(i64, RoomSlug)>, StoreError> {
    let taken: Option<(i64, String)> =
        sqlx::query_as("UPDATE rooms SET message_seq = message_seq + 1 WHERE id = $1 RETURNING message_seq, slug")
            .bind(room_id.0)
            .fetch_optional(&mut **tx)
            .await?;
    taken.map(|(seq, slug)| Ok((seq, codec::slug(&slug)?))).transpose()
}

#[async_trait]
impl ChatStore for SqlStore {
    async fn send_message(&self, new: NewMessage<'_>) -> Result<SendOutcome, StoreError> {
        if SENDS_TOGETHER_MAX > 1 { self.send_together(new).await } else { self.send_alone(&new).await }
    }

    async fn messages(
        &self,
        room_id: RoomId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        let rows = sqlx::query(select_message!(
            "WHERE m.room_id = $1 AND ($2 IS NULL OR m.seq < $2) AND m.workspace_id = $4 ORDER BY m.seq DESC LIMIT $3"
        ))
        .bind(room_id.0)
        .bind(before)
        .bind(i64::from(limit))
        .bind(self.workspace_id.0)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(message_record).collect()
    }
}
