//! The native client library of Boltorezka: takes part in rooms and calls without a browser, a microphone or a screen.
//! For servers, bots and tests on Linux.
//!
//! - [`Client`]: the HTTP API, with an account, a join token or an API key.
//! - [`Gateway`]: the realtime gateway, which reconnects and joins its rooms again by itself.
//! - [`call::Call`]: a call, which publishes from files, receives frames, counts and records.
//! - [`media`]: the files.
//!
//! Everything runs on the caller's tokio runtime. Nothing blocks, and every queue is bounded: see each item for what
//! happens when it is full.

pub mod call;
mod client;
mod gateway;
mod lobby;
pub mod media;
mod workspaces;

#[cfg(test)]
#[path = "../fixtures/mod.rs"]
mod fixtures;

pub use boltorezka_proto::call::{EndReason, SlotMode, SlotWish, TrackInfo, TrackSource};
pub use boltorezka_proto::data::{DataError, DataFrom, DataKind, DataRefusal, DataTo};
pub use boltorezka_proto::rooms::{RefusalReason, Waiting};
pub use boltorezka_proto::workspaces::{FeatureSwitch, OptionalFeature, Workspace, WorkspaceMember, WorkspaceRole};
pub use boltorezka_proto::{
    DisplayName, ErrorCode, MessageText, ParticipantId, RoomSlug, RoomTitle, TrackNumber, WorkspaceSlug,
    WorkspaceTitle, rest, socket,
};
pub use client::{Client, ClientError};
pub use gateway::{Gateway, GatewayError, GatewayEvent, REQUEST_TIMEOUT};
