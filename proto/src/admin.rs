//! Bodies of `/v1/admin`: what operators see of the whole server.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::admission::ConnectionState;
use crate::call::TrackSource;
use crate::inspection::Carrier;
use crate::rest::{RoomKind, RoomRole};
use crate::webhooks::WebhookEventType;
use crate::{
    ApiKeyId, AuditId, DisplayName, EventId, ParticipantId, RoomId, RoomSlug, RoomTitle, Timestamp, UserId, WebhookId,
    WorkspaceSlug,
};

/// Longest name of an action that the audit log is searched for, in bytes. No permission has a longer one.
pub const ACTION_BYTES_MAX: usize = 100;

/// Who did something. Names are those of now; none when it is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[ts(optional_fields)]
pub enum AuditActor {
    /// A signed-in account.
    #[serde(rename_all = "camelCase")]
    User {
        /// Which.
        user_id: UserId,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        name: Option<DisplayName>,
    },
    /// A server of the operator.
    #[serde(rename_all = "camelCase")]
    ApiKey {
        /// Which key.
        api_key_id: ApiKeyId,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        name: Option<String>,
    },
    /// The holder of the owner link, or who runs commands on the machine.
    OwnerLink {},
}

/// An act of power that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct AuditEntry {
    /// Stable id.
    pub id: AuditId,
    /// When.
    pub created_at: Timestamp,
    /// Who.
    pub actor: AuditActor,
    /// What: mostly the name of the permission that it took.
    pub action: String,
    /// To whom or what: ids and names, with spaces between.
    pub target: String,
    /// The network address that the request came from.
    pub address: String,
    /// Where; none when the workspace is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub workspace: Option<WorkspaceSlug>,
}

/// A room of any workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct AdminRoom {
    /// Stable id.
    pub id: RoomId,
    /// Whose it is.
    pub workspace: WorkspaceSlug,
    /// Its name in addresses, within its workspace.
    pub slug: RoomSlug,
    /// Its name for people.
    pub title: RoomTitle,
    /// What it is for.
    pub kind: RoomKind,
    /// Most participants at a time; absent for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub capacity: Option<u32>,
    /// How many are inside, those who are hidden too.
    pub participant_count: u32,
    /// How many of them the media node may serve.
    pub in_call_count: u32,
    /// How many have a role of their own in it.
    pub member_count: u32,
    /// When something was said last; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_message_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Somebody in a room of any workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct AdminParticipant {
    /// Id of the stay.
    pub participant_id: ParticipantId,
    /// Whose stay it is.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// The room's workspace.
    pub workspace: WorkspaceSlug,
    /// The room.
    pub room: RoomSlug,
    /// Role in the room.
    pub role: RoomRole,
    /// When it came.
    pub joined_at: Timestamp,
    /// Whether it is not told to others.
    pub hidden: bool,
    /// Whether the media node may serve it.
    pub in_call: bool,
    /// What the node tells of it; absent without a connection, and while the node does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub connection: Option<ParticipantConnection>,
}

/// How somebody's connection does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct ParticipantConnection {
    /// How far it is.
    pub state: ConnectionState,
    /// Since when, in milliseconds.
    pub state_age_ms: u64,
    /// What carries it; absent before it has a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub carrier: Option<Carrier>,
    /// Round-trip time, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rtt_ms: Option<u32>,
    /// Estimated bandwidth towards it.
    pub estimate_bps: u64,
    /// What all that it is to see would take at its best.
    pub desired_bps: u64,
    /// Pictures that it sees.
    pub pictures: u32,
    /// Those of them that are smaller, or stand still, because the bandwidth carries no more.
    pub pictures_limited: u32,
    /// What it publishes.
    pub tracks: Vec<ParticipantTrack>,
}

/// A track of somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantTrack {
    /// What it carries.
    pub source: TrackSource,
    /// Whether nothing of it is forwarded.
    pub muted: bool,
    /// The measured rates of what is sent of it, together.
    pub bitrate_bps: u64,
}

/// Who is to be told of something that was committed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutboxTopic {
    /// The media node.
    Media,
    /// The sockets of a room.
    Gateway,
}

/// Something that was committed and is not told yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct OutboxEvent {
    /// Grows. Of orders to the media node it is their revision.
    pub id: u64,
    /// Who is to be told.
    pub topic: OutboxTopic,
    /// What kind of event, such as `revoke` or `messageNew`. What it says is not shown.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it happened; none when the workspace is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub workspace: Option<WorkspaceSlug>,
    /// When.
    pub created_at: Timestamp,
}

/// An event that a webhook was told so often without success that it is told no more. `POST /v1/webhooks/{webhookId}/replay`,
/// in its workspace, has all of a webhook told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct DeadLetter {
    /// Whose webhook.
    pub workspace: WorkspaceSlug,
    /// Who was not told.
    pub webhook_id: WebhookId,
    /// Where it listens, without what stands behind a `?`.
    pub url: String,
    /// Which event.
    pub event_id: EventId,
    /// What kind.
    #[serde(rename = "type")]
    pub kind: WebhookEventType,
    /// When it happened.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_error: Option<String>,
}

/// Where the value of a setting came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingSource {
    /// Nothing was given.
    Default,
    /// The TOML file.
    File,
    /// An environment variable.
    Environment,
    /// A flag.
    Flag,
}

/// A setting in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct AdminSetting {
    /// As in the TOML file.
    pub key: String,
    /// What it does.
    pub meaning: String,
    /// Which values there are.
    pub values: String,
    /// Where the value came from.
    pub source: SettingSource,
    /// Which flag, variable or file that is; absent for defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub origin: Option<String>,
    /// Whether it may hold a secret: then its value is never shown.
    pub secret: bool,
    /// Whether a value was given.
    pub is_set: bool,
    /// The value; for a default without a fixed one, what holds instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub value: Option<String>,
}
