//! The life of an open socket: one task reads, one writes.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use boltorezka_proto::socket::{CloseCode, ServerMessage};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::frame;
use super::gateway::close_frame;
use super::requests::Requests;
use super::socket::{Outgoing, SocketHandle};
use crate::app::App;
use crate::presence;

/// How long a frame may take to reach the other side's buffers before it counts as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last frames and the close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The heartbeat that is announced when the server's pings are switched off.
const HEARTBEAT_MS_DEFAULT: u32 = 20_000;

/// Serves a socket until either side ends it.
pub async fn run(app: App, socket: SocketHandle, outgoing: Outgoing, stream: WebSocket) {
    let heartbeat_ms = app.config.limits.heartbeat_ms;
    let ready = ServerMessage::ServerReady {
        session_id: socket.id(),
        user: socket.user().clone(),
        heartbeat_ms: heartbeat_ms.unwrap_or(HEARTBEAT_MS_DEFAULT).into(),
    };
    socket.send(frame(&ready));
    app.metrics.sockets.inc();
    let (sink, stream) = stream.split();
    let writer = tokio::spawn(write(socket.clone(), outgoing, sink, heartbeat_ms));
    let mut requests = Requests::new(app.clone(), socket.clone());
    read(&app, &socket, &mut requests, stream).await;
    presence::socket_gone(&app, &socket, requests.rooms());
    // The writer knows its own time limits.
    let _ = writer.await;
    app.metrics.sockets.dec();
}

async fn read(app: &App, socket: &SocketHandle, requests: &mut Requests, mut stream: SplitStream<WebSocket>) {
    let idle = app.config.limits.socket_idle_ms.map(|ms| Duration::from_millis(ms.into()));
    let mut heard_at = Instant::now();
    loop {
        let silent_until = idle.map(|idle| heard_at + idle);
        let message = tokio::select! {
            message = stream.next() => message,
            _ = socket.closed() => return,
            () = async { sleep_until(silent_until.unwrap_or(heard_at)).await }, if silent_until.is_some() => {
                return socket.close(CloseCode::Idle);
            }
        };
        heard_at = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => {
                if let Err(code) = requests.handle(&text).await {
                    return socket.close(code);
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return socket.close(CloseCode::Malformed),
            Some(Ok(Message::Close(_))) | None => return socket.end(),
            Some(Err(error)) => {
                tracing::debug!(session = %socket.id(), %error, "socket failed");
                // A frame that is too large or no text: the writer may still say so.
                return socket.close(CloseCode::Malformed);
            }
        }
    }
}

type Sink = SplitSink<WebSocket, Message>;

async fn write(socket: SocketHandle, mut outgoing: Outgoing, mut sink: Sink, heartbeat_ms: Option<u32>) {
    let ping = frame(&ServerMessage::Ping {});
    let period = Duration::from_millis(heartbeat_ms.unwrap_or(HEARTBEAT_MS_DEFAULT).into());
    let mut heartbeats = interval_at(Instant::now() + period, period);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Made once: each turn would enter and leave the list of those who wait for it.
    let mut closed = pin!(socket.closed());
    loop {
        let text = tokio::select! {
            biased;
            code = &mut closed => {
                let _ = timeout(CLOSE_TIMEOUT, finish(&mut outgoing, &mut sink, code)).await;
                return;
            }
            text = outgoing.next() => text,
            _ = heartbeats.tick(), if heartbeat_ms.is_some() => Some(ping.clone()),
        };
        let Some(text) = text else { return };
        let sent = tokio::select! {
            biased;
            sent = timeout(WRITE_TIMEOUT, sink.send(Message::Text(text))) => matches!(sent, Ok(Ok(()))),
            _ = closed_for_slowness(&socket) => false,
        };
        if !sent {
            socket.end();
            let _ = timeout(CLOSE_TIMEOUT, finish(&mut outgoing, &mut sink, socket.closed().await)).await;
            return;
        }
    }
}

/// Completes when the socket is closed because its queue ran over: then nothing more is worth waiting for.
async fn closed_for_slowness(socket: &SocketHandle) {
    if socket.closed().await != Some(CloseCode::TryAgainLater) {
        std::future::pending::<()>().await;
    }
}

/// Sends what was queued before the end, such as the last `ack`s, then the close frame.
async fn finish(outgoing: &mut Outgoing, sink: &mut Sink, code: Option<CloseCode>) {
    if code != Some(CloseCode::TryAgainLater) {
        while let Some(text) = outgoing.try_next() {
            if sink.feed(Message::Text(text)).await.is_err() {
                return;
            }
        }
    }
    let frame = code.map(close_frame);
    let _ = sink.send(Message::Close(frame)).await;
}
