//! Files of messages, as clients send and fetch them.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::client::Answer;
use boltorezka_control::Config;

use crate::common::s3::S3Store;
use crate::common::server::make_room;
use crate::common::{Client, Socket, TestServer};

/// The same with files on the disk and in an S3 store.
macro_rules! in_every_place {
    ($($case:ident),* $(,)?) => {
        mod on_disk {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Place { s3: None }).await;
            })*
        }
        mod in_s3 {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::Place { s3: Some(super::S3Store::start().await) }).await;
            })*
        }
    };
}

in_every_place!(
    a_file_is_uploaded_sent_and_fetched,
    what_is_no_good_is_refused_and_leaves_nothing,
    files_that_nobody_refers_to_go,
);

/// Where files are.
struct Place {
    s3: Option<S3Store>,
}

impl Place {
    async fn start(&self) -> TestServer {
        self.start_with(|_| {}).await
    }

    async fn start_with(&self, change: impl FnOnce(&mut Config)) -> TestServer {
        let s3 = self.s3.as_ref().map(S3Store::config);
        TestServer::start_with(|config| {
            config.s3 = s3;
            change(config);
        })
        .await
    }

    fn files(&self, server: &TestServer) -> Vec<PathBuf> {
        match &self.s3 {
            Some(store) => store.names().iter().map(|name| store.path(name)).collect(),
            None => files(server),
        }
    }

    /// Until the sweep of a start has left so many.
    async fn left(&self, server: &TestServer, count: usize) {
        for _ in 0..500 {
            if self.files(server).len() == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("not {count} within 5 s: {:?}", self.files(server));
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
const HOUR_MS: i64 = 3_600_000;

pub async fn upload(client: &Client, room: &str, name: &str, content: &[u8]) -> Answer {
    let request = client.request(Method::POST, &format!("/v1/rooms/{room}/attachments?name={name}"));
    client.finish(request.body(content.to_vec())).await
}

pub async fn send(socket: &mut Socket, ids: &[&Value], key: &str) -> Value {
    let payload = json!({ "room": "talk", "text": "look", "attachments": ids });
    let id = socket.request_with_key("message.send", payload, Some(key)).await;
    socket.answer(&id).await
}

pub fn files(server: &TestServer) -> Vec<PathBuf> {
    walk(server.config().data_dir.join("attachments"))
}

fn walk(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

/// What a request answers whose body comes in pieces, without its length. Without any, it breaks off in the midst of one.
async fn in_pieces(server: &TestServer, client: &Client, body: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let cookie = client.cookie().unwrap();
    let head = format!(
        "POST /v1/rooms/talk/attachments?name=a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Cookie: boltorezka_session={cookie}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in body.chunks(100) {
        stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        stream.write_all(piece).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    if body.is_empty() {
        stream.write_all(b"64\r\nhalf").await.unwrap();
        drop(stream);
        return String::new();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

pub async fn talk(server: &TestServer) -> (Client, Client, Socket, Socket) {
    let owner = server.owner().await;
    make_room(&owner, "talk", "text").await;
    let ann = server.user("Ann").await;
    let (of_owner, _) = owner.in_room("talk").await;
    let (of_ann, _) = ann.in_room("talk").await;
    (owner, ann, of_owner, of_ann)
}

async fn a_file_is_uploaded_sent_and_fetched(place: Place) {
    let server = place.start().await;
    let (owner, ann, mut of_owner, mut of_ann) = talk(&server).await;
    let picture = upload(&ann, "talk", "me%20at%20%E2%84%961.png", PNG).await.expect(201);
    let about = json!({ "id": picture["id"], "name": "me at №1.png", "type": "image/png", "sizeBytes": PNG.len() });
    assert_eq!(picture, about);
    let page = upload(&ann, "talk", "page.png", "текст".as_bytes()).await.expect(201);
    assert_eq!(page["type"], "text/plain", "by its content");
    let path = |file: &Value| format!("/v1/attachments/{}", file["id"].as_str().unwrap());
    // Until it is sent it is its uploader's alone.
    assert_eq!(ann.get(&path(&page)).await.status, 200);
    owner.get(&path(&page)).await.expect_problem(404, "not_found");
    let sent = send(&mut of_ann, &[&page["id"], &picture["id"]], "k").await["payload"]["message"].clone();
    assert_eq!(sent["attachments"], json!([page, picture]));
    assert_eq!(of_owner.expect("message.new").await["message"], sent);
    assert_eq!(owner.get("/v1/rooms/talk/messages").await.expect(200)["items"], json!([sent]));

    let shown = owner.get(&path(&picture)).await;
    let header = |answer: &Answer, name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!((shown.status, header(&shown, "content-type").as_str()), (200, "image/png"));
    assert_eq!(header(&shown, "content-disposition"), "inline; filename*=UTF-8''me%20at%20%E2%84%961.png");
    assert_eq!(header(&shown, "content-length"), PNG.len().to_string());
    let saved = owner.get(&path(&page)).await;
    assert_eq!((saved.status, &saved.body), (200, &json!("текст")));
    assert_eq!(header(&saved, "content-disposition"), "attachment; filename*=UTF-8''page.png");
    for answer in [&shown, &saved] {
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(answer, "content-security-policy"), "sandbox; default-src 'none'; frame-ancestors 'none'");
        assert_eq!(header(answer, "cache-control"), "private, no-cache");
        assert_eq!(header(answer, "cross-origin-resource-policy"), "same-origin");
    }
    let again = owner.request(Method::GET, &path(&picture)).header("if-none-match", header(&shown, "etag"));
    assert_eq!(owner.finish(again).await.status, 304);
    assert_eq!(server.api_key().await.get(&path(&page)).await.status, 200);
    let mine = ann.get("/v1/auth/me/export").await.expect(200);
    assert_eq!(mine["messages"][0]["attachments"], json!([page, picture]));
}

async fn what_is_no_good_is_refused_and_leaves_nothing(place: Place) {
    let server = place
        .start_with(|config| {
            config.limits.attachment_bytes = Some(1000);
            config.limits.attachments_mib_per_user = Some(1);
            config.limits.uploads_per_user = Some(2);
        })
        .await;
    let (owner, ann, _, mut of_ann) = talk(&server).await;
    let too_large = vec![b'x'; 1001];
    upload(&ann, "talk", "a.txt", &too_large).await.expect_problem(413, "too_large");
    // The same without a length: it is counted as it comes.
    assert!(in_pieces(&server, &ann, &too_large).await.starts_with("HTTP/1.1 413 "));
    // Whoever goes half-way leaves nothing either.
    assert_eq!(in_pieces(&server, &ann, b"").await, "");
    for content in [&b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff"[..], b"<!DOCTYPE html><script>alert(1)</script>", b"a\0b"]
    {
        upload(&ann, "talk", "a.png", content).await.expect_problem(415, "unsupported_media_type");
    }
    upload(&ann, "talk", "a.txt", b"").await.expect_problem(400, "malformed");
    for name in ["", "..%2F..%2Fetc%2Fpasswd", "a%5Cb", "a%00b", "gpj.%E2%80%AEexe", &"x".repeat(201)] {
        upload(&ann, "talk", name, b"text").await.expect_problem(400, "malformed");
    }
    ann.finish(ann.request(Method::POST, "/v1/rooms/talk/attachments").body("x"))
        .await
        .expect_problem(400, "malformed");
    upload(&server.anybody(), "talk", "a.txt", b"text").await.expect_problem(401, "unauthenticated");
    upload(&server.api_key().await, "talk", "a.txt", b"text").await.expect_problem(403, "forbidden");
    upload(&ann, "nowhere", "a.txt", b"text").await.expect_problem(404, "not_found");
    let member = format!("/v1/rooms/talk/members/{}", ann.id);
    owner.send(Method::PUT, &member, Some(json!({ "role": "listener" }))).await.expect(200);
    upload(&ann, "talk", "a.txt", b"text").await.expect_problem(403, "forbidden");
    owner.send(Method::PUT, &member, Some(json!({ "role": "member" }))).await.expect(200);
    place.left(&server, 0).await;

    let of_owner = upload(&owner, "talk", "a.txt", b"text").await.expect(201);
    let mine = upload(&ann, "talk", "a.txt", b"text").await.expect(201);
    let code = |answer: Value| answer["code"].as_str().unwrap_or("acked").to_owned();
    assert_eq!(code(send(&mut of_ann, &[&of_owner["id"]], "1").await), "not_found");
    assert_eq!(code(send(&mut of_ann, &[&mine["id"], &mine["id"]], "1").await), "malformed");
    assert_eq!(code(send(&mut of_ann, &[&mine["id"]; 11], "1").await), "malformed");
    assert_eq!(code(send(&mut of_ann, &[&json!("../x")], "1").await), "malformed");
    assert_eq!(code(send(&mut of_ann, &[&mine["id"]], "1").await), "acked");
    assert_eq!(code(send(&mut of_ann, &[&mine["id"]], "2").await), "not_found", "it was sent");
    for id in ["x", "..%2f..%2fboltorezka.db", "01890000-0000-7000-8000-000000000000"] {
        ann.get(&format!("/v1/attachments/{id}")).await.expect_problem(404, "not_found");
    }
    // Who is out of the room is out of its files.
    let inside = owner.get("/v1/rooms/talk/participants").await.expect(200);
    let of_ann = inside["items"].as_array().unwrap().iter().find(|item| item["userId"] == ann.id.as_str()).unwrap();
    let ban = format!("/v1/rooms/talk/participants/{}/ban", of_ann["participantId"].as_str().unwrap());
    assert_eq!(owner.act(&ban).await.status, 204);
    ann.get(&format!("/v1/attachments/{}", mine["id"].as_str().unwrap())).await.expect_problem(403, "banned");
    // No more than fits.
    server.sql("UPDATE attachments SET size_bytes = 1048570").await;
    upload(&owner, "talk", "a.txt", b"seven b").await.expect_problem(409, "conflict");
    assert_eq!(upload(&owner, "talk", "a.txt", b"six b.").await.status, 201);
}

async fn files_that_nobody_refers_to_go(place: Place) {
    let server = place.start().await;
    let (owner, ann, _, mut of_ann) = talk(&server).await;
    make_room(&owner, "gone", "text").await;
    let mut ids = Vec::new();
    for name in ["kept", "deleted", "unsent"] {
        ids.push(upload(&ann, "talk", name, name.as_bytes()).await.expect(201)["id"].clone());
    }
    upload(&owner, "gone", "of-a-room", b"of a room").await.expect(201);
    send(&mut of_ann, &[&ids[0]], "kept").await;
    let deleted = send(&mut of_ann, &[&ids[1]], "deleted").await["payload"]["message"]["id"].clone();
    let folder = place.files(&server)[0].parent().unwrap().to_owned();
    // As a crash between file and row leaves them.
    std::fs::write(folder.join("018f0000000070008000000000000001"), "no row").unwrap();
    let half =
        if place.s3.is_some() { "018f0000000070008000000000000002" } else { "018f0000000070008000000000000002.part" };
    std::fs::write(folder.join(half), "half").unwrap();
    let server = server.restart().await;
    place.left(&server, 6).await;
    let (owner, ann) = (owner.at(server.address), ann.at(server.address));
    let (mut of_ann, _) = ann.in_room("talk").await;
    of_ann.ack_with_key("message.delete", json!({ "room": "talk", "messageId": deleted }), Some("d")).await;
    assert_eq!(owner.send(Method::DELETE, "/v1/rooms/gone", None).await.status, 204);
    // What was deleted goes with the next sweep; what may still be needed stays for an hour.
    let server = server.restart().await;
    place.left(&server, 4).await;
    server.clock.advance_ms(HOUR_MS + 1000);
    let server = server.restart().await;
    place.left(&server, 1).await;
    let ann = ann.at(server.address);
    assert_eq!(ann.get(&format!("/v1/attachments/{}", ids[0].as_str().unwrap())).await.expect(200), "kept");
    for id in &ids[1..] {
        ann.get(&format!("/v1/attachments/{}", id.as_str().unwrap())).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_backup_has_the_files_of_its_messages() {
    let server = TestServer::start().await;
    let (_owner, ann, _, mut of_ann) = talk(&server).await;
    let file = upload(&ann, "talk", "a.txt", b"what was sent").await.expect(201);
    send(&mut of_ann, &[&file["id"]], "k").await;
    let (keep, elsewhere) = (tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap());
    let (config, folder) = (server.config().clone(), keep.path().join("monday"));
    boltorezka_control::backup(&config.database_url, &config.data_dir, None, &folder).await.unwrap();
    if config.database_url.starts_with("sqlite") {
        let data_dir = elsewhere.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let url = format!("sqlite://{}", data_dir.join("boltorezka.db").display());
        boltorezka_control::restore(&folder, &url, &data_dir).await.unwrap();
        let path = files(&server)[0].strip_prefix(&config.data_dir).unwrap().to_owned();
        assert_eq!(std::fs::read(data_dir.join(path)).unwrap(), b"what was sent");
    }
    let copied = walk(folder.join("attachments"));
    assert_eq!(copied.len(), 1);
    assert_eq!(std::fs::read(&copied[0]).unwrap(), b"what was sent");
}
