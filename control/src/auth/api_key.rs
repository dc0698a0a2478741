//! API keys: how a server of the operator proves who it is.

use boltorezka_proto::ErrorCode;

use super::token::{API_KEY_PREFIX, hash_token, new_token};
use crate::app::App;
use crate::error::ApiError;
use crate::permissions::Scopes;
use crate::store::{ApiKeyRecord, Audit, NewApiKey};

/// Makes an API key. Only its hash is kept; the key itself is shown once.
///
/// # Errors
/// `invalid` when a scope is none.
pub async fn new_api_key(
    app: &App,
    name: &str,
    scopes: Option<Vec<String>>,
    audit: &Audit,
) -> Result<(ApiKeyRecord, String), ApiError> {
    if let Err(unknown) = scopes.as_deref().map_or(Ok(Scopes::ALL), Scopes::parse) {
        let detail = format!("{unknown:?} is nothing that an API key may do; docs/permissions.md has their names");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    let token = new_token().map_err(|_| ApiError::new(ErrorCode::Internal))?;
    let key = format!("{API_KEY_PREFIX}{token}");
    let new = NewApiKey { hash: hash_token(&key), name: name.to_owned(), scopes };
    Ok((app.store.create_api_key(&new, audit).await?, key))
}
