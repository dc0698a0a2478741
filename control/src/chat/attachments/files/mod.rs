//! Files by their ids, on the disk or in an S3 store. No name of a client's is ever a part of a path or of a key.
//!
//! Wherever they are: a file is there as a whole or not at all, and stays until it is removed.

mod disk;
mod spool;

use std::io;
use std::path::Path;

use axum::body::Bytes;
use boltorezka_proto::AttachmentId;
use futures_util::stream::BoxStream;
use thiserror::Error;

use super::media_type::HEAD_BYTES;
use super::s3::{S3, S3Config};
pub use disk::{Disk, FOLDER, hold};
pub use spool::{Spool, Spooled};

/// Why a file cannot be written, read or removed. The words are for the operator.
#[derive(Debug, Error)]
pub enum FileError {
    /// The disk fails.
    #[error("the disk fails, look at data_dir: {0}")]
    Disk(#[from] io::Error),
    /// The S3 store does not answer, or cannot work now. It is worth another try.
    #[error("the S3 store does not answer: {0}")]
    Away(String),
    /// The S3 store refuses. Another try changes nothing.
    #[error("the S3 store refuses: {0}")]
    Refused(String),
}

impl FileError {
    /// Whether the next file would fail of the same.
    pub fn is_of_all(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Refused(_))
    }
}

/// Where the files are.
pub enum Files {
    /// In the data directory.
    Disk(Disk),
    /// In a bucket.
    S3(Box<S3>),
}

/// A file that is read.
pub struct Opened {
    /// Its length.
    pub size_bytes: u64,
    /// What is in it, in pieces. It ends early only with an error.
    pub pieces: BoxStream<'static, io::Result<Bytes>>,
}

/// Some of the files that are there.
#[derive(Default)]
pub struct Page {
    /// Each of them.
    pub found: Vec<Found>,
    /// Where the next page begins; none behind the last.
    pub next: Option<String>,
}

/// A file that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its path or key.
    pub place: String,
    /// Whose content it is; none for a part of a file that was not finished.
    pub id: Option<AttachmentId>,
    /// When it was written.
    pub changed_ms: i64,
}

/// The right to remove files, until it is dropped.
pub struct Removing {
    _lock: Option<std::fs::File>,
}

impl Files {
    /// In the bucket that the settings name, or else below the data directory. `owner` names this server among all that may use
    /// the bucket.
    ///
    /// # Errors
    /// What of the settings cannot be used.
    pub fn new(data_dir: &Path, s3: Option<&S3Config>, owner: String) -> Result<Self, String> {
        Ok(match s3 {
            Some(config) => Self::S3(Box::new(S3::new(config, data_dir, owner)?)),
            None => Self::Disk(Disk::new(data_dir)),
        })
    }

    /// Whether files can be written now, as far as is known.
    ///
    /// # Errors
    /// [`FileError::Away`] until a store has said that it is the right one.
    pub fn check(&self) -> Result<(), FileError> {
        match self {
            Self::Disk(_) => Ok(()),
            Self::S3(s3) => s3.check_known(),
        }
    }

    /// Begins to write a file.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn create(&self, id: AttachmentId) -> Result<Incoming<'_>, FileError> {
        self.check()?;
        let sink = match self {
            Self::Disk(disk) => Sink::Disk(disk.create(id).await?),
            Self::S3(s3) => Sink::S3(Spool::new(s3.spool_dir()).await?, s3, id),
        };
        Ok(Incoming { sink, head: Vec::new(), size_bytes: 0 })
    }

    /// Opens a file to be read; `None` when it is not there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn open(&self, id: AttachmentId) -> Result<Option<Opened>, FileError> {
        match self {
            Self::Disk(disk) => Ok(disk.open(id).await?),
            Self::S3(s3) => s3.open(id).await,
        }
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn remove(&self, id: AttachmentId) -> Result<(), FileError> {
        match self {
            Self::Disk(disk) => Ok(disk.remove(id).await?),
            Self::S3(s3) => s3.remove(id).await,
        }
    }

    /// Removes one that [`Self::page`] gave.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn remove_found(&self, found: &Found) -> Result<(), FileError> {
        match self {
            Self::Disk(disk) => Ok(disk.remove_at(&found.place).await?),
            Self::S3(s3) => s3.remove_key(&found.place).await,
        }
    }

    /// The files that are there, some at a time: the first of them, or those behind a page.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn page(&self, after: Option<&str>) -> Result<Page, FileError> {
        match self {
            Self::Disk(disk) => Ok(disk.page(after).await?),
            Self::S3(s3) => s3.page(after).await,
        }
    }

    /// The right to remove files: unless a backup copies them now, or they may be those of another server.
    ///
    /// # Errors
    /// When the file of the lock cannot be made.
    pub fn removing(&self) -> io::Result<Option<Removing>> {
        Ok(match self {
            Self::Disk(disk) => disk.alone()?.map(|lock| Removing { _lock: Some(lock) }),
            Self::S3(s3) => s3.check_known().ok().map(|()| Removing { _lock: None }),
        })
    }
}

/// A file that is being written. Unless it is finished, nothing is left of it.
pub struct Incoming<'a> {
    sink: Sink<'a>,
    head: Vec<u8>,
    size_bytes: u64,
}

enum Sink<'a> {
    Disk(disk::Part),
    /// A store wants to know the length first, and takes all of it or nothing.
    S3(Spool, &'a S3, AttachmentId),
}

impl Incoming<'_> {
    /// Writes some more.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), FileError> {
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend(piece.iter().take(wanted));
        self.size_bytes += piece.len() as u64;
        match &mut self.sink {
            Sink::Disk(part) => Ok(part.write(piece).await?),
            Sink::S3(spool, ..) => Ok(spool.write(piece).await?),
        }
    }

    /// The first bytes.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How much was written.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Makes it a file. From then on it is kept, whatever ends.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn finish(self) -> Result<(), FileError> {
        match self.sink {
            Sink::Disk(part) => Ok(part.finish().await?),
            Sink::S3(spool, s3, id) => s3.put(id, &spool.finish().await?).await,
        }
    }
}
