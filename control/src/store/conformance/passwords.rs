//! The password in `database_url` is shown to nobody.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::database::Database;
use super::postgres_server::PostgresDatabase;
use crate::store::{OutboxSignal, open};

const PASSWORD: &str = "hunter22";

/// All that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn record(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber =
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || log.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }
}

async fn guarded() -> (PostgresDatabase, String) {
    let Database::Postgres(database) = Database::postgres().await else { unreachable!() };
    let statements = "DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'hunter22';
                      EXCEPTION WHEN duplicate_object THEN NULL; END $$";
    sqlx::raw_sql(statements).execute(&mut database.connect().await).await.unwrap();
    let url = database.url().replace("postgres@", &format!("guarded:{PASSWORD}@"));
    (database, url)
}

/// One test, since two that record at once disturb each other.
#[tokio::test]
async fn it_is_in_no_log_and_in_no_error() {
    let (_database, url) = guarded().await;
    let log = Log::default();
    let _recording = log.record();
    let store = open(&url, Arc::new(OutboxSignal::default())).await.unwrap();
    store.check().await.unwrap();
    assert!(log.text().contains("SELECT 1 FROM workspaces"), "nothing was recorded");
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
    assert!(!log.text().contains(PASSWORD), "{}", log.text());
}
