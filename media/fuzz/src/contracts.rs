//! The messages of `proto`: what reads them must say what it read, and read that again.

use std::fmt::Debug;

use boltorezka_proto::admission::{ControlMessage, MediaMessage};
use boltorezka_proto::call::{ClientCallMessage, ServerCallMessage};
use boltorezka_proto::data::{self, DataKind};
use boltorezka_proto::rest::JoinTokenRequest;
use boltorezka_proto::socket::{ClientFrame, ClientMessage};
use boltorezka_proto::{DisplayName, MessageText, ParticipantId, RoomSlug, RoomTitle, Timestamp, TrackNumber};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// All messages, ids and texts.
pub fn messages(input: &[u8]) {
    again::<ClientCallMessage>(input);
    again::<ServerCallMessage>(input);
    again::<ControlMessage>(input);
    again::<MediaMessage>(input);
    again::<ClientFrame>(input);
    again::<ClientMessage>(input);
    again::<JoinTokenRequest>(input);
    again::<ParticipantId>(input);
    again::<TrackNumber>(input);
    again::<Timestamp>(input);
    for kind in [DataKind::Reliable, DataKind::Lossy] {
        if let Ok((header, payload)) = data::read_sent(kind, input) {
            let again = data::write(&header, payload);
            assert_eq!(data::read_sent(kind, &again).as_ref(), Ok(&(header, payload)));
        }
    }
    let text = String::from_utf8_lossy(input);
    if let Ok(slug) = RoomSlug::new(&text) {
        assert_eq!(RoomSlug::new(slug.as_str()).as_ref(), Ok(&slug));
    }
    if let Ok(name) = DisplayName::new(&text) {
        assert_eq!(DisplayName::new(name.as_str()).as_ref(), Ok(&name));
    }
    if let Ok(title) = RoomTitle::new(&text) {
        assert_eq!(RoomTitle::new(title.as_str()).as_ref(), Ok(&title));
    }
    if let Ok(message) = MessageText::new(&text) {
        assert_eq!(MessageText::new(message.as_str()).as_ref(), Ok(&message));
    }
}

/// What is read is written, read again, and written the same.
fn again<T: Serialize + DeserializeOwned + Debug>(input: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(input) else { return };
    let written = serde_json::to_string(&value).unwrap_or_else(|error| panic!("{value:?} cannot be written: {error}"));
    let read: T = serde_json::from_str(&written).unwrap_or_else(|error| panic!("{written} cannot be read: {error}"));
    assert_eq!(serde_json::to_string(&read).unwrap(), written);
}
