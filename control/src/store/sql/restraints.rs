//! What a room's settings keep people from saying. Asked while the room is locked.

use boltorezka_proto::RoomId;

use super::{SqlStore, Tx};
use crate::store::{NewMessage, SendOutcome, StoreError};

/// Whether only moderators say something.
pub(super) async fn is_read_only(tx: &mut Tx, room_id: RoomId) -> Result<bool, StoreError> {
    let read_only = sqlx::query_scalar("SELECT read_only FROM rooms WHERE id = $1")
        .bind(room_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(read_only.unwrap_or(false))
}

/// Why somebody who does not moderate may not say this now, if it may not. In a room with slow mode this takes its turn: asked
/// last, of a message that is stored then.
pub(super) async fn restraint(
    store: &SqlStore,
    tx: &mut Tx,
    new: &NewMessage<'_>,
) -> Result<Option<SendOutcome>, StoreError> {
    let settings: Option<(bool, i64)> = sqlx::query_as("SELECT read_only, slow_mode_s FROM rooms WHERE id = $1")
        .bind(new.room_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    let pause_ms = match settings {
        None => return Ok(Some(SendOutcome::NotJoined)),
        Some((true, _)) => return Ok(Some(SendOutcome::ReadOnly)),
        Some((false, 0)) => return Ok(None),
        Some((false, pause_s)) => pause_s.saturating_mul(1000),
    };
    let last_ms: Option<i64> = sqlx::query_scalar("SELECT sent_at FROM room_sends WHERE room_id = $1 AND user_id = $2")
        .bind(new.room_id.0)
        .bind(new.sender_id.0)
        .fetch_optional(&mut **tx)
        .await?;
    // Never longer than the pause, also when a clock was set back.
    let left_ms = last_ms.map_or(0, |last_ms| (last_ms + pause_ms - new.now_ms).min(pause_ms));
    if let Ok(retry_after_ms @ 1..) = u64::try_from(left_ms) {
        return Ok(Some(SendOutcome::SlowMode { retry_after_ms }));
    }
    sqlx::query(
        "INSERT INTO room_sends (workspace_id, room_id, user_id, sent_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (room_id, user_id) DO UPDATE SET sent_at = excluded.sent_at",
    )
    .bind(store.workspace_id.0)
    .bind(new.room_id.0)
    .bind(new.sender_id.0)
    .bind(new.now_ms)
    .execute(&mut **tx)
    .await?;
    Ok(None)
}
