//! Bodies of the HTTP API under `/v1`. Errors are [`crate::Problem`]s.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::call::{MediaPermissions, TrackSource};
use crate::rooms::{RoomSettings, RoomSettingsChange};
use crate::schema::{Capacity, DrainSeconds, Email, GivenRole, Identity, JoinTokenSeconds, Password};
use crate::{DisplayName, ParticipantId, RoomId, RoomSlug, RoomTitle, Timestamp, UserId};

/// Longest e-mail address, in bytes (RFC 5321, section 4.5.3.1).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Shortest password, in characters: NIST SP 800-63B asks for 8, OWASP for 10 where there is no second factor.
pub const PASSWORD_CHARACTERS_MIN: usize = 10;
/// Longest password, in bytes: longer ones only cost time.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// Longest identity of a join token, in characters.
pub const IDENTITY_CHARACTERS_MAX: usize = 128;
/// Longest life of a join token: a day. Who is to stay longer gets another.
pub const JOIN_TOKEN_S_MAX: u32 = 86_400;
/// Most seats that a room can be given.
pub const CAPACITY_MAX: u32 = 10_000;
/// The longest drain, in seconds: a day.
pub const DRAIN_S_MAX: u32 = 86_400;

/// What an account may do on the whole server. Ordered: each includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes part.
    User,
    /// Makes rooms, moderates, sees the list of users.
    Admin,
    /// Also promotes. Given by the owner link, never over the API.
    SuperAdmin,
}

/// What a member may do in one room. Ordered: each includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomRole {
    /// Sees and hears, says nothing.
    Listener,
    /// Speaks, shows, writes.
    Member,
    /// Also kicks, bans and mutes.
    Moderator,
    /// Also changes and deletes the room.
    Owner,
}

/// What a room is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Chat only.
    Text,
    /// Chat and voice.
    Voice,
    /// Chat, voice, cameras and screens.
    Video,
    /// The same for two people alone, in which both are members. Made by `POST /v1/direct` only.
    Direct,
}

/// An account, as others see it and as it sees itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Stable id.
    pub id: UserId,
    /// Lower-cased address. Only shown to the account itself and to admins.
    #[schema(value_type = Email)]
    pub email: String,
    /// Name for people.
    pub display_name: DisplayName,
    /// Server-wide role.
    pub role: Role,
}

/// `{user}`: the answer to set-up, registration, log-in, `me` and promotion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserEnvelope {
    /// The account.
    pub user: User,
}

/// `POST /v1/setup`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupRequest {
    /// From the owner link.
    pub token: String,
    /// The first super admin's address.
    #[schema(value_type = Email)]
    pub email: String,
    /// At least 10 characters.
    #[schema(value_type = Password)]
    pub password: String,
    /// Name for people.
    pub display_name: DisplayName,
}

/// `POST /v1/auth/register`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct RegisterRequest {
    /// Address, unique without regard to case.
    #[schema(value_type = Email)]
    pub email: String,
    /// At least 10 characters.
    #[schema(value_type = Password)]
    pub password: String,
    /// Name for people.
    pub display_name: DisplayName,
    /// The token of an invite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invite: Option<String>,
}

/// `POST /v1/auth/login`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct LoginRequest {
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Of the second factor, where the account has one: what the authenticator shows, or a recovery code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
}

/// `POST /v1/auth/ws-ticket`: redeemed once by `GET /v1/realtime/ws?ticket=`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketResponse {
    /// Opaque.
    pub ticket: String,
    /// 45 s after it was issued.
    pub expires_at: Timestamp,
}

/// `POST /v1/join-tokens`: lets a server admit an identity of its own to one room.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct JoinTokenRequest {
    /// The only room that the token opens.
    pub room: RoomSlug,
    /// The caller's name for the person, 1 to 128 characters; the same identity is the same user.
    #[schema(value_type = Identity)]
    pub identity: String,
    /// Name for people.
    pub display_name: DisplayName,
    /// Everything that the kind of room allows when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub permissions: Option<MediaPermissions>,
    /// Whether its holder does not wait in the room's lobby.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(as = "Option<bool>")]
    pub passes_lobby: bool,
    /// Seconds that the token is valid, 3,600 when absent, at most 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<JoinTokenSeconds>, nullable = false)]
    pub ttl_s: Option<u32>,
}

/// The answer to `POST /v1/join-tokens`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinTokenResponse {
    /// A signed token, for `Authorization: Bearer`.
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Room {
    /// Stable id.
    pub id: RoomId,
    /// Its name in addresses.
    pub slug: RoomSlug,
    /// Its name for people.
    pub title: RoomTitle,
    /// What it is for.
    pub kind: RoomKind,
    /// Seats, when limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Capacity>, nullable = false)]
    pub capacity: Option<u32>,
    /// How it is.
    #[serde(flatten)]
    pub settings: RoomSettings,
    /// The caller's role in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub my_role: Option<RoomRole>,
    /// How many are in it now.
    pub participant_count: u32,
    /// The number of the last change of its chat. Absent for API keys and the banned, as the next three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_seq: Option<u64>,
    /// Up to where the caller has read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub read_seq: Option<u64>,
    /// Messages of others after that; 100 means 100 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub unread_count: Option<u32>,
    /// Those of them that mention the caller, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mention_count: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// `POST /v1/rooms`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CreateRoomRequest {
    /// Unique in the workspace.
    pub slug: RoomSlug,
    /// Name for people.
    pub title: RoomTitle,
    /// What it is for.
    pub kind: RoomKind,
    /// Seats, 1 to 10,000; unlimited when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Capacity>, nullable = false)]
    pub capacity: Option<u32>,
    /// How it is to be.
    #[serde(flatten)]
    pub settings: RoomSettingsChange,
}

/// `PATCH /v1/rooms/{slug}`: absent fields stay as they are.
#[derive(Clone, Debug, Default, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct UpdateRoomRequest {
    /// New name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<RoomTitle>,
    /// New number of seats; those inside stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Capacity>, nullable = false)]
    pub capacity: Option<u32>,
    /// How it is to be.
    #[serde(flatten)]
    pub settings: RoomSettingsChange,
}

/// A page of a list: ask again with `cursor=nextCursor` until it is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Page<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// Opaque; absent on the last page.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// A member of a room with a role of its own there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Account.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Role in the room.
    pub role: RoomRole,
}

/// `PUT /v1/rooms/{slug}/members/{userId}`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetMemberRequest {
    /// Role in the room.
    pub role: RoomRole,
}

/// Someone who is in a room now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Id of this stay in the room.
    pub participant_id: ParticipantId,
    /// Whose stay it is.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Role in the room.
    pub role: RoomRole,
    /// Whether media flows.
    pub call: CallState,
    /// Sources that are published and not muted.
    pub publishing: Vec<TrackSource>,
    /// When it joined.
    pub joined_at: Timestamp,
}

/// A participant's part in the room's call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// In the room, for its chat.
    None,
    /// Connected to a media node.
    Connected,
    /// Silent for 15 s; the seat is kept for 60 s more.
    Suspended,
}

/// `POST /v1/rooms/{slug}/participants/{participantId}/mute`. An empty body mutes the microphone.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MuteRequest {
    /// What is muted.
    #[serde(default = "microphone")]
    pub source: TrackSource,
    /// `false` gives the right to publish it back.
    #[serde(default = "yes")]
    pub muted: bool,
}

/// `POST /v1/admin/users/{userId}/promote`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromoteRequest {
    /// Only `admin` can be given.
    #[schema(value_type = GivenRole)]
    pub role: Role,
}

/// `POST /v1/calls/resume`: restarts ICE without a session, a socket or a seat that control knows of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeRequest {
    /// The token of the last `resume` message on the data channel.
    pub token: String,
    /// An offer of the same session, with new ICE credentials.
    pub sdp: String,
}

/// The node's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeResponse {
    /// Its session description.
    pub sdp: String,
}

/// `GET /v1/admin/media`: how the media node does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaState {
    /// Whether it is linked; the rest is what it said last.
    pub linked: bool,
    /// Whether it is being emptied.
    pub draining: bool,
    /// Connections that it has.
    pub connections: u64,
    /// Its shards.
    pub shards: u64,
    /// Those of them that take nobody new, because they have too much to do.
    pub shards_overloaded: u64,
}

/// `POST /v1/admin/media/drain`. An empty body gives those inside ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainRequest {
    /// Until those who are left are ended, in seconds.
    #[serde(default = "ten_minutes_s")]
    #[schema(value_type = DrainSeconds)]
    pub deadline_s: u32,
}

fn ten_minutes_s() -> u32 {
    600
}

fn microphone() -> TrackSource {
    TrackSource::Microphone
}

fn yes() -> bool {
    true
}
