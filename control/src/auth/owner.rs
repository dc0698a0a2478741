//! The owner link: proof that somebody can read this server's output.

use super::token::{hash_token, new_token};
use crate::store::{OpenError, Store, StoreError};

/// Where the hash of the owner link's token is kept.
pub(super) const OWNER_TOKEN_HASH: &str = "owner_token_hash";

/// A new owner token, in place of the one before; `None` when the server is set up.
///
/// # Errors
/// When the database fails or there is no randomness.
pub async fn owner_token(store: &dyn Store) -> Result<Option<String>, StoreError> {
    if store.is_set_up().await? {
        return Ok(None);
    }
    let token = new_token().map_err(|_| StoreError::Corrupt("the system's random source"))?;
    store.put_setting(OWNER_TOKEN_HASH, &hash_token(&token), false).await?;
    Ok(Some(token))
}

/// The key that join tokens are signed with, made at the first start.
pub async fn signing_key(store: &dyn Store) -> Result<Vec<u8>, OpenError> {
    let fresh: [u8; 32] = super::token::random_bytes().map_err(|_| OpenError::Key("no randomness".to_owned()))?;
    Ok(store.put_setting("join_token_key", &fresh, true).await?)
}
