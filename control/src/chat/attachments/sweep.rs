//! Files that nobody refers to go.

use std::time::Duration;

use boltorezka_proto::AttachmentId;

use super::files::{FileError, Found, Removing};
use crate::app::App;
use crate::store::StoreError;

/// Files whose rows are gone are removed this often.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// The files are compared with the rows this often: it takes a look at each of them.
pub const SWEEP_STRAYS_EVERY: Duration = Duration::from_secs(6 * 3600);
/// What was uploaded and not sent is kept for an hour: somebody still writes.
const UNSENT_KEPT_MS: i64 = 3_600_000;
/// Files between two looks at the database.
pub const AT_ONCE: u32 = 256;

/// Drops what was not sent in time, and removes the files of all rows that are gone.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: App) -> Result<(), StoreError> {
    app.store.drop_unsent_attachments(app.clock.now_ms() - UNSENT_KEPT_MS).await?;
    let files = &app.attachments.files;
    let _turn = app.attachments.sweeping.lock().await;
    let Some(_removing) = removing(&app) else { return Ok(()) };
    loop {
        let ids = app.store.removed_files(AT_ONCE).await?;
        let mut gone = Vec::with_capacity(ids.len());
        for id in &ids {
            match files.remove(*id).await {
                Ok(()) => gone.push(*id),
                Err(error) => {
                    tracing::error!(%id, %error, "a file cannot be removed; it is tried again");
                    if error.is_of_all() {
                        break;
                    }
                }
            }
        }
        app.store.forget_removed_files(&gone).await?;
        if ids.len() < AT_ONCE as usize || gone.len() < ids.len() {
            return Ok(());
        }
    }
}

/// Removes files that no row knows, and parts of some: what a crash left, or what came after the moment of a backup.
///
/// # Errors
/// When the database fails.
pub async fn sweep_strays(app: App) -> Result<(), StoreError> {
    let _turn = app.attachments.sweeping.lock().await;
    let Some(_removing) = removing(&app) else { return Ok(()) };
    if let Err(error) = strays(&app).await? {
        tracing::error!(%error, "the files of messages cannot be looked through; it is tried again");
    }
    Ok(())
}

async fn strays(app: &App) -> Result<Result<(), FileError>, StoreError> {
    let files = &app.attachments.files;
    // Younger ones may be about to get their row.
    let before_ms = app.clock.now_ms() - UNSENT_KEPT_MS;
    let mut after = None;
    loop {
        let page = match files.page(after.as_deref()).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let old: Vec<Found> = page.found.into_iter().filter(|found| found.changed_ms < before_ms).collect();
        for some in old.chunks(AT_ONCE as usize) {
            let ids: Vec<AttachmentId> = some.iter().filter_map(|found| found.id).collect();
            let known = app.store.attachments_among(&ids).await?;
            for found in some.iter().filter(|found| found.id.is_none_or(|id| !known.contains(&id))) {
                tracing::info!(place = found.place, "a file that nothing refers to is removed");
                if let Err(error) = files.remove_found(found).await {
                    return Ok(Err(error));
                }
            }
        }
        let Some(next) = page.next else { return Ok(Ok(())) };
        after = Some(next);
    }
}

/// The right to remove files; `None` while a backup copies them, or a store has not answered, and then the next time.
fn removing(app: &App) -> Option<Removing> {
    app.attachments.files.removing().unwrap_or_else(|error| {
        tracing::error!(%error, "the lock of attachments cannot be taken");
        None
    })
}
