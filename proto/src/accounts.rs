//! Bodies of what people do with their account, and admins with accounts: sessions, access, invites, links, keys.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::custom_roles::HeldRole;
use crate::oidc::OidcLink;
use crate::passkeys::Passkey;
use crate::push::PushSubscription;
use crate::rest::{RoomRole, User};
use crate::schema::{ApiKeyName, Email, InviteSeconds, InviteUses, Password};
use crate::socket::Attachment;
use crate::{ApiKeyId, InviteId, LoginId, MessageId, RoomSlug, Timestamp, UserId};

/// Most accounts that are made with one invite.
pub const INVITE_USES_MAX: u32 = 10_000;
/// Longest life of an invite: 90 days. Links outlive what they were meant for.
pub const INVITE_S_MAX: u32 = 90 * 24 * 3600;
/// Longest name of an API key, in characters.
pub const API_KEY_NAME_CHARACTERS_MAX: usize = 100;
/// Most scopes of an API key: more than there are permissions to name.
pub const API_KEY_SCOPES_MAX: usize = 100;

/// Whether an account may come in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// It waits for an admin, and sees nothing but itself until then.
    Pending,
    /// It may.
    Active,
    /// An admin closed the server to it.
    Blocked,
}

/// `GET /v1/auth/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The account.
    pub user: User,
    /// Whether it may come in.
    pub state: AccountState,
    /// Whether it was shown that the address is the account's.
    pub email_verified: bool,
    /// Whether signing in takes a second factor.
    pub second_factor: bool,
    /// Whether it has a password. Who has none signs in by a provider or a passkey, and a sign-in of the last ten minutes
    /// stands where a password is asked for.
    pub has_password: bool,
}

/// An account as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// As it sees itself.
    #[serde(flatten)]
    pub user: User,
    /// Whether it may come in.
    pub state: AccountState,
    /// Whether it was shown that the address is the account's.
    pub email_verified: bool,
    /// Whether signing in takes a second factor.
    pub second_factor: bool,
}

/// `{user}`: the answer to what admins do with an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountEnvelope {
    /// The account.
    pub user: Account,
}

/// A place where an account is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Session {
    /// Stable id.
    pub id: LoginId,
    /// Whether the request came with it.
    pub current: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was used last, about: within ten minutes.
    pub last_seen_at: Timestamp,
    /// When it ends, unless it is used.
    pub expires_at: Timestamp,
    /// From where it was begun, if the server keeps that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub address: Option<String>,
    /// What it was begun with, if the server keeps that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_agent: Option<String>,
}

/// `GET /v1/auth/sessions`: all of them, those used last first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sessions {
    /// The sessions.
    pub items: Vec<Session>,
}

/// `POST /v1/auth/password`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePasswordRequest {
    /// The one of now.
    pub password: String,
    /// The one from now on, at least 10 characters.
    #[schema(value_type = Password)]
    pub new_password: String,
}

/// `POST /v1/admin/invites`. An empty body makes an invite for one account, for a week.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CreateInviteRequest {
    /// The only address that it is for; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Email>, nullable = false)]
    pub email: Option<String>,
    /// How many accounts may be made with it, 1 when absent.
    #[serde(default = "once")]
    #[schema(value_type = InviteUses)]
    pub uses: u32,
    /// Seconds that it is valid, 604,800 (a week) when absent.
    #[serde(default = "a_week_s")]
    #[schema(value_type = InviteSeconds)]
    pub ttl_s: u32,
}

/// An invite to make an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Invite {
    /// Stable id.
    pub id: InviteId,
    /// The only address that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Email>, nullable = false)]
    pub email: Option<String>,
    /// How many accounts were made with it.
    pub uses: u32,
    /// How many may be.
    pub uses_max: u32,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// The answer to `POST /v1/admin/invites`. The token is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InviteCreated {
    /// The invite.
    pub invite: Invite,
    /// For `invite` of `POST /v1/auth/register`.
    pub token: String,
    /// The page to register on, for whoever is invited. Without the setting `public_url` it begins with the path.
    pub link: String,
}

/// `POST /v1/admin/api-keys`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CreateApiKeyRequest {
    /// What it is for, 1 to 100 characters.
    #[schema(value_type = ApiKeyName)]
    pub name: String,
    /// What it may do: names of permissions, or their first words, such as `rooms` or `rooms.participant`. All that API
    /// keys may when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scopes: Option<Vec<String>>,
}

/// A key of one of the operator's servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct ApiKey {
    /// Stable id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do; all that API keys may when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, about: within ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<Timestamp>,
    /// Since when it is worthless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub revoked_at: Option<Timestamp>,
}

/// The answer to `POST /v1/admin/api-keys`. The key is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyCreated {
    /// What is kept of it.
    pub api_key: ApiKey,
    /// For `Authorization: Bearer`.
    pub key: String,
}

/// What a link that proves something about an account is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// To show that the address is the account's.
    VerifyEmail,
    /// To choose another password.
    ResetPassword,
}

/// `POST /v1/auth/password-reset`: has a link sent.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForgotPasswordRequest {
    /// The account's address.
    #[schema(value_type = Email)]
    pub email: String,
}

/// `POST /v1/auth/password-reset/confirm`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResetPasswordRequest {
    /// Of the link.
    pub token: String,
    /// The password from now on, at least 10 characters.
    #[schema(value_type = Password)]
    pub new_password: String,
}

/// `POST /v1/auth/email-verification/confirm`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyEmailRequest {
    /// Of the link.
    pub token: String,
}

/// `POST /v1/admin/users/{userId}/links`: a link to be handed to the account's owner in another way than by mail.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateLinkRequest {
    /// What it is for.
    pub kind: LinkKind,
}

/// The answer to `POST /v1/admin/users/{userId}/links`. It is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkCreated {
    /// The page to open. Without the setting `public_url` it begins with the path.
    pub link: String,
    /// What the page sends.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// `POST /v1/auth/second-factor`: begins to set one up.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnrolSecondFactorRequest {
    /// The account's password.
    pub password: String,
}

/// The answer to `POST /v1/auth/second-factor`. It is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondFactorSecret {
    /// To be typed into an authenticator, in base32.
    pub secret: String,
    /// The same as an `otpauth://` address, to be shown as a QR code.
    pub uri: String,
}

/// `POST /v1/auth/second-factor/confirm`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmSecondFactorRequest {
    /// What the authenticator shows: six digits.
    pub code: String,
}

/// The answer to `POST /v1/auth/second-factor/confirm`. They are shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    /// Each signs in once in place of the authenticator.
    pub recovery_codes: Vec<String>,
}

/// `POST /v1/auth/second-factor/disable`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisableSecondFactorRequest {
    /// The account's password.
    pub password: String,
    /// What the authenticator shows, or a recovery code.
    pub code: String,
}

/// `GET /v1/auth/me/export`: all that is kept of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Export {
    /// The account.
    pub user: User,
    /// Whether it may come in.
    pub state: AccountState,
    /// Whether it was shown that the address is the account's.
    pub email_verified: bool,
    /// Whether signing in takes a second factor.
    pub second_factor: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// What signs in to it beside a password.
    #[serde(default)]
    pub identities: Vec<OidcLink>,
    /// Its passkeys.
    #[serde(default)]
    pub passkeys: Vec<Passkey>,
    /// The browsers that it is pushed to.
    #[serde(default)]
    pub push_subscriptions: Vec<PushSubscription>,
    /// Where it is signed in.
    pub sessions: Vec<Session>,
    /// Its roles in rooms.
    pub roles: Vec<ExportedRole>,
    /// Custom roles that it holds, in whatever workspace.
    #[serde(default)]
    #[schema(required = true)]
    pub custom_roles: Vec<HeldRole>,
    /// Whose direct messages it refuses, in whatever workspace.
    #[serde(default)]
    #[schema(required = true)]
    pub blocked: Vec<UserId>,
    /// What the audit keeps of what it did: the last thousand acts.
    pub acts: Vec<ExportedAct>,
    /// What it wrote, a page of it.
    pub messages: Vec<ExportedMessage>,
    /// Opaque; absent on the last page of the messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A role in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedRole {
    /// Where.
    pub room: RoomSlug,
    /// Which.
    pub role: RoomRole,
}

/// An entry of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedAct {
    /// What was done.
    pub action: String,
    /// To whom or to what.
    pub target: String,
    /// From where.
    pub address: String,
    /// When.
    pub at: Timestamp,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportedMessage {
    /// Which.
    pub id: MessageId,
    /// Where.
    pub room: RoomSlug,
    /// What.
    pub text: String,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Attachment>>", optional)]
    pub attachments: Vec<Attachment>,
    /// When.
    pub created_at: Timestamp,
}

/// `DELETE /v1/auth/me`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteMeRequest {
    /// The account's password.
    pub password: String,
}

/// The answer to `DELETE /v1/auth/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletionPlanned {
    /// When the account is erased, unless its owner logs in before.
    pub erase_at: Timestamp,
}

fn once() -> u32 {
    1
}

fn a_week_s() -> u32 {
    7 * 24 * 3600
}
