//! How a room is, and who may come in: settings, bans, invites, moves.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::rest::{Room, RoomRole};
use crate::schema::{
    Position, RetentionDays, RetentionDaysChange, RoomInviteSeconds, RoomInviteUses, SlowModeSeconds,
    SlowModeSecondsChange,
};
use crate::{DisplayName, InviteId, RoomCategory, RoomSlug, Timestamp, UserId, WorkspaceSlug};

/// Highest place in a list of rooms: nobody has so many, and there is room between them.
pub const POSITION_MAX: u32 = 1_000_000;
/// Longest pause between two messages: six hours.
pub const SLOW_MODE_S_MAX: u32 = 6 * 3600;
/// Longest time that messages are kept, when it is limited: ten years. The shortest is a day, as long as keys of messages are known.
pub const RETENTION_DAYS_MAX: u32 = 3_650;
/// Most people that one invite lets in.
pub const ROOM_INVITE_USES_MAX: u32 = 10_000;
/// Longest life of an invite: 90 days.
pub const ROOM_INVITE_S_MAX: u32 = 90 * 24 * 3600;

/// How a room is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct RoomSettings {
    /// Under which it is listed. Rooms without one come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub category: Option<RoomCategory>,
    /// Its place in the category. Of the same place, the title decides.
    #[serde(default)]
    #[schema(value_type = Position)]
    pub position: u32,
    /// Whether it is there only for those with a role of their own in it, and for admins of the workspace.
    #[serde(default)]
    pub hidden: bool,
    /// Whether only moderators say something.
    #[serde(default)]
    pub read_only: bool,
    /// Whether those who do not moderate wait until somebody who does lets them in.
    #[serde(default)]
    pub lobby: bool,
    /// Seconds between two messages of one sender, unless it moderates. No pause when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SlowModeSeconds>, nullable = false)]
    pub slow_mode_s: Option<u32>,
    /// Days after which messages are erased. They are kept for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RetentionDays>, nullable = false)]
    pub retention_days: Option<u32>,
}

/// A change of how a room is: absent fields stay as they are, or as they are at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct RoomSettingsChange {
    /// Under which it is listed; the empty text takes it out of its category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub category: Option<RoomCategory>,
    /// Its place in the category, 0 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Position>, nullable = false)]
    pub position: Option<u32>,
    /// Whether it is there only for those with a role of their own in it. Others leave it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hidden: Option<bool>,
    /// Whether only moderators say something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub read_only: Option<bool>,
    /// Whether those who do not moderate wait until they are let in. Who is inside stays; when it ends, all who wait are let in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lobby: Option<bool>,
    /// Seconds between two messages of one sender, 21,600 at most; 0 for no pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<SlowModeSecondsChange>, nullable = false)]
    pub slow_mode_s: Option<u32>,
    /// Days after which messages are erased, 3,650 at most; 0 to keep them for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RetentionDaysChange>, nullable = false)]
    pub retention_days: Option<u32>,
}

/// Somebody to whom a room is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ban {
    /// Who.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Since when.
    pub banned_at: Timestamp,
}

/// Somebody who waits in the lobby of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Who.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Since when.
    pub since: Timestamp,
}

/// Why somebody who waited in a lobby is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Somebody who moderates refused. One may ask again after a minute.
    Refused,
    /// It may not enter the room any more, whoever lets it in.
    Revoked,
    /// The room was deleted.
    RoomDeleted,
}

/// `POST /v1/rooms/{slug}/invites`. An empty body makes one for a member, for one use and a day.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct CreateRoomInviteRequest {
    /// The role that it gives in the room, never above the maker's.
    #[serde(default = "member")]
    #[ts(as = "Option<RoomRole>")]
    pub role: RoomRole,
    /// How many may come in by it, 1 to 10,000.
    #[serde(default = "once")]
    #[schema(value_type = RoomInviteUses)]
    #[ts(as = "Option<u32>")]
    pub uses: u32,
    /// Seconds that it is good for, 7,776,000 at most.
    #[serde(default = "a_day_s")]
    #[schema(value_type = RoomInviteSeconds)]
    #[ts(as = "Option<u32>")]
    pub ttl_s: u32,
}

impl Default for CreateRoomInviteRequest {
    fn default() -> Self {
        Self { role: member(), uses: once(), ttl_s: a_day_s() }
    }
}

/// An invite into a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct RoomInvite {
    /// Stable id.
    pub id: InviteId,
    /// The role that it gives.
    pub role: RoomRole,
    /// How many came in by it.
    pub uses: u32,
    /// How many may.
    pub uses_max: u32,
    /// Whose it is; absent when an API key made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// The answer to `POST /v1/rooms/{slug}/invites`. The token is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomInviteCreated {
    /// The invite.
    pub invite: RoomInvite,
    /// What is redeemed.
    pub token: String,
}

/// `POST /v1/room-invites/redeem`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedeemRoomInviteRequest {
    /// Of the invite.
    pub token: String,
}

/// The answer to `POST /v1/room-invites/redeem`: where one may go now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomInviteRedeemed {
    /// The room's workspace.
    pub workspace: WorkspaceSlug,
    /// The room.
    pub room: Room,
}

/// `POST /v1/rooms/{slug}/participants/{participantId}/move`.
#[derive(Clone, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveRequest {
    /// Where to.
    pub room: RoomSlug,
}

fn member() -> RoomRole {
    RoomRole::Member
}

fn once() -> u32 {
    1
}

fn a_day_s() -> u32 {
    24 * 3600
}
