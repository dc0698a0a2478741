//! How a room is, and who may come in: settings, bans.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::schema::{Position, RetentionDays, RetentionDaysChange, SlowModeSeconds, SlowModeSecondsChange};
use crate::{DisplayName, RoomCategory, Timestamp, UserId};

/// Highest place in a list of rooms: nobody has so many, and there is room between them.
pub const POSITION_MAX: u32 = 1_000_000;
/// Longest pause between two messages: six hours.
pub const SLOW_MODE_S_MAX: u32 = 6 * 3600;
/// Longest time that messages are kept, when it is limited: ten years. The shortest is a day, as long as keys of messages are known.
pub const RETENTION_DAYS_MAX: u32 = 3_650;

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
