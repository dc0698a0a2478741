//! Second factors and their recovery codes.

use async_trait::async_trait;
use boltorezka_proto::UserId;

use super::{Audit, StoreError};
use crate::auth::TokenHash;

/// Wrong codes in a row before the next has to wait.
const FREE_FAILURES: i64 = 5;
/// The first wait. Each further wrong code doubles it.
const FIRST_PAUSE_MS: i64 = 30_000;
/// The longest wait: of a million codes, a thief of the password tries a few dozen a day.
const PAUSE_MS_MAX: i64 = 60 * 60 * 1000;

/// How long the next code waits after so many wrong ones in a row.
pub fn pause_ms(failures: i64) -> i64 {
    if failures < FREE_FAILURES {
        return 0;
    }
    let doublings = u32::try_from(failures - FREE_FAILURES).unwrap_or(u32::MAX).min(16);
    FIRST_PAUSE_MS.saturating_mul(1 << doublings).min(PAUSE_MS_MAX)
}

/// A second factor, for one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorRecord {
    /// Sealed.
    pub secret: Vec<u8>,
    /// Whether it counts.
    pub confirmed: bool,
    /// No code of this time step or an earlier one is taken any more.
    pub last_step: i64,
}

/// What became of the wish to try a code.
#[derive(Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It may be tried, and counts as wrong until it was found right.
    Allowed(SecondFactorRecord),
    /// Too many were wrong: the next is looked at then.
    Wait {
        /// From now.
        retry_after_ms: u64,
    },
    /// There is no second factor.
    Missing,
}

/// Second factors.
#[async_trait]
pub trait SecondFactorStore: Send + Sync {
    /// Keeps a sealed secret that is to be confirmed, in place of one that was not. False when one was.
    async fn put_second_factor(&self, user_id: UserId, secret: &[u8], now_ms: i64) -> Result<bool, StoreError>;

    /// Counts a try before it is judged, so that many at once are many.
    async fn second_factor_attempt(&self, user_id: UserId, now_ms: i64) -> Result<Attempt, StoreError>;

    /// A code of this time step was right. False when it, or a later one, was taken before.
    async fn second_factor_passed(&self, user_id: UserId, step: i64) -> Result<bool, StoreError>;

    /// Makes the second factor count, with these recovery codes. A sign-in that began before makes no session. False
    /// when there is none that waits for it.
    async fn confirm_second_factor(
        &self,
        user_id: UserId,
        step: i64,
        codes: &[TokenHash],
        now_ms: i64,
    ) -> Result<bool, StoreError>;

    /// Takes a recovery code: true once.
    async fn take_recovery_code(&self, user_id: UserId, code: TokenHash) -> Result<bool, StoreError>;

    /// Deletes a second factor with its codes; kept in the audit when an admin does it. False when there is none.
    async fn delete_second_factor(&self, user_id: UserId, audit: Option<&Audit>) -> Result<bool, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour() {
        assert_eq!([1, 4, 5, 6, 7].map(pause_ms), [0, 0, 30_000, 60_000, 120_000]);
        assert_eq!([12, 40, i64::MAX].map(pause_ms), [PAUSE_MS_MAX; 3]);
    }
}
