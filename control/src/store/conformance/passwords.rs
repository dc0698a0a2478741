//! The password in `database_url` is in no error. (That it is in no log either, `server/tests/postgres.rs` asks the real
//! program.)

use std::sync::Arc;

use super::database::Database;
use super::postgres_server::PostgresDatabase;
use crate::store::{OutboxSignal, open};

const PASSWORD: &str = "hunter22";

async fn guarded() -> (PostgresDatabase, String) {
    let Database::Postgres(database) = Database::postgres().await else { unreachable!() };
    let statements = "DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'hunter22';
                      EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    sqlx::raw_sql(statements).execute(&mut database.connect().await).await.unwrap();
    let url = database.url().replace("postgres@", &format!("guarded:{PASSWORD}@"));
    (database, url)
}

#[tokio::test]
async fn it_opens_the_database_and_is_in_no_error() {
    let (_database, url) = guarded().await;
    let store = open(&url, Arc::new(OutboxSignal::default())).await.unwrap();
    store.check().await.unwrap();
    let wrong = [
        url.replace(PASSWORD, "hunter22-wrong"),
        url.replace("/t", "/nowhere-"),
        url.replace("host=", &format!("password={PASSWORD}&port=1&host=")),
        format!("postgres://app:{PASSWORD}@127.0.0.1:1/db"),
        format!("postgres://app:{PASSWORD}@host.invalid/db?sslmode=verify-full"),
        format!("postgres://app:{PASSWORD}@127.0.0.1:99999/db"),
        format!("postgres://app:{PASSWORD}@[::1/db"),
        format!("postgres://app:x@127.0.0.1:1/db?passwrod={PASSWORD}"),
        format!("postgres://app:what?{PASSWORD}@127.0.0.1/db"),
        format!("postgresql://app:{PASSWORD}@127.0.0.1:1/db?sslmode=sometimes"),
    ];
    for url in wrong {
        let Err(error) = open(&url, Arc::new(OutboxSignal::default())).await else { panic!("{url} is taken") };
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(PASSWORD), "{shown}");
        assert!(error.to_string().starts_with("database_url: "), "{error}");
    }
}
