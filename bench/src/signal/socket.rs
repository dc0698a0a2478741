//! One participant's socket, and what is counted on it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use boltorezka_proto::RoomSlug;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::SignalResult;
use crate::target::{JOIN_TIMEOUT, TargetError};

/// Stands before the send time in a message's text.
const MARK: &str = "sent at ";
/// Messages that a participant has not yet written; more are not sent.
const OUTBOX_MAX: usize = 64;
/// The request id of `room.join`; messages count on from it.
const JOIN_REQUEST: u64 = 0;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A participant in a room. Its task answers pings and counts until it is closed.
pub struct Socket {
    pub room: RoomSlug,
    outbox: mpsc::Sender<()>,
    task: JoinHandle<Tally>,
}

/// What is counted. Times in microseconds.
#[derive(Default)]
pub struct Tally {
    connect_us: Vec<u32>,
    join_us: Vec<u32>,
    ack_us: Vec<u32>,
    delivery_us: Vec<u32>,
    sent: u64,
    refused: u64,
    broken: u32,
}

/// The outer form of what the server says; the rest is skipped.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(rename = "requestId", default)]
    request_id: Option<&'a str>,
}

impl Socket {
    /// Opens the socket with a ticket, waits for `server.ready` and joins the room. Connecting counts from `started`, the
    /// messages' send times from `epoch`.
    pub async fn open(
        url: &str,
        ticket: &str,
        room: RoomSlug,
        started: Instant,
        epoch: Instant,
    ) -> Result<Self, TargetError> {
        let opened = async {
            let url = format!("{}/v1/realtime/ws?ticket={ticket}", url.replacen("http", "ws", 1));
            let connected = connect_async_with_config(url, None, true).await;
            let (mut stream, _) = connected.map_err(|error| TargetError::refused("opening the socket", error))?;
            wait_for(&mut stream, "server.ready").await?;
            let mut tally = Tally { connect_us: vec![micros(started)], ..Tally::default() };
            let asked = Instant::now();
            let join = serde_json::json!({
                "type": "room.join", "requestId": JOIN_REQUEST.to_string(), "payload": {"room": room},
            });
            write(&mut stream, join.to_string()).await?;
            wait_for(&mut stream, "ack").await?;
            tally.join_us.push(micros(asked));
            Ok::<_, TargetError>((stream, tally))
        };
        let opened = tokio::time::timeout(JOIN_TIMEOUT, opened).await;
        let (stream, tally) = opened.map_err(|_| TargetError::Timeout("joining the room"))??;
        let (outbox, wishes) = mpsc::channel(OUTBOX_MAX);
        let task = tokio::spawn(serve(stream, tally, room.clone(), epoch, wishes));
        Ok(Self { room, outbox, task })
    }

    /// Has a message sent; false when the participant has too many unwritten ones, or is gone.
    pub fn send(&self) -> bool {
        self.outbox.try_send(()).is_ok()
    }

    /// Ends the participant and returns what it counted.
    pub async fn close(self) -> Tally {
        drop(self.outbox);
        self.task.await.unwrap_or_default()
    }
}

/// Reads and counts, and sends a message for each wish, until there can be no more wishes.
async fn serve(
    mut stream: Stream,
    mut tally: Tally,
    room: RoomSlug,
    epoch: Instant,
    mut wishes: mpsc::Receiver<()>,
) -> Tally {
    // Requests of a socket are answered in order: the oldest comes first.
    let mut waiting = VecDeque::<(u64, Instant)>::new();
    let mut request = JOIN_REQUEST;
    loop {
        let ok = tokio::select! {
            wish = wishes.recv() => match wish {
                Some(()) => {
                    request += 1;
                    tally.sent += 1;
                    let now = Instant::now();
                    waiting.push_back((request, now));
                    let text = format!("{MARK}{}", now.duration_since(epoch).as_micros());
                    let frame = serde_json::json!({
                        "type": "message.send", "requestId": request.to_string(),
                        "idempotencyKey": request.to_string(), "payload": {"room": room, "text": text},
                    });
                    write(&mut stream, frame.to_string()).await.is_ok()
                }
                None => {
                    let _ = stream.close(None).await;
                    return tally;
                }
            },
            frame = stream.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let pong = tally.note(&text, epoch, &mut waiting);
                    !pong || write(&mut stream, r#"{"type":"pong","payload":{}}"#.to_owned()).await.is_ok()
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
        };
        if !ok {
            tally.broken += 1;
            return tally;
        }
    }
}

impl Tally {
    /// Counts a frame; true when the server asked for a pong.
    fn note(&mut self, text: &str, epoch: Instant, waiting: &mut VecDeque<(u64, Instant)>) -> bool {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return false };
        match frame.kind {
            "message.new" => {
                if let Some(sent_us) = sent_at(text) {
                    let now_us = u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.delivery_us.push(u32::try_from(now_us.saturating_sub(sent_us)).unwrap_or(u32::MAX));
                }
            }
            "ack" | "nack" => {
                let answered = frame.request_id.and_then(|id| id.parse::<u64>().ok());
                let position = waiting.iter().position(|(request, _)| Some(*request) == answered);
                if let Some((_, sent)) = position.and_then(|position| waiting.remove(position)) {
                    if frame.kind == "ack" { self.ack_us.push(micros(sent)) } else { self.refused += 1 }
                }
            }
            "ping" => return true,
            _ => {}
        }
        false
    }

    /// Takes over what another one counted.
    pub fn add(&mut self, mut other: Self) {
        self.connect_us.append(&mut other.connect_us);
        self.join_us.append(&mut other.join_us);
        self.ack_us.append(&mut other.ack_us);
        self.delivery_us.append(&mut other.delivery_us);
        self.sent += other.sent;
        self.refused += other.refused;
        self.broken += other.broken;
    }

    /// The figures of a run.
    pub fn into_result(
        mut self,
        rooms: u32,
        sockets: u32,
        sockets_failed: u32,
        connecting: Duration,
        deliveries_expected: u64,
        talked: Duration,
    ) -> SignalResult {
        let deliveries = self.delivery_us.len() as f64;
        let talked_s = talked.as_secs_f64().max(f64::MIN_POSITIVE);
        let delivery_ratio = if deliveries_expected == 0 { 1.0 } else { deliveries / deliveries_expected as f64 };
        for times in [&mut self.connect_us, &mut self.join_us, &mut self.ack_us, &mut self.delivery_us] {
            times.sort_unstable();
        }
        SignalResult {
            scenario: "signal".into(),
            sockets,
            sockets_failed,
            sockets_broken: self.broken,
            rooms,
            connects_per_s: f64::from(sockets) / connecting.as_secs_f64().max(f64::MIN_POSITIVE),
            connect_ms_p50: quantile_ms(&self.connect_us, 0.50),
            connect_ms_p95: quantile_ms(&self.connect_us, 0.95),
            connect_ms_p99: quantile_ms(&self.connect_us, 0.99),
            join_ms_p50: quantile_ms(&self.join_us, 0.50),
            join_ms_p95: quantile_ms(&self.join_us, 0.95),
            messages_sent: self.sent,
            messages_per_s: self.ack_us.len() as f64 / talked_s,
            messages_refused: self.refused,
            deliveries_per_s: deliveries / talked_s,
            delivery_ratio,
            ack_ms_p50: quantile_ms(&self.ack_us, 0.50),
            ack_ms_p95: quantile_ms(&self.ack_us, 0.95),
            ack_ms_p99: quantile_ms(&self.ack_us, 0.99),
            delivery_ms_p50: quantile_ms(&self.delivery_us, 0.50),
            delivery_ms_p95: quantile_ms(&self.delivery_us, 0.95),
            delivery_ms_p99: quantile_ms(&self.delivery_us, 0.99),
        }
    }
}

/// Reads until a frame of the type comes. A `nack` is an error.
async fn wait_for(stream: &mut Stream, kind: &'static str) -> Result<(), TargetError> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Frame<'_>>(&text) {
                Ok(frame) if frame.kind == kind => return Ok(()),
                Ok(frame) if frame.kind == "nack" => return Err(TargetError::refused(kind, text)),
                Ok(_) => {}
                Err(error) => return Err(TargetError::refused(kind, error)),
            },
            Some(Ok(Message::Close(why))) => return Err(TargetError::refused(kind, format!("closed: {why:?}"))),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(TargetError::refused(kind, error)),
            None => return Err(TargetError::refused(kind, "the socket ended")),
        }
    }
}

async fn write(stream: &mut Stream, frame: String) -> Result<(), TargetError> {
    stream.send(Message::text(frame)).await.map_err(|error| TargetError::refused("the socket", error))
}

/// The send time in a message's text, in microseconds since the epoch of the run.
fn sent_at(frame: &str) -> Option<u64> {
    let (_, rest) = frame.split_once(MARK)?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// A quantile of sorted times by the nearest rank; 0 when there are none.
fn quantile_ms(sorted_us: &[u32], quantile: f64) -> f64 {
    let rank = (quantile * sorted_us.len() as f64).ceil().max(1.0) as usize - 1;
    sorted_us.get(rank).map_or(0.0, |time_us| f64::from(*time_us) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_by_kind() {
        let (mut tally, epoch) = (Tally::default(), Instant::now());
        let mut waiting = VecDeque::from([(1, epoch), (2, epoch)]);
        assert!(tally.note(r#"{"type":"ping","payload":{}}"#, epoch, &mut waiting));
        assert!(!tally.note(r#"{"type":"ack","requestId":"2","payload":{"a":[1]}}"#, epoch, &mut waiting));
        assert!(!tally.note(r#"{"type":"nack","requestId":"1","code":"x"}"#, epoch, &mut waiting));
        assert!(!tally.note(r#"{"type":"ack","requestId":"7"}"#, epoch, &mut waiting));
        let message = r#"{"type":"message.new","payload":{"message":{"text":"sent at 0"}}}"#;
        assert!(!tally.note(message, epoch, &mut waiting));
        assert_eq!((tally.ack_us.len(), tally.refused, tally.delivery_us.len(), waiting.len()), (1, 1, 1, 0));
    }

    #[test]
    fn quantiles_take_the_nearest_rank() {
        let times: Vec<u32> = (1..=100).map(|ms| ms * 1_000).collect();
        assert!((quantile_ms(&times, 0.50) - 50.0).abs() < f64::EPSILON);
        assert!((quantile_ms(&times, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((quantile_ms(&[], 0.99)).abs() < f64::EPSILON);
        assert!((quantile_ms(&[7_000], 0.50) - 7.0).abs() < f64::EPSILON);
    }
}
