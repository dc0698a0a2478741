//! Files in a folder of the data directory.

use std::io;
use std::path::{Path, PathBuf};

use boltorezka_proto::AttachmentId;
use tokio::fs::{self, DirBuilder, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::{Found, Opened, Page, Spooled};

/// Their folder in the data directory.
pub const FOLDER: &str = "attachments";
/// Held shared while files must stay, and alone by who removes them. Beside the folder, which a backup copies.
const LOCK_FILE: &str = "attachments.lock";
/// What a file is called until all of it is on the disk.
const PART: &str = "part";

/// Keeps files from being removed until the result is dropped. Waits for a removal that runs.
///
/// # Errors
/// When the file of the lock cannot be made.
pub async fn hold(data_dir: &Path) -> io::Result<std::fs::File> {
    let path = data_dir.join(LOCK_FILE);
    let locking = tokio::task::spawn_blocking(move || {
        let file = lock_file(&path)?;
        file.lock_shared()?;
        Ok(file)
    });
    locking.await.map_err(io::Error::other)?
}

fn lock_file(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// The folder, with one below it for each of the last two digits of an id.
pub struct Disk {
    folder: PathBuf,
    lock_path: PathBuf,
}

impl Disk {
    /// Of a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join(FOLDER), lock_path: data_dir.join(LOCK_FILE) }
    }

    fn path(&self, id: AttachmentId) -> PathBuf {
        let name = id.0.simple().to_string();
        let digits = name.get(name.len().saturating_sub(2)..).unwrap_or_default().to_owned();
        self.folder.join(digits).join(name)
    }

    /// Begins to write a file.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn create(&self, id: AttachmentId) -> io::Result<Part> {
        let path = self.path(id);
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
        }
        let part = path.with_extension(PART);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).await?;
        Ok(Part { file, name: PartName(Some(part)), path })
    }

    /// Opens a file to be read; `None` when it is not there.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn open(&self, id: AttachmentId) -> io::Result<Option<Opened>> {
        let file = self.read(id).await?;
        Ok(file.map(|file| Opened { size_bytes: file.size_bytes(), pieces: file.pieces() }))
    }

    /// The same, to be read more than once.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn read(&self, id: AttachmentId) -> io::Result<Option<Spooled>> {
        match File::open(self.path(id)).await {
            Ok(file) => Spooled::new(file.into_std().await).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn remove(&self, id: AttachmentId) -> io::Result<()> {
        remove(&self.path(id)).await
    }

    /// Removes the one at `place`, which [`Self::page`] gave.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn remove_at(&self, place: &str) -> io::Result<()> {
        remove(&self.folder.join(place)).await
    }

    /// The right to remove files, unless a backup copies them now.
    ///
    /// # Errors
    /// When the file of the lock cannot be made.
    pub fn alone(&self) -> io::Result<Option<std::fs::File>> {
        let file = lock_file(&self.lock_path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// What is in the first folder, or in the one behind a page.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn page(&self, after: Option<&str>) -> io::Result<Page> {
        let name_of = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let all = entries(&self.folder).await?;
        let folders = all.into_iter().filter(|(_, metadata)| metadata.is_dir());
        let names = folders.filter_map(|(path, _)| name_of(&path));
        let Some(name) = names.filter(|name| after.is_none_or(|after| name.as_str() > after)).min() else {
            return Ok(Page::default());
        };
        let mut found = Vec::new();
        for (path, metadata) in entries(&self.folder.join(&name)).await? {
            if !metadata.is_file() {
                continue;
            }
            let changed = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            let changed_ms = i64::try_from(changed.as_millis()).unwrap_or(i64::MAX);
            // Names of ours are text.
            let Some(file) = name_of(&path) else { continue };
            found.push(Found { place: format!("{name}/{file}"), id: file.parse().ok(), changed_ms });
        }
        Ok(Page { found, next: Some(name) })
    }
}

async fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, std::fs::Metadata)>> {
    let mut reading = match fs::read_dir(folder).await {
        Ok(reading) => reading,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    while let Some(entry) = reading.next_entry().await? {
        found.push((entry.path(), entry.metadata().await?));
    }
    Ok(found)
}

async fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file that is being written. Unless it is finished, nothing is left of it.
pub struct Part {
    file: File,
    name: PartName,
    path: PathBuf,
}

/// Removed with this, while it has its name.
struct PartName(Option<PathBuf>);

impl Drop for PartName {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // What stays is found by the sweep.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Part {
    /// Writes some more.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece).await
    }

    /// Gives it its name. From then on it is on the disk, whatever ends.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn finish(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        if let Some(name) = &self.name.0 {
            fs::rename(name, &self.path).await?;
        }
        self.name.0 = None;
        match self.path.parent() {
            Some(folder) => File::open(folder).await?.sync_all().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_there_when_it_is_whole() {
        let data = tempfile::TempDir::new().unwrap();
        let disk = Disk::new(data.path());
        let (kept, given_up) = (AttachmentId::generate(), AttachmentId::generate());
        let mut part = disk.create(kept).await.unwrap();
        part.write(b"hello ").await.unwrap();
        part.write(b"world").await.unwrap();
        assert!(disk.open(kept).await.unwrap().is_none(), "not yet");
        part.finish().await.unwrap();
        assert_eq!(disk.open(kept).await.unwrap().unwrap().size_bytes, 11);
        let mut part = disk.create(given_up).await.unwrap();
        part.write(b"half").await.unwrap();
        drop(part);
        let (mut left, mut after) = (Vec::new(), None);
        loop {
            let Page { found, next } = disk.page(after.as_deref()).await.unwrap();
            left.extend(found.into_iter().map(|found| (disk.folder.join(found.place), found.id)));
            let Some(next) = next else { break };
            after = Some(next);
        }
        assert_eq!(left, [(disk.path(kept), Some(kept))]);
        disk.remove(kept).await.unwrap();
        disk.remove(kept).await.unwrap();
        assert!(disk.open(kept).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn nothing_is_removed_while_files_are_held() {
        let data = tempfile::TempDir::new().unwrap();
        let disk = Disk::new(data.path());
        let held = [hold(data.path()).await.unwrap(), hold(data.path()).await.unwrap()];
        assert!(disk.alone().unwrap().is_none());
        drop(held);
        assert!(disk.alone().unwrap().is_some());
    }
}
