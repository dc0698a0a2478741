//! The realtime gateway: `/v1/realtime/ws?ticket=`.

mod gateway;
mod requests;
mod run;
mod socket;

use axum::extract::ws::Utf8Bytes;
use boltorezka_proto::socket::{Answer, ServerMessage};
use serde::Serialize;

pub use gateway::routes;
pub use requests::Reply;
#[cfg(test)]
pub use socket::Outgoing;
pub use socket::SocketHandle;

/// A message as a text frame.
pub fn frame(message: &ServerMessage) -> Utf8Bytes {
    text(message)
}

/// An answer as a text frame.
pub fn answer_frame(answer: &Answer) -> Utf8Bytes {
    text(answer)
}

fn text(message: &impl Serialize) -> Utf8Bytes {
    // Our own types always serialise: keys are strings, and there are no floats.
    serde_json::to_string(message).unwrap_or_default().into()
}
