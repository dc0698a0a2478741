use async_trait::async_trait;
use boltorezka_proto::direct::{BlockedUser, DirectState};
use boltorezka_proto::{RoomId, RoomSlug, Timestamp, UserId};
use sqlx::{Executor, Row as _};
use uuid::Uuid;

use super::rings::ringing_of;
use super::{Db, Row, SqlStore, Tx, lock};
use crate::store::write::{Lock, retried};
use crate::store::{Begun, DirectPlace, DirectRecord, DirectRefusal, DirectStore, StoreError, codec};

/// What nobody is shown: whoever sees the room sees the other one's name.
const TITLE: &str = "Direct messages";

/// Whether the account `o` can be written to in the workspace `$1`, where it may be `wm`.
macro_rules! is_there {
    () => {
        "(o.kind = 'local' AND o.blocked_at IS NULL AND o.erased_at IS NULL AND o.pending_since IS NULL \
          AND (wm.role IS NOT NULL OR o.workspace_id = $1 OR o.role <> 'user'))"
    };
}

/// What [`direct_record`] reads: direct rooms of the user `$2` in the workspace `$1`.
macro_rules! select_direct {
    ($tail:literal) => {
        concat!(
            "SELECT id, slug, other_id, display_name, is_there, is_refusing, is_refused, last_at, \
                 call_id, caller_id, caller_name, began_at FROM ( \
             SELECT r.id, r.slug, o.id AS other_id, o.display_name, ",
            is_there!(),
            " AS is_there, \
             EXISTS (SELECT 1 FROM user_blocks b WHERE b.workspace_id = $1 AND b.user_id = $2 AND b.blocked_id = o.id) AS is_refusing, \
             EXISTS (SELECT 1 FROM user_blocks b WHERE b.workspace_id = $1 AND b.user_id = o.id AND b.blocked_id = $2) AS is_refused, \
             coalesce((SELECT m.created_at FROM messages m WHERE m.room_id = r.id ORDER BY m.seq DESC LIMIT 1), r.created_at) AS last_at, \
             c.id AS call_id, c.caller_id, cu.display_name AS caller_name, c.began_at \
             FROM rooms r JOIN users o ON o.id = CASE WHEN r.direct_low = $2 THEN r.direct_high ELSE r.direct_low END \
             LEFT JOIN workspace_members wm ON wm.workspace_id = $1 AND wm.user_id = o.id \
             LEFT JOIN direct_calls c ON c.room_id = r.id LEFT JOIN users cu ON cu.id = c.caller_id \
             WHERE r.workspace_id = $1 AND (r.direct_low = $2 OR r.direct_high = $2)) AS d ",
            $tail
        )
    };
}

fn direct_record(row: &Row) -> Result<DirectRecord, StoreError> {
    let room = codec::slug(row.try_get(1)?)?;
    let (is_there, is_refusing, is_refused) = (row.try_get(4)?, row.try_get(5)?, row.try_get(6)?);
    let state = match (is_there, is_refusing, is_refused) {
        (false, ..) => DirectState::Gone,
        (true, true, _) => DirectState::Refusing,
        (true, false, true) => DirectState::Refused,
        (true, false, false) => DirectState::Open,
    };
    Ok(DirectRecord {
        room_id: RoomId(row.try_get(0)?),
        ringing: ringing_of(row, 8, &room)?,
        room,
        other_id: UserId(row.try_get(2)?),
        other_name: codec::display_name(row.try_get(3)?)?,
        state,
        last_at_ms: row.try_get(7)?,
    })
}

impl SqlStore {
    async fn direct_in(
        &self,
        executor: impl Executor<'_, Database = Db>,
        room_id: RoomId,
        user_id: UserId,
    ) -> Result<Option<DirectRecord>, StoreError> {
        let row = sqlx::query(select_direct!("WHERE id = $3"))
            .bind(self.workspace_id.0)
            .bind(user_id.0)
            .bind(room_id.0)
            .fetch_optional(executor)
            .await?;
        row.as_ref().map(direct_record).transpose()
    }

    /// Why one of the two of a direct room cannot write to the other one, as of this transaction. Nothing in other rooms.
    pub(super) async fn direct_refusal(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        user_id: UserId,
    ) -> Result<Option<DirectRefusal>, StoreError> {
        let record = self.direct_in(&mut **tx, room_id, user_id).await?;
        Ok(record.and_then(|record| DirectRefusal::of(record.state)))
    }

    async fn direct_with(&self, tx: &mut Tx, one: UserId, other: UserId) -> Result<Option<RoomId>, StoreError> {
        let (low, high) = in_order(one, other);
        let id: Option<Uuid> =
            sqlx::query_scalar("SELECT id FROM rooms WHERE workspace_id = $1 AND direct_low = $2 AND direct_high = $3")
                .bind(self.workspace_id.0)
                .bind(low.0)
                .bind(high.0)
                .fetch_optional(&mut **tx)
                .await?;
        Ok(id.map(RoomId))
    }

    /// Whether somebody can be written to in the workspace, and which of two refuses.
    async fn person(&self, tx: &mut Tx, user_id: UserId, other_id: UserId) -> Result<DirectState, StoreError> {
        let found: Option<(bool, bool, bool)> = sqlx::query_as(concat!(
            "SELECT ",
            is_there!(),
            ", EXISTS (SELECT 1 FROM user_blocks b WHERE b.workspace_id = $1 AND b.user_id = $2 AND b.blocked_id = o.id), \
             EXISTS (SELECT 1 FROM user_blocks b WHERE b.workspace_id = $1 AND b.user_id = o.id AND b.blocked_id = $2) \
             FROM users o LEFT JOIN workspace_members wm ON wm.workspace_id = $1 AND wm.user_id = o.id WHERE o.id = $3"
        ))
        .bind(self.workspace_id.0)
        .bind(user_id.0)
        .bind(other_id.0)
        .fetch_optional(&mut **tx)
        .await?;
        Ok(match found {
            None | Some((false, ..)) => DirectState::Gone,
            Some((true, true, _)) => DirectState::Refusing,
            Some((true, false, true)) => DirectState::Refused,
            Some((true, false, false)) => DirectState::Open,
        })
    }

    async fn make_direct(
        &self,
        tx: &mut Tx,
        by: UserId,
        other: UserId,
        begun_max: Option<u32>,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let room_id = RoomId::generate();
        let (low, high) = in_order(by, other);
        let made = sqlx::query(
            "INSERT INTO rooms (id, workspace_id, slug, title, kind, created_at, direct_low, direct_high, direct_by)
             SELECT $1, $2, $3, $4, 'video', $5, $6, $7, $8
             WHERE $9 IS NULL OR (SELECT count(*) FROM rooms r WHERE r.workspace_id = $2 AND r.direct_by = $8) < $9
             ON CONFLICT DO NOTHING",
        )
        .bind(room_id.0)
        .bind(self.workspace_id.0)
        .bind(RoomSlug::of_direct(room_id).as_str().to_owned())
        .bind(TITLE)
        .bind(now_ms)
        .bind(low.0)
        .bind(high.0)
        .bind(by.0)
        .bind(begun_max.map(i64::from))
        .execute(&mut **tx)
        .await?;
        Ok(made.rows_affected() == 1)
    }
}

/// The same for both of two.
fn in_order(one: UserId, other: UserId) -> (UserId, UserId) {
    if one < other { (one, other) } else { (other, one) }
}

#[async_trait]
impl DirectStore for SqlStore {
    async fn begin_direct(
        &self,
        user_id: UserId,
        other_id: UserId,
        begun_max: Option<u32>,
        now_ms: i64,
    ) -> Result<Begun, StoreError> {
        if user_id == other_id {
            return Ok(Begun::NoPerson);
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            // One after the other of one account, so that the bound is exact.
            lock(&mut tx, Lock::Account(user_id)).await?;
            let there = self.direct_with(&mut tx, user_id, other_id).await?;
            let mut is_new = false;
            if there.is_none() {
                match DirectRefusal::of(self.person(&mut tx, user_id, other_id).await?) {
                    None => {}
                    Some(DirectRefusal::Gone) => return Ok(Begun::NoPerson),
                    Some(refusal) => return Ok(Begun::Refused(refusal)),
                }
                is_new = self.make_direct(&mut tx, user_id, other_id, begun_max, now_ms).await?;
            }
            // Where nothing was made, the other one has begun it at the same time, or there are too many.
            let Some(room_id) = self.direct_with(&mut tx, user_id, other_id).await? else { return Ok(Begun::TooMany) };
            let record = self.direct_in(&mut *tx, room_id, user_id).await?;
            let record = record.ok_or(StoreError::Corrupt("rooms.direct_low"))?;
            tx.commit().await?;
            Ok(if is_new { Begun::New(record) } else { Begun::There(record) })
        })
        .await
    }

    async fn direct_rooms(
        &self,
        user_id: UserId,
        after: Option<DirectPlace>,
        limit: u32,
    ) -> Result<Vec<DirectRecord>, StoreError> {
        let rows = sqlx::query(select_direct!(
            "WHERE $3 IS NULL OR (last_at, id) < ($3, $4) ORDER BY last_at DESC, id DESC LIMIT $5"
        ))
        .bind(self.workspace_id.0)
        .bind(user_id.0)
        .bind(after.map(|(at_ms, _)| at_ms))
        .bind(after.map(|(_, room_id)| room_id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(direct_record).collect()
    }

    async fn direct_room(&self, room_id: RoomId, user_id: UserId) -> Result<Option<DirectRecord>, StoreError> {
        self.direct_in(&self.readers, room_id, user_id).await
    }

    async fn read_direct(&self, room_id: RoomId, user_id: UserId, seq: u64, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE notifications SET read_at = $1 WHERE user_id = $2 AND workspace_id = $3 AND read_at IS NULL AND room_id = $4
                 AND EXISTS (SELECT 1 FROM rooms r WHERE r.id = $4 AND r.direct_low IS NOT NULL)
                 AND (kind = 'missed_call'
                      OR message_id IN (SELECT m.id FROM messages m WHERE m.room_id = $4 AND m.seq <= $5))",
        )
        .bind(now_ms)
        .bind(user_id.0)
        .bind(self.workspace_id.0)
        .bind(room_id.0)
        .bind(codec::stored(seq))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    async fn keep_direct(&self, days: u32) -> Result<(), StoreError> {
        sqlx::query("UPDATE rooms SET retention_days = $1 WHERE direct_low IS NOT NULL AND retention_days <> $1")
            .bind(i64::from(days))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    async fn set_block(
        &self,
        user_id: UserId,
        blocked_id: UserId,
        on: bool,
        now_ms: i64,
    ) -> Result<Option<Option<RoomId>>, StoreError> {
        if user_id == blocked_id {
            return Ok(None);
        }
        retried(|| async {
            let mut tx = self.begin().await?;
            let room_id = self.direct_with(&mut tx, user_id, blocked_id).await?;
            // Whoever writes at this moment comes before, or is refused.
            if let Some(room_id) = room_id {
                lock(&mut tx, Lock::Room(room_id)).await?;
            }
            let changed = if on {
                // Somebody who has left may be refused too, where there is a room of both.
                sqlx::query(concat!(
                    "INSERT INTO user_blocks (workspace_id, user_id, blocked_id, created_at) SELECT $1, $2, o.id, $4 FROM users o \
                     LEFT JOIN workspace_members wm ON wm.workspace_id = $1 AND wm.user_id = o.id \
                     WHERE o.id = $3 AND ($5 = TRUE OR ",
                    is_there!(),
                    ") ON CONFLICT (workspace_id, user_id, blocked_id) DO UPDATE SET blocked_id = excluded.blocked_id"
                ))
                .bind(self.workspace_id.0)
                .bind(user_id.0)
                .bind(blocked_id.0)
                .bind(now_ms)
                .bind(room_id.is_some())
            } else {
                sqlx::query("DELETE FROM user_blocks WHERE workspace_id = $1 AND user_id = $2 AND blocked_id = $3")
                    .bind(self.workspace_id.0)
                    .bind(user_id.0)
                    .bind(blocked_id.0)
            };
            let changed = changed.execute(&mut *tx).await?.rows_affected() == 1;
            tx.commit().await?;
            Ok(changed.then_some(room_id))
        })
        .await
    }

    async fn blocks(&self, user_id: UserId, after: Option<UserId>, limit: u32) -> Result<Vec<BlockedUser>, StoreError> {
        let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
            "SELECT b.blocked_id, u.display_name, b.created_at FROM user_blocks b JOIN users u ON u.id = b.blocked_id
             WHERE b.workspace_id = $1 AND b.user_id = $2 AND ($3 IS NULL OR b.blocked_id > $3)
             ORDER BY b.blocked_id LIMIT $4",
        )
        .bind(self.workspace_id.0)
        .bind(user_id.0)
        .bind(after.map(|id| id.0))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let blocked = |(id, name, created_at_ms): (Uuid, String, i64)| {
            let created_at = Timestamp::from_unix_ms(created_at_ms);
            Ok(BlockedUser { user_id: UserId(id), display_name: codec::display_name(&name)?, created_at })
        };
        rows.into_iter().map(blocked).collect()
    }
}
