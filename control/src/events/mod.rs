//! Telling others what was committed: the outbox's way to the sockets. (Its way to the media node is the link.)

use std::collections::HashSet;
use std::time::Duration;

use boltorezka_proto::direct::{RingEnd, Ringing};
use boltorezka_proto::notifications::Notification;
use boltorezka_proto::socket::{Message, ServerMessage};
use boltorezka_proto::{CallId, RoomId, RoomSlug, UserId, WorkspaceId};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::{OutboxRow, StoreError, Topic};

/// Rows that are read at once.
const ROWS_AT_ONCE: u32 = 256;
/// Rows that are marked at once: a statement takes some 32,000 values (SQLite).
const MARKED_AT_ONCE: usize = 8_192;
/// The outbox is read this often even when nobody woke us.
const FALLBACK: Duration = Duration::from_secs(5);
/// Pause after a failure of the database.
const RETRY: Duration = Duration::from_millis(500);

/// What the sockets of a room or an account are told, as the outbox keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum GatewayEvent {
    /// Something was said.
    MessageNew {
        /// Where.
        room_id: RoomId,
        /// What.
        message: Message,
    },
    /// A message is not what it was.
    MessageChanged {
        /// Where.
        room_id: RoomId,
        /// As it was right after the change.
        message: Message,
    },
    /// Old messages were erased.
    HistoryTrimmed {
        /// Where.
        room_id: RoomId,
        /// The smallest place that may still be there.
        first_seq: u64,
    },
    /// Somebody is to see something, wherever it is.
    NotificationNew {
        /// In which workspace.
        workspace_id: WorkspaceId,
        /// The message's room.
        room_id: RoomId,
        /// Who.
        user_id: UserId,
        /// What.
        notification: Notification,
        /// How many are not read.
        unread_count: u32,
    },
    /// Somebody is called, wherever it is.
    CallRinging {
        /// In which workspace.
        workspace_id: WorkspaceId,
        /// The direct room.
        room_id: RoomId,
        /// Who is called.
        user_id: UserId,
        /// By whom, and until when.
        ringing: Ringing,
    },
    /// A call rings no more.
    CallRingEnded {
        /// In which workspace.
        workspace_id: WorkspaceId,
        /// The direct room.
        room_id: RoomId,
        /// Who called, and who was called.
        user_ids: [UserId; 2],
        /// The room's name in addresses.
        room: RoomSlug,
        /// Which call.
        call_id: CallId,
        /// Why.
        reason: RingEnd,
    },
}

/// Tells the sockets, each room in the order of commits, until `shutdown`. After a crash a row may be told again:
/// clients know messages by their id.
pub async fn dispatch(app: App, shutdown: CancellationToken) {
    // Told, and not known to be marked.
    let mut told = HashSet::new();
    let mut marking: Option<JoinHandle<Vec<u64>>> = None;
    while !shutdown.is_cancelled() {
        let pause = match tell_waiting(&app, &mut told).await {
            Ok(()) => FALLBACK,
            Err(error) => {
                tracing::error!(%error, "the outbox could not be read");
                RETRY
            }
        };
        if marking.is_none() && !told.is_empty() {
            marking = Some(tokio::spawn(mark(app.clone(), told.iter().copied().take(MARKED_AT_ONCE).collect())));
        }
        let marked = async {
            match &mut marking {
                Some(task) => task.await.unwrap_or_default(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = app.signal.of(Topic::Gateway).notified() => {}
            () = tokio::time::sleep(pause) => {}
            ids = marked => {
                marking = None;
                for id in ids {
                    told.remove(&id);
                }
            }
        }
    }
    if let Some(marking) = marking {
        for id in marking.await.unwrap_or_default() {
            told.remove(&id);
        }
    }
    mark(app, told.into_iter().take(MARKED_AT_ONCE).collect()).await;
}

/// Tells what waits, but what is in `told`, and adds it there. What was marked before is not read again.
async fn tell_waiting(app: &App, told: &mut HashSet<u64>) -> Result<(), StoreError> {
    loop {
        let limit = ROWS_AT_ONCE.saturating_add(told.len() as u32);
        let rows = app.store.events(limit).await?;
        for row in &rows {
            if told.insert(row.id) {
                tell(app, row);
                // One message wakes a whole room: its sockets write, and who sends is read, before the next one wakes another.
                tokio::task::yield_now().await;
            }
        }
        // Whatever is committed from here on wakes us again.
        if rows.len() < limit as usize {
            return Ok(());
        }
    }
}

/// Marks what was told, and gives what is marked. A task of its own: under load a write waits its turn for long, and whoever
/// waited for it would tell [`ROWS_AT_ONCE`] rows in that time, and no more.
async fn mark(app: App, told: Vec<u64>) -> Vec<u64> {
    match app.store.events_told(&told, app.clock.now_ms()).await {
        Ok(()) => told,
        Err(error) => {
            // They are marked with the next ones; a restart before that tells them again.
            tracing::error!(%error, "what was told could not be marked");
            tokio::time::sleep(RETRY).await;
            Vec::new()
        }
    }
}

fn tell(app: &App, row: &OutboxRow) {
    match serde_json::from_str(&row.payload) {
        Ok(GatewayEvent::MessageNew { room_id, message }) => {
            if let Some(room) = app.hub.find(room_id) {
                let (queued, dropped) = room.state().tell(&ServerMessage::MessageNew { message });
                app.metrics.message_told(queued as u64, dropped as u64);
            }
        }
        Ok(GatewayEvent::MessageChanged { room_id, message }) => {
            if let Some(room) = app.hub.find(room_id) {
                room.state().tell(&ServerMessage::MessageChanged { message });
            }
        }
        Ok(GatewayEvent::HistoryTrimmed { room_id, first_seq }) => {
            if let Some(room) = app.hub.find(room_id) {
                let state = room.state();
                state.tell(&ServerMessage::HistoryTrimmed { room: state.slug().clone(), first_seq });
            }
        }
        Ok(GatewayEvent::NotificationNew { workspace_id, room_id, user_id, notification, unread_count }) => {
            let message = ServerMessage::NotificationNew { notification, unread_count };
            app.hub.tell_account(workspace_id, user_id, room_id, &message);
        }
        Ok(GatewayEvent::CallRinging { workspace_id, room_id, user_id, ringing }) => {
            // After a crash it may be told late.
            if ringing.ends_at.unix_ms() > app.clock.now_ms() {
                app.hub.tell_account(workspace_id, user_id, room_id, &ServerMessage::CallRinging { ringing });
            }
        }
        Ok(GatewayEvent::CallRingEnded { workspace_id, room_id, user_ids, room, call_id, reason }) => {
            let message = ServerMessage::CallRingEnded { room, call_id, reason };
            for user_id in user_ids {
                app.hub.tell_account(workspace_id, user_id, room_id, &message);
            }
        }
        Err(error) => tracing::error!(id = row.id, %error, "an outbox row is not understood and is left out"),
    }
}
