//! Seals what the server must be able to read and a thief of the database must not: AES-256-GCM with a key in a file
//! of its own beside the database.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use uuid::Uuid;

use super::token::random_bytes;
use crate::key_file::read_or_make;

/// The file in the data directory.
pub const SEAL_FILE: &str = "account.key";
const KEY_LEN: usize = 32;

/// Seals and opens.
pub struct Sealer(RandomizedNonceKey);

impl Sealer {
    /// With the key in `data_dir`, which is made when it is not there. Several servers with one database need one key.
    ///
    /// # Errors
    /// When it can neither be read nor made, with the path.
    pub fn open(data_dir: &Path) -> Result<Self, String> {
        let path = data_dir.join(SEAL_FILE);
        let wrong = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let key = read_or_make(&path, || random_bytes::<KEY_LEN>().map(|key| key.to_vec()).ok())?;
        if key.len() != KEY_LEN {
            return Err(wrong(&"it is not a key of 32 bytes; put the one back that belongs to this database"));
        }
        RandomizedNonceKey::new(&AES_256_GCM, &key).map(Self).map_err(|error| wrong(&error))
    }

    /// Seals `plain` for `owner` alone: nonce, ciphertext, tag.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, owner: Uuid, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut sealed = plain.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner.as_bytes()), &mut sealed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// When it was changed, sealed for somebody else or with another key.
    pub fn open_sealed(&self, owner: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        Ok(self.0.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut sealed)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_owner_with_its_key_alone() {
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sealer = Sealer::open(here.path()).unwrap();
        let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
        let sealed = sealer.seal(ann, b"secret").unwrap();
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        assert_ne!(sealed, sealer.seal(ann, b"secret").unwrap());
        // The key is the same after a restart.
        let again = Sealer::open(here.path()).unwrap();
        assert_eq!(again.open_sealed(ann, &sealed).unwrap(), b"secret");
        assert!(again.open_sealed(bob, &sealed).is_err());
        assert!(Sealer::open(elsewhere.path()).unwrap().open_sealed(ann, &sealed).is_err());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(again.open_sealed(ann, &changed).is_err() && again.open_sealed(ann, b"").is_err());
    }

    #[test]
    fn the_key_is_its_owners_alone_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        Sealer::open(folder.path()).unwrap();
        let path = folder.path().join(SEAL_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, b"short").unwrap();
        let error = Sealer::open(folder.path()).err().unwrap();
        assert!(error.contains("account.key") && error.contains("32 bytes"), "{error}");
    }
}
