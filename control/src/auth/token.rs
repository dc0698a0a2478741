//! Random secrets and the hashes that are kept of them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;

/// SHA-256 of a secret. The secrets are random 256-bit values, so a plain hash cannot be reversed by guessing.
pub type TokenHash = [u8; 32];

/// What API keys begin with, so that scanners for leaked secrets know them.
pub const API_KEY_PREFIX: &str = "bk_";

/// `N` random bytes.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

/// A new secret of 256 random bits, in hexadecimal.
///
/// # Errors
/// When the system has no randomness to give.
pub fn new_token() -> Result<String, aws_lc_rs::error::Unspecified> {
    let bytes: [u8; 32] = random_bytes()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is kept of a secret.
pub fn hash_token(token: &str) -> TokenHash {
    let mut hash = TokenHash::default();
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, token.as_bytes()).as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_hash_alike() {
        let (a, b) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(a.len(), 64);
        assert_ne!(a, b);
        assert_eq!(hash_token(&a), hash_token(&a));
        assert_eq!(hash_token("abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
