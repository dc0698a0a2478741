//! Rooms, and who is what in them.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boltorezka_proto::rest::{Role, Room, RoomKind, RoomRole, UpdateRoomRequest};
use boltorezka_proto::rooms::{RoomSettings, RoomSettingsChange};
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{DisplayName, RoomId, RoomSlug, RoomTitle, Timestamp, UserId};

use super::{Audit, StoreError};
use crate::permissions::Grants;

/// A room as it is kept.
#[derive(Clone, Debug)]
pub struct RoomRecord {
    /// Stable id.
    pub id: RoomId,
    /// Its name in addresses.
    pub slug: RoomSlug,
    /// Its name for people.
    pub title: RoomTitle,
    /// What it is for.
    pub kind: RoomKind,
    /// Seats, when limited.
    pub capacity: Option<u32>,
    /// How it is.
    pub settings: RoomSettings,
    /// How many are in it.
    pub participant_count: u32,
    /// When it was made.
    pub created_at_ms: i64,
}

impl RoomRecord {
    /// As somebody with `my_role` sees it.
    pub fn into_room(self, my_role: Option<RoomRole>) -> Room {
        Room {
            id: self.id,
            slug: self.slug,
            title: self.title,
            kind: self.kind,
            capacity: self.capacity,
            settings: self.settings,
            my_role,
            participant_count: self.participant_count,
            last_seq: None,
            read_seq: None,
            unread_count: None,
            mention_count: None,
            created_at: Timestamp::from_unix_ms(self.created_at_ms),
        }
    }
}

/// A place in the list of rooms, which is in the order of these fields. Written, it is a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPlace {
    /// The empty text for rooms without one.
    pub category: String,
    /// Its place in the category.
    pub position: u32,
    /// Its name for people.
    pub title: String,
    /// Its name in addresses.
    pub slug: String,
}

impl From<&RoomRecord> for RoomPlace {
    fn from(room: &RoomRecord) -> Self {
        Self {
            category: room.settings.category.as_ref().map(ToString::to_string).unwrap_or_default(),
            position: room.settings.position,
            title: room.title.to_string(),
            slug: room.slug.to_string(),
        }
    }
}

impl fmt::Display for RoomPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { category, position, title, slug } = self;
        let text = serde_json::to_vec(&(category, position, title, slug)).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

/// It is no place in the list of rooms.
#[derive(Clone, Copy, Debug)]
pub struct NoPlace;

impl FromStr for RoomPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let text = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoPlace)?;
        let (category, position, title, slug) = serde_json::from_slice(&text).map_err(|_| NoPlace)?;
        Ok(Self { category, position, title, slug })
    }
}

/// A room to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Unique in the workspace.
    pub slug: RoomSlug,
    /// Its name for people.
    pub title: RoomTitle,
    /// What it is for.
    pub kind: RoomKind,
    /// Seats, when limited.
    pub capacity: Option<u32>,
    /// How it is to be.
    pub settings: RoomSettingsChange,
    /// Who becomes its owner; none when an API key makes it.
    pub owner: Option<UserId>,
}

/// Somebody with a role of its own in a room.
#[derive(Clone, Debug)]
pub struct MemberRecord {
    /// Who.
    pub user_id: UserId,
    /// Name for people.
    pub display_name: DisplayName,
    /// Role in the room.
    pub role: RoomRole,
}

/// What somebody is in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// On the whole server.
    pub server_role: Role,
    /// In the room's workspace.
    pub workspace_role: WorkspaceRole,
    /// In the room: admins of the workspace own every room, guests are listeners and others members unless said otherwise.
    pub role: RoomRole,
    /// What its custom roles give it.
    pub grants: Grants,
    /// Whether the room is closed to it.
    pub banned: bool,
    /// Whether it has to wait in the room's lobby until it is let in.
    pub outside: bool,
}

impl Standing {
    /// From what is kept.
    pub fn new(server_role: Role, workspace_role: WorkspaceRole, member_role: Option<RoomRole>, banned: bool) -> Self {
        let role = match workspace_role {
            WorkspaceRole::Owner | WorkspaceRole::Admin => RoomRole::Owner,
            WorkspaceRole::Member => member_role.unwrap_or(RoomRole::Member),
            WorkspaceRole::Guest => member_role.unwrap_or(RoomRole::Listener),
        };
        Self { server_role, workspace_role, role, grants: Grants::NONE, banned, outside: false }
    }

    /// With what custom roles give: at least their role in the room.
    pub fn granted(self, grants: Grants) -> Self {
        Self { role: self.role.max(grants.room_role()), grants, ..self }
    }

    /// Of one of the two of a direct room: both are members there, whatever they are elsewhere, and nobody moderates.
    pub fn in_direct_room(server_role: Role, workspace_role: WorkspaceRole) -> Self {
        let grants = Grants::NONE;
        Self { server_role, workspace_role, role: RoomRole::Member, grants, banned: false, outside: false }
    }

    /// Whether it may moderate somebody: nobody is moderated by an equal.
    pub fn outranks(self, other: Self) -> bool {
        // Below admin, the role in the workspace says less than the one in the room.
        let rank =
            |standing: Self| (standing.server_role, standing.workspace_role.max(WorkspaceRole::Member), standing.role);
        rank(self) > rank(other)
    }
}

/// Rooms and members.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Makes a room. `None` when the slug is taken.
    async fn create_room(&self, room: &NewRoom, audit: &Audit) -> Result<Option<RoomRecord>, StoreError>;

    /// How many rooms there are, without direct rooms.
    async fn room_count(&self) -> Result<u32, StoreError>;

    /// The room with this name.
    async fn room(&self, slug: &RoomSlug) -> Result<Option<RoomRecord>, StoreError>;

    /// Rooms by their places, after `after`, at most `limit`, each with what `user` is there. Those that are hidden from it are
    /// left out, and so are direct rooms.
    async fn rooms(
        &self,
        user: Option<UserId>,
        after: Option<&RoomPlace>,
        limit: u32,
    ) -> Result<Vec<(RoomRecord, Option<Standing>)>, StoreError>;

    /// Changes what is given. `None` when the room is gone.
    async fn update_room(
        &self,
        room_id: RoomId,
        change: &UpdateRoomRequest,
        audit: &Audit,
    ) -> Result<Option<RoomRecord>, StoreError>;

    /// What somebody is in a room. `None` when there is no such room, the user is not in the workspace, or the room is hidden from
    /// it: there only for admins of the workspace, those with a role of their own in it, and those whom a join token sends there.
    async fn standing(&self, room_id: RoomId, user_id: UserId) -> Result<Option<Standing>, StoreError>;

    /// Members by id, after `after`, at most `limit`.
    async fn members(
        &self,
        room_id: RoomId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<MemberRecord>, StoreError>;
}
