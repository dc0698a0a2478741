//! The binary on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, dead_code)]

mod common;
#[path = "../../tests/support/postgres.rs"]
mod postgres;

use std::process::Stdio;

use common::Place;
use postgres::PostgresDatabase;

const PASSWORD: &str = "hunter22";

#[tokio::test]
async fn migrate_and_serve_take_postgresql_and_show_no_password() {
    let database = PostgresDatabase::create().await;
    let url = format!("--database-url={}", database.url().replace("postgres@", &format!("postgres:{PASSWORD}@")));
    // Two at once, then once more.
    let places = [Place::new(), Place::new()];
    let migrate = |place: &Place| {
        let mut command = place.command("migrate", &[&url, "--log=trace"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let at_once = places.each_ref().map(migrate).map(|child| child.wait_with_output().unwrap());
    let again = migrate(&places[0]).wait_with_output().unwrap();
    for output in at_once.into_iter().chain([again]) {
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{log}");
        assert_eq!(output.stdout, b"the database is up to date\n");
        assert!(log.contains("_sqlx_migrations") && !log.contains(PASSWORD), "{log}");
    }

    // A parameter that is misspelt may hold the password.
    let misspelt = format!("--database-url=postgres://app@127.0.0.1:1/db?passwrod={PASSWORD}");
    let output = places[0].command("migrate", &[&misspelt, "--log=trace"]).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(log.contains("database_url: ") && !log.contains(PASSWORD), "{log}");

    let mut server = places[0].serve(&[&url]);
    server.stdout_line("owner link: ");
    let child = std::fs::read(format!("/proc/{}/cmdline", places[0].media_pid())).unwrap();
    assert!(!String::from_utf8_lossy(&child).contains(PASSWORD), "the media node has no use for it");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!places[0].data_dir().join("boltorezka.db").exists());
}
