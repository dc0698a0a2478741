//! A small real gateway on a real socket, for what the real one does not do on request: break, be rude, fall silent.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

pub struct GatewayServer {
    pub url: String,
    sockets: mpsc::Receiver<Peer>,
}

/// The server's end of one socket, ready.
pub struct Peer(WebSocketStream<TcpStream>);

impl GatewayServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, sockets) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, sender.clone()));
            }
        });
        Self { url, sockets }
    }

    pub async fn next_socket(&mut self) -> Peer {
        self.sockets.recv().await.unwrap()
    }
}

async fn serve(mut stream: TcpStream, sockets: mpsc::Sender<Peer>) {
    let mut first = [0; 4];
    while stream.peek(&mut first).await.unwrap() < first.len() {}
    if &first == b"POST" {
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await.unwrap();
        let body = r#"{"ticket":"t","expiresAt":"2026-11-21T09:30:00.000Z"}"#;
        let head = format!("HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        return;
    }
    let mut peer = Peer(tokio_tungstenite::accept_async(stream).await.unwrap());
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let user = json!({"id": id, "email": "a@b.c", "displayName": "Ada", "role": "user"});
    peer.send(json!({"type": "server.ready", "payload": {"sessionId": id, "user": user, "heartbeatMs": 20000}})).await;
    let _ = sockets.send(peer).await;
}

impl Peer {
    pub async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text.to_owned())).await.unwrap();
    }

    /// The next frame of the client.
    pub async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                other => assert!(!other.is_close(), "the client closed"),
            }
        }
    }

    pub async fn ack(&mut self, request: &Value, payload: Value) {
        let ts = "2026-11-21T09:30:00.000Z";
        let (id, kind) = (&request["requestId"], &request["type"]);
        self.send(json!({"type": "ack", "requestId": id, "eventType": kind, "ts": ts, "payload": payload})).await;
    }

    pub async fn nack(&mut self, request: &Value, code: &str) {
        let ts = "2026-11-21T09:30:00.000Z";
        let (id, kind) = (&request["requestId"], &request["type"]);
        let nack = json!({"type": "nack", "requestId": id, "eventType": kind, "ts": ts, "code": code, "message": "no"});
        self.send(nack).await;
    }

    pub async fn close(mut self, code: u16) {
        let _ = self.0.close(Some(CloseFrame { code: code.into(), reason: "test".into() })).await;
    }
}

pub fn joined(room: &str) -> Value {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    json!({"room": room, "participantId": id, "participants": [], "seq": 1})
}
