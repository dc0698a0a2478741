//! Files that nobody refers to go.

use std::time::Duration;

use boltorezka_proto::AttachmentId;

use crate::app::App;
use crate::store::StoreError;

/// Files whose rows are gone are removed this often.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// The folder is compared with the rows this often: it takes a look at each file.
pub const SWEEP_STRAYS_EVERY: Duration = Duration::from_secs(6 * 3600);
/// What was uploaded and not sent is kept for an hour: somebody still writes.
const UNSENT_KEPT_MS: i64 = 3_600_000;
/// Files between two looks at the database.
const AT_ONCE: u32 = 256;

/// Drops what was not sent in time, and removes the files of all rows that are gone.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: App) -> Result<(), StoreError> {
    app.store.drop_unsent_attachments(app.clock.now_ms() - UNSENT_KEPT_MS).await?;
    let files = &app.attachments.files;
    let _turn = app.attachments.sweeping.lock().await;
    let Some(_alone) = alone(&app) else { return Ok(()) };
    loop {
        let ids = app.store.removed_files(AT_ONCE).await?;
        let mut gone = Vec::with_capacity(ids.len());
        for id in &ids {
            match files.remove(*id).await {
                Ok(()) => gone.push(*id),
                Err(error) => tracing::error!(%id, %error, "a file cannot be removed; it is tried again"),
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
    let Some(_alone) = alone(&app) else { return Ok(()) };
    if let Err(error) = strays(&app).await? {
        tracing::error!(%error, "the folder of attachments cannot be looked through");
    }
    Ok(())
}

async fn strays(app: &App) -> Result<std::io::Result<()>, StoreError> {
    let files = &app.attachments.files;
    // Younger ones may be about to get their row.
    let before_ms = app.clock.now_ms() - UNSENT_KEPT_MS;
    let folders = match files.folders().await {
        Ok(folders) => folders,
        Err(error) => return Ok(Err(error)),
    };
    for folder in folders {
        let found = match files.in_folder(&folder, before_ms).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        for some in found.chunks(AT_ONCE as usize) {
            let ids: Vec<AttachmentId> = some.iter().filter_map(|(_, id)| *id).collect();
            let known = app.store.attachments_among(&ids).await?;
            for (path, _) in some.iter().filter(|(_, id)| id.is_none_or(|id| !known.contains(&id))) {
                tracing::info!(path = %path.display(), "a file that nothing refers to is removed");
                if let Err(error) = files.remove_at(path).await {
                    return Ok(Err(error));
                }
            }
        }
    }
    Ok(Ok(()))
}

/// The right to remove files; `None` while a backup copies them, and then the next time.
fn alone(app: &App) -> Option<std::fs::File> {
    app.attachments.files.alone().unwrap_or_else(|error| {
        tracing::error!(%error, "the lock of attachments cannot be taken");
        None
    })
}
