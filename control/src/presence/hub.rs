//! All rooms and sockets of this process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use boltorezka_proto::socket::{CloseCode, ServerMessage};
use boltorezka_proto::workspaces::OptionalFeature;
use boltorezka_proto::{RoomId, RoomSlug, SessionId, UserId, WorkspaceId};
use uuid::Uuid;

use super::room::RoomState;
use crate::limits::Limits;
use crate::sync::lock;
use crate::ws::{SocketHandle, frame};

/// A room with its gate: whoever changes who is in the room, or what the media node is told about them, holds the gate
/// from its read of the database to its change of memory and its order to the node.
pub struct LiveRoom {
    /// Stable id.
    pub id: RoomId,
    /// Whose it is.
    pub workspace_id: WorkspaceId,
    /// Held over awaits. Nobody who holds one waits for another, or for the media node.
    pub gate: tokio::sync::Mutex<()>,
    state: Mutex<RoomState>,
}

impl LiveRoom {
    /// The state, locked for a moment.
    pub fn state(&self) -> MutexGuard<'_, RoomState> {
        lock(&self.state)
    }
}

/// What is true now of a workspace as a whole.
#[derive(Default)]
pub struct LiveWorkspace {
    /// Whoever enters a room or a call holds it shared, from before the room's gate on. Who changes what all of the
    /// workspace may do, or who is in it, holds it alone, and then the gates of the rooms.
    pub door: tokio::sync::RwLock<()>,
    off: Mutex<HashSet<OptionalFeature>>,
}

impl LiveWorkspace {
    /// Whether it has a feature. The database decides over rights in calls; this is for requests.
    pub fn has(&self, feature: OptionalFeature) -> bool {
        !lock(&self.off).contains(&feature)
    }

    /// Remembers a switch that is in the database.
    pub fn set(&self, feature: OptionalFeature, enabled: bool) {
        let mut off = lock(&self.off);
        if enabled {
            off.remove(&feature);
        } else {
            off.insert(feature);
        }
    }
}

/// All rooms and sockets of this process.
#[derive(Default)]
pub struct Hub {
    workspaces: Mutex<HashMap<WorkspaceId, Arc<LiveWorkspace>>>,
    rooms: Mutex<HashMap<RoomId, Arc<LiveRoom>>>,
    dirty: Mutex<HashSet<RoomId>>,
    sockets: Mutex<Sockets>,
}

/// All open ones, so that those of one account are found without looking at the others.
type Sockets = BTreeMap<(UserId, SessionId), SocketHandle>;

impl Hub {
    /// The live room, made when it is not there.
    pub fn room(&self, workspace_id: WorkspaceId, id: RoomId, slug: &RoomSlug) -> Arc<LiveRoom> {
        let mut rooms = lock(&self.rooms);
        let room = rooms.entry(id).or_insert_with(|| {
            let state = Mutex::new(RoomState::new(slug.clone()));
            Arc::new(LiveRoom { id, workspace_id, gate: tokio::sync::Mutex::new(()), state })
        });
        room.clone()
    }

    /// The live room, if somebody was in it.
    pub fn find(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        lock(&self.rooms).get(&id).cloned()
    }

    /// Every live room.
    pub fn rooms(&self) -> Vec<Arc<LiveRoom>> {
        lock(&self.rooms).values().cloned().collect()
    }

    /// Every live room of a workspace, in the order in which their gates are taken by who takes several.
    pub fn rooms_of(&self, workspace_id: WorkspaceId) -> Vec<Arc<LiveRoom>> {
        let mut rooms = self.rooms();
        rooms.retain(|room| room.workspace_id == workspace_id);
        rooms.sort_by_key(|room| room.id);
        rooms
    }

    /// A live workspace; made when it is not there. There are as many as were asked for since the start.
    pub fn workspace(&self, id: WorkspaceId) -> Arc<LiveWorkspace> {
        lock(&self.workspaces).entry(id).or_default().clone()
    }

    /// Forgets a room that was deleted.
    pub fn forget(&self, id: RoomId) {
        lock(&self.rooms).remove(&id);
    }

    /// Forgets a workspace that was deleted, and closes its sockets.
    pub fn forget_workspace(&self, id: WorkspaceId) {
        lock(&self.workspaces).remove(&id);
        self.close_sockets_where(CloseCode::InvalidTicket, |socket| socket.workspace_id() == id);
    }

    /// Has the room's changes told at the next flush.
    pub fn touch(&self, id: RoomId) {
        lock(&self.dirty).insert(id);
    }

    /// Tells what changed in every room.
    pub fn flush(&self) {
        let dirty = std::mem::take(&mut *lock(&self.dirty));
        for room in dirty.into_iter().filter_map(|id| self.find(id)) {
            room.state().flush();
        }
    }

    /// Forgets rooms that nobody is in, so that memory follows use. A room that somebody is about to enter is kept.
    pub fn forget_idle(&self) {
        lock(&self.rooms).retain(|_, room| Arc::strong_count(room) > 1 || !room.state().is_idle());
    }

    /// Takes a socket in.
    ///
    /// # Errors
    /// The close code, when there are too many of the user or in all.
    pub fn open_socket(&self, socket: &SocketHandle, limits: &Limits) -> Result<(), CloseCode> {
        let mut sockets = lock(&self.sockets);
        if limits.sockets_total.is_some_and(|max| sockets.len() >= max as usize) {
            return Err(CloseCode::TryAgainLater);
        }
        let of_user = sockets_of(&sockets, socket.user_id()).count();
        if limits.sockets_per_user.is_some_and(|max| of_user >= max as usize) {
            return Err(CloseCode::TooManySockets);
        }
        sockets.insert((socket.user_id(), socket.id()), socket.clone());
        Ok(())
    }

    /// Forgets a socket that is closed.
    pub fn close_socket(&self, socket: &SocketHandle) {
        lock(&self.sockets).remove(&(socket.user_id(), socket.id()));
    }

    /// How many are open.
    pub fn socket_count(&self) -> usize {
        lock(&self.sockets).len()
    }

    /// Whether an account has a socket open in a workspace.
    pub fn has_socket_of(&self, workspace_id: WorkspaceId, user_id: UserId) -> bool {
        sockets_of(&lock(&self.sockets), user_id).any(|socket| socket.workspace_id() == workspace_id)
    }

    /// Tells the sockets of an account in a workspace of something in a room: not those that are only for another one.
    pub fn tell_account(&self, workspace_id: WorkspaceId, user_id: UserId, room_id: RoomId, message: &ServerMessage) {
        let frame = frame(message);
        let is_told = |socket: &&SocketHandle| {
            socket.workspace_id() == workspace_id && socket.only_room().is_none_or(|only| only == room_id)
        };
        for socket in sockets_of(&lock(&self.sockets), user_id).filter(is_told) {
            socket.send(frame.clone());
        }
    }

    /// Closes every socket.
    pub fn close_all(&self, code: CloseCode) {
        for socket in lock(&self.sockets).values() {
            socket.close(code);
        }
    }

    /// Closes the sockets of an account.
    pub fn close_sockets_of(&self, user_id: UserId, code: CloseCode) {
        self.close_of_account(user_id, code, |_| true);
    }

    /// Closes the sockets of an account whose other sessions ended.
    pub fn close_other_sockets_of(&self, user_id: UserId, kept: Uuid) {
        self.close_of_account(user_id, CloseCode::InvalidTicket, |socket| socket.session() != Some(kept));
    }

    /// Closes the sockets of somebody who is no member of a workspace any more.
    pub fn close_sockets_in(&self, workspace_id: WorkspaceId, user_id: UserId) {
        self.close_of_account(user_id, CloseCode::InvalidTicket, |socket| socket.workspace_id() == workspace_id);
    }

    /// Closes the sockets that were opened from a session that ended.
    pub fn close_sockets_of_session(&self, session: Uuid) {
        self.close_sockets_where(CloseCode::InvalidTicket, |socket| socket.session() == Some(session));
    }

    fn close_of_account(&self, user_id: UserId, code: CloseCode, ended: impl Fn(&SocketHandle) -> bool) {
        for socket in sockets_of(&lock(&self.sockets), user_id).filter(|socket| ended(socket)) {
            socket.close(code);
        }
    }

    fn close_sockets_where(&self, code: CloseCode, ended: impl Fn(&SocketHandle) -> bool) {
        for socket in lock(&self.sockets).values().filter(|socket| ended(socket)) {
            socket.close(code);
        }
    }
}

fn sockets_of(sockets: &Sockets, user_id: UserId) -> impl Iterator<Item = &SocketHandle> {
    let from = (user_id, SessionId(Uuid::nil()));
    sockets.range(from..).take_while(move |((of, _), _)| *of == user_id).map(|(_, socket)| socket)
}
