//! The realtime gateway: `/v1/realtime/ws?ticket=`.

mod feature;
mod gateway;
mod requests;
mod run;
mod socket;

use axum::extract::ws::Utf8Bytes;
use boltorezka_proto::socket::{Answer, PresenceUpdate, ServerMessage};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub use feature::Realtime;
pub use requests::Reply;
#[cfg(test)]
pub use socket::Outgoing;
pub use socket::SocketHandle;

/// A message as a text frame.
pub fn frame(message: &ServerMessage) -> Utf8Bytes {
    text(message)
}

/// Who came, changed and left, as a text frame.
pub fn presence_frame(update: PresenceUpdate<&RawValue>) -> Utf8Bytes {
    text(&ServerMessage::PresenceUpdate(update))
}

/// An answer as a text frame.
pub fn answer_frame(answer: &Answer<Box<RawValue>>) -> Utf8Bytes {
    text(answer)
}

/// A part of a message, written once for all frames that it is in.
pub fn raw(part: &impl Serialize) -> Box<RawValue> {
    to_raw_value(part).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn text(message: &impl Serialize) -> Utf8Bytes {
    // Our own types always serialise: keys are strings, and there are no floats.
    serde_json::to_string(message).unwrap_or_default().into()
}
