//! Messages that wait for the one writer share a transaction (group commit): the disk is waited for once for all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use boltorezka_proto::{AttachmentId, MessageId, MessageText, RoomId, UserId};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::outbox::put_gateway_events;
use super::{SENDS_TOGETHER_MAX, SqlStore};
use crate::events::GatewayEvent;
use crate::store::write::retried;
use crate::store::{NewMessage, SendOutcome, StoreError, Topic};
use crate::sync;

/// Messages that wait: one for each socket at most, which asks for nothing else until it has its answer.
#[derive(Default)]
pub struct Sends {
    waiting: Mutex<VecDeque<Waiting>>,
    /// Whoever has it stores what waits.
    turn: Arc<tokio::sync::Mutex<()>>,
}

struct Waiting {
    /// As the sender's workspace sees it.
    store: SqlStore,
    room_id: RoomId,
    sender_id: UserId,
    text: MessageText,
    reply_to: Option<MessageId>,
    mentions: Vec<UserId>,
    attachments: Vec<AttachmentId>,
    idempotency_key: String,
    now_ms: i64,
    answer: oneshot::Sender<Result<SendOutcome, StoreError>>,
}

impl Waiting {
    fn message(&self) -> NewMessage<'_> {
        let Self { room_id, sender_id, reply_to, now_ms, .. } = *self;
        let Self { text, mentions, attachments, idempotency_key, .. } = self;
        NewMessage { room_id, sender_id, text, reply_to, mentions, attachments, idempotency_key, now_ms }
    }
}

impl SqlStore {
    /// Stores a message together with those that wait at the same time.
    pub(super) async fn send_together(&self, new: NewMessage<'_>) -> Result<SendOutcome, StoreError> {
        let NewMessage { room_id, sender_id, text, reply_to, mentions, attachments, idempotency_key, now_ms } = new;
        let (answer, mut outcome) = oneshot::channel();
        let (text, mentions, idempotency_key) = (text.clone(), mentions.to_vec(), idempotency_key.to_owned());
        let attachments = attachments.to_vec();
        let store = self.clone();
        let waiting = Waiting {
            store,
            room_id,
            sender_id,
            text,
            reply_to,
            mentions,
            attachments,
            idempotency_key,
            now_ms,
            answer,
        };
        sync::lock(&self.sends.waiting).push_back(waiting);
        let turn = tokio::select! {
            biased;
            outcome = &mut outcome => return outcome.unwrap_or(Err(StoreError::Interrupted)),
            turn = self.sends.turn.clone().lock_owned() => turn,
        };
        // A task of its own: whoever has the turn may go away, and takes nobody along.
        tokio::spawn(store_waiting(self.clone(), turn));
        outcome.await.unwrap_or(Err(StoreError::Interrupted))
    }

    /// Stores a message in a transaction of its own.
    pub(super) async fn send_alone(&self, new: &NewMessage<'_>) -> Result<SendOutcome, StoreError> {
        let outcomes = retried(async || self.put_all(&[(self, *new)]).await).await?;
        outcomes.into_iter().next().ok_or(StoreError::Interrupted)
    }

    /// Stores messages in one transaction, each as its sender's workspace sees it.
    async fn put_all(&self, batch: &[(&Self, NewMessage<'_>)]) -> Result<Vec<SendOutcome>, StoreError> {
        let mut tx = self.begin().await?;
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut events = Vec::with_capacity(batch.len());
        for (store, new) in batch {
            let outcome = store.put_message(&mut tx, new).await?;
            if let SendOutcome::Stored(message) = &outcome {
                let event = GatewayEvent::MessageNew { room_id: new.room_id, message: message.clone() };
                events.push((store.workspace_id, event, new.now_ms));
            }
            outcomes.push(outcome);
        }
        if !events.is_empty() {
            put_gateway_events(&mut tx, &events).await?;
            self.commit_and_wake(tx, Topic::Gateway).await?;
        }
        Ok(outcomes)
    }
}

async fn store_waiting(store: SqlStore, turn: OwnedMutexGuard<()>) {
    let batch: Vec<Waiting> = {
        let mut waiting = sync::lock(&store.sends.waiting);
        let count = waiting.len().min(SENDS_TOGETHER_MAX);
        waiting.drain(..count).collect()
    };
    let messages: Vec<_> = batch.iter().map(|waiting| (&waiting.store, waiting.message())).collect();
    match store.put_all(&messages).await {
        Ok(outcomes) => {
            for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                // Who went away needs no answer.
                let _ = waiting.answer.send(Ok(outcome));
            }
        }
        Err(error) => {
            tracing::debug!(%error, messages = batch.len(), "what cannot be stored together is stored one by one");
            for waiting in batch {
                let outcome = waiting.store.send_alone(&waiting.message()).await;
                let _ = waiting.answer.send(outcome);
            }
        }
    }
    drop(turn);
}
