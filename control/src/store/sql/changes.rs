//! Changes of messages. Each holds its room's lock from its first read to its commit, so that numbers are in the order of commits.

use async_trait::async_trait;
use boltorezka_proto::socket::{Message, REACTION_USERS_MAX, REACTIONS_MAX, Reaction};
use boltorezka_proto::{MessageId, MessageText, ReactionEmoji, RoomId, UserId};

use super::chat::{may_be_mentioned, take_seq};
use super::message_rows::{digest_of, digest_of_message, message_record, reactions_text, select_message};
use super::restraints::inside;
use super::{SqlStore, Tx, lock, rooms};
use crate::events::GatewayEvent;
use crate::permissions::Action;
use crate::store::write::{Lock, retried};
use crate::store::{
    Audit, Change, ChangeOutcome, ChangeRefusal, ChangeStore, MessageChange, Standing, StoreError, Topic,
};

/// A step's way out: what it is refused for.
type Checked<T> = Result<Result<T, ChangeRefusal>, StoreError>;

/// Whether something had to be written.
type Written = bool;

async fn message_in(tx: &mut Tx, room_id: RoomId, message_id: MessageId) -> Result<Option<Message>, StoreError> {
    let row = sqlx::query(select_message!("WHERE m.id = $1 AND m.room_id = $2"))
        .bind(message_id.0)
        .bind(room_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| Ok(message_record(&row)?.message)).transpose()
}

/// What a change asks for, so that its key knows it again.
fn digest(change: &MessageChange<'_>) -> Vec<u8> {
    let place = (change.room_id, change.message_id);
    match &change.change {
        Change::Edit { text, mentions } => digest_of(&("edit", place, text, mentions)),
        Change::Delete { .. } => digest_of(&("delete", place)),
        Change::React { emoji, on } => digest_of(&("react", place, emoji, on)),
        Change::Pin { on, .. } => digest_of(&("pin", place, on)),
    }
    .to_vec()
}

/// What an earlier request with the same key asked for.
async fn earlier(tx: &mut Tx, change: &MessageChange<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(key) = change.idempotency_key else { return Ok(None) };
    let digest = sqlx::query_scalar("SELECT digest FROM chat_keys WHERE sender_id = $1 AND idempotency_key = $2")
        .bind(change.actor_id.0)
        .bind(key)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(digest)
}

impl SqlStore {
    async fn change_in(&self, tx: &mut Tx, change: &MessageChange<'_>) -> Checked<(Message, Written)> {
        lock(tx, Lock::Room(change.room_id)).await?;
        let message = message_in(tx, change.room_id, change.message_id).await?;
        match (earlier(tx, change).await?, message.as_ref()) {
            (Some(digest), _) if digest != self::digest(change) => return Ok(Err(ChangeRefusal::Conflict)),
            (Some(_), Some(message)) => return Ok(Ok((message.clone(), false))),
            (Some(_), None) => return Ok(Err(ChangeRefusal::NoMessage)),
            (None, _) => {}
        }
        let Some(inside) = inside(self, tx, change.room_id, change.actor_id).await? else {
            return Ok(Err(ChangeRefusal::NotJoined));
        };
        let standing = inside.standing;
        let least = match change.change {
            Change::Edit { .. } => Action::EditMessage,
            Change::Delete { .. } => Action::DeleteMessage,
            Change::React { .. } => Action::React,
            Change::Pin { .. } => Action::PinMessage,
        };
        if !least.is_open_to(standing) {
            return Ok(Err(ChangeRefusal::Forbidden));
        }
        let is_deletion = matches!(change.change, Change::Delete { .. });
        if !is_deletion
            && inside.direct_with.is_some()
            && let Some(refusal) = self.direct_refusal(tx, change.room_id, change.actor_id).await?
        {
            return Ok(Err(ChangeRefusal::Direct(refusal)));
        }
        let is_edit = matches!(change.change, Change::Edit { .. });
        if is_edit && inside.is_read_only && !Action::SendUnrestrained.is_open_to(standing) {
            return Ok(Err(ChangeRefusal::ReadOnly));
        }
        let Some(message) = message else { return Ok(Err(ChangeRefusal::NoMessage)) };
        if message.deleted_at.is_some() && !is_deletion {
            return Ok(Err(ChangeRefusal::NoMessage));
        }
        let written = match &change.change {
            Change::Edit { text, mentions } => self.edit(tx, change, &message, text, mentions).await?,
            Change::Delete { audit } => self.delete(tx, change, &message, standing, audit).await?,
            Change::React { emoji, on } => self.react(tx, change, &message, emoji, *on).await?,
            Change::Pin { on, pins_max } => self.pin(tx, change, &message, *on, *pins_max).await?,
        };
        match written {
            Ok(written) => {
                self.put_key(tx, change).await?;
                let before = message.mentions.clone();
                let message = if written { self.number(tx, change).await? } else { Some(message) };
                if let (Change::Edit { .. }, Some(message), true) = (&change.change, &message, written) {
                    self.notify_mentioned(tx, change.room_id, message, &before).await?;
                }
                Ok(message.map(|message| (message, written)).ok_or(ChangeRefusal::NoMessage))
            }
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Also of what changed nothing: repeated later, it is to change nothing then either.
    async fn put_key(&self, tx: &mut Tx, change: &MessageChange<'_>) -> Result<(), StoreError> {
        let Some(key) = change.idempotency_key else { return Ok(()) };
        sqlx::query(
            "INSERT INTO chat_keys (workspace_id, sender_id, idempotency_key, digest, created_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(self.workspace_id.0)
        .bind(change.actor_id.0)
        .bind(key)
        .bind(digest(change))
        .bind(change.now_ms)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Gives the change its number and has it told.
    async fn number(&self, tx: &mut Tx, change: &MessageChange<'_>) -> Result<Option<Message>, StoreError> {
        let Some((seq, _)) = take_seq(tx, change.room_id).await? else { return Ok(None) };
        sqlx::query("UPDATE messages SET changed_seq = $1 WHERE id = $2")
            .bind(seq)
            .bind(change.message_id.0)
            .execute(&mut **tx)
            .await?;
        let message = message_in(tx, change.room_id, change.message_id).await?;
        if let Some(message) = &message {
            let event = GatewayEvent::MessageChanged { room_id: change.room_id, message: message.clone() };
            self.put_outbox(tx, Topic::Gateway, &event, change.now_ms).await?;
        }
        Ok(message)
    }

    async fn edit(
        &self,
        tx: &mut Tx,
        change: &MessageChange<'_>,
        message: &Message,
        text: &MessageText,
        mentions: &[UserId],
    ) -> Checked<Written> {
        if message.sender_id != change.actor_id {
            return Ok(Err(ChangeRefusal::NotSender));
        }
        if message.text.as_ref() == Some(text) && message.mentions == mentions {
            return Ok(Ok(false));
        }
        if !may_be_mentioned(tx, self.workspace_id, change.room_id, mentions).await? {
            return Ok(Err(ChangeRefusal::NoMentioned));
        }
        keep_sent(tx, message).await?;
        sqlx::query("UPDATE messages SET text = $1, edited_at = $2 WHERE id = $3")
            .bind(text.as_str())
            .bind(change.now_ms)
            .bind(message.id.0)
            .execute(&mut **tx)
            .await?;
        self.put_mentions(tx, message, change.room_id, mentions, change.now_ms).await?;
        Ok(Ok(true))
    }

    async fn delete(
        &self,
        tx: &mut Tx,
        change: &MessageChange<'_>,
        message: &Message,
        standing: Standing,
        audit: &Audit,
    ) -> Checked<Written> {
        if message.sender_id != change.actor_id {
            if !Action::ModerateMessage.is_open_to(standing) {
                return Ok(Err(ChangeRefusal::NotSender));
            }
            let of_sender = rooms::standing_of(&mut **tx, self.workspace_id, change.room_id, message.sender_id).await?;
            if of_sender.is_some_and(|of_sender| !standing.outranks(of_sender)) {
                return Ok(Err(ChangeRefusal::NotOutranked));
            }
        }
        if message.deleted_at.is_some() {
            return Ok(Ok(false));
        }
        if message.sender_id != change.actor_id {
            let target = format!("{} {}", message.room, message.id);
            self.put_audit(tx, audit, "chat.message.moderate", &target).await?;
        }
        keep_sent(tx, message).await?;
        sqlx::query(
            "UPDATE messages SET text = '', mentions = NULL, reactions = NULL, attachments = NULL, edited_at = NULL, pinned_at = NULL, deleted_at = $1
             WHERE id = $2",
        )
        .bind(change.now_ms)
        .bind(message.id.0)
        .execute(&mut **tx)
        .await?;
        for statement in [
            "DELETE FROM message_mentions WHERE message_id = $1",
            "DELETE FROM message_reactions WHERE message_id = $1",
            "DELETE FROM attachments WHERE message_id = $1",
            "DELETE FROM notifications WHERE message_id = $1",
        ] {
            sqlx::query(statement).bind(message.id.0).execute(&mut **tx).await?;
        }
        Ok(Ok(true))
    }

    async fn react(
        &self,
        tx: &mut Tx,
        change: &MessageChange<'_>,
        message: &Message,
        emoji: &ReactionEmoji,
        on: bool,
    ) -> Checked<Written> {
        let mut reactions = message.reactions.clone();
        let at = reactions.iter().position(|reaction| reaction.emoji == *emoji);
        if on && at.is_none() && reactions.len() >= REACTIONS_MAX {
            return Ok(Err(ChangeRefusal::TooManyReactions));
        }
        let statement = if on {
            sqlx::query(
                "INSERT INTO message_reactions (message_id, emoji, user_id, created_at, workspace_id) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (message_id, emoji, user_id) DO NOTHING",
            )
        } else {
            sqlx::query("DELETE FROM message_reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3")
        };
        let statement = statement.bind(message.id.0).bind(emoji.as_str()).bind(change.actor_id.0);
        let statement = if on { statement.bind(change.now_ms).bind(self.workspace_id.0) } else { statement };
        if statement.execute(&mut **tx).await?.rows_affected() == 0 {
            return Ok(Ok(false));
        }
        count_reaction(&mut reactions, emoji, change.actor_id, on);
        sqlx::query("UPDATE messages SET reactions = $1 WHERE id = $2")
            .bind(reactions_text(&reactions))
            .bind(message.id.0)
            .execute(&mut **tx)
            .await?;
        Ok(Ok(true))
    }

    async fn pin(
        &self,
        tx: &mut Tx,
        change: &MessageChange<'_>,
        message: &Message,
        on: bool,
        pins_max: Option<u32>,
    ) -> Checked<Written> {
        if message.pinned_at.is_some() == on {
            return Ok(Ok(false));
        }
        if let Some(max) = pins_max.filter(|_| on) {
            let pins: i64 =
                sqlx::query_scalar("SELECT count(*) FROM messages WHERE room_id = $1 AND pinned_at IS NOT NULL")
                    .bind(change.room_id.0)
                    .fetch_one(&mut **tx)
                    .await?;
            if pins >= i64::from(max) {
                return Ok(Err(ChangeRefusal::TooManyPins));
            }
        }
        sqlx::query("UPDATE messages SET pinned_at = $1 WHERE id = $2")
            .bind(on.then_some(change.now_ms))
            .bind(message.id.0)
            .execute(&mut **tx)
            .await?;
        Ok(Ok(true))
    }
}

/// Keeps what was sent, before the row says something else: a repeated send is known by it.
async fn keep_sent(tx: &mut Tx, message: &Message) -> Result<(), StoreError> {
    let digest = digest_of_message(message).to_vec();
    sqlx::query("UPDATE messages SET sent_digest = $1 WHERE id = $2 AND sent_digest IS NULL")
        .bind(digest)
        .bind(message.id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The table has one row more or less: so has the summary.
fn count_reaction(reactions: &mut Vec<Reaction>, emoji: &ReactionEmoji, user_id: UserId, on: bool) {
    let Some(reaction) = reactions.iter_mut().find(|reaction| reaction.emoji == *emoji) else {
        reactions.push(Reaction { emoji: emoji.clone(), count: 1, user_ids: vec![user_id] });
        return;
    };
    if on {
        reaction.count = reaction.count.saturating_add(1);
        if reaction.user_ids.len() < REACTION_USERS_MAX {
            reaction.user_ids.push(user_id);
        }
    } else {
        reaction.count = reaction.count.saturating_sub(1);
        reaction.user_ids.retain(|id| *id != user_id);
    }
    reactions.retain(|reaction| reaction.count > 0);
}

#[async_trait]
impl ChangeStore for SqlStore {
    async fn change_message(&self, change: MessageChange<'_>) -> Result<ChangeOutcome, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            match self.change_in(&mut tx, &change).await? {
                Ok((message, true)) => {
                    self.commit_and_wake(tx, Topic::Gateway).await?;
                    Ok(ChangeOutcome::Changed(message))
                }
                Ok((message, false)) => {
                    tx.commit().await?;
                    Ok(ChangeOutcome::Unchanged(message))
                }
                Err(refusal) => Ok(ChangeOutcome::Refused(refusal)),
            }
        })
        .await
    }

    async fn forget_chat_keys(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM chat_keys WHERE created_at < $1").bind(before_ms).execute(&self.writer).await?;
        Ok(())
    }
}
