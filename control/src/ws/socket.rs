//! One open socket, as the rest of the control plane sees it.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use boltorezka_proto::rest::User;
use boltorezka_proto::socket::CloseCode;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{RoomId, SessionId, UserId, WorkspaceId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::calls::PermissionBits;
use crate::permissions::{Grants, Who};
use crate::store::Grant;

/// Frames that wait for a slow reader. A busy room makes some ten a second, so this is many seconds; who is further
/// behind does better to reconnect and ask for the state of now.
const OUTGOING_MAX: usize = 512;

/// A handle on an open socket: cheap to clone, never blocks.
#[derive(Clone)]
pub struct SocketHandle(Arc<Shared>);

struct Shared {
    id: SessionId,
    user: User,
    workspace_role: WorkspaceRole,
    grant: Grant,
    address: IpAddr,
    outgoing: mpsc::Sender<Utf8Bytes>,
    closed: CancellationToken,
    close_code: OnceLock<CloseCode>,
}

/// The other end of a socket's queue.
pub struct Outgoing {
    frames: mpsc::Receiver<Utf8Bytes>,
}

impl SocketHandle {
    /// A socket for `user` at `address`, and the queue of what it is to be sent.
    pub fn new(user: User, workspace_role: WorkspaceRole, grant: Grant, address: IpAddr) -> (Self, Outgoing) {
        let (outgoing, frames) = mpsc::channel(OUTGOING_MAX);
        let id = SessionId::generate();
        let closed = CancellationToken::new();
        let close_code = OnceLock::new();
        let shared = Shared { id, user, workspace_role, grant, address, outgoing, closed, close_code };
        (Self(Arc::new(shared)), Outgoing { frames })
    }

    /// Stable while it is open.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// Whose it is.
    pub fn user(&self) -> &User {
        &self.0.user
    }

    /// Whose it is.
    pub fn user_id(&self) -> UserId {
        self.0.user.id
    }

    /// As the permissions know it. The roles on the server and in the workspace are those of its opening; what custom roles give is kept with its
    /// seats, in each room.
    pub fn who(&self) -> Who {
        if self.0.grant.room_id.is_some() {
            Who::JoinToken
        } else {
            Who::Account(self.0.user.role, self.0.workspace_role, Grants::NONE)
        }
    }

    /// The workspace that it sees.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.0.grant.workspace_id
    }

    /// Where it was opened from, for the audit.
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// The session that its ticket came from.
    pub fn session(&self) -> Option<Uuid> {
        self.0.grant.session
    }

    /// What its ticket opened.
    pub fn grant(&self) -> &Grant {
        &self.0.grant
    }

    /// The only room that its ticket opens.
    pub fn only_room(&self) -> Option<RoomId> {
        self.0.grant.room_id
    }

    /// The most that its ticket allows.
    pub fn permissions(&self) -> PermissionBits {
        self.0.grant.permissions
    }

    /// Queues a frame. When the queue is full the socket is closed: its client reconnects and starts from what is
    /// true then, instead of from ever older news. False then.
    pub fn send(&self, frame: Utf8Bytes) -> bool {
        let is_full = matches!(self.0.outgoing.try_send(frame), Err(mpsc::error::TrySendError::Full(_)));
        if is_full {
            self.close(CloseCode::TryAgainLater);
        }
        !is_full
    }

    /// Closes. The first code counts.
    pub fn close(&self, code: CloseCode) {
        let _ = self.0.close_code.set(code);
        self.0.closed.cancel();
    }

    /// Whether it was closed because its account or session is not good any more.
    pub fn is_shut_out(&self) -> bool {
        matches!(self.0.close_code.get(), Some(CloseCode::AccountBlocked | CloseCode::InvalidTicket))
    }

    /// Ends, without a code, because the other side did.
    pub fn end(&self) {
        self.0.closed.cancel();
    }

    /// Completes when the socket is to be closed, with the code to say.
    pub async fn closed(&self) -> Option<CloseCode> {
        self.0.closed.cancelled().await;
        self.0.close_code.get().copied()
    }
}

impl Outgoing {
    /// The next frame.
    pub async fn next(&mut self) -> Option<Utf8Bytes> {
        self.frames.recv().await
    }

    /// The next frame, if one waits.
    pub fn try_next(&mut self) -> Option<Utf8Bytes> {
        self.frames.try_recv().ok()
    }
}

#[cfg(test)]
impl SocketHandle {
    /// Whether it is to be closed.
    pub fn is_closed(&self) -> bool {
        self.0.closed.is_cancelled()
    }

    /// A socket of nobody in particular.
    pub fn for_tests() -> (Self, Outgoing) {
        use boltorezka_proto::DisplayName;
        use boltorezka_proto::rest::Role;
        let user_id = UserId::generate();
        let display_name = DisplayName::new("Test").unwrap();
        let user = User { id: user_id, email: String::new(), display_name, role: Role::User };
        let grant = Grant {
            workspace_id: WorkspaceId::generate(),
            user_id,
            session: None,
            room_id: None,
            permissions: PermissionBits(15),
            expires_at_ms: i64::MAX,
        };
        Self::new(user, WorkspaceRole::Member, grant, IpAddr::from([127, 0, 0, 1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_is_too_slow_is_closed() {
        let (socket, mut outgoing) = SocketHandle::for_tests();
        for _ in 0..OUTGOING_MAX {
            assert!(socket.send("x".into()));
        }
        assert!(!socket.is_closed());
        assert!(!socket.send("one too many".into()));
        assert!(socket.is_closed());
        assert_eq!(socket.closed().await, Some(CloseCode::TryAgainLater));
        assert_eq!(outgoing.next().await.unwrap().as_str(), "x");
    }
}
