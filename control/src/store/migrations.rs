//! The schema's history. Each migration has a file of the same name for each database.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name, and text of each, from one folder of `control/migrations`.
macro_rules! migrations {
    ($folder:literal) => {
        &[
            (1, "initial", include_str!(concat!("../../migrations/", $folder, "/0001_initial.sql"))),
            (2, "whip sessions", include_str!(concat!("../../migrations/", $folder, "/0002_whip_sessions.sql"))),
            (3, "workspaces", include_str!(concat!("../../migrations/", $folder, "/0003_workspaces.sql"))),
            (4, "accounts", include_str!(concat!("../../migrations/", $folder, "/0004_accounts.sql"))),
            (5, "chat", include_str!(concat!("../../migrations/", $folder, "/0005_chat.sql"))),
            (6, "webhooks", include_str!(concat!("../../migrations/", $folder, "/0006_webhooks.sql"))),
            (7, "rooms", include_str!(concat!("../../migrations/", $folder, "/0007_rooms.sql"))),
            (8, "chat search", include_str!(concat!("../../migrations/", $folder, "/0008_chat_search.sql"))),
            (9, "attachments", include_str!(concat!("../../migrations/", $folder, "/0009_attachments.sql"))),
            (10, "notifications", include_str!(concat!("../../migrations/", $folder, "/0010_notifications.sql"))),
            (11, "admin", include_str!(concat!("../../migrations/", $folder, "/0011_admin.sql"))),
            (12, "reports", include_str!(concat!("../../migrations/", $folder, "/0012_reports.sql"))),
            (13, "oidc", include_str!(concat!("../../migrations/", $folder, "/0013_oidc.sql"))),
            (14, "lobby", include_str!(concat!("../../migrations/", $folder, "/0014_lobby.sql"))),
            (15, "direct messages", include_str!(concat!("../../migrations/", $folder, "/0015_direct_messages.sql"))),
            (16, "passkeys", include_str!(concat!("../../migrations/", $folder, "/0016_passkeys.sql"))),
            (17, "custom roles", include_str!(concat!("../../migrations/", $folder, "/0017_custom_roles.sql"))),
            (18, "push", include_str!(concat!("../../migrations/", $folder, "/0018_push.sql"))),
        ]
    };
}

/// A migration's version, name and text.
pub type Step = (i64, &'static str, &'static str);

/// For SQLite.
pub const SQLITE: &[Step] = migrations!("sqlite");
/// For PostgreSQL.
pub const POSTGRES: &[Step] = migrations!("postgres");

/// The names of all, in their order.
#[cfg(test)]
pub fn names() -> Vec<&'static str> {
    SQLITE.iter().map(|(_, name, _)| *name).collect()
}

/// Carries out those of `steps` that the database lacks. Whoever runs it holds a transaction that keeps others out: then
/// all of them are in, or none is.
pub fn migrator(steps: &[Step]) -> Migrator {
    let migration = |&(version, name, sql): &Step| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(steps.iter().map(migration).collect());
    migrator.set_locking(false);
    migrator
}
