//! Direct rooms: rooms of two, and who refuses whose messages.

use async_trait::async_trait;
use boltorezka_proto::direct::{BlockedUser, DirectState, Ringing};
use boltorezka_proto::{DisplayName, RoomId, RoomSlug, UserId};

use super::StoreError;

/// A direct room, as one of its two sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirectRecord {
    /// Stable id.
    pub room_id: RoomId,
    /// Its name in addresses.
    pub room: RoomSlug,
    /// The other one.
    pub other_id: UserId,
    /// The other one's name for people.
    pub other_name: DisplayName,
    /// Whether they can write to each other.
    pub state: DirectState,
    /// When something was said last; when it was begun, while nothing is.
    pub last_at_ms: i64,
    /// The call that rings in it.
    pub ringing: Option<Ringing>,
}

/// A place in an account's list of direct rooms, which is newest first: time and id.
pub type DirectPlace = (i64, RoomId);

/// What became of the wish for a direct room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It is there now.
    New(DirectRecord),
    /// It was there before.
    There(DirectRecord),
    /// Nobody with that id can be written to in the workspace.
    NoPerson,
    /// One of the two refuses the other's messages.
    Refused(DirectRefusal),
    /// The account has begun as many as it may.
    TooMany,
}

/// Why somebody cannot write to the other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectRefusal {
    /// It refuses the other's messages itself.
    Refusing,
    /// The other one refuses.
    Refused,
    /// The other one is not there any more.
    Gone,
}

impl DirectRefusal {
    /// What a state keeps people from, if it does.
    pub fn of(state: DirectState) -> Option<Self> {
        match state {
            DirectState::Open => None,
            DirectState::Refusing => Some(Self::Refusing),
            DirectState::Refused => Some(Self::Refused),
            DirectState::Gone => Some(Self::Gone),
        }
    }
}

/// Direct rooms and blocks, of this workspace.
#[async_trait]
pub trait DirectStore: Send + Sync {
    /// The direct room of two: found, or made where the other one is somebody who can be written to. Those who ask at once get the
    /// same. `begun_max` bounds how many one account has begun.
    async fn begin_direct(
        &self,
        user_id: UserId,
        other_id: UserId,
        begun_max: Option<u32>,
        now_ms: i64,
    ) -> Result<Begun, StoreError>;

    /// Those of an account, newest first, after `after`, at most `limit`.
    async fn direct_rooms(
        &self,
        user_id: UserId,
        after: Option<DirectPlace>,
        limit: u32,
    ) -> Result<Vec<DirectRecord>, StoreError>;

    /// One, as one of its two sees it. `None` for all other rooms and people.
    async fn direct_room(&self, room_id: RoomId, user_id: UserId) -> Result<Option<DirectRecord>, StoreError>;

    /// Marks what the inbox has of a direct room as read: messages up to place `seq`, and missed calls. Of other rooms nothing.
    async fn read_direct(&self, room_id: RoomId, user_id: UserId, seq: u64, now_ms: i64) -> Result<(), StoreError>;

    /// Has all direct rooms, of every workspace, keep their messages for so many days; 0 is for ever.
    async fn keep_direct(&self, days: u32) -> Result<(), StoreError>;

    /// Has an account refuse another's direct messages, or takes that back. Gives their direct room, if they have one; `None` when
    /// there is no such other account in the workspace and none is blocked.
    async fn set_block(
        &self,
        user_id: UserId,
        blocked_id: UserId,
        on: bool,
        now_ms: i64,
    ) -> Result<Option<Option<RoomId>>, StoreError>;

    /// Whose messages an account refuses, by id, after `after`, at most `limit`.
    async fn blocks(&self, user_id: UserId, after: Option<UserId>, limit: u32) -> Result<Vec<BlockedUser>, StoreError>;
}

/// Calls that ring in direct rooms.
#[async_trait]
pub trait RingStore: Send + Sync {
    /// Somebody has come to the call of a room. In a direct room it rings for the other one, or the call is answered that rings for it;
    /// where the other one is in the call already, nothing happens.
    async fn call_joined(&self, room_id: RoomId, user_id: UserId, now_ms: i64) -> Result<(), StoreError>;

    /// The one who is called does not want it. False when nobody calls it there.
    async fn decline_call(&self, room_id: RoomId, user_id: UserId, now_ms: i64) -> Result<bool, StoreError>;

    /// Ends the ringing of what has rung long enough, was left by its caller, or is answered, in every workspace. Gives how many.
    async fn end_rings(&self, now_ms: i64) -> Result<u32, StoreError>;
}
