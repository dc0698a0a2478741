//! The contracts of Boltorezka: what travels between browsers, the control plane and the media plane.
//!
//! This crate holds data and rules that need no clock, no socket and no runtime:
//!
//! | module | between | over |
//! |---|---|---|
//! | [`rest`] | clients and control | HTTP, JSON |
//! | [`accounts`] | clients and control | HTTP, JSON |
//! | [`direct`] | clients and control | HTTP and the socket, JSON |
//! | [`notifications`] | clients and control | HTTP and the socket, JSON |
//! | [`oidc`] | clients and control | HTTP, JSON |
//! | [`passkeys`] | clients and control | HTTP, JSON |
//! | [`push`] | clients and control | HTTP, JSON; a push service, JSON |
//! | [`reports`] | clients and control | HTTP, JSON |
//! | [`rooms`] | clients and control | HTTP, JSON |
//! | [`admin`] | clients and control | HTTP, JSON |
//! | [`telemetry`] | clients and control | HTTP, JSON |
//! | [`webhooks`] | servers of the operator and control | HTTP, JSON |
//! | [`socket`] | clients and control | the WebSocket at `/v1/realtime/ws` |
//! | [`call`] | clients and a media shard | the data channel `boltorezka` |
//! | [`data`] | clients | the data channels `boltorezka.reliable` and `boltorezka.lossy` |
//! | [`admission`] | control and media nodes | a Unix socket, later TLS |
//!
//! Everything is JSON in camelCase, but for the payload of data messages. Unknown fields are ignored, so that either side may be newer; unknown message
//! types are answered with an error that names them.

pub mod accounts;
pub mod admin;
pub mod admission;
pub mod call;
mod chat;
pub mod custom_roles;
pub mod data;
pub mod direct;
mod error;
mod ids;
pub mod inspection;
pub mod notifications;
pub mod oidc;
pub mod passkeys;
mod permissions;
pub mod push;
pub mod reports;
pub mod rest;
pub mod rooms;
mod schema;
pub mod socket;
pub mod telemetry;
mod text;
mod time;
pub mod webhooks;
pub mod workspaces;

pub use error::{ErrorCode, Problem};
pub use ids::{
    ApiKeyId, AttachmentId, AuditId, CallId, CustomRoleId, EventId, InviteId, LoginId, MessageId, NotificationId,
    ParticipantId, PasskeyId, PushSubscriptionId, ReportId, RoomId, SessionId, TrackNumber, UserId, WebhookId,
    WorkspaceId,
};
pub use text::{
    CustomRoleName, DisplayName, FileName, InvalidText, MessageText, PasskeyName, ReactionEmoji, ReportReason,
    RoomCategory, RoomSlug, RoomTitle, WorkspaceSlug, WorkspaceTitle,
};
pub use time::Timestamp;
