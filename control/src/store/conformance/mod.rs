//! What every database must do, as one suite: each case runs on SQLite and on PostgreSQL, real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

/// Makes tests of the cases of a module, one for each database.
macro_rules! on_every_database {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::store::conformance::database::Database::sqlite()).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case($crate::store::conformance::database::Database::postgres().await).await;
            })+
        }
    };
}

mod access;
mod accounts;
mod admin;
mod api_keys;
mod attachments;
mod bans;
mod chat;
mod chat_changes;
mod chat_sync;
mod custom_roles;
mod database;
mod direct;
mod durability;
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
mod passwords;
mod people;
#[path = "../../../tests/support/postgres.rs"]
mod postgres_server;
mod push;
mod races;
mod reports;
mod retention;
mod rings;
mod room_invites;
mod room_settings;
mod rooms;
mod search;
mod second_factors;
mod sessions;
mod stays;
mod webhooks;
mod whip;
mod workspace_end;
mod workspaces;
