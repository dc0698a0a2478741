//! Values in JSON, and the types that they are of.
#![allow(dead_code, reason = "each test takes a part of it")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use boltorezka_proto::admin::*;
use boltorezka_proto::admission::{ControlMessage, MediaMessage};
use boltorezka_proto::call::*;
use boltorezka_proto::data::*;
use boltorezka_proto::direct::*;
use boltorezka_proto::inspection::MediaInspection;
use boltorezka_proto::notifications::*;
use boltorezka_proto::oidc::*;
use boltorezka_proto::passkeys::*;
use boltorezka_proto::push::*;
use boltorezka_proto::reports::*;
use boltorezka_proto::rest::*;
use boltorezka_proto::rooms::*;
use boltorezka_proto::socket::*;
use boltorezka_proto::telemetry::*;
use boltorezka_proto::webhooks::*;
use boltorezka_proto::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The document of the protocol.
pub fn document() -> String {
    std::fs::read_to_string(root().join("docs/protocol.md")).unwrap()
}

/// The examples: the type that each block names, and the values in it.
pub fn examples() -> Vec<(String, Value)> {
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
        "message.send" | "message.edit" | "message.delete" | "message.react" | "message.pin" => {
            check::<MessageSent>(&value["payload"]);
        }
        "message.read" => check::<ReadPointer>(&value["payload"]),
        "sync.resume" => check::<ChatDelta>(&value["payload"]),
        other => panic!("an ack of {other} has no type to be checked with"),
    }
}

/// The same by the name of the type.
pub fn check_example(kind: &str, value: &Value) {
    match kind {
        "Problem" => check::<Problem>(value),
        "OidcBegun" => check::<OidcBegun>(value),
        "PasskeyCreation" => check::<PasskeyCreation>(value),
        "PasskeyChallenge" => check::<PasskeyChallenge>(value),
        "Passkeys" => check::<Passkeys>(value),
        "PushStatus" => check::<PushStatus>(value),
        "SubscribePushRequest" => check::<SubscribePushRequest>(value),
        "UpdatePushRequest" => check::<UpdatePushRequest>(value),
        "PushNotice" => check::<PushNotice>(value),
        "OidcLinkStatus" => check::<OidcLinkStatus>(value),
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
        "CreateRoomInviteRequest" => check::<CreateRoomInviteRequest>(value),
        "RoomInviteCreated" => check::<RoomInviteCreated>(value),
        "Attachment" => check::<Attachment>(value),
        "Report" => check::<Report>(value),
        "ReportMessageRequest" => check::<ReportMessageRequest>(value),
        "BeginDirectRequest" => check::<BeginDirectRequest>(value),
        "DirectRoom" => check::<DirectRoom>(value),
        "BlockedUser" => check::<BlockedUser>(value),
        "NotificationPage" => check::<NotificationPage>(value),
        "ReadNotificationsRequest" => check::<ReadNotificationsRequest>(value),
        "SetMemberRequest" => check::<SetMemberRequest>(value),
        "Member" => check::<Member>(value),
        "Participant" => check::<Participant>(value),
        "MoveRequest" => check::<MoveRequest>(value),
        "MuteRequest" => check::<MuteRequest>(value),
        "PromoteRequest" => check::<PromoteRequest>(value),
        "MediaState" => check::<MediaState>(value),
        "DrainRequest" => check::<DrainRequest>(value),
        "ResumeRequest" => check::<ResumeRequest>(value),
        "CreateWebhookRequest" => check::<CreateWebhookRequest>(value),
        "CreatedWebhook" => check::<CreatedWebhook>(value),
        "WebhookBody" => check::<WebhookBody>(value),
        "TelemetryRequest" => check::<TelemetryRequest>(value),
        "ResumeResponse" => check::<ResumeResponse>(value),
        "ClientFrame" => check_client_frame(value),
        "Answer" => check_answer(value),
        "ServerMessage" => check::<ServerMessage>(value),
        "ClientCallMessage" => check::<ClientCallMessage>(value),
        "ServerCallMessage" => check::<ServerCallMessage>(value),
        "DataTo" => check::<DataTo>(value),
        "AuditEntry" => check::<AuditEntry>(value),
        "AdminParticipant" => check::<AdminParticipant>(value),
        "OutboxEvent" => check::<OutboxEvent>(value),
        "DeadLetter" => check::<DeadLetter>(value),
        "AdminSetting" => check::<AdminSetting>(value),
        "MediaInspection" => check::<MediaInspection>(value),
        "DataFrom" => check::<DataFrom>(value),
        "ControlMessage" => check::<ControlMessage>(value),
        "MediaMessage" => check::<MediaMessage>(value),
        other => panic!("an example must name its type after ```json, not {other:?}: {value}"),
    }
}

/// The names of an enum's variants in JSON, as serde lists them when it is given another.
pub fn variants<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
    let Err(error) = serde_json::from_value::<T>(unknown) else { panic!("there is a variant ?") };
    let message = error.to_string();
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 1 && names[0] == "?", "{message}");
    names[1..].iter().map(|name| (*name).to_owned()).collect()
}
