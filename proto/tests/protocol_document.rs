//! `docs/protocol.md` says what this crate says: each example is read and written by the type that it names, and no
//! message, code, reason or route is missing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use boltorezka_proto::admission::{ConnectionState, ControlMessage, MediaMessage};
use boltorezka_proto::call::*;
use boltorezka_proto::data::*;
use boltorezka_proto::inspection::MediaInspection;
use boltorezka_proto::rest::*;
use boltorezka_proto::socket::*;
use boltorezka_proto::telemetry::*;
use boltorezka_proto::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document() -> String {
    std::fs::read_to_string(root().join("docs/protocol.md")).unwrap()
}

/// The examples: the type that each block names, and the values in it.
fn examples() -> Vec<(String, Value)> {
    let document = document();
    let blocks = document.split("\n```json").skip(1);
    let mut examples = Vec::new();
    for block in blocks {
        let (kind, rest) = block.split_once('\n').unwrap();
        let (text, _) = rest.split_once("\n```").unwrap();
        let values: Vec<Value> = serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{error} in\n{text}"));
        assert!(!values.is_empty(), "an empty block");
        examples.extend(values.into_iter().map(|value| (kind.trim().to_owned(), value)));
    }
    examples
}

/// Reads a value as `T` and writes it again: what is misspelt, too much or not of the right form differs then.
fn check<T: Serialize + DeserializeOwned>(value: &Value) {
    let read: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value}"));
    assert_eq!(&serde_json::to_value(read).unwrap(), value);
}

fn check_client_frame(value: &Value) {
    check::<ClientFrame>(value);
    check::<ClientMessage>(&json!({"type": value["type"], "payload": value["payload"]}));
}

fn check_answer(value: &Value) {
    check::<Answer>(value);
    match value["eventType"].as_str().unwrap() {
        _ if value["type"] == "nack" => {}
        "room.join" | "call.leave" => check::<RoomJoined>(&value["payload"]),
        "message.send" => check::<MessageSent>(&value["payload"]),
        other => panic!("an ack of {other} has no type to be checked with"),
    }
}

#[test]
fn examples_are_what_the_types_say() {
    let examples = examples();
    assert!(examples.len() > 40, "examples are not found");
    for (kind, value) in &examples {
        match kind.as_str() {
            "Problem" => check::<Problem>(value),
            "SetupRequest" => check::<SetupRequest>(value),
            "RegisterRequest" => check::<RegisterRequest>(value),
            "LoginRequest" => check::<LoginRequest>(value),
            "UserEnvelope" => check::<UserEnvelope>(value),
            "TicketResponse" => check::<TicketResponse>(value),
            "JoinTokenRequest" => check::<JoinTokenRequest>(value),
            "JoinTokenResponse" => check::<JoinTokenResponse>(value),
            "CreateRoomRequest" => check::<CreateRoomRequest>(value),
            "UpdateRoomRequest" => check::<UpdateRoomRequest>(value),
            "Room" => check::<Room>(value),
            "Page<Message>" => check::<Page<Message>>(value),
            "SetMemberRequest" => check::<SetMemberRequest>(value),
            "Member" => check::<Member>(value),
            "Participant" => check::<Participant>(value),
            "MuteRequest" => check::<MuteRequest>(value),
            "PromoteRequest" => check::<PromoteRequest>(value),
            "MediaState" => check::<MediaState>(value),
            "DrainRequest" => check::<DrainRequest>(value),
            "ResumeRequest" => check::<ResumeRequest>(value),
            "TelemetryRequest" => check::<TelemetryRequest>(value),
            "ResumeResponse" => check::<ResumeResponse>(value),
            "ClientFrame" => check_client_frame(value),
            "Answer" => check_answer(value),
            "ServerMessage" => check::<ServerMessage>(value),
            "ClientCallMessage" => check::<ClientCallMessage>(value),
            "ServerCallMessage" => check::<ServerCallMessage>(value),
            "DataTo" => check::<DataTo>(value),
            "MediaInspection" => check::<MediaInspection>(value),
            "DataFrom" => check::<DataFrom>(value),
            "ControlMessage" => check::<ControlMessage>(value),
            "MediaMessage" => check::<MediaMessage>(value),
            other => panic!("an example must name its type after ```json, not {other:?}: {value}"),
        }
    }
}

/// The names of an enum's variants in JSON, as serde lists them when it is given another.
fn variants<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
    let Err(error) = serde_json::from_value::<T>(unknown) else { panic!("there is a variant ?") };
    let message = error.to_string();
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 1 && names[0] == "?", "{message}");
    names[1..].iter().map(|name| (*name).to_owned()).collect()
}

fn examples_cover<T: DeserializeOwned>(kind: &str) {
    let shown: BTreeSet<String> = examples()
        .into_iter()
        .filter(|(of, _)| of == kind)
        .map(|(_, value)| value["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(shown, variants::<T>(json!({"type": "?", "payload": {}})), "examples of {kind}");
}

#[test]
fn every_message_has_an_example() {
    examples_cover::<ClientMessage>("ClientFrame");
    examples_cover::<Answer>("Answer");
    examples_cover::<ServerMessage>("ServerMessage");
    examples_cover::<ClientCallMessage>("ClientCallMessage");
    examples_cover::<ServerCallMessage>("ServerCallMessage");
    examples_cover::<ControlMessage>("ControlMessage");
    examples_cover::<MediaMessage>("MediaMessage");
}

fn is_explained<T: DeserializeOwned>() {
    let document = document();
    for name in variants::<T>(json!("?")) {
        assert!(document.contains(&format!("`{name}`")), "`{name}` is not explained");
    }
}

#[test]
fn every_choice_is_explained() {
    is_explained::<TrackSource>();
    is_explained::<SlotMode>();
    is_explained::<LayerReason>();
    is_explained::<DataKind>();
    is_explained::<DataRefusal>();
    is_explained::<Role>();
    is_explained::<RoomRole>();
    is_explained::<RoomKind>();
    is_explained::<CallState>();
    is_explained::<CallFailure>();
    for event in variants::<TelemetryEvent>(json!({"type": "?"})) {
        assert!(document().contains(&format!("`{event}`")), "`{event}` is not explained");
    }
    is_explained::<ConnectionState>();
}

#[test]
fn every_code_and_reason_has_its_row() {
    let document = document();
    for code in ErrorCode::ALL {
        let name = serde_json::to_value(code).unwrap();
        let row = format!("\n| `{}` | {} |", name.as_str().unwrap(), code.status());
        assert!(document.contains(&row), "no row {row}");
    }
    for reason in variants::<EndReason>(json!("?")).into_iter().chain(variants::<LayerReason>(json!("?"))) {
        assert!(document.contains(&format!("\n| `{reason}` |")), "no row for {reason}");
    }
    for code in CLOSE_CODES {
        assert!(document.contains(&format!("\n| {} |", code as u16)), "no row for {code:?}");
    }
}

const CLOSE_CODES: [CloseCode; 8] = [
    CloseCode::Restart,
    CloseCode::TryAgainLater,
    CloseCode::NoTicket,
    CloseCode::InvalidTicket,
    CloseCode::Malformed,
    CloseCode::AccountBlocked,
    CloseCode::Idle,
    CloseCode::TooManySockets,
];

/// Does not compile when a code is new: add it to the list above too.
#[allow(dead_code)]
fn is_listed(code: CloseCode) -> bool {
    use CloseCode::*;
    match code {
        Restart | TryAgainLater | NoTicket | InvalidTicket | Malformed | AccountBlocked | Idle | TooManySockets => true,
    }
}

#[test]
fn every_route_is_listed() {
    let openapi = std::fs::read_to_string(root().join("docs/openapi.json")).unwrap();
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    let paths = openapi["paths"].as_object().unwrap();
    assert!(paths.len() > 15, "routes are not found");
    let document = document();
    for path in paths.keys() {
        let listed = [" ", "`", "?"].iter().any(|end| document.contains(&format!("{path}{end}")));
        assert!(listed, "{path} is not listed");
    }
}
