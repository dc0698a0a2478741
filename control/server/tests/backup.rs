//! Backups by the real binary: taken while people talk, and brought back elsewhere, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, dead_code)]

mod common;
#[path = "../../tests/support/postgres.rs"]
mod postgres;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use boltorezka_proto::rest::{CreateRoomRequest, Page, RoomKind, SetupRequest};
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::socket::Message;
use boltorezka_proto::{DisplayName, MessageText, RoomSlug, RoomTitle};
use boltorezka_sdk::Client;
use common::Place;
use postgres::PostgresDatabase;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// One speaks as fast as it can.
const LIMITS_OFF: [&str; 3] = [
    "--limits-messages-per-user-per-s=off",
    "--limits-requests-per-socket-per-s=off",
    "--limits-requests-per-user-per-s=off",
];

/// A place with a database of its own.
struct Site {
    place: Place,
    flags: Vec<String>,
    _database: Option<PostgresDatabase>,
}

impl Site {
    fn on_sqlite() -> Self {
        Self { place: Place::new(), flags: Vec::new(), _database: None }
    }

    async fn on_postgres() -> Self {
        let database = PostgresDatabase::create().await;
        let flags = vec![format!("--database-url={}", database.url())];
        Self { place: Place::new(), flags, _database: Some(database) }
    }

    fn run(&self, command: &str, folder: &Path) -> Output {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.place.command(command, &flags).arg(folder).output().unwrap()
    }

    fn serve(&self) -> common::Server {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).chain(LIMITS_OFF).collect();
        self.place.serve(&flags)
    }
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn set_up(origin: &str, owner_link: &str) -> Client {
    let setup = SetupRequest {
        token: owner_link.split_once("token=").unwrap().1.trim().to_owned(),
        email: "olga@example.org".into(),
        password: PASSWORD.into(),
        display_name: DisplayName::new("Olga").unwrap(),
    };
    let (owner, _) = Client::set_up(origin, &setup).await.unwrap();
    let (slug, title) = (RoomSlug::new("talk").unwrap(), RoomTitle::new("Talk").unwrap());
    let settings = RoomSettingsChange::default();
    let request = CreateRoomRequest { slug, title, kind: RoomKind::Text, capacity: None, settings };
    owner.create_room(&request).await.unwrap();
    owner
}

/// What was said, oldest first.
async fn history(client: &Client) -> Vec<String> {
    let (mut texts, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/rooms/talk/messages?limit=100{cursor}");
        let page: Page<Message> = client.get(&path).await.unwrap();
        texts.extend(page.items.into_iter().map(|message| message.text.unwrap().as_str().to_owned()));
        let Some(next) = page.next_cursor else { break };
        cursor = format!("&cursor={next}");
    }
    texts.reverse();
    texts
}

/// Says numbers until it is told to stop; how many were acked.
async fn talk(client: Client, stop: Arc<AtomicBool>, acked: Arc<AtomicUsize>) {
    let room = RoomSlug::new("talk").unwrap();
    let gateway = client.connect().await.unwrap();
    gateway.join_room(&room).await.unwrap();
    while !stop.load(Ordering::SeqCst) {
        let number = acked.load(Ordering::SeqCst).to_string();
        gateway.send_message(&room, MessageText::new(&number).unwrap(), &number).await.unwrap();
        acked.fetch_add(1, Ordering::SeqCst);
    }
}

/// Takes a backup of a running server into a new folder of `keep`; brings it back to `elsewhere` and compares.
async fn back_up_and_bring_back(site: Site, elsewhere: Site) {
    let keep = TempDir::new().unwrap();
    let folder: PathBuf = keep.path().join("monday");
    let mut server = site.serve();
    let owner_link = server.stdout_line("owner link: ");
    let owner = set_up(&server.origin, &owner_link).await;
    let (stop, acked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let talking = tokio::spawn(talk(owner.clone(), stop.clone(), acked.clone()));
    while acked.load(Ordering::SeqCst) < 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = acked.load(Ordering::SeqCst);
    let output = tokio::task::block_in_place(|| site.run("backup", &folder));
    assert!(output.status.success(), "{}", log(&output));
    while acked.load(Ordering::SeqCst) < before + 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::SeqCst);
    talking.await.unwrap();
    let said = history(&owner).await;

    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o077, 0, "others may look into it");
    let again = site.run("backup", &folder);
    assert!(log(&again).contains("is there already"), "{}", log(&again));
    let running = site.run("restore", &folder);
    assert!(log(&running).contains("another server already runs"), "{}", log(&running));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let not_empty = site.run("restore", &folder);
    assert!(log(&not_empty).contains("is not empty"), "{}", log(&not_empty));

    let output = elsewhere.run("restore", &folder);
    assert!(output.status.success(), "{}", log(&output));
    let key = |site: &Site, name| std::fs::read(site.place.data_dir().join(name)).unwrap();
    assert_eq!(key(&elsewhere, "account.key"), key(&site, "account.key"), "what is sealed opens there too");
    assert_eq!(key(&elsewhere, "push.key"), key(&site, "push.key"), "browsers take pushes from there too");
    let mut server = elsewhere.serve();
    let (owner, _) = Client::log_in(&server.origin, "olga@example.org", PASSWORD).await.unwrap();
    let brought_back = history(&owner).await;
    assert!(brought_back.len() >= before, "{} of {before} that were acked before", brought_back.len());
    assert!(brought_back.len() < said.len(), "nothing was said during the backup, or after it");
    assert_eq!(brought_back, said[..brought_back.len()], "of one moment");
    // Numbers go on where they were.
    let stop = Arc::new(AtomicBool::new(false));
    let acked = Arc::new(AtomicUsize::new(1_000_000));
    let talking = tokio::spawn(talk(owner.clone(), stop.clone(), acked.clone()));
    while acked.load(Ordering::SeqCst) < 1_000_005 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::SeqCst);
    talking.await.unwrap();
    assert!(history(&owner).await.len() >= brought_back.len() + 5);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_sqlite_is_of_one_moment_and_comes_back() {
    back_up_and_bring_back(Site::on_sqlite(), Site::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_postgresql_is_of_one_moment_and_comes_back() {
    back_up_and_bring_back(Site::on_postgres().await, Site::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_backup_is_not_brought_back() {
    let (site, keep) = (Site::on_sqlite(), TempDir::new().unwrap());
    let folder = keep.path().join("monday");
    let nothing = site.run("backup", &folder);
    assert!(!nothing.status.success() && !folder.exists(), "there is no database yet");
    std::fs::remove_dir_all(keep.path().join("monday.part")).unwrap();
    assert!(site.place.command("migrate", &[]).status().unwrap().success());
    assert!(site.run("backup", &folder).status.success());

    let refused = |site: &Site, reason: &str| {
        let output = site.run("restore", &folder);
        assert!(!output.status.success() && log(&output).contains(reason), "{reason}: {}", log(&output));
    };
    refused(&Site::on_postgres().await, "it is of SQLite, and database_url is of PostgreSQL");
    let manifest = folder.join("backup.json");
    let good = std::fs::read_to_string(&manifest).unwrap();
    for (from, to, reason) in [
        ("\"form\": 1", "\"form\": 2", "its form is 2"),
        ("    1,", "    77,", "whose database this version does not know"),
    ] {
        assert!(good.contains(from), "{good}");
        std::fs::write(&manifest, good.replacen(from, to, 1)).unwrap();
        refused(&Site::on_sqlite(), reason);
    }
    std::fs::write(&manifest, &good).unwrap();
    let mut database = std::fs::OpenOptions::new().append(true).open(folder.join("boltorezka.db")).unwrap();
    std::io::Write::write_all(&mut database, b"x").unwrap();
    refused(&Site::on_sqlite(), "is not as it was written");
    std::fs::remove_file(&manifest).unwrap();
    refused(&Site::on_sqlite(), "backup.json: No such file");
}
