//! Rooms, and who is what in them.

use async_trait::async_trait;
use boltorezka_proto::rest::{Role, Room, RoomKind, RoomRole};
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{DisplayName, RoomId, RoomSlug, RoomTitle, Timestamp, UserId};

use super::{Audit, StoreError};

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
    /// Whether the room is closed to it.
    pub banned: bool,
}

impl Standing {
    /// From what is kept.
    pub fn new(server_role: Role, workspace_role: WorkspaceRole, member_role: Option<RoomRole>, banned: bool) -> Self {
        let role = match workspace_role {
            WorkspaceRole::Owner | WorkspaceRole::Admin => RoomRole::Owner,
            WorkspaceRole::Member => member_role.unwrap_or(RoomRole::Member),
            WorkspaceRole::Guest => member_role.unwrap_or(RoomRole::Listener),
        };
        Self { server_role, workspace_role, role, banned }
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

    /// How many rooms there are.
    async fn room_count(&self) -> Result<u32, StoreError>;

    /// The room with this name.
    async fn room(&self, slug: &RoomSlug) -> Result<Option<RoomRecord>, StoreError>;

    /// Rooms by name, after `after`, at most `limit`, each with what `user` is there.
    async fn rooms(
        &self,
        user: Option<UserId>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<(RoomRecord, Option<Standing>)>, StoreError>;

    /// Changes what is given. `None` when the room is gone.
    async fn update_room(
        &self,
        room_id: RoomId,
        title: Option<&RoomTitle>,
        capacity: Option<u32>,
        audit: &Audit,
    ) -> Result<Option<RoomRecord>, StoreError>;

    /// What somebody is in a room. `None` when there is no such room, or the user is not in the workspace.
    async fn standing(&self, room_id: RoomId, user_id: UserId) -> Result<Option<Standing>, StoreError>;

    /// Members by id, after `after`, at most `limit`.
    async fn members(
        &self,
        room_id: RoomId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<MemberRecord>, StoreError>;
}
