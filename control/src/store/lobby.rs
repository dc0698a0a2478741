//! Whom rooms with a lobby are open to.

use async_trait::async_trait;
use boltorezka_proto::{RoomId, UserId};

use super::{Audit, StoreError};

/// How long a room stays open to somebody who was let in and did not come yet, or left: enough for a machine that is started
/// anew, and less than until the next call.
pub const LOBBY_GRANT_MS: i64 = 10 * 60 * 1000;

/// Lobbies. Who enters a room with one has a grant for as long as it is inside, and for [`LOBBY_GRANT_MS`] after, unless it was
/// sent out.
#[async_trait]
pub trait LobbyStore: Send + Sync {
    /// Opens a room to those of `users` who may enter it. Returns them.
    async fn let_in(&self, room_id: RoomId, users: &[UserId], audit: &Audit) -> Result<Vec<UserId>, StoreError>;

    /// Keeps in the audit that somebody who waited was sent away. False when there is no such room.
    async fn turn_away(&self, room_id: RoomId, user_id: UserId, audit: &Audit) -> Result<bool, StoreError>;

    /// Closes rooms again to those who stayed away for too long, in every workspace.
    async fn forget_lobby_grants(&self, now_ms: i64) -> Result<(), StoreError>;
}
