//! One participant's socket, and what is counted on it.

use std::collections::VecDeque;
use std::time::Instant;

use boltorezka_proto::socket::ClientMessage;
use boltorezka_proto::{MessageText, RoomSlug};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::target::TargetError;
use crate::target::boltorezka::gateway::Gateway;

/// Stands before the number and the send time in a message's text.
const MARK: &str = "message ";
/// Stands between them.
const AT: &str = " sent at ";
/// Messages that a participant has not yet written; more are not sent.
const OUTBOX_MAX: usize = 64;

/// A participant in a room. Its task answers pings and counts until it is closed.
pub struct Socket {
    wishes: mpsc::Sender<u32>,
    task: JoinHandle<Tally>,
}

/// What is counted. Times in microseconds.
#[derive(Default)]
pub struct Tally {
    pub room: Option<RoomSlug>,
    pub connect_us: u32,
    pub join_us: u32,
    pub ack_us: Vec<u32>,
    pub delivery_us: Vec<u32>,
    /// Numbers of messages that were acked.
    pub acked: Vec<u32>,
    /// Numbers of messages that were told, in their order.
    pub heard: Vec<u32>,
    pub sent: u64,
    pub refused: u64,
    pub broke: bool,
}

/// A request that was not answered yet.
struct Waiting {
    request_id: String,
    number: u32,
    since: Instant,
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
    /// Joins a room by an open socket. Connecting counts from `started`, the messages' send times from `epoch`, which is the
    /// same for all.
    pub async fn join(
        mut gateway: Gateway,
        room: RoomSlug,
        started: Instant,
        epoch: Instant,
    ) -> Result<Self, TargetError> {
        let connect_us = micros(started);
        let asked = Instant::now();
        gateway.join(&room).await?;
        let tally = Tally { room: Some(room.clone()), connect_us, join_us: micros(asked), ..Tally::default() };
        let (wishes, received) = mpsc::channel(OUTBOX_MAX);
        let task = tokio::spawn(serve(gateway, tally, room, epoch, received));
        Ok(Self { wishes, task })
    }

    /// Has the message with this number sent, which no other of the run has; false when the participant has too many unwritten ones, or is gone.
    pub fn send(&self, number: u32) -> bool {
        self.wishes.try_send(number).is_ok()
    }

    /// Ends the participant and returns what it counted.
    pub async fn close(self) -> Tally {
        drop(self.wishes);
        self.task.await.unwrap_or_default()
    }
}

/// Reads and counts, and sends a message for each wish, until there can be no more wishes.
async fn serve(
    mut gateway: Gateway,
    mut tally: Tally,
    room: RoomSlug,
    epoch: Instant,
    mut wishes: mpsc::Receiver<u32>,
) -> Tally {
    // Requests of a socket are answered in order: the oldest comes first.
    let mut waiting = VecDeque::new();
    loop {
        let went_on = tokio::select! {
            wish = wishes.recv() => match wish {
                Some(number) => {
                    tally.sent += 1;
                    say(&mut gateway, &room, number, epoch).await.map(|waits| waiting.push_back(waits))
                }
                None => {
                    gateway.close().await;
                    return tally;
                }
            },
            text = gateway.next_text() => text.map(|text| tally.note(&text, epoch, &mut waiting)),
        };
        if let Err(error) = went_on {
            tracing::warn!(%error, "a socket broke");
            tally.broke = true;
            return tally;
        }
    }
}

async fn say(gateway: &mut Gateway, room: &RoomSlug, number: u32, epoch: Instant) -> Result<Waiting, TargetError> {
    let since = Instant::now();
    let text = format!("{MARK}{number}{AT}{}", since.duration_since(epoch).as_micros());
    let text = MessageText::new(&text).map_err(|error| TargetError::refused("a message", error))?;
    // The same identities talk in other runs on the same server; rooms are new in each.
    let key = format!("{room}-{number}");
    let (reply_to, mentions, attachments) = (None, Vec::new(), Vec::new());
    let message = ClientMessage::MessageSend { room: room.clone(), text, reply_to, mentions, attachments };
    Ok(Waiting { request_id: gateway.send(&message, Some(key)).await?, number, since })
}

impl Tally {
    /// Counts a frame.
    fn note(&mut self, text: &str, epoch: Instant, waiting: &mut VecDeque<Waiting>) {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else { return };
        match frame.kind {
            "message.new" => {
                if let Some((number, sent_us)) = stamp(text) {
                    let now_us = u64::try_from(epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.delivery_us.push(u32::try_from(now_us.saturating_sub(sent_us)).unwrap_or(u32::MAX));
                    self.heard.push(number);
                }
            }
            "ack" | "nack" => {
                let position = waiting.iter().position(|request| frame.request_id == Some(&request.request_id));
                let Some(request) = position.and_then(|position| waiting.remove(position)) else { return };
                if frame.kind == "ack" {
                    self.ack_us.push(micros(request.since));
                    self.acked.push(request.number);
                } else {
                    self.refused += 1;
                }
            }
            _ => {}
        }
    }
}

/// The number and the send time in a message's text, the latter in microseconds since the epoch of the run.
pub fn stamp(text: &str) -> Option<(u32, u64)> {
    let (number, rest) = text.split_once(MARK)?.1.split_once(AT)?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    Some((number.parse().ok()?, rest.get(..end)?.parse().ok()?))
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_by_kind() {
        let (mut tally, epoch) = (Tally::default(), Instant::now());
        let request = |number: u32| Waiting { request_id: format!("r{number}"), number, since: epoch };
        let mut waiting = VecDeque::from([request(1), request(2), request(3)]);
        let mut note = |text: &str| tally.note(text, epoch, &mut waiting);
        note(r#"{"type":"ack","requestId":"r2","payload":{"a":[1]}}"#);
        note(r#"{"type":"nack","requestId":"r1","code":"x"}"#);
        note(r#"{"type":"ack","requestId":"r7"}"#);
        note(r#"{"type":"message.new","payload":{"message":{"text":"message 9 sent at 0"}}}"#);
        note(r#"{"type":"message.new","payload":{"message":{"text":"of somebody else"}}}"#);
        assert_eq!((tally.acked, tally.refused, tally.heard, waiting.len()), (vec![2], 1, vec![9], 1));
        assert_eq!((tally.ack_us.len(), tally.delivery_us.len()), (1, 1));
    }

    #[test]
    fn a_stamp_is_read_from_the_text_or_the_frame_around_it() {
        assert_eq!(stamp("message 17 sent at 123456"), Some((17, 123_456)));
        assert_eq!(stamp(r#"{"text":"message 0 sent at 5"}"#), Some((0, 5)));
        for other in ["message 17", "message x sent at 5", "message 17 sent at ", ""] {
            assert_eq!(stamp(other), None, "{other}");
        }
    }
}
