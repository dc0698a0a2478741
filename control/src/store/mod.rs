//! What must last. One object-safe trait for each feature; [`Store`] is all of them.
//!
//! Every method is one transaction. What must be told to others (the media node, the sockets) is written to the outbox
//! in that same transaction, and the [`OutboxSignal`] is fired after its commit.
//!
//! The methods are written once, in `sql/`, and compiled for each database; `sqlite.rs` and `postgres.rs` are what differs.

mod access;
mod accounts;
mod address;
mod admin;
mod api_keys;
mod attachments;
mod backup;
mod bans;
mod chat;
mod codec;
#[cfg(test)]
mod conformance;
mod custom_roles;
mod direct;
mod erasure;
mod invites;
mod links;
mod lobby;
mod migrations;
mod moderation;
mod moves;
mod notifications;
mod oidc;
mod outbox;
mod participants;
mod passkeys;
mod postgres;
mod push;
mod reports;
mod retention;
mod room_invites;
mod rooms;
mod search;
mod second_factors;
mod sessions;
mod sqlite;
mod webhooks;
mod whip;
mod workspace_end;
mod workspaces;
mod write;

use std::sync::Arc;

use boltorezka_proto::UserId;
use sqlx::error::ErrorKind;
use thiserror::Error;
use uuid::Uuid;

use address::Address;

pub use access::{AccessStore, Blocked};
pub use accounts::{AccountStore, NewAccount, SetupOutcome, UserRecord};
pub use admin::{AdminStore, AuditFilter, AuditPlace};
pub use api_keys::{ApiKeyRecord, ApiKeyStore, NewApiKey, RevokedApiKey};
pub use attachments::{Added, AttachmentRecord, AttachmentStore, NewAttachment, Space};
pub use backup::{BackupError, backup, restore};
pub use bans::{BanRecord, BanStore};
pub use chat::{
    Change, ChangeOutcome, ChangeRefusal, ChangeStore, ChatStore, ChatSyncStore, DeltaRequest, MessageChange,
    MessageRecord, NewMessage, SendOutcome, UNREAD_MAX, Unread,
};
pub use custom_roles::{
    CUSTOM_ROLES_MAX, CustomRoleChange, CustomRoleRecord, CustomRoleStore, CustomRoleUpdate, HELD_ROLES_MAX,
};
pub use direct::{Begun, DirectPlace, DirectRecord, DirectRefusal, DirectStore, RingStore};
pub use erasure::{ActRecord, ErasureStore, Planned, WrittenRecord};
pub use invites::{InviteRecord, InviteStore, NewInvite, Registered};
pub use links::{LinkStore, MailRecord, NewLink, Verified};
pub use lobby::{LOBBY_GRANT_MS, LobbyStore};
#[cfg(test)]
pub use migrations::names as migration_names;
pub use moderation::{ModerationStore, Removed};
pub use moves::MoveStore;
pub use notifications::{NotificationRecord, NotificationStore};
pub use oidc::{
    EndedState, Identity, Newcomer, OidcLinkRecord, OidcLinked, OidcSignIn, OidcSignedIn, OidcStore, OidcUnlinked,
};
pub use outbox::{OutboxRow, OutboxSignal, OutboxStore, Topic};
pub use participants::{Admission, Join, JoinRequest, ParticipantRecord, ParticipantStore, Permitted};
pub use passkeys::{
    NewPasskey, PasskeyAdded, PasskeyRecord, PasskeyRemoved, PasskeySignedIn, PasskeyStore, PasskeyUse,
};
pub use push::{DuePush, NewPushSubscription, PushAbout, PushContent, PushStore, PushSubscriptionRecord, PushTarget};
pub use reports::{NewReport, ReportStore};
pub use retention::{RetentionStore, StrangerRecord};
pub use room_invites::{InvitedTo, NewRoomInvite, Redeemed, RoomInviteRecord, RoomInviteStore, RoomInvited};
pub use rooms::{MemberRecord, NewRoom, RoomPlace, RoomRecord, RoomStore, Standing};
pub use search::{SearchStore, SearchWords};
pub use second_factors::{Attempt, SecondFactorRecord, SecondFactorStore};
pub use sessions::{Grant, NewSession, SessionRecord, SessionStore};
pub use webhooks::{
    DeliveryCounts, DueDelivery, FailedDelivery, NewWebhook, WebhookRecord, WebhookSecret, WebhookStore,
};
pub use whip::{NewWhipSession, WhipSessionRecord, WhipStore};
pub use workspace_end::WorkspaceEndStore;
pub use workspaces::{
    Ended, MemberChange, WorkspaceCreated, WorkspaceMemberRecord, WorkspaceRecord, WorkspaceStore, workspace_role,
};

macro_rules! store {
    ($($part:ident),+) => {
        /// Everything that the control plane keeps.
        pub trait Store: Send + Sync $(+ $part)+ {}
        impl<T: Send + Sync $(+ $part)+> Store for T {}
    };
}

store!(
    AccountStore,
    AccessStore,
    AdminStore,
    ApiKeyStore,
    AttachmentStore,
    BanStore,
    ChangeStore,
    ChatStore,
    ChatSyncStore,
    CustomRoleStore,
    DirectStore,
    ErasureStore,
    InviteStore,
    LinkStore,
    LobbyStore,
    ModerationStore,
    MoveStore,
    NotificationStore,
    OidcStore,
    OutboxStore,
    ParticipantStore,
    PasskeyStore,
    PushStore,
    ReportStore,
    RetentionStore,
    RingStore,
    RoomInviteStore,
    RoomStore,
    SearchStore,
    SecondFactorStore,
    SessionStore,
    WebhookStore,
    WhipStore,
    WorkspaceEndStore,
    WorkspaceStore
);

/// A failed operation on the database.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database failed or cannot be reached.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A stored value does not make sense: the database was changed by hand, or by a newer version.
    #[error("database: {0} holds a value that this version does not understand")]
    Corrupt(&'static str),
    /// The write was given up half-way, and changed nothing that is known: the server ends.
    #[error("database: the write was interrupted")]
    Interrupted,
}

impl StoreError {
    /// Whether the transaction failed only because another one was faster: it did nothing, and may be run again.
    pub fn is_lost_race(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        // Serialization failure and deadlock (PostgreSQL, appendix A).
        let rolled_back = matches!(error.code().as_deref(), Some("40001" | "40P01"));
        // A row appeared or went between the reading and the writing.
        rolled_back || matches!(error.kind(), ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation)
    }

    /// Whether a text was given that the database cannot keep: PostgreSQL takes no U+0000.
    pub fn is_untakable_text(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        error.code().as_deref() == Some("22021")
    }
}

/// The database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The address is of no known kind.
    #[error("database_url: {0:?} is not understood; use sqlite://PATH or postgres://USER@HOST/DATABASE")]
    UnknownScheme(String),
    /// The address names no plain file.
    #[error("database_url: sqlite:// takes the path of a file and no options; {0:?} is none")]
    NoFile(String),
    /// The address of a PostgreSQL server is not one. It may hold a password and is not shown.
    #[error("database_url: the address is not understood: {0}. Give postgres://USER@HOST/DATABASE")]
    PostgresAddress(String),
    /// The data directory cannot be made.
    #[error("data_dir: cannot create {path}: {source}")]
    DataDir {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("database_url: cannot open {url}: {source}")]
    Open {
        /// Which.
        url: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("database_url: cannot migrate {url}: {source}")]
    Migrate {
        /// Which.
        url: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// The first reads failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The settings of the provider cannot be used.
    #[error("{0}")]
    Oidc(String),
    /// The settings of the S3 store cannot be used.
    #[error("{0}")]
    Files(String),
    /// The settings for mails cannot be used.
    #[error("{0}")]
    Mail(String),
    /// The random source or a stored key cannot be used.
    #[error("cannot make or read a key: {0}")]
    Key(String),
}

/// Opens the database that `url` names and brings its schema up to date.
///
/// # Errors
/// [`OpenError`], which names the setting and the cure.
pub async fn open(url: &str, signal: Arc<OutboxSignal>) -> Result<Arc<dyn Store>, OpenError> {
    match Address::read(url)? {
        Address::Sqlite(path) => Ok(Arc::new(sqlite::open(path, signal).await?)),
        Address::Postgres(url) => Ok(Arc::new(postgres::open(url, signal).await?)),
    }
}

/// Who does something that is worth remembering, and from where.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Who.
    pub actor: Actor,
    /// The network address that the request came from.
    pub address: String,
    /// When.
    pub now_ms: i64,
}

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// A signed-in account.
    User(UserId),
    /// A server of the operator.
    ApiKey(Uuid),
    /// The holder of the owner link.
    OwnerLink,
}
