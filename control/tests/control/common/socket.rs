//! A client of the realtime gateway.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const PATIENCE: Duration = Duration::from_secs(8);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came while another one was waited for.
    kept: VecDeque<Value>,
    last_request: u64,
}

impl Socket {
    pub async fn open(address: SocketAddr, ticket: &str) -> Self {
        Self::open_path(address, &format!("/v1/realtime/ws?ticket={ticket}")).await
    }

    /// Opens a socket whose system buffer takes little, for a client that does not read.
    pub async fn open_small(address: SocketAddr, ticket: &str) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(address).await.unwrap());
        let url = format!("ws://{address}/v1/realtime/ws?ticket={ticket}");
        let (stream, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self { stream, kept: VecDeque::new(), last_request: 0 }
    }

    pub async fn open_path(address: SocketAddr, path: &str) -> Self {
        let url = format!("ws://{address}{path}");
        let (stream, _) = tokio_tungstenite::connect_async_with_config(url, None, true).await.unwrap();
        Self { stream, kept: VecDeque::new(), last_request: 0 }
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Sends a request without waiting. Returns its id.
    pub async fn request(&mut self, kind: &str, payload: Value) -> String {
        self.request_with_key(kind, payload, None).await
    }

    pub async fn request_with_key(&mut self, kind: &str, payload: Value, key: Option<&str>) -> String {
        self.last_request += 1;
        let id = self.last_request.to_string();
        let mut frame = json!({ "type": kind, "requestId": id, "payload": payload });
        if let Some(key) = key {
            frame["idempotencyKey"] = key.into();
        }
        self.send_raw(Message::text(frame.to_string())).await;
        id
    }

    /// The answer to a request.
    pub async fn answer(&mut self, request_id: &str) -> Value {
        self.find(|frame| frame["requestId"] == request_id).await
    }

    /// Sends a request and returns the payload of its `ack`.
    #[track_caller]
    pub fn ack(&mut self, kind: &str, payload: Value) -> impl Future<Output = Value> {
        self.ack_with_key(kind, payload, None)
    }

    pub async fn ack_with_key(&mut self, kind: &str, payload: Value, key: Option<&str>) -> Value {
        let id = self.request_with_key(kind, payload, key).await;
        let answer = self.answer(&id).await;
        assert_eq!((answer["type"].as_str(), answer["eventType"].as_str()), (Some("ack"), Some(kind)), "{answer}");
        answer["payload"].clone()
    }

    /// Sends a request and returns its `nack`.
    pub async fn nack(&mut self, kind: &str, payload: Value) -> Value {
        let id = self.request(kind, payload).await;
        let answer = self.answer(&id).await;
        assert_eq!((answer["type"].as_str(), answer["eventType"].as_str()), (Some("nack"), Some(kind)), "{answer}");
        answer
    }

    /// The payload of the next frame of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        self.find(|frame| frame["type"] == kind && frame["requestId"].is_null()).await["payload"].clone()
    }

    /// The next presence update that satisfies `wanted`.
    pub async fn presence(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.find(|frame| frame["type"] == "presence.update" && wanted(&frame["payload"])).await["payload"].clone()
    }

    /// Waits until this participant is shown as `wanted` says, in a list or a change.
    pub async fn sees(&mut self, participant_id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let of = |update: &Value| {
            let lists = ["joined", "changed"].map(|list| update[list].as_array().unwrap().clone()).concat();
            lists.into_iter().find(|seen| seen["participantId"] == participant_id && wanted(seen))
        };
        let update = self.presence(|update| of(update).is_some()).await;
        of(&update).unwrap()
    }

    /// Whether the first thing that comes is a frame of this type, not a close.
    pub async fn first_is(&mut self, kind: &str) -> bool {
        match timeout(PATIENCE, self.stream.next()).await.expect("nothing within 8 s") {
            Some(Ok(Message::Text(text))) => serde_json::from_str::<Value>(&text).unwrap()["type"] == kind,
            _ => false,
        }
    }

    /// Everything that comes within `time`.
    pub async fn drain(&mut self, time: Duration) -> Vec<Value> {
        let mut frames: Vec<Value> = self.kept.drain(..).collect();
        let until = tokio::time::Instant::now() + time;
        while let Ok(Some(Ok(message))) = tokio::time::timeout_at(until, self.stream.next()).await {
            if let Message::Text(text) = message {
                frames.push(serde_json::from_str(&text).unwrap());
            }
        }
        frames
    }

    /// Waits for the close frame and returns its code.
    pub async fn close_code(mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("no close within 8 s") {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Close(None))) => panic!("closed without a code"),
                Some(Ok(_)) => {}
                other => panic!("ended without a close frame: {other:?}"),
            }
        }
    }

    /// Vanishes without a word, as a phone in a tunnel does.
    pub fn vanish(self) {
        drop(self.stream);
    }

    async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at).unwrap();
        }
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await;
            let message = message.unwrap_or_else(|_| panic!("nothing fits within 8 s; kept: {:?}", self.kept));
            match message.expect("socket ended").expect("socket failed") {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if wanted(&frame) {
                        return frame;
                    }
                    self.kept.push_back(frame);
                }
                Message::Close(frame) => panic!("closed: {frame:?}; kept: {:?}", self.kept),
                _ => {}
            }
        }
    }
}
