//! Telling others what was committed: the outbox's way to the sockets. (Its way to the media node is the link.)

use std::time::Duration;

use boltorezka_proto::RoomId;
use boltorezka_proto::socket::{Message, ServerMessage};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::store::{OutboxRow, StoreError, Topic};

/// Rows that are read at once.
const ROWS_AT_ONCE: u32 = 256;
/// The outbox is read this often even when nobody woke us.
const FALLBACK: Duration = Duration::from_secs(5);
/// Pause after a failure of the database.
const RETRY: Duration = Duration::from_millis(500);

/// What the sockets of a room are told, as the outbox keeps it.
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
}

/// Tells the sockets, in the order of commits, until `shutdown`. After a crash a row may be told again: clients know
/// messages by their id.
pub async fn dispatch(app: App, shutdown: CancellationToken) {
    let mut told = 0;
    while !shutdown.is_cancelled() {
        let pause = match dispatch_waiting(&app, &mut told).await {
            Ok(()) => FALLBACK,
            Err(error) => {
                tracing::error!(%error, "the outbox could not be read");
                RETRY
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = app.signal.of(Topic::Gateway).notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn dispatch_waiting(app: &App, told: &mut u64) -> Result<(), StoreError> {
    loop {
        let rows = app.store.outbox(Topic::Gateway, *told, ROWS_AT_ONCE).await?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok(()) };
        for row in &rows {
            tell(app, row);
        }
        *told = last;
        app.store.delivered(Topic::Gateway, last, app.clock.now_ms()).await?;
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
        Err(error) => tracing::error!(id = row.id, %error, "an outbox row is not understood and is left out"),
    }
}
