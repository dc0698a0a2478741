//! Who is inside a room, and what the room's settings keep it from saying. Asked while the room is locked.

use boltorezka_proto::{RoomId, UserId};
use sqlx::Row as _;

use super::chat::earlier;
use super::rooms::{given_role, grants, is_seen, join_roles, select_standing, sighted};
use super::{SqlStore, Tx};
use crate::store::{NewMessage, SendOutcome, Standing, StoreError};

/// Somebody in a room, and the room. One query: each message asks.
pub(super) struct Inside {
    /// What it is there.
    pub standing: Standing,
    /// Only moderators say something.
    pub is_read_only: bool,
    /// Seconds between two messages of one sender.
    slow_mode_s: i64,
    /// The other one of a direct room.
    pub direct_with: Option<UserId>,
}

/// What somebody is in a room that it is in; nothing when it is not.
pub(super) async fn inside(
    store: &SqlStore,
    tx: &mut Tx,
    room_id: RoomId,
    user_id: UserId,
) -> Result<Option<Inside>, StoreError> {
    let row = sqlx::query(select_standing!(
        ", EXISTS (SELECT 1 FROM participants p WHERE p.room_id = $1 AND p.user_id = $2), r.read_only, r.slow_mode_s, \
         CASE WHEN r.direct_low = $2 THEN r.direct_high ELSE r.direct_low END"
    ))
    .bind(room_id.0)
    .bind(user_id.0)
    .bind(store.workspace_id.0)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let is_joined: bool = row.try_get(7)?;
    let Some((standing, true)) = sighted(&row)?.filter(|(standing, _)| is_joined && !standing.banned) else {
        return Ok(None);
    };
    let direct_with = row.try_get::<Option<_>, _>(10)?.map(UserId);
    Ok(Some(Inside { standing, is_read_only: row.try_get(8)?, slow_mode_s: row.try_get(9)?, direct_with }))
}

/// Why somebody who does not moderate may not say this now, if it may not. In a room with slow mode this takes its turn: asked
/// last, of a message that is stored then.
pub(super) async fn restraint(
    store: &SqlStore,
    tx: &mut Tx,
    inside: &Inside,
    new: &NewMessage<'_>,
) -> Result<Option<SendOutcome>, StoreError> {
    let pause_ms = match (inside.is_read_only, inside.slow_mode_s) {
        (true, _) => return Ok(Some(SendOutcome::ReadOnly)),
        (false, 0) => return Ok(None),
        (false, pause_s) => pause_s.saturating_mul(1000),
    };
    // Said again it takes no further turn.
    if let Some(outcome) = earlier(tx, new).await? {
        return Ok(Some(outcome));
    }
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
