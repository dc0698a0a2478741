//! From the disk to an S3 store: for who has files already.

use super::files::{Disk, FileError, Files};
use crate::app::App;
use crate::store::StoreError;

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FilesCopied {
    /// Files that were copied now.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Files that were in the store already.
    pub there: u64,
    /// Files that nothing refers to, or which went meanwhile.
    pub left_out: u64,
}

/// Files could not be copied. Those before were, and are not copied again.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is nowhere to copy them to.
    #[error("files are kept in data_dir: set s3_endpoint and s3_bucket to say where they are to be copied")]
    NoStore,
    /// The disk or the store fails.
    #[error("{0}")]
    Files(#[from] FileError),
    /// The database fails.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Copies each file that a row knows from the disk into the store, unless it is there. Nothing is removed. `progress` is told after
/// each of them. The server may run; what is uploaded to the disk meanwhile may be left out.
///
/// # Errors
/// [`CopyError`].
pub async fn copy_files(app: &App, mut progress: impl FnMut(&FilesCopied)) -> Result<FilesCopied, CopyError> {
    let Files::S3(s3) = &app.attachments.files else { return Err(CopyError::NoStore) };
    s3.check().await?;
    let disk = Disk::new(&app.config.data_dir);
    let (mut so_far, mut after) = (FilesCopied::default(), None);
    loop {
        let page = disk.page(after.as_deref()).await.map_err(FileError::from)?;
        let ids: Vec<_> = page.found.iter().filter_map(|found| found.id).collect();
        for ids in ids.chunks(super::sweep::AT_ONCE as usize) {
            let known = app.store.attachments_among(ids).await?;
            for id in ids {
                let file = if known.contains(id) { disk.read(*id).await.map_err(FileError::from)? } else { None };
                match file {
                    None => so_far.left_out += 1,
                    Some(file) if s3.size_bytes(*id).await? == Some(file.size_bytes()) => so_far.there += 1,
                    Some(file) => {
                        s3.put(*id, &file).await?;
                        so_far.copied += 1;
                        so_far.copied_bytes += file.size_bytes();
                    }
                }
                progress(&so_far);
            }
        }
        let Some(next) = page.next else { return Ok(so_far) };
        after = Some(next);
    }
}
