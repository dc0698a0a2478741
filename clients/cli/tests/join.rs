//! The real program in a call of the real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../../sdk/rust/fixtures/mod.rs"]
mod fixtures;
#[path = "../../../sdk/rust/tests/support/server.rs"]
mod server;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use boltorezka_sdk::RoomSlug;
use serde_json::Value;
use server::Server;

struct Caller<'a> {
    server: &'a Server,
    room: &'a RoomSlug,
}

impl Caller<'_> {
    async fn start(&self, identity: &str, arguments: &[&str]) -> Child {
        let token = self.server.join_token(self.room, identity).await;
        Command::new(env!("CARGO_BIN_EXE_boltorezka-cli"))
            .args(["join", "--url", &self.server.url])
            .args(arguments)
            .env("BOLTOREZKA_TOKEN", token)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

async fn finish(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", output.status);
    assert!(errors.is_empty(), "--json keeps the error stream empty: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fixture(name: &str) -> String {
    fixtures::path(name).to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_publishes_and_another_records() {
    let server = Server::start(1).await;
    let room = server.create_room("cli").await;
    let caller = Caller { server: &server, room: &room };
    let camera = format!("camera={},{},{}", fixture("vp8-180.ivf"), fixture("vp8-360.ivf"), fixture("vp8-720.ivf"));
    let publish = ["--publish", &fixture("voice.ogg"), "--publish", &camera, "--publish", &fixture("h264-360.h264")];
    let publish: Vec<&str> = publish.iter().map(AsRef::as_ref).collect();
    let publisher = caller.start("publisher", &publish).await;

    let directory = tempfile::tempdir().unwrap();
    let record = ["--record", directory.path().to_str().unwrap(), "--duration", "5s", "--json"];
    let recorder = finish(caller.start("recorder", &record).await).await;
    let report = json(&recorder);
    assert_eq!((&report["room"], &report["endReason"]), (&"cli".into(), &"left".into()));
    assert_eq!((report["lossRatio"].as_f64(), report["decryptFailures"].as_u64()), (Some(0.0), Some(0)), "{report}");
    assert_eq!(report["tracks"], 3);
    assert!(report["firstFrameMs"].as_u64().is_some(), "{report}");

    let recorded = report["recorded"].as_array().unwrap();
    let mut sources: Vec<&str> = recorded.iter().map(|file| file["source"].as_str().unwrap()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["camera", "microphone", "screen"]);
    for file in recorded {
        let path = Path::new(file["path"].as_str().unwrap());
        let name = format!("{}-{}.", file["participantId"].as_str().unwrap(), file["source"].as_str().unwrap());
        assert!(path.file_name().unwrap().to_str().unwrap().starts_with(&name), "{path:?}");
        let decoded = fixtures::decode(path);
        assert!(decoded.moving > 60, "{path:?}: {decoded:?}");
    }

    // Ctrl-C leaves in good order.
    server::signal(publisher.id(), libc::SIGINT);
    let publisher = finish(publisher).await;
    assert_eq!(publisher.status.code(), Some(0), "{}", String::from_utf8_lossy(&publisher.stderr));
    let (text, progress) = (String::from_utf8_lossy(&publisher.stdout), String::from_utf8_lossy(&publisher.stderr));
    assert!(text.contains("Left") && text.contains("frames"), "{text}");
    assert!(progress.contains("joined cli") && progress.contains("tracks in the room"), "{progress}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn being_kicked_ends_with_1_and_says_so() {
    let server = Server::start(1).await;
    let room = server.create_room("cli-kick").await;
    let caller = Caller { server: &server, room: &room };
    let child = caller.start("kicked", &["--duration", "30s"]).await;
    let participant = loop {
        if let Some(participant) = server.admin.participants(&room).await.unwrap().first()
            && participant.call == boltorezka_sdk::rest::CallState::Connected
        {
            break participant.participant_id;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    server.admin.kick(&room, participant).await.unwrap();
    let output = finish(child).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Kicked"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Kicked"), "the report comes nevertheless");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_no_longer_good_ends_with_1() {
    let server = Server::start(1).await;
    let room = server.create_room("cli-token").await;
    let token = server.join_token(&room, "someone").await;
    let forged = format!("{}x", &token[..token.len() - 1]);
    let output = Command::new(env!("CARGO_BIN_EXE_boltorezka-cli"))
        .args(["join", "--url", &server.url, "--token", &forged])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("token"), "{output:?}");
}
