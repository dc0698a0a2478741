//! Erasing what rooms do not keep, in batches that hold up nobody for long.

use std::time::Duration;

use boltorezka_proto::rooms::SLOW_MODE_S_MAX;

use crate::app::App;
use crate::store::StoreError;

/// It is looked for old messages this often.
pub const ERASE_EVERY: Duration = Duration::from_secs(5);
/// Messages that are erased in one transaction: some 10 ms of the one writer of SQLite.
const ERASED_AT_ONCE: u32 = 500;
/// How long an invite that has expired is still listed.
const INVITES_KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// Between two transactions, so that others write meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// Erases all messages that are older than their room keeps them.
///
/// # Errors
/// When the database fails; what is left goes the next time.
pub async fn erase_expired(app: App) -> Result<(), StoreError> {
    for (workspace_id, room_id) in app.store.rooms_with_retention().await? {
        let store = app.of(workspace_id).store;
        while store.erase_expired(room_id, ERASED_AT_ONCE, app.clock.now_ms()).await? > 0 {
            if app.shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return Ok(());
            }
        }
    }
    let now_ms = app.clock.now_ms();
    app.store.forget_sends(now_ms - i64::from(SLOW_MODE_S_MAX) * 1000).await?;
    app.store.forget_lobby_grants(now_ms).await?;
    app.store.forget_room_invites(now_ms - INVITES_KEPT_MS).await
}
