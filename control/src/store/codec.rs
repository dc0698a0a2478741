//! Values as the database keeps them.

use boltorezka_proto::accounts::LinkKind;
use boltorezka_proto::notifications::NotificationKind;
use boltorezka_proto::rest::{Role, RoomKind, RoomRole};
use boltorezka_proto::webhooks::WebhookEventType;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{
    CustomRoleName, DisplayName, FileName, MessageText, PasskeyName, ReportReason, RoomCategory, RoomSlug, RoomTitle,
    WorkspaceSlug, WorkspaceTitle,
};

use crate::store::StoreError;
use crate::whip::Kind;

pub fn role_text(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
        Role::SuperAdmin => "super_admin",
    }
}

pub fn role(text: &str) -> Result<Role, StoreError> {
    match text {
        "user" => Ok(Role::User),
        "admin" => Ok(Role::Admin),
        "super_admin" => Ok(Role::SuperAdmin),
        _ => Err(StoreError::Corrupt("users.role")),
    }
}

pub fn room_role_text(role: RoomRole) -> &'static str {
    match role {
        RoomRole::Listener => "listener",
        RoomRole::Member => "member",
        RoomRole::Moderator => "moderator",
        RoomRole::Owner => "owner",
    }
}

pub fn room_role(text: &str) -> Result<RoomRole, StoreError> {
    match text {
        "listener" => Ok(RoomRole::Listener),
        "member" => Ok(RoomRole::Member),
        "moderator" => Ok(RoomRole::Moderator),
        "owner" => Ok(RoomRole::Owner),
        _ => Err(StoreError::Corrupt("room_members.role")),
    }
}

pub fn workspace_role_text(role: WorkspaceRole) -> &'static str {
    match role {
        WorkspaceRole::Guest => "guest",
        WorkspaceRole::Member => "member",
        WorkspaceRole::Admin => "admin",
        WorkspaceRole::Owner => "owner",
    }
}

pub fn workspace_role(text: &str) -> Result<WorkspaceRole, StoreError> {
    match text {
        "guest" => Ok(WorkspaceRole::Guest),
        "member" => Ok(WorkspaceRole::Member),
        "admin" => Ok(WorkspaceRole::Admin),
        "owner" => Ok(WorkspaceRole::Owner),
        _ => Err(StoreError::Corrupt("workspace_members.role")),
    }
}

pub fn workspace_slug(text: &str) -> Result<WorkspaceSlug, StoreError> {
    WorkspaceSlug::new(text).map_err(|_| StoreError::Corrupt("workspaces.slug"))
}

pub fn workspace_title(text: &str) -> Result<WorkspaceTitle, StoreError> {
    WorkspaceTitle::new(text).map_err(|_| StoreError::Corrupt("workspaces.title"))
}

pub fn kind_text(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Text => "text",
        RoomKind::Voice => "voice",
        RoomKind::Video => "video",
        RoomKind::Direct => "direct",
    }
}

pub fn kind(text: &str) -> Result<RoomKind, StoreError> {
    match text {
        "text" => Ok(RoomKind::Text),
        "voice" => Ok(RoomKind::Voice),
        "video" => Ok(RoomKind::Video),
        "direct" => Ok(RoomKind::Direct),
        _ => Err(StoreError::Corrupt("rooms.kind")),
    }
}

pub fn whip_kind(text: &str) -> Result<Kind, StoreError> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or(StoreError::Corrupt("whip_sessions.kind"))
}

pub fn webhook_event_type(text: &str) -> Result<WebhookEventType, StoreError> {
    WebhookEventType::ALL.into_iter().find(|kind| kind.name() == text).ok_or(StoreError::Corrupt("webhook_types.type"))
}

pub fn link_kind_text(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::VerifyEmail => "verify_email",
        LinkKind::ResetPassword => "reset_password",
    }
}

pub fn link_kind(text: &str) -> Result<LinkKind, StoreError> {
    match text {
        "verify_email" => Ok(LinkKind::VerifyEmail),
        "reset_password" => Ok(LinkKind::ResetPassword),
        _ => Err(StoreError::Corrupt("mails.kind")),
    }
}

pub fn slug(text: &str) -> Result<RoomSlug, StoreError> {
    RoomSlug::new(text).map_err(|_| StoreError::Corrupt("rooms.slug"))
}

pub fn title(text: &str) -> Result<RoomTitle, StoreError> {
    RoomTitle::new(text).map_err(|_| StoreError::Corrupt("rooms.title"))
}

/// Nothing for a room without one.
pub fn category(text: &str) -> Result<Option<RoomCategory>, StoreError> {
    let category = RoomCategory::new(text).map_err(|_| StoreError::Corrupt("rooms.category"))?;
    Ok(Some(category).filter(|category| !category.as_str().is_empty()))
}

pub fn custom_role_name(text: &str) -> Result<CustomRoleName, StoreError> {
    CustomRoleName::new(text).map_err(|_| StoreError::Corrupt("custom_roles.name"))
}

pub fn passkey_name(text: &str) -> Result<PasskeyName, StoreError> {
    PasskeyName::new(text).map_err(|_| StoreError::Corrupt("passkeys.name"))
}

pub fn display_name(text: &str) -> Result<DisplayName, StoreError> {
    DisplayName::new(text).map_err(|_| StoreError::Corrupt("users.display_name"))
}

pub fn message_text(text: &str) -> Result<MessageText, StoreError> {
    MessageText::new(text).map_err(|_| StoreError::Corrupt("messages.text"))
}

pub fn report_reason(text: &str) -> Result<ReportReason, StoreError> {
    ReportReason::new(text).map_err(|_| StoreError::Corrupt("reports.reason"))
}

pub fn file_name(text: &str) -> Result<FileName, StoreError> {
    FileName::new(text).map_err(|_| StoreError::Corrupt("attachments.name"))
}

pub fn notification_kind_text(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Mention => "mention",
        NotificationKind::Reply => "reply",
        NotificationKind::Direct => "direct",
        NotificationKind::MissedCall => "missed_call",
    }
}

pub fn notification_kind(text: &str) -> Result<NotificationKind, StoreError> {
    match text {
        "mention" => Ok(NotificationKind::Mention),
        "reply" => Ok(NotificationKind::Reply),
        "direct" => Ok(NotificationKind::Direct),
        "missed_call" => Ok(NotificationKind::MissedCall),
        _ => Err(StoreError::Corrupt("notifications.kind")),
    }
}

pub fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A number that is never below 0.
pub fn number(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A number of a client's, as the database can hold it.
pub fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
