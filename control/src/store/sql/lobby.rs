use async_trait::async_trait;
use boltorezka_proto::call::EndReason;
use boltorezka_proto::{RoomId, UserId};

use super::rooms::standing_of;
use super::{SqlStore, Tx, access, lock};
use crate::store::write::{Lock, retried};
use crate::store::{Audit, LOBBY_GRANT_MS, LobbyStore, StoreError};

/// Somebody has left a room with a lobby: who was sent out waits before it comes back, others only when they stay away for long.
pub(super) async fn end_grant(
    tx: &mut Tx,
    room_id: RoomId,
    user_id: UserId,
    reason: EndReason,
    now_ms: i64,
) -> Result<(), StoreError> {
    let is_sent_out = matches!(reason, EndReason::Kicked | EndReason::Banned | EndReason::Revoked);
    let query = if is_sent_out {
        sqlx::query("DELETE FROM lobby_grants WHERE room_id = $1 AND user_id = $2")
    } else {
        sqlx::query("UPDATE lobby_grants SET expires_at = $3 WHERE room_id = $1 AND user_id = $2")
    };
    let query = query.bind(room_id.0).bind(user_id.0);
    let query = if is_sent_out { query } else { query.bind(now_ms.saturating_add(LOBBY_GRANT_MS)) };
    query.execute(&mut **tx).await?;
    Ok(())
}

impl SqlStore {
    /// A room with a lobby is open to somebody from its coming in on.
    pub(super) async fn grant_while_inside(
        &self,
        tx: &mut Tx,
        room_id: RoomId,
        user_id: UserId,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO lobby_grants (workspace_id, room_id, user_id, expires_at) VALUES ($1, $2, $3, NULL)
             ON CONFLICT (room_id, user_id) DO UPDATE SET expires_at = NULL",
        )
        .bind(self.workspace_id.0)
        .bind(room_id.0)
        .bind(user_id.0)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// The lobby of a room begins, where those who are inside stay, or ends, and nothing is left of it.
    pub(super) async fn switch_lobby(&self, tx: &mut Tx, room_id: RoomId, on: bool) -> Result<(), StoreError> {
        // Nobody comes in meanwhile.
        lock(tx, Lock::Room(room_id)).await?;
        let statement = if on {
            "INSERT INTO lobby_grants (workspace_id, room_id, user_id, expires_at)
             SELECT workspace_id, room_id, user_id, NULL FROM participants WHERE room_id = $1 AND workspace_id = $2
             ON CONFLICT (room_id, user_id) DO UPDATE SET expires_at = NULL"
        } else {
            "DELETE FROM lobby_grants WHERE room_id = $1 AND workspace_id = $2"
        };
        sqlx::query(statement).bind(room_id.0).bind(self.workspace_id.0).execute(&mut **tx).await?;
        Ok(())
    }

    async fn slug_of(&self, tx: &mut Tx, room_id: RoomId) -> Result<Option<String>, StoreError> {
        let slug = sqlx::query_scalar("SELECT slug FROM rooms WHERE id = $1 AND workspace_id = $2")
            .bind(room_id.0)
            .bind(self.workspace_id.0)
            .fetch_optional(&mut **tx)
            .await?;
        Ok(slug)
    }
}

#[async_trait]
impl LobbyStore for SqlStore {
    async fn let_in(&self, room_id: RoomId, users: &[UserId], audit: &Audit) -> Result<Vec<UserId>, StoreError> {
        let mut users = users.to_vec();
        // Two who let the same people in lock them in the same order.
        users.sort_unstable();
        retried(|| async {
            let mut tx = self.begin().await?;
            for user_id in &users {
                lock(&mut tx, Lock::User(*user_id)).await?;
            }
            lock(&mut tx, Lock::Room(room_id)).await?;
            let Some(slug) = self.slug_of(&mut tx, room_id).await? else { return Ok(Vec::new()) };
            let mut let_in = Vec::with_capacity(users.len());
            for &user_id in &users {
                let standing = standing_of(&mut *tx, self.workspace_id, room_id, user_id).await?;
                let is_open = standing.is_some_and(|standing| !standing.banned);
                if !is_open || access::is_shut(&mut tx, user_id).await? {
                    continue;
                }
                sqlx::query(
                    "INSERT INTO lobby_grants (workspace_id, room_id, user_id, expires_at) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (room_id, user_id) DO UPDATE SET expires_at = excluded.expires_at
                     WHERE lobby_grants.expires_at IS NOT NULL",
                )
                .bind(self.workspace_id.0)
                .bind(room_id.0)
                .bind(user_id.0)
                .bind(audit.now_ms.saturating_add(LOBBY_GRANT_MS))
                .execute(&mut *tx)
                .await?;
                self.put_audit(&mut tx, audit, "rooms.lobby.admit", &format!("{slug} {user_id}")).await?;
                let_in.push(user_id);
            }
            tx.commit().await?;
            Ok(let_in)
        })
        .await
    }

    async fn turn_away(&self, room_id: RoomId, user_id: UserId, audit: &Audit) -> Result<bool, StoreError> {
        retried(|| async {
            let mut tx = self.begin().await?;
            let Some(slug) = self.slug_of(&mut tx, room_id).await? else { return Ok(false) };
            self.put_audit(&mut tx, audit, "rooms.lobby.refuse", &format!("{slug} {user_id}")).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn forget_lobby_grants(&self, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM lobby_grants WHERE expires_at <= $1").bind(now_ms).execute(&self.writer).await?;
        Ok(())
    }
}
