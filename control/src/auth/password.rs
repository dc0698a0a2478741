//! Passwords: argon2id on threads that may block, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use boltorezka_proto::ErrorCode;
use boltorezka_proto::rest::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::token::new_token;
use crate::error::ApiError;
use crate::limits::Limits;

/// When somebody who found no place may try again.
const RETRY_AFTER_MS: u64 = 1000;

/// Hashes and checks passwords with the parameters that OWASP recommends (19 MiB, two passes, one lane).
pub struct Passwords {
    turns: Option<Semaphore>,
    waiting: AtomicU32,
    waiting_max: Option<u32>,
    /// A hash that no password has: checked for unknown accounts, so that the answer takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// When there is no randomness or memory for a first hash.
    pub fn new(limits: &Limits) -> Result<Self, String> {
        let password = new_token().map_err(|_| "no randomness".to_owned())?;
        Ok(Self {
            turns: limits.password_hashes_parallel.map(|parallel| Semaphore::new(parallel as usize)),
            waiting: AtomicU32::new(0),
            waiting_max: limits.password_hashes_waiting,
            nobody: hash(&password).map_err(|error| error.to_string())?.into(),
        })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// `invalid` when it is too short or too long, `unavailable` when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        check_length(&password)?;
        let _turn = self.turn().await?;
        blocking(move || hash(&password)).await
    }

    /// Whether `password` is the one of `stored`; false when there is no stored one, after as much work.
    ///
    /// # Errors
    /// `unavailable` when too many wait.
    pub async fn verify(&self, password: String, stored: Option<&str>) -> Result<bool, ApiError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let _turn = self.turn().await?;
        let known = stored.is_some();
        let stored: Arc<str> = stored.map_or_else(|| self.nobody.clone(), Into::into);
        let matches = blocking(move || {
            let stored = PasswordHash::new(&stored)?;
            Ok::<bool, argon2::password_hash::phc::Error>(
                Argon2::default().verify_password(password.as_bytes(), &stored).is_ok(),
            )
        })
        .await?;
        Ok(matches && known)
    }

    async fn turn(&self) -> Result<Option<SemaphorePermit<'_>>, ApiError> {
        let Some(turns) = &self.turns else { return Ok(None) };
        if let Ok(turn) = turns.try_acquire() {
            return Ok(Some(turn));
        }
        let _place = self.place()?;
        turns.acquire().await.map(Some).map_err(|_| ApiError::new(ErrorCode::Unavailable))
    }

    fn place(&self) -> Result<Place<'_>, ApiError> {
        let place = Place(&self.waiting);
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.waiting_max.is_some_and(|max| waiting >= max) {
            return Err(ApiError {
                code: ErrorCode::Unavailable,
                detail: Some("many people are signing in right now; try again in a moment".to_owned()),
                retry_after_ms: Some(RETRY_AFTER_MS),
            });
        }
        Ok(place)
    }
}

/// A place in the queue, given back when the waiting ends in whatever way.
struct Place<'a>(&'a AtomicU32);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn check_length(password: &str) -> Result<(), ApiError> {
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        let detail = format!("password must have at least {PASSWORD_CHARACTERS_MIN} characters");
        return Err(ApiError::because(ErrorCode::Invalid, detail));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(ApiError::because(
            ErrorCode::Invalid,
            format!("password must have at most {PASSWORD_BYTES_MAX} bytes"),
        ));
    }
    Ok(())
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError> {
    let outcome = tokio::task::spawn_blocking(work).await;
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::error!(%error, "password hashing failed");
            Err(ApiError::new(ErrorCode::Internal))
        }
        Err(error) => {
            tracing::error!(%error, "password hashing did not end");
            Err(ApiError::new(ErrorCode::Internal))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = Passwords::new(&Limits::default()).unwrap();
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(passwords.verify("correct horse".to_owned(), Some(&stored)).await.unwrap());
        assert!(!passwords.verify("wrong horse!".to_owned(), Some(&stored)).await.unwrap());
        assert!(!passwords.verify("correct horse".to_owned(), None).await.unwrap());
        let short = passwords.hash("я".repeat(9)).await.unwrap_err();
        assert_eq!(short.code, ErrorCode::Invalid);
    }

    #[tokio::test]
    async fn when_too_many_wait_the_next_is_told_to_come_back() {
        let limits =
            Limits { password_hashes_parallel: Some(1), password_hashes_waiting: Some(1), ..Limits::default() };
        let passwords = Passwords::new(&limits).unwrap();
        let hash = || passwords.hash("correct horse".to_owned());
        let (a, b, c) = tokio::join!(hash(), hash(), hash());
        let refused: Vec<_> = [a, b, c].into_iter().filter_map(Result::err).collect();
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].code, refused[0].retry_after_ms), (ErrorCode::Unavailable, Some(RETRY_AFTER_MS)));
        assert!(passwords.hash("correct horse".to_owned()).await.is_ok());
    }
}
