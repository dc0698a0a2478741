//! One client's end of the realtime gateway. It reads no more of what it is told than it needs: hundreds of them share a
//! core with the media of all.

use std::borrow::Cow;

use boltorezka_proto::RoomSlug;
use boltorezka_proto::socket::{ClientFrame, ClientMessage, ServerMessage};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::target::TargetError;

/// What is read at once: the library clears so much before each read.
const READ_BYTES: usize = 8 * 1024;
/// How frames begin that are told often and matter to nobody here.
const IGNORED: &str = "{\"type\":\"presence.update\"";
/// How the first frame begins.
const READY: &str = "{\"type\":\"server.ready\"";

/// An open socket.
pub struct Gateway {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_request: u64,
    presence: Presence,
}

/// What was told of who is there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Presence {
    /// Frames of type `presence.update`.
    pub messages: u64,
    /// Bytes of their text.
    pub bytes: u64,
}

/// What was read.
enum Heard {
    /// A request was carried out, or refused in words.
    Answer(String, Result<(), String>),
    Said(Box<ServerMessage>),
}

/// A frame without its payload. Answers to `room.join` hold everybody in the room, which nobody here wants to know.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    request_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    message: Option<Cow<'a, str>>,
}

impl Gateway {
    /// Opens the socket.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn open(url: &str, ticket: &str) -> Result<Self, TargetError> {
        let url = format!("{}/v1/realtime/ws?ticket={ticket}", url.replacen("http", "ws", 1));
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), true)
            .await
            .map_err(|error| TargetError::refused("opening the socket", error))?;
        Ok(Self { socket, next_request: 0, presence: Presence::default() })
    }

    /// Waits until the server has taken the socket.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn ready(&mut self) -> Result<(), TargetError> {
        while !self.next_text().await?.starts_with(READY) {}
        Ok(())
    }

    /// Sends a request without waiting for its answer; returns its id.
    ///
    /// # Errors
    /// [`TargetError::Refused`] when the socket has broken.
    pub async fn send(
        &mut self,
        message: &ClientMessage,
        idempotency_key: Option<String>,
    ) -> Result<String, TargetError> {
        self.next_request += 1;
        let request_id = self.next_request.to_string();
        let mut fields = match serde_json::to_value(message) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let payload = fields.remove("payload").unwrap_or_default();
        let frame = ClientFrame { kind, request_id: Some(request_id.clone()), idempotency_key, payload };
        let text = serde_json::to_string(&frame).map_err(|error| TargetError::refused("a request", error))?;
        self.write(text).await?;
        Ok(request_id)
    }

    /// Enters a room.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn join(&mut self, room: &RoomSlug) -> Result<(), TargetError> {
        let id = self.send(&ClientMessage::RoomJoin { room: room.clone() }, None).await?;
        self.answer("joining the room", &id).await
    }

    /// Offers, and waits for the answer.
    ///
    /// # Errors
    /// [`TargetError::Refused`].
    pub async fn call(&mut self, room: &RoomSlug, sdp: String) -> Result<String, TargetError> {
        let what = "joining the call";
        let id = self.send(&ClientMessage::CallOffer { room: room.clone(), sdp }, None).await?;
        loop {
            match self.hear().await? {
                Heard::Answer(of, answer) if of == id => answer.map_err(|why| TargetError::refused(what, why))?,
                Heard::Said(message) => match *message {
                    ServerMessage::CallAnswer { sdp, .. } => return Ok(sdp),
                    ServerMessage::CallEnded { reason, .. } => {
                        return Err(TargetError::refused(what, format!("{reason:?}")));
                    }
                    _ => {}
                },
                Heard::Answer(..) => {}
            }
        }
    }

    /// What was told of who is there, so far.
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// Closes the socket.
    pub async fn close(mut self) {
        // One that has broken is closed already.
        let _ = self.socket.close(None).await;
    }

    /// Keeps the socket alive until told to leave, then leaves the room and says when that is done.
    pub async fn stay(mut self, room: RoomSlug, leave: oneshot::Receiver<oneshot::Sender<()>>) {
        tokio::pin!(leave);
        let done = loop {
            tokio::select! {
                heard = self.hear() => if heard.is_err() { return },
                done = &mut leave => break done.ok(),
            }
        };
        if let Some(done) = done {
            if let Ok(id) = self.send(&ClientMessage::RoomLeave { room }, None).await {
                let _ = self.answer("leaving", &id).await;
            }
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
        let _ = self.socket.close(None).await;
    }

    /// The next frame that is of interest, as text; pings are answered.
    ///
    /// # Errors
    /// [`TargetError::Refused`] when the socket has ended.
    pub async fn next_text(&mut self) -> Result<String, TargetError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Frame::Text(text))) if text.starts_with(IGNORED) => {
                    self.presence.messages += 1;
                    self.presence.bytes += text.len() as u64;
                }
                Some(Ok(Frame::Text(text))) if text.starts_with("{\"type\":\"ping\"") => {
                    self.write("{\"type\":\"pong\",\"payload\":{}}".to_owned()).await?;
                }
                Some(Ok(Frame::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Frame::Close(close))) => {
                    let why = close.map_or_else(String::new, |close| format!("{} {}", close.code, close.reason));
                    return Err(TargetError::refused("the socket was closed", why));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(TargetError::refused("the socket broke", error)),
                None => return Err(TargetError::refused("the socket", "it ended")),
            }
        }
    }

    async fn hear(&mut self) -> Result<Heard, TargetError> {
        loop {
            let text = self.next_text().await?;
            let Ok(outline) = serde_json::from_str::<Outline>(&text) else { continue };
            match (outline.kind.as_ref(), outline.request_id) {
                ("ack", Some(request_id)) => return Ok(Heard::Answer(request_id.into_owned(), Ok(()))),
                ("nack", Some(request_id)) => {
                    let why = format!("{}: {}", outline.code.unwrap_or_default(), outline.message.unwrap_or_default());
                    return Ok(Heard::Answer(request_id.into_owned(), Err(why)));
                }
                ("call.answer" | "call.ended", _) => match serde_json::from_str(&text) {
                    Ok(message) => return Ok(Heard::Said(Box::new(message))),
                    Err(error) => return Err(TargetError::refused("a frame was not understood", error)),
                },
                _ => {}
            }
        }
    }

    async fn answer(&mut self, what: &'static str, id: &str) -> Result<(), TargetError> {
        loop {
            if let Heard::Answer(of, answer) = self.hear().await?
                && of == id
            {
                return answer.map_err(|why| TargetError::refused(what, why));
            }
        }
    }

    async fn write(&mut self, text: String) -> Result<(), TargetError> {
        let sent = self.socket.send(Frame::text(text)).await;
        sent.map_err(|error| TargetError::refused("the socket broke", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_skips_the_payload() {
        let ack = r#"{"type":"ack","requestId":"1","eventType":"room.join","ts":"x","payload":{"participants":[{}]}}"#;
        let outline: Outline = serde_json::from_str(ack).unwrap();
        assert_eq!((outline.kind.as_ref(), outline.request_id.as_deref()), ("ack", Some("1")));
        let nack =
            r#"{"type":"nack","requestId":"2","eventType":"x","ts":"x","code":"not_found","message":"no \"room\""}"#;
        let outline: Outline = serde_json::from_str(nack).unwrap();
        assert_eq!((outline.code.as_deref(), outline.message.as_deref()), (Some("not_found"), Some("no \"room\"")));
    }
}
