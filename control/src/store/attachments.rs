//! Files of messages, as rows.

use std::collections::HashSet;

use async_trait::async_trait;
use boltorezka_proto::socket::Attachment;
use boltorezka_proto::{AttachmentId, RoomId, RoomSlug, UserId};

use super::StoreError;

/// A file that is on the disk.
#[derive(Clone, Debug)]
pub struct NewAttachment<'a> {
    /// As clients see it.
    pub attachment: &'a Attachment,
    /// Where it may be sent.
    pub room_id: RoomId,
    /// By whom.
    pub uploader_id: UserId,
    /// Most that the files of the account, and those of the room, may take.
    pub space: Space,
    /// When.
    pub now_ms: i64,
}

/// Bytes of an account and of a room: taken, or at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// The account's, in the whole server.
    pub of_user: u64,
    /// The room's.
    pub of_room: u64,
}

/// What became of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// It is there.
    Done,
    /// The account may not send to the room any more.
    Forbidden,
    /// The account's files take as much as they may.
    UserFull,
    /// The room's files do.
    RoomFull,
}

/// A file and where it belongs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttachmentRecord {
    /// As clients see it.
    pub attachment: Attachment,
    /// Whose rights count.
    pub room: RoomSlug,
    /// Who may see it before it is sent.
    pub uploader_id: UserId,
    /// Whether it was sent.
    pub is_sent: bool,
}

/// Files of messages.
#[async_trait]
pub trait AttachmentStore: Send + Sync {
    /// What the files of an account and of a room take.
    async fn space_taken(&self, uploader_id: UserId, room_id: RoomId) -> Result<Space, StoreError>;

    /// Takes a file in.
    async fn add_attachment(&self, new: NewAttachment<'_>) -> Result<Added, StoreError>;

    /// A file of this workspace.
    async fn attachment(&self, id: AttachmentId) -> Result<Option<AttachmentRecord>, StoreError>;

    /// Drops what was uploaded before `before_ms` and never sent, in every workspace.
    async fn drop_unsent_attachments(&self, before_ms: i64) -> Result<(), StoreError>;

    /// Ids of files without a row, in every workspace, at most `limit`.
    async fn removed_files(&self, limit: u32) -> Result<Vec<AttachmentId>, StoreError>;

    /// Forgets those whose files are gone.
    async fn forget_removed_files(&self, ids: &[AttachmentId]) -> Result<(), StoreError>;

    /// Which of `ids` have a row, in whatever workspace.
    async fn attachments_among(&self, ids: &[AttachmentId]) -> Result<HashSet<AttachmentId>, StoreError>;
}
