//! Passkeys (Web Authentication) of accounts.

use async_trait::async_trait;
use boltorezka_proto::{PasskeyId, PasskeyName, UserId};

use super::{Audit, EndedState, StoreError, UserRecord};

/// A passkey that a device has made.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// What its device calls it.
    pub credential_id: Vec<u8>,
    /// Its key (COSE).
    pub public_key: Vec<u8>,
    /// How often it was used, for devices that count.
    pub sign_count: u32,
    /// Whether it may be copied to other devices of its owner.
    pub backup_eligible: bool,
    /// What its owner calls it.
    pub name: PasskeyName,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasskeyAdded {
    /// It is there.
    Done(PasskeyRecord),
    /// The ceremony has ended before.
    Ended,
    /// The account has as many as it may have.
    TooMany,
    /// It is an account's already.
    Taken,
    /// There is no such account.
    NoAccount,
}

/// A passkey as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRecord {
    /// Which.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: PasskeyName,
    /// What its device calls it.
    pub credential_id: Vec<u8>,
    /// When it was made.
    pub created_at_ms: i64,
    /// When somebody signed in by it last.
    pub used_at_ms: Option<i64>,
}

/// What a signature by a passkey is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyKey {
    /// Whose it is.
    pub user_id: UserId,
    /// Their address.
    pub email: String,
    /// Its key (COSE).
    pub public_key: Vec<u8>,
    /// Whether it may be copied: it stays what it was made as.
    pub backup_eligible: bool,
}

/// A signature by a passkey that was checked.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyUse<'a> {
    /// The ceremony.
    pub ended: EndedState,
    /// Which passkey.
    pub credential_id: &'a [u8],
    /// How often it was used.
    pub sign_count: u32,
    /// When.
    pub now_ms: i64,
}

/// What became of it.
#[derive(Debug)]
pub enum PasskeySignedIn {
    /// This account.
    Done(Box<UserRecord>),
    /// The ceremony has ended before.
    Ended,
    /// The passkey is gone.
    Gone,
    /// It was used less often than before, so there are two of it. Devices that do not count say 0 for ever.
    CountWentBack,
    /// The account is blocked.
    Blocked,
}

/// What became of the wish to take a passkey away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasskeyRemoved {
    /// It is gone.
    Done,
    /// There was none.
    Missing,
    /// Nothing else signs in to the account.
    LastWayIn,
}

/// Passkeys.
#[async_trait]
pub trait PasskeyStore: Send + Sync {
    /// Adds a passkey, up to [`boltorezka_proto::passkeys::PASSKEYS_MAX`] of an account, and ends the ceremony.
    async fn add_passkey(
        &self,
        user_id: UserId,
        ended: EndedState,
        passkey: &NewPasskey,
        audit: &Audit,
    ) -> Result<PasskeyAdded, StoreError>;

    /// What a signature by this passkey is checked with.
    async fn passkey(&self, credential_id: &[u8]) -> Result<Option<PasskeyKey>, StoreError>;

    /// Ends the ceremony, compares the count and notes the use. Of two ends of one ceremony, one signs in.
    async fn passkey_sign_in(&self, used: PasskeyUse<'_>) -> Result<PasskeySignedIn, StoreError>;

    /// The passkeys of an account, the oldest first.
    async fn passkeys(&self, user_id: UserId) -> Result<Vec<PasskeyRecord>, StoreError>;

    /// Gives a passkey another name. False when the account has no such passkey.
    async fn rename_passkey(&self, user_id: UserId, id: PasskeyId, name: &PasskeyName) -> Result<bool, StoreError>;

    /// Takes a passkey away. A link to an identity of `issuer`, the provider of now, is another way in. Sign-ins that rest on
    /// the passkey and are under way make no session.
    async fn remove_passkey(
        &self,
        user_id: UserId,
        id: PasskeyId,
        issuer: Option<&str>,
        audit: &Audit,
    ) -> Result<PasskeyRemoved, StoreError>;

    /// Forgets ceremonies that would have expired.
    async fn delete_expired_passkey_ceremonies(&self, now_ms: i64) -> Result<(), StoreError>;
}
