//! Identities of providers (OpenID Connect), and the accounts that they sign in to.

use async_trait::async_trait;
use boltorezka_proto::accounts::LinkKind;
use boltorezka_proto::{DisplayName, UserId};

use super::{Audit, StoreError, UserRecord};
use crate::auth::TokenHash;

/// Whom a provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// What it calls this person, for ever.
    pub subject: String,
    /// Lower-cased, if it knows one.
    pub email: Option<String>,
    /// Whether it says that the address is this person's.
    pub email_verified: bool,
    /// Name for people.
    pub display_name: DisplayName,
}

/// A sign-in that the browser which began it brings back: it ends once.
#[derive(Clone, Copy, Debug)]
pub struct EndedState {
    /// Of its state.
    pub hash: TokenHash,
    /// From when on it is worthless anyway.
    pub expires_at_ms: i64,
}

/// Whether an account may be made for an identity that has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Newcomer {
    /// No.
    Refused,
    /// By this invite.
    Invited(TokenHash),
    /// Yes.
    Welcome {
        /// Whether an admin has to let it in.
        pending: bool,
    },
}

/// How an identity is to sign in.
#[derive(Clone, Copy, Debug)]
pub struct OidcSignIn<'a> {
    /// Of the sign-in.
    pub state: EndedState,
    /// Who.
    pub identity: &'a Identity,
    /// What becomes of one without an account.
    pub newcomer: Newcomer,
    /// The mail that a new account is sent whose address the provider does not vouch for.
    pub mail: Option<LinkKind>,
    /// The address, lower-cased, whose proven owner is super admin.
    pub super_admin: Option<&'a str>,
    /// From where.
    pub address: &'a str,
    /// When.
    pub now_ms: i64,
}

/// What became of it.
#[derive(Debug)]
pub enum OidcSignedIn {
    /// This account.
    Done {
        /// Which.
        user: Box<UserRecord>,
        /// Whether it was made super admin by this.
        promoted: bool,
    },
    /// The sign-in has ended before.
    Ended,
    /// The account is blocked.
    Blocked,
    /// There is no account, and none without an address.
    NoAddress,
    /// There is no account, and none is made.
    Closed,
    /// There is no account, and the invite makes none.
    NoInvite,
    /// The address has an account, and not both sides have shown that it is theirs.
    AddressTaken,
}

/// What became of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OidcLinked {
    /// It is there.
    Done {
        /// Whether the account was made super admin by this.
        promoted: bool,
    },
    /// The sign-in has ended before.
    Ended,
    /// The identity is another account's, or the account has another identity of the provider.
    Elsewhere,
    /// There is no such account.
    NoAccount,
}

/// What became of the wish to take a link away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OidcUnlinked {
    /// It is gone.
    Done,
    /// There was none.
    NoLink,
    /// Nothing else signs in to the account.
    LastWayIn,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcLinkRecord {
    /// The provider.
    pub issuer: String,
    /// What it calls the person.
    pub subject: String,
    /// Since when.
    pub created_at_ms: i64,
}

/// Identities of providers.
#[async_trait]
pub trait OidcStore: Send + Sync {
    /// The account that an identity signs in to: the one that it is linked to, else the one with its address, if both sides
    /// have shown that the address is theirs, else a new one. Of several who come at once, one makes it.
    async fn oidc_sign_in(&self, sign_in: OidcSignIn<'_>) -> Result<OidcSignedIn, StoreError>;

    /// Whether an identity would be a new account: it has no link, and its address no account.
    async fn is_oidc_newcomer(&self, identity: &Identity) -> Result<bool, StoreError>;

    /// Links an account to an identity.
    async fn link_oidc(
        &self,
        user_id: UserId,
        state: EndedState,
        identity: &Identity,
        super_admin: Option<&str>,
        audit: &Audit,
    ) -> Result<OidcLinked, StoreError>;

    /// Takes a link away. Sign-ins that rest on it and are under way make no session.
    async fn unlink_oidc(&self, user_id: UserId, issuer: &str, audit: &Audit) -> Result<OidcUnlinked, StoreError>;

    /// The links of an account.
    async fn oidc_links(&self, user_id: UserId) -> Result<Vec<OidcLinkRecord>, StoreError>;

    /// Forgets sign-ins that would have expired.
    async fn delete_expired_oidc(&self, now_ms: i64) -> Result<(), StoreError>;
}
