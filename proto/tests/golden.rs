//! Messages as they were published, in `proto/golden`: what was once sent is read by every later version, and written the same.
//! Files are added, never changed: a client of before still sends what is in them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use boltorezka_proto::call::{ClientCallMessage, ServerCallMessage};
use boltorezka_proto::socket::{ClientMessage, ServerMessage};
use common::{check_example, examples, root, variants};
use serde_json::{Value, json};

/// What goes over the socket and the call's channel, by the name of its type.
const KINDS: [&str; 5] = ["ClientFrame", "Answer", "ServerMessage", "ClientCallMessage", "ServerCallMessage"];

fn folder() -> PathBuf {
    root().join("proto/golden")
}

/// What a message is called: its type, and of an answer what it answers.
fn name(value: &Value) -> String {
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    match text("eventType") {
        answered if text("type") == "ack" && !answered.is_empty() => format!("ack {answered}"),
        _ => text("type").to_owned(),
    }
}

/// The published messages of a kind, with their files.
fn published(kind: &str) -> Vec<(PathBuf, Value)> {
    let files = std::fs::read_dir(folder().join(kind)).into_iter().flatten().flatten().map(|entry| entry.path());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, value)
    };
    files.map(read).collect()
}

/// Publishes the first example in `docs/protocol.md` of each message that has no file yet.
fn publish_new() {
    for (kind, value) in examples().into_iter().filter(|(kind, _)| KINDS.contains(&kind.as_str())) {
        let name = name(&value);
        if published(&kind).iter().all(|(_, known)| self::name(known) != name) {
            let path = folder().join(&kind).join(format!("{}.json", name.replace(' ', "-")));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, serde_json::to_string_pretty(&value).unwrap() + "\n").unwrap();
        }
    }
}

#[test]
fn what_was_published_is_read_and_written_as_before() {
    for kind in KINDS {
        for (path, value) in published(kind) {
            let outcome = std::panic::catch_unwind(|| check_example(kind, &value));
            assert!(outcome.is_ok(), "{}: a client of before sends this, or expects it", path.display());
        }
    }
}

#[test]
fn every_message_is_published() {
    if std::env::var_os("UPDATE").is_some() {
        publish_new();
    }
    let names = |kind: &str| published(kind).iter().map(|(_, value)| name(value)).collect::<BTreeSet<_>>();
    let cure = "; give it an example in docs/protocol.md, then: UPDATE=1 cargo test -p boltorezka-proto";
    let unknown = || json!({"type": "?", "payload": {}});
    assert_eq!(names("ClientFrame"), variants::<ClientMessage>(unknown()), "{cure}");
    assert_eq!(names("ServerMessage"), variants::<ServerMessage>(unknown()), "{cure}");
    assert_eq!(names("ClientCallMessage"), variants::<ClientCallMessage>(unknown()), "{cure}");
    assert_eq!(names("ServerCallMessage"), variants::<ServerCallMessage>(unknown()), "{cure}");
    let answers: BTreeSet<_> =
        ["ack message.send", "ack message.edit", "ack message.read", "ack sync.resume", "ack room.join", "nack"]
            .map(str::to_owned)
            .into();
    assert!(names("Answer").is_superset(&answers), "{cure}");
}
