//! Files in a bucket of a store that speaks S3: an object for each, whose key is the id behind a prefix.
//!
//! An object beside them names the server that they are of. Whoever finds the name of another keeps its hands off: two servers that
//! share a place by mistake would each remove the other's files as ones that nobody refers to.

mod client;
mod config;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use axum::body::Bytes;
use boltorezka_proto::AttachmentId;
use futures_util::stream::{self, StreamExt as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

use super::files::{FileError, Found, Opened, Page, Spooled};
use crate::outbound::in_words;
use crate::sync::lock;
use client::{Client, Content, SILENCE, text_of};
pub use config::{S3Addressing, S3Config, S3Place};

/// Objects of one list: as many as stores give.
const PAGE_OBJECTS: usize = 1000;
/// Behind the prefix: whose files these are.
const OWNER: &str = "server";
/// Behind the prefix: never there, and removed to see whether that is allowed.
const NOTHING: &str = "check";
/// Longest text of [`OWNER`] that is looked at: ours have 64 bytes.
const OWNER_BYTES_MAX: usize = 128;

const AWAY: &str = "the store of files does not answer";
const REFUSES: &str = "the store of files refuses; the server's log says why";

/// A prefix in a bucket.
pub struct S3 {
    client: Client,
    place: S3Place,
    owner: String,
    spool_dir: PathBuf,
    standing: Mutex<Standing>,
}

/// How we stand with the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Standing {
    /// It has said that the place is ours.
    is_ours: bool,
    /// What was wrong the last time, in words that everybody may read.
    trouble: Option<&'static str>,
}

impl S3 {
    /// # Errors
    /// What of the settings cannot be used.
    pub fn new(config: &S3Config, spool_dir: &Path, owner: String) -> Result<Self, String> {
        config.check()?;
        let (client, place) = (Client::new(config)?, config.place());
        Ok(Self { client, place, owner, spool_dir: spool_dir.to_owned(), standing: Mutex::default() })
    }

    /// Where files wait until all of them has come.
    pub fn spool_dir(&self) -> &Path {
        &self.spool_dir
    }

    fn key(&self, id: AttachmentId) -> String {
        self.behind_prefix(&id.0.simple().to_string())
    }

    fn behind_prefix(&self, name: &str) -> String {
        format!("{}{name}", self.place.prefix)
    }

    /// What [`Self::check`] found the last time.
    ///
    /// # Errors
    /// [`FileError::Away`] while the place is not known to be ours.
    pub fn check_known(&self) -> Result<(), FileError> {
        match *lock(&self.standing) {
            Standing { is_ours: true, .. } => Ok(()),
            Standing { trouble, .. } => Err(FileError::Away(trouble.unwrap_or(AWAY).to_owned())),
        }
    }

    /// What is wrong with the store, in words that everybody may read.
    pub fn trouble(&self) -> Option<&'static str> {
        match *lock(&self.standing) {
            Standing { is_ours: true, trouble } => trouble,
            Standing { trouble, .. } => Some(trouble.unwrap_or(AWAY)),
        }
    }

    /// Asks the store whose place it is, and the first time whether we may do there what we must.
    ///
    /// # Errors
    /// [`FileError`], with the setting and the cure where the store says it.
    pub async fn check(&self) -> Result<(), FileError> {
        let is_known = lock(&self.standing).is_ours;
        let outcome = self.ask(is_known).await;
        let trouble = match &outcome {
            Ok(()) => None,
            Err(FileError::Refused(_)) => Some(REFUSES),
            Err(_) => Some(AWAY),
        };
        // Who does not answer has not taken anything back.
        let is_ours = outcome.is_ok() || (is_known && !matches!(outcome, Err(FileError::Refused(_))));
        let before = std::mem::replace(&mut *lock(&self.standing), Standing { is_ours, trouble });
        match &outcome {
            Ok(()) if before.trouble.is_some() => tracing::info!(place = %self.place, "the store of files answers"),
            Err(error) if before.trouble != trouble => tracing::error!(place = %self.place, %error, "{}", Self::LOSS),
            Ok(()) | Err(_) => {}
        }
        outcome
    }

    /// What it means when a check fails.
    const LOSS: &str = "files of messages cannot be kept or fetched; it is tried again";

    async fn ask(&self, is_known: bool) -> Result<(), FileError> {
        // Reading comes before writing: nothing is made where nothing should be.
        if !is_known {
            self.client.list(&self.place.prefix, None, 1).await?;
        }
        let key = self.behind_prefix(OWNER);
        let owner = match self.client.get(&key).await? {
            Some(answer) => Some(text_of(answer, OWNER_BYTES_MAX).await.map_err(FileError::Away)?),
            None => None,
        };
        if owner.as_ref().is_some_and(|owner| *owner != self.owner) {
            return Err(FileError::Refused(format!(
                "these are the files of another server, or of another database of this one. Give an s3_prefix of its own; or, if \
                 this server alone shall have them, delete the object {key:?}"
            )));
        }
        if owner.is_none() || !is_known {
            self.client.put(&key, Content::Bytes(Bytes::from(self.owner.clone()))).await?;
        }
        if !is_known {
            self.client.delete(&self.behind_prefix(NOTHING)).await?;
        }
        Ok(())
    }

    /// Makes a file an object. It is there as a whole, or not at all.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn put(&self, id: AttachmentId, file: &Spooled) -> Result<(), FileError> {
        self.client.put(&self.key(id), Content::Spooled(file)).await
    }

    /// The length of a file; `None` when it is not there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn size_bytes(&self, id: AttachmentId) -> Result<Option<u64>, FileError> {
        self.client.size_bytes(&self.key(id)).await
    }

    /// Opens a file to be read; `None` when it is not there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn open(&self, id: AttachmentId) -> Result<Option<Opened>, FileError> {
        let Some(answer) = self.client.get(&self.key(id)).await? else { return Ok(None) };
        let no_length = || FileError::Away("it does not say how long an object is".to_owned());
        let size_bytes = answer.content_length().ok_or_else(no_length)?;
        let pieces = stream::try_unfold(answer, |mut answer| async move {
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the S3 store rests in the midst of an object");
            let piece = timeout(SILENCE, answer.chunk()).await.map_err(silent)?;
            let piece = piece.map_err(|error| io::Error::other(in_words(error)))?;
            Ok(piece.map(|piece| (piece, answer)))
        });
        Ok(Some(Opened { size_bytes, pieces: pieces.boxed() }))
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn remove(&self, id: AttachmentId) -> Result<(), FileError> {
        self.remove_key(&self.key(id)).await
    }

    /// Removes the object of a key, which [`Self::page`] gave.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn remove_key(&self, key: &str) -> Result<(), FileError> {
        self.client.delete(key).await
    }

    /// The files that are there, some at a time. Objects whose names are no ids are not ours.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn page(&self, after: Option<&str>) -> Result<Page, FileError> {
        let list = self.client.list(&self.place.prefix, after, PAGE_OBJECTS).await?;
        let mut found = Vec::with_capacity(list.contents.len());
        for object in list.contents {
            let Some(id) = object.key.strip_prefix(&self.place.prefix).and_then(id_of) else { continue };
            let changed = object.last_modified.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
            let changed_ms = changed.and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok());
            // Without a time it may be one that is being uploaded.
            let Some(changed_ms) = changed_ms else { continue };
            found.push(Found { place: object.key, id: Some(id), changed_ms });
        }
        let next = list.next_continuation_token;
        if next.is_some() && next.as_deref() == after {
            return Err(FileError::Refused("its list leads back to where it was".to_owned()));
        }
        Ok(Page { found, next })
    }
}

/// The id that a name is, as we write it.
fn id_of(name: &str) -> Option<AttachmentId> {
    let id: AttachmentId = name.parse().ok()?;
    (id.0.simple().to_string() == name).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ids_behind_the_prefix() {
        let s3 = S3::new(&config::tests::config(), Path::new("/"), "me".to_owned()).unwrap();
        let id = AttachmentId::generate();
        let key = s3.key(id);
        assert_eq!(key, format!("attachments/{}", id.0.simple()));
        assert_eq!(id_of(key.strip_prefix("attachments/").unwrap()), Some(id));
        for other in ["server", "", "notes.txt", &id.0.to_string(), &id.0.simple().to_string().to_uppercase()] {
            assert_eq!(id_of(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_is_kept_or_removed_before_the_store_has_answered() {
        let s3 = S3::new(&config::tests::config(), Path::new("/"), "me".to_owned()).unwrap();
        assert!(matches!(s3.check_known(), Err(FileError::Away(_))));
        assert_eq!(s3.trouble(), Some(AWAY));
    }
}
