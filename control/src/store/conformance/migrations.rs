use std::collections::BTreeSet;
use std::sync::Arc;

use super::database::{Database, at_once};
use crate::store::migrations::{POSTGRES, SQLITE, Step};
use crate::store::{postgres, sqlite};

on_every_database!(
    migrating_twice_changes_nothing,
    several_may_migrate_at_once,
    a_failed_migration_leaves_all_as_it_was
);

/// Released migrations are never changed, renamed or moved; new ones come last.
const RELEASED: [(i64, &str); 18] = [
    (1, "initial"),
    (2, "whip sessions"),
    (3, "workspaces"),
    (4, "accounts"),
    (5, "chat"),
    (6, "webhooks"),
    (7, "rooms"),
    (8, "chat search"),
    (9, "attachments"),
    (10, "notifications"),
    (11, "admin"),
    (12, "reports"),
    (13, "oidc"),
    (14, "lobby"),
    (15, "direct messages"),
    (16, "passkeys"),
    (17, "custom roles"),
    (18, "push"),
];

impl Database {
    /// Columns, keys and indexes as one text.
    async fn schema(&self) -> String {
        match self {
            Self::Sqlite(_) => {
                self.text("SELECT coalesce(group_concat(sql, ';'), '') FROM (SELECT sql FROM sqlite_schema ORDER BY name)").await
            }
            Self::Postgres(_) => {
                self.text(
                    "SELECT coalesce(string_agg(line, ';' ORDER BY line), '') FROM (
                         SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) AS line
                             FROM information_schema.columns WHERE table_schema = 'public'
                         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                         UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                     ) AS lines",
                )
                .await
            }
        }
    }

    async fn applied(&self) -> String {
        match self {
            Self::Sqlite(_) => self.text("SELECT group_concat(version || ' ' || description || ' ' || installed_on, ';') FROM _sqlx_migrations").await,
            Self::Postgres(_) => {
                self.text("SELECT string_agg(version || ' ' || description || ' ' || installed_on, ';' ORDER BY version) FROM _sqlx_migrations").await
            }
        }
    }

    async fn migrate(&self, own: &[Step]) -> Result<(), sqlx::migrate::MigrateError> {
        match self {
            Self::Sqlite(_) => {
                let writer = sqlite::writer(&self.sqlite_path()).await.unwrap();
                let outcome = sqlite::migrate(&writer, &[SQLITE, own].concat()).await;
                writer.close().await;
                outcome
            }
            Self::Postgres(_) => {
                postgres::migrate(&postgres::options(&self.url()).unwrap(), &[POSTGRES, own].concat()).await
            }
        }
    }
}

async fn migrating_twice_changes_nothing(database: Database) {
    database.open().await;
    let (schema, applied) = (database.schema().await, database.applied().await);
    assert!(schema.contains("whip_sessions") && applied.contains("1 initial"), "{schema} {applied}");
    database.open().await;
    assert_eq!((database.schema().await, database.applied().await), (schema, applied));
    assert_eq!(database.count("SELECT count(*) FROM workspaces").await, 1);
}

async fn several_may_migrate_at_once(kind: Database) {
    for _ in 0..5 {
        let database = Arc::new(kind.another().await);
        let open = |_| {
            let database = database.clone();
            async move { database.try_open().await.map(|_| ()) }
        };
        for outcome in at_once((0..8).map(open)).await {
            outcome.unwrap();
        }
        assert_eq!(database.count("SELECT count(*) FROM _sqlx_migrations").await, RELEASED.len() as i64);
        assert_eq!(database.count("SELECT count(*) FROM workspaces").await, 1);
    }
}

async fn a_failed_migration_leaves_all_as_it_was(database: Database) {
    let works = (101, "works", "CREATE TABLE made (id BIGINT PRIMARY KEY); UPDATE workspaces SET slug = 'changed'");
    let fails = (102, "fails", "CREATE TABLE half (id BIGINT PRIMARY KEY); INSERT INTO nowhere VALUES (1)");
    // The first time of all: nothing is left.
    database.migrate(&[works, fails]).await.unwrap_err();
    assert_eq!(database.schema().await, "");
    // An update: what was before is left, with its data.
    database.open().await;
    let (schema, applied) = (database.schema().await, database.applied().await);
    database.migrate(&[works, fails]).await.unwrap_err();
    assert_eq!((database.schema().await, database.applied().await), (schema, applied));
    assert_eq!(database.text("SELECT slug FROM workspaces").await, "default");
    database.open().await.check().await.unwrap();
    database.migrate(&[works]).await.unwrap();
    assert_eq!(database.text("SELECT slug FROM workspaces").await, "changed");
}

#[test]
fn names_and_order_are_fixed() {
    for steps in [SQLITE, POSTGRES] {
        let names: Vec<_> = steps.iter().map(|&(version, name, _)| (version, name)).collect();
        assert_eq!(names, RELEASED);
    }
    let files = |folder: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        let names = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>()
    };
    let named = RELEASED.map(|(version, name)| format!("{version:04}_{}.sql", name.replace(' ', "_")));
    assert_eq!(files("sqlite"), BTreeSet::from(named.clone()));
    assert_eq!(files("postgres"), BTreeSet::from(named));
}
