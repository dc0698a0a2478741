//! Files by their ids. No name of a client's is ever a part of a path.

use std::io;
use std::path::{Path, PathBuf};

use boltorezka_proto::AttachmentId;
use tokio::fs::{self, DirBuilder, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::media_type::HEAD_BYTES;

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
pub struct Files {
    folder: PathBuf,
    lock_path: PathBuf,
}

impl Files {
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
    pub async fn create(&self, id: AttachmentId) -> io::Result<Incoming> {
        let path = self.path(id);
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
        }
        let part = path.with_extension(PART);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).await?;
        Ok(Incoming { file, part: Part(Some(part)), path, head: Vec::new(), size_bytes: 0 })
    }

    /// Opens a file to be read, with its size; `None` when it is not there.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn open(&self, id: AttachmentId) -> io::Result<Option<(File, u64)>> {
        match File::open(self.path(id)).await {
            Ok(file) => {
                let size_bytes = file.metadata().await?.len();
                Ok(Some((file, size_bytes)))
            }
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

    /// Removes the one at `path`, which [`Self::in_folder`] gave.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn remove_at(&self, path: &Path) -> io::Result<()> {
        remove(path).await
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

    /// The folders that files are in.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn folders(&self) -> io::Result<Vec<PathBuf>> {
        Ok(entries(&self.folder).await?.into_iter().map(|(path, _)| path).collect())
    }

    /// What is in one of them and was not changed since `before_ms`: paths, with the id of what is no part of a file.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn in_folder(&self, folder: &Path, before_ms: i64) -> io::Result<Vec<(PathBuf, Option<AttachmentId>)>> {
        let mut found = Vec::new();
        for (path, metadata) in entries(folder).await? {
            let changed = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            if metadata.is_file() && i64::try_from(changed.as_millis()).is_ok_and(|changed_ms| changed_ms < before_ms) {
                let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                found.push((path, id));
            }
        }
        Ok(found)
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
pub struct Incoming {
    file: File,
    part: Part,
    path: PathBuf,
    head: Vec<u8>,
    size_bytes: u64,
}

/// Removed with this, while it has its name.
struct Part(Option<PathBuf>);

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // What stays is found by the sweep.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Incoming {
    /// Writes some more.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend(piece.iter().take(wanted));
        self.size_bytes += piece.len() as u64;
        self.file.write_all(piece).await
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How much was written.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Gives it its name. From then on it is on the disk, whatever ends.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn finish(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        if let Some(part) = &self.part.0 {
            fs::rename(part, &self.path).await?;
        }
        self.part.0 = None;
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
        let files = Files::new(data.path());
        let (kept, given_up) = (AttachmentId::generate(), AttachmentId::generate());
        let mut incoming = files.create(kept).await.unwrap();
        incoming.write(b"hello ").await.unwrap();
        incoming.write(b"world").await.unwrap();
        assert!(files.open(kept).await.unwrap().is_none(), "not yet");
        assert_eq!((incoming.head(), incoming.size_bytes()), (&b"hello world"[..], 11));
        incoming.finish().await.unwrap();
        assert_eq!(files.open(kept).await.unwrap().unwrap().1, 11);
        let mut incoming = files.create(given_up).await.unwrap();
        incoming.write(b"half").await.unwrap();
        drop(incoming);
        let mut left = Vec::new();
        for folder in files.folders().await.unwrap() {
            left.extend(files.in_folder(&folder, i64::MAX).await.unwrap());
        }
        assert_eq!(left, [(files.path(kept), Some(kept))]);
        files.remove(kept).await.unwrap();
        files.remove(kept).await.unwrap();
        assert!(files.open(kept).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn nothing_is_removed_while_files_are_held() {
        let data = tempfile::TempDir::new().unwrap();
        let files = Files::new(data.path());
        let held = [hold(data.path()).await.unwrap(), hold(data.path()).await.unwrap()];
        assert!(files.alone().unwrap().is_none());
        drop(held);
        assert!(files.alone().unwrap().is_some());
    }
}
