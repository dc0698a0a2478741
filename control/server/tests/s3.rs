//! Files of messages from the disk into an S3 store, and backups of a server that has them there, by the real binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, dead_code)]

mod common;
#[path = "../../tests/support/s3.rs"]
mod s3;

use std::path::Path;
use std::process::Output;

use boltorezka_control::S3Config;
use common::{Place, Server};
use reqwest::{Method, RequestBuilder};
use s3::{S3Store, SECRET, Way};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Settings of a store, as flags; its secret comes as a variable, and these tests find it nowhere.
fn flags(store: &S3Store) -> Vec<String> {
    let S3Config { endpoint, bucket, access_key_id, .. } = store.config();
    let flags = [("endpoint", endpoint), ("bucket", bucket), ("access-key-id", access_key_id)];
    let flags = flags.map(|(name, value)| format!("--s3-{name}={value}"));
    flags.into_iter().chain(["--log=trace".to_owned()]).collect()
}

fn run(place: &Place, command: &str, flags: &[String], folder: Option<&Path>) -> Output {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut command = place.command(command, &flags);
    if !flags.is_empty() {
        command.env("BOLTOREZKA_S3_SECRET_ACCESS_KEY", SECRET);
    }
    // Others of this runtime answer meanwhile.
    let output = tokio::task::block_in_place(|| command.args(folder).output().unwrap());
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains(SECRET) && !text.contains("X-Amz-Signature"), "{text}");
    }
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn serve(place: &Place, flags: &[String]) -> Server {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    tokio::task::block_in_place(|| place.serve(&flags))
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert_eq!(tokio::task::block_in_place(|| server.wait()).code(), Some(0));
    for line in server.stderr.iter() {
        assert!(!line.contains(SECRET) && !line.contains("X-Amz-Signature"), "{line}");
    }
}

/// Olga, on a server.
struct Person {
    http: reqwest::Client,
    origin: String,
    cookie: String,
}

impl Person {
    async fn enter(origin: &str, path: &str, body: Value) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.post(format!("{origin}{path}")).json(&body).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { http, origin: origin.to_owned(), cookie }
    }

    async fn set_up(server: &mut Server) -> Self {
        let link = tokio::task::block_in_place(|| server.stdout_line("owner link: "));
        let token = link.split_once("token=").unwrap().1.trim();
        let body = json!({ "token": token, "email": "olga@example.org", "password": "a long password", "displayName": "Olga" });
        let olga = Self::enter(&server.origin, "/v1/setup", body).await;
        let room = json!({ "slug": "talk", "title": "Talk", "kind": "text" });
        assert_eq!(olga.request(Method::POST, "/v1/rooms").json(&room).send().await.unwrap().status(), 201);
        olga
    }

    async fn log_in(server: &Server) -> Self {
        let body = json!({ "email": "olga@example.org", "password": "a long password" });
        Self::enter(&server.origin, "/v1/auth/login", body).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin)).header("cookie", &self.cookie)
    }

    /// The id of what was uploaded.
    async fn upload(&self, content: &'static str) -> String {
        let request = self.request(Method::POST, "/v1/rooms/talk/attachments?name=a.txt").body(content);
        let file: Value = request.send().await.unwrap().json().await.unwrap();
        file["id"].as_str().unwrap_or_else(|| panic!("{file}")).to_owned()
    }

    async fn fetch(&self, id: &str) -> (u16, String) {
        let answer = self.request(Method::GET, &format!("/v1/attachments/{id}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_move_from_the_disk_into_a_store() {
    let (store, place) = (S3Store::start().await, Place::new());
    let flags = flags(&store);
    let mut server = serve(&place, &[]);
    let olga = Person::set_up(&mut server).await;
    let ids = [olga.upload("one").await, olga.upload("second").await, olga.upload("three").await];
    let folder = place.data_dir().join("attachments");
    let stray = folder.join("01").join("018f0000000070008000000000000001");
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, "of no message").unwrap();

    let nowhere = run(&place, "copy-attachments", &[], None);
    assert!(!nowhere.status.success() && said(&nowhere).contains("set s3_endpoint"), "{}", said(&nowhere));
    // It breaks off; what is there by then is not copied again.
    store.set_way(Way::Closed);
    let away = run(&place, "copy-attachments", &flags, None);
    assert!(!away.status.success() && said(&away).contains("the S3 store does not answer"), "{}", said(&away));
    store.set_way(Way::Open);
    std::fs::create_dir_all(store.path("")).unwrap();
    std::fs::write(store.path(&ids[0].replace('-', "")), "one").unwrap();
    std::fs::write(store.path(&ids[1].replace('-', "")), "half").unwrap();
    let copied = run(&place, "copy-attachments", &flags, None);
    let expected = "2 files copied (11 bytes), 1 were there, 1 are of no message; all are there";
    assert!(copied.status.success() && said(&copied).contains(expected), "{}", said(&copied));
    let again = run(&place, "copy-attachments", &flags, None);
    assert!(said(&again).contains("0 files copied (0 bytes), 3 were there"), "{}", said(&again));
    assert_eq!(store.names().len(), 3);
    // The server that runs on the disk has lost nothing.
    assert_eq!(olga.fetch(&ids[2]).await, (200, "three".to_owned()));
    stop(server);

    std::fs::remove_dir_all(&folder).unwrap();
    let mut with_store = place;
    with_store.environment.push(("BOLTOREZKA_S3_SECRET_ACCESS_KEY", SECRET.into()));
    let server = serve(&with_store, &flags);
    let olga = Person::log_in(&server).await;
    for (id, content) in ids.iter().zip(["one", "second", "three"]) {
        assert_eq!(olga.fetch(id).await, (200, content.to_owned()));
    }
    let settings = olga.request(Method::GET, "/v1/admin/settings").send().await.unwrap().text().await.unwrap();
    assert!(settings.contains("s3_secret_access_key") && !settings.contains(SECRET));
    stop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_says_where_the_files_are() {
    let (store, keep) = (S3Store::start().await, TempDir::new().unwrap());
    let (flags, folder) = (flags(&store), keep.path().join("monday"));
    let place = || {
        let mut place = Place::new();
        place.environment.push(("BOLTOREZKA_S3_SECRET_ACCESS_KEY", SECRET.into()));
        place
    };
    let first = place();
    let mut server = serve(&first, &flags);
    let olga = Person::set_up(&mut server).await;
    let id = olga.upload("what was sent").await;
    let output = run(&first, "backup", &flags, Some(&folder));
    assert!(output.status.success() && said(&output).contains("files of messages are not in it"), "{}", said(&output));
    assert!(!folder.join("attachments").exists());
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("backup.json")).unwrap()).unwrap();
    let S3Config { endpoint, bucket, prefix, .. } = store.config();
    assert_eq!(manifest["attachmentsIn"], json!({ "endpoint": endpoint, "bucket": bucket, "prefix": prefix }));
    stop(server);

    let second = place();
    let output = run(&second, "restore", &flags, Some(&folder));
    assert!(output.status.success() && said(&output).contains("only one server may use them"), "{}", said(&output));
    let server = serve(&second, &flags);
    let olga = Person::log_in(&server).await;
    assert_eq!(olga.fetch(&id).await, (200, "what was sent".to_owned()));
    stop(server);

    let doctor = |place: &Place, flags: &[String]| said(&run(place, "doctor", flags, None));
    assert!(doctor(&second, &flags).contains("ok       files: kept in bucket \"talk\""), "{}", doctor(&second, &flags));
    let elsewhere = [flags.clone(), vec!["--s3-bucket=nowhere".to_owned()]].concat();
    let elsewhere: Vec<_> = elsewhere.into_iter().filter(|flag| flag != "--s3-bucket=talk").collect();
    let report = doctor(&second, &elsewhere);
    assert!(report.contains("FAILED   files: the S3 store refuses: there is no such bucket"), "{report}");

    // Where files are looked for elsewhere, it says what is to be done.
    let third = Place::new();
    let output = run(&third, "restore", &[], Some(&folder));
    let expected = format!(
        "its files were in bucket \"talk\" at {endpoint}, prefix \"attachments/\", and are looked for in data_dir"
    );
    assert!(output.status.success() && said(&output).contains(&expected), "{}", said(&output));
    let server = serve(&third, &[]);
    let olga = Person::log_in(&server).await;
    assert_eq!(olga.fetch(&id).await.0, 404);
    // And the other way.
    let on_disk = olga.upload("on the disk").await;
    let tuesday = keep.path().join("tuesday");
    assert!(run(&third, "backup", &[], Some(&tuesday)).status.success());
    stop(server);
    let (fourth, other) = (place(), S3Store::start().await);
    let flags = self::flags(&other);
    let output = run(&fourth, "restore", &flags, Some(&tuesday));
    assert!(said(&output).contains("run `boltorezka copy-attachments`"), "{}", said(&output));
    assert!(run(&fourth, "copy-attachments", &flags, None).status.success());
    assert_eq!(other.names(), [on_disk.replace('-', "")]);
}
