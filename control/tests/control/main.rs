//! The control plane as its clients and the media node see it: the real router on a real port, a real database, real
//! WebSockets, and a node that speaks the real contract over a real Unix socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod accounts;
mod admin;
mod api_keys;
mod attachments;
mod audit;
mod bans;
mod calls;
mod chat;
mod chat_changes;
mod common;
mod direct;
mod erasure;
mod features;
mod gateway;
mod health;
mod inspection;
mod invites;
mod isolation;
mod links;
mod moving;
mod notifications;
mod openapi;
mod permissions;
mod presence;
mod problems;
mod reports;
mod revocation;
mod rights;
mod room_invites;
mod room_settings;
mod rooms;
mod search;
mod second_factor;
mod sessions;
mod smtp;
mod sync;
mod telemetry;
mod tokens;
mod webhooks;
mod whip;
mod workspace_end;
mod workspaces;
