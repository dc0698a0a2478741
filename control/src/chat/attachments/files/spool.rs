//! A file without a name in the data directory: gone with the process, however that ends.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// Read at once.
pub const PIECE_BYTES: usize = 64 * 1024;

/// What comes, until all of it is there.
pub struct Spool {
    file: File,
}

impl Spool {
    /// In a folder.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn new(folder: &Path) -> io::Result<Self> {
        let folder = folder.to_owned();
        let making = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder));
        Ok(Self { file: File::from_std(making.await.map_err(io::Error::other)??) })
    }

    /// Writes some more.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece).await
    }

    /// All of it, to be read.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn finish(mut self) -> io::Result<Spooled> {
        self.file.flush().await?;
        Spooled::new(self.file.into_std().await)
    }
}

/// A file that can be read more than once.
pub struct Spooled {
    file: Arc<std::fs::File>,
    size_bytes: u64,
}

impl Spooled {
    /// Any file.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn new(file: std::fs::File) -> io::Result<Self> {
        let size_bytes = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), size_bytes })
    }

    /// Its length.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// What is in it, from its beginning, whoever else reads it.
    pub fn pieces(&self) -> BoxStream<'static, io::Result<Bytes>> {
        let file = self.file.clone();
        stream::try_unfold(0, move |place: u64| {
            let file = file.clone();
            async move {
                let piece = tokio::task::spawn_blocking(move || {
                    let mut piece = vec![0; PIECE_BYTES];
                    let count = file.read_at(&mut piece, place)?;
                    piece.truncate(count);
                    io::Result::Ok(piece)
                });
                let piece = piece.await.map_err(io::Error::other)??;
                let next = place + piece.len() as u64;
                Ok((!piece.is_empty()).then(|| (Bytes::from(piece), next)))
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn it_is_read_more_than_once_and_is_in_no_folder() {
        let folder = tempfile::TempDir::new().unwrap();
        let content: Vec<u8> = (0..3 * PIECE_BYTES + 1).map(|place| place as u8).collect();
        let mut spool = Spool::new(folder.path()).await.unwrap();
        for piece in content.chunks(10_000) {
            spool.write(piece).await.unwrap();
        }
        let spooled = spool.finish().await.unwrap();
        assert_eq!(spooled.size_bytes(), content.len() as u64);
        let mut given_up = spooled.pieces();
        given_up.next().await.unwrap().unwrap();
        for _ in 0..2 {
            assert_eq!(spooled.pieces().try_collect::<Vec<_>>().await.unwrap().concat(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
