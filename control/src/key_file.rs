//! Keys in files of their own in the data directory: made at the first start, for their owner alone, and never replaced.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use uuid::Uuid;

/// What is in the file; where there is none, what `make` makes. Several servers with one database need one file.
///
/// # Errors
/// When it can neither be read nor made, with the path.
pub fn read_or_make(path: &Path, make: impl FnOnce() -> Option<Vec<u8>>) -> Result<Vec<u8>, String> {
    let wrong = |error: io::Error| format!("{}: {error}", path.display());
    if !path.exists() {
        let key = make().ok_or_else(|| wrong(io::Error::other("no randomness")))?;
        write(path, &key).map_err(wrong)?;
    }
    fs::read(path).map_err(wrong)
}

/// Writes the file whole or not at all; whoever comes second takes what is there.
fn write(path: &Path, key: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("key.{}", Uuid::now_v7()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(key)?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
