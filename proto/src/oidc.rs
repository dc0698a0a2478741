//! Bodies of signing in by OpenID Connect: the provider, the beginning, the link between an account and an identity.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::Timestamp;

/// Longest page that a sign-in goes on to, in bytes: it travels in a cookie.
pub const NEXT_BYTES_MAX: usize = 512;

/// `GET /v1/auth/oidc`: how people may sign in beside a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct OidcStatus {
    /// The provider; none when the server was not told of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub provider: Option<OidcProvider>,
}

/// An identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcProvider {
    /// What people call it.
    pub name: String,
}

/// `POST /v1/auth/oidc/begin`: signs in, or makes an account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct BeginOidcRequest {
    /// The page of this server that follows: a path such as `/rooms/talk`, 512 bytes at most. `/` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
    /// The token of an invite, for who has no account yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invite: Option<String>,
}

/// `POST /v1/auth/oidc/link`: links the account to an identity.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkOidcRequest {
    /// The account's password.
    pub password: String,
}

/// A sign-in has begun; the browser keeps its half in a cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcBegun {
    /// The provider's page, to be gone to within ten minutes.
    pub url: String,
}

/// `POST /v1/auth/oidc/second-factor`: ends a sign-in whose account has a second factor.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcSecondFactorRequest {
    /// What the authenticator shows, or a recovery code.
    pub code: String,
}

/// `GET /v1/auth/oidc/link`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct OidcLinkStatus {
    /// The identity that signs in to the account, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub link: Option<OidcLink>,
}

/// An identity of a provider that signs in to an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcLink {
    /// Who vouches for it.
    pub issuer: String,
    /// What the provider calls it.
    pub subject: String,
    /// Since when.
    pub linked_at: Timestamp,
}

/// Why a sign-in by a provider came to nothing: `oidcError` of the page that the browser is sent to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OidcError {
    /// It was begun in another browser or too long ago, or has ended before.
    Expired,
    /// The provider says no, or the person did.
    Denied,
    /// The provider cannot be reached.
    ProviderUnavailable,
    /// What the provider answered cannot be trusted or understood.
    BadAnswer,
    /// The provider knows no address, and an account needs one.
    NoAddress,
    /// This server takes no new accounts.
    RegistrationClosed,
    /// The invite is unknown, used up, expired or for another address.
    NoInvite,
    /// The account is blocked.
    Blocked,
    /// The address has an account: sign in to it by password, and link the identity there.
    AddressTaken,
    /// The identity belongs to another account, or the account to another identity.
    LinkedElsewhere,
    /// The account that was to be linked is not signed in any more.
    SignedOut,
    /// Too many tries.
    RateLimited,
    /// Something failed here.
    Internal,
}
