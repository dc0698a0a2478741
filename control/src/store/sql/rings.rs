//! Calls that ring in direct rooms. A row is there while one rings: whoever takes it out, in whatever order things happen, ends it
//! once, and writes what was missed in the same transaction.

use async_trait::async_trait;
use boltorezka_proto::direct::{RING_MS, RingEnd, Ringing};
use boltorezka_proto::notifications::{MissedCall, Notification, NotificationKind};
use boltorezka_proto::{CallId, NotificationId, RoomId, RoomSlug, Timestamp, UserId, WorkspaceId};
use sqlx::Row as _;
use uuid::Uuid;

use super::notifications::unread_count;
use super::{Row, SqlStore, Tx, lock};
use crate::events::GatewayEvent;
use crate::store::write::{Lock, retried};
use crate::store::{PushAbout, RingStore, StoreError, Topic, codec};

/// Who calls twice within this time is missed once.
const SAME_MISS_MS: i64 = 60_000;

/// A call that rings.
struct Call {
    id: CallId,
    room_id: RoomId,
    room: RoomSlug,
    caller_id: UserId,
    callee_id: UserId,
    began_at_ms: i64,
}

/// Reads `call_id, caller_id, caller_name, began_at` from `first` on, where there is one.
pub(super) fn ringing_of(row: &Row, first: usize, room: &RoomSlug) -> Result<Option<Ringing>, StoreError> {
    let Some(call_id) = row.try_get::<Option<Uuid>, _>(first)? else { return Ok(None) };
    let began_at_ms: i64 = row.try_get(first + 3)?;
    Ok(Some(Ringing {
        room: room.clone(),
        call_id: CallId(call_id),
        caller_id: UserId(row.try_get(first + 1)?),
        caller_name: codec::display_name(row.try_get(first + 2)?)?,
        ends_at: Timestamp::from_unix_ms(began_at_ms.saturating_add(RING_MS)),
    }))
}

impl SqlStore {
    /// The call that rings in a room, which is locked.
    async fn ringing_in(&self, tx: &mut Tx, room_id: RoomId) -> Result<Option<Call>, StoreError> {
        let row: Option<(Uuid, String, Uuid, Uuid, i64)> = sqlx::query_as(
            "SELECT c.id, r.slug, c.caller_id, c.callee_id, c.began_at FROM direct_calls c JOIN rooms r ON r.id = c.room_id
             WHERE c.room_id = $1 AND c.workspace_id = $2",
        )
        .bind(room_id.0)
        .bind(self.workspace_id.0)
        .fetch_optional(&mut **tx)
        .await?;
        let Some((id, slug, caller_id, callee_id, began_at_ms)) = row else { return Ok(None) };
        let (id, room, caller_id, callee_id) = (CallId(id), codec::slug(&slug)?, UserId(caller_id), UserId(callee_id));
        Ok(Some(Call { id, room_id, room, caller_id, callee_id, began_at_ms }))
    }

    async fn is_in_call(&self, tx: &mut Tx, room_id: RoomId, user_id: UserId) -> Result<bool, StoreError> {
        let is_in = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM participants WHERE room_id = $1 AND user_id = $2 AND admitted = TRUE)",
        );
        Ok(is_in.bind(room_id.0).bind(user_id.0).fetch_one(&mut **tx).await?)
    }

    async fn ring(&self, tx: &mut Tx, room_id: RoomId, caller_id: UserId, now_ms: i64) -> Result<(), StoreError> {
        let row: Option<(String, Uuid, String)> = sqlx::query_as(
            "SELECT r.slug, CASE WHEN r.direct_low = $2 THEN r.direct_high ELSE r.direct_low END, u.display_name
             FROM rooms r JOIN users u ON u.id = $2
             WHERE r.id = $1 AND r.workspace_id = $3 AND (r.direct_low = $2 OR r.direct_high = $2)",
        )
        .bind(room_id.0)
        .bind(caller_id.0)
        .bind(self.workspace_id.0)
        .fetch_optional(&mut **tx)
        .await?;
        let Some((slug, callee_id, name)) = row else { return Ok(()) };
        let callee_id = UserId(callee_id);
        if self.is_in_call(tx, room_id, callee_id).await? {
            return Ok(());
        }
        let call_id = CallId::generate();
        sqlx::query(
            "INSERT INTO direct_calls (room_id, workspace_id, id, caller_id, callee_id, began_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(room_id.0)
        .bind(self.workspace_id.0)
        .bind(call_id.0)
        .bind(caller_id.0)
        .bind(callee_id.0)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
        let ringing = Ringing {
            room: codec::slug(&slug)?,
            call_id,
            caller_id,
            caller_name: codec::display_name(&name)?,
            ends_at: Timestamp::from_unix_ms(now_ms.saturating_add(RING_MS)),
        };
        let event = GatewayEvent::CallRinging { workspace_id: self.workspace_id, room_id, user_id: callee_id, ringing };
        self.put_outbox(tx, Topic::Gateway, &event, now_ms).await?;
        self.put_push(tx, callee_id, room_id, PushAbout::Call, call_id.0, now_ms).await
    }

    /// Ends the ringing of a call, if nobody did before.
    async fn end_ring(&self, tx: &mut Tx, call: &Call, reason: RingEnd, now_ms: i64) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM direct_calls WHERE room_id = $1 AND id = $2")
            .bind(call.room_id.0)
            .bind(call.id.0)
            .execute(&mut **tx)
            .await?;
        if ended.rows_affected() == 0 {
            return Ok(false);
        }
        if reason == RingEnd::Missed {
            self.put_missed(tx, call, now_ms).await?;
        }
        let event = GatewayEvent::CallRingEnded {
            workspace_id: self.workspace_id,
            room_id: call.room_id,
            user_ids: [call.caller_id, call.callee_id],
            room: call.room.clone(),
            call_id: call.id,
            reason,
        };
        self.put_outbox(tx, Topic::Gateway, &event, now_ms).await?;
        Ok(true)
    }

    /// Once for each call, and once for the calls of one within a minute.
    async fn put_missed(&self, tx: &mut Tx, call: &Call, now_ms: i64) -> Result<(), StoreError> {
        let id = NotificationId::generate();
        let written = sqlx::query(
            "INSERT INTO notifications (id, workspace_id, user_id, kind, room_id, call_id, caller_id, created_at)
             SELECT $1, $2, u.id, 'missed_call', $3, $4, $5, $6 FROM users u WHERE u.id = $7 AND u.erased_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.room_id = $3 AND n.user_id = u.id
                     AND n.kind = 'missed_call' AND n.caller_id = $5 AND n.created_at > $8)
             ON CONFLICT (user_id, call_id) DO NOTHING",
        )
        .bind(id.0)
        .bind(self.workspace_id.0)
        .bind(call.room_id.0)
        .bind(call.id.0)
        .bind(call.caller_id.0)
        .bind(call.began_at_ms)
        .bind(call.callee_id.0)
        .bind(call.began_at_ms.saturating_sub(SAME_MISS_MS))
        .execute(&mut **tx)
        .await?;
        if written.rows_affected() == 0 {
            return Ok(());
        }
        let name: String = sqlx::query_scalar("SELECT display_name FROM users WHERE id = $1")
            .bind(call.caller_id.0)
            .fetch_one(&mut **tx)
            .await?;
        let missed =
            MissedCall { room: call.room.clone(), caller_id: call.caller_id, caller_name: codec::display_name(&name)? };
        let notification = Notification {
            id,
            kind: NotificationKind::MissedCall,
            message: None,
            call: Some(missed),
            created_at: Timestamp::from_unix_ms(call.began_at_ms),
            read_at: None,
        };
        let unread_count = unread_count(&mut **tx, self.workspace_id, call.callee_id).await?;
        let event = GatewayEvent::NotificationNew {
            workspace_id: self.workspace_id,
            room_id: call.room_id,
            user_id: call.callee_id,
            notification,
            unread_count,
        };
        self.put_outbox(tx, Topic::Gateway, &event, now_ms).await?;
        self.put_push(tx, call.callee_id, call.room_id, PushAbout::Call, id.0, now_ms).await
    }

    /// How the ringing in a room is over, if it is.
    async fn ring_end(&self, tx: &mut Tx, call: &Call, now_ms: i64) -> Result<Option<RingEnd>, StoreError> {
        if self.is_in_call(tx, call.room_id, call.callee_id).await? {
            return Ok(Some(RingEnd::Answered));
        }
        let is_over = now_ms >= call.began_at_ms.saturating_add(RING_MS);
        let is_left = is_over || !self.is_in_call(tx, call.room_id, call.caller_id).await?;
        Ok(is_left.then_some(RingEnd::Missed))
    }

    async fn end_ring_in(&self, room_id: RoomId, now_ms: i64) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let Some(call) = self.ringing_in(&mut tx, room_id).await? else { return Ok(false) };
            let Some(reason) = self.ring_end(&mut tx, &call, now_ms).await? else { return Ok(false) };
            let ended = self.end_ring(&mut tx, &call, reason, now_ms).await?;
            self.commit_and_wake(tx, Topic::Gateway).await?;
            Ok(ended)
        })
        .await
    }
}

#[async_trait]
impl RingStore for SqlStore {
    async fn call_joined(&self, room_id: RoomId, user_id: UserId, now_ms: i64) -> Result<(), StoreError> {
        // Most rooms are no direct ones: nobody waits for them.
        let is_direct: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM rooms WHERE id = $1 AND direct_low IS NOT NULL)")
                .bind(room_id.0)
                .fetch_one(&self.readers)
                .await?;
        if !is_direct {
            return Ok(());
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            match self.ringing_in(&mut tx, room_id).await? {
                None => self.ring(&mut tx, room_id, user_id, now_ms).await?,
                Some(call) if call.callee_id == user_id => {
                    self.end_ring(&mut tx, &call, RingEnd::Answered, now_ms).await?;
                }
                // The caller came again while it rings.
                Some(_) => return Ok(()),
            }
            self.commit_and_wake(tx, Topic::Gateway).await
        })
        .await
    }

    async fn decline_call(&self, room_id: RoomId, user_id: UserId, now_ms: i64) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            lock(&mut tx, Lock::Room(room_id)).await?;
            let call = self.ringing_in(&mut tx, room_id).await?;
            let Some(call) = call.filter(|call| call.callee_id == user_id) else { return Ok(false) };
            let ended = self.end_ring(&mut tx, &call, RingEnd::Declined, now_ms).await?;
            self.commit_and_wake(tx, Topic::Gateway).await?;
            Ok(ended)
        })
        .await
    }

    async fn end_rings(&self, now_ms: i64) -> Result<u32, StoreError> {
        let over: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT c.workspace_id, c.room_id FROM direct_calls c WHERE c.began_at <= $1
                 OR NOT EXISTS (SELECT 1 FROM participants p WHERE p.room_id = c.room_id AND p.user_id = c.caller_id
                     AND p.admitted = TRUE)
                 OR EXISTS (SELECT 1 FROM participants p WHERE p.room_id = c.room_id AND p.user_id = c.callee_id
                     AND p.admitted = TRUE)
             ORDER BY c.room_id",
        )
        .bind(now_ms.saturating_sub(RING_MS))
        .fetch_all(&self.readers)
        .await?;
        let mut ended = 0;
        for (workspace_id, room_id) in over {
            let here = self.in_workspace(WorkspaceId(workspace_id));
            ended += u32::from(here.end_ring_in(RoomId(room_id), now_ms).await?);
        }
        Ok(ended)
    }
}
