//! `docs/protocol.md` says what this crate says: each example is read and written by the type that it names, and no
//! message, code, reason or route is missing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use boltorezka_proto::admission::{ConnectionState, ControlMessage, MediaMessage};
use boltorezka_proto::call::*;
use boltorezka_proto::data::*;
use boltorezka_proto::direct::*;
use boltorezka_proto::notifications::*;
use boltorezka_proto::rest::*;
use boltorezka_proto::socket::*;
use boltorezka_proto::telemetry::*;
use boltorezka_proto::*;
use common::{check_example, document, examples, root, variants};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[test]
fn examples_are_what_the_types_say() {
    let examples = examples();
    assert!(examples.len() > 40, "examples are not found");
    for (kind, value) in &examples {
        check_example(kind, value);
    }
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
    is_explained::<DirectState>();
    is_explained::<RingEnd>();
    is_explained::<NotificationKind>();
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
