//! Bodies of passkeys (Web Authentication). Bytes travel in base64url without padding.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::{DisplayName, PasskeyId, PasskeyName, Timestamp};

/// Most passkeys of an account: more devices than anybody has. Each is a way in, and all of them are sent with each wish for
/// another one.
pub const PASSKEYS_MAX: usize = 20;

/// A passkey of one's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Passkey {
    /// Stable id.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: PasskeyName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When somebody signed in by it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<Timestamp>,
}

/// `GET /v1/auth/passkeys`: all of them, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passkeys {
    /// The passkeys, 20 at most.
    pub items: Vec<Passkey>,
}

/// `POST /v1/auth/passkeys/begin`: begins to add one.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeginPasskeyRequest {
    /// The account's password.
    pub password: String,
}

/// What a browser is to ask a device for: a discoverable credential (`residentKey: required`), by somebody whom the device has
/// checked (`userVerification: required`), without attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyCreation {
    /// To be sent back as it is, in the client data.
    pub challenge: String,
    /// The host name that the passkey is for.
    pub rp_id: String,
    /// What devices show of it.
    pub rp_name: String,
    /// What the passkey says whose it is.
    pub user_handle: String,
    /// The account's address, for its owner to tell passkeys apart.
    pub user_name: String,
    /// The account's name.
    pub display_name: DisplayName,
    /// Kinds of keys that are taken, the best first (`COSEAlgorithmIdentifier`).
    pub algorithms: Vec<i32>,
    /// Credential ids that the account has: their devices make no second one.
    pub exclude_credentials: Vec<String>,
    /// Time until the challenge is worthless.
    pub timeout_ms: u32,
}

/// `POST /v1/auth/passkeys`: what a device has made.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddPasskeyRequest {
    /// What its owner calls it.
    pub name: PasskeyName,
    /// `clientDataJSON`.
    pub client_data: String,
    /// `attestationObject`. Its statement is not looked at.
    pub attestation: String,
}

/// `PATCH /v1/auth/passkeys/{passkeyId}`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenamePasskeyRequest {
    /// What its owner calls it from now on.
    pub name: PasskeyName,
}

/// What a browser is to have a device sign: by any of its passkeys for this host, by somebody whom the device has checked
/// (`userVerification: required`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyChallenge {
    /// To be sent back as it is, in the client data.
    pub challenge: String,
    /// The host name that the passkey is for.
    pub rp_id: String,
    /// Time until the challenge is worthless.
    pub timeout_ms: u32,
}

/// `POST /v1/auth/passkeys/sign-in`: what a device has signed.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeySignInRequest {
    /// `rawId`.
    pub credential_id: String,
    /// Whose the passkey says that it is.
    pub user_handle: String,
    /// `clientDataJSON`.
    pub client_data: String,
    /// `authenticatorData`.
    pub authenticator_data: String,
    /// Of both.
    pub signature: String,
}
