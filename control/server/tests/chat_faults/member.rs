//! A member that does what `docs/protocol.md` tells clients to do: it repeats what was not answered under the same key,
//! knows messages by their id, and reads what it missed.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use boltorezka_proto::rest::{Page, Room, TicketResponse, User};
use boltorezka_proto::socket::{Message, MessageSent};
use boltorezka_proto::{MessageId, RoomSlug};
use boltorezka_sdk::{Client, ClientError};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Messages of a member that are on their way at the same time: more than one, so that their order is at stake.
const WINDOW: usize = 4;
/// Between two attempts to come back. Clients wait longer; here it would only take time.
const RETRY: Duration = Duration::from_millis(20);
/// How long a step of coming back may take before it is tried anew.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a member looks whether it may stop.
const LOOK: Duration = Duration::from_millis(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Broken = Box<dyn std::error::Error + Send + Sync>;

/// How far all members are.
#[derive(Default)]
pub struct Shared {
    acked: AtomicUsize,
    seen: AtomicUsize,
    cuts: AtomicUsize,
    stop: AtomicBool,
}

impl Shared {
    pub fn acked(&self) -> usize {
        self.acked.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }

    /// Has all members end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// A member's way to the server.
pub struct Access {
    client: Client,
    room: RoomSlug,
}

/// What became of a member.
pub struct Record {
    pub access: Access,
    pub number: usize,
    /// What it was told or read, each once, in the order in which it took it in.
    pub seen: Vec<MessageId>,
    /// What each of its sockets was told, in that order.
    pub connections: Vec<Vec<MessageId>>,
    /// The ids under which its messages were acked.
    pub acked: BTreeMap<usize, MessageId>,
    /// What should not have been answered.
    pub oddities: Vec<String>,
    /// Sends that were not the first of their message.
    pub repeated: usize,
    /// Acks that said that the message was stored before.
    pub duplicates: usize,
    /// Messages that it read because nobody had told them.
    pub caught_up: usize,
}

/// A member of the room.
pub struct Member {
    record: Record,
    known: HashSet<MessageId>,
    /// Messages that are to be sent still.
    unsent: VecDeque<usize>,
    /// Messages that were sent and not acked, oldest first.
    waiting: VecDeque<usize>,
}

/// The text of a message, which is its idempotency key too.
pub fn text(member: usize, message: usize) -> String {
    format!("{member}-{message}")
}

impl Access {
    /// Everything that was said, oldest first.
    pub async fn history(&self) -> Result<Vec<Message>, ClientError> {
        self.history_until(|_| false).await
    }

    /// What was said after the latest message that is known, oldest first.
    async fn history_until(&self, is_known: impl Fn(&Message) -> bool) -> Result<Vec<Message>, ClientError> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/rooms/{}/messages?limit=100{cursor}", self.room);
            let page: Page<Message> = self.client.get(&path).await?;
            let all = found.len() + page.items.len();
            found.extend(page.items.into_iter().take_while(|message| !is_known(message)));
            let Some(next) = page.next_cursor.filter(|_| found.len() == all) else { break };
            cursor = format!("&cursor={next}");
        }
        found.reverse();
        Ok(found)
    }

    /// Who asks, and the room as its list of rooms shows it.
    pub async fn listed(&self) -> Result<(User, Option<Room>), ClientError> {
        let rooms = self.client.rooms().await?;
        Ok((self.client.me().await?, rooms.into_iter().find(|room| room.slug == self.room)))
    }

    /// Opens a socket, as far as `server.ready`.
    async fn open(&self) -> Result<Socket, Broken> {
        let ticket: TicketResponse = self.client.post("/v1/auth/ws-ticket", &json!({})).await?;
        let url = format!("{}/v1/realtime/ws?ticket={}", self.client.base_url(), ticket.ticket).replace("http", "ws");
        let (mut socket, _) = tokio_tungstenite::connect_async_with_config(url, None, true).await?;
        let first = next(&mut socket).await?;
        if first["type"] != "server.ready" {
            return Err(format!("it began with {first}").into());
        }
        Ok(socket)
    }
}

impl Record {
    pub fn new(number: usize, client: Client, room: RoomSlug) -> Self {
        Self {
            access: Access { client, room },
            number,
            seen: Vec::new(),
            connections: Vec::new(),
            acked: BTreeMap::new(),
            oddities: Vec::new(),
            repeated: 0,
            duplicates: 0,
            caught_up: 0,
        }
    }
}

impl Member {
    pub fn new(number: usize, client: Client, room: RoomSlug, messages: usize) -> Self {
        let record = Record::new(number, client, room);
        Self { record, known: HashSet::new(), unsent: (0..messages).collect(), waiting: VecDeque::new() }
    }

    /// Sends its messages and listens, through all that happens to it, until told to stop.
    pub async fn talk(mut self, mut cuts: UnboundedReceiver<()>, shared: Arc<Shared>) -> Record {
        while !shared.is_over() {
            let socket = tokio::time::timeout(STEP_TIMEOUT, self.come_back(&shared)).await;
            match socket {
                Ok(Ok(socket)) => {
                    // However it ended: it comes back.
                    let _ = self.stay(socket, &mut cuts, &shared).await;
                }
                Ok(Err(_)) | Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
        self.record
    }

    /// Opens a socket, joins the room, reads what was missed and repeats what was not answered.
    async fn come_back(&mut self, shared: &Shared) -> Result<Socket, Broken> {
        let mut socket = self.record.access.open().await?;
        self.record.connections.push(Vec::new());
        let room = self.record.access.room.clone();
        write(&mut socket, json!({ "type": "room.join", "requestId": "join", "payload": { "room": room } })).await?;
        loop {
            let frame = next(&mut socket).await?;
            match frame["type"].as_str() {
                Some("ack") => break,
                Some("nack") => return Err(self.odd(&frame)),
                // What is told before the answer was said after the beginning: it is kept for after the reading.
                _ => self.hear(&frame, false, shared),
            }
        }
        let missed = self.record.access.history_until(|message| self.known.contains(&message.id)).await?;
        for message in missed {
            self.record.caught_up += 1;
            self.take_in(message.id, shared);
        }
        self.record.repeated += self.waiting.len();
        for message in self.waiting.clone() {
            self.send(&mut socket, message).await?;
        }
        Ok(socket)
    }

    /// Talks and listens until the socket ends, or is cut.
    async fn stay(
        &mut self,
        mut socket: Socket,
        cuts: &mut UnboundedReceiver<()>,
        shared: &Shared,
    ) -> Result<(), Broken> {
        while !shared.is_over() {
            while self.waiting.len() < WINDOW
                && let Some(message) = self.unsent.pop_front()
            {
                self.waiting.push_back(message);
                self.send(&mut socket, message).await?;
            }
            let frame = tokio::select! {
                frame = next(&mut socket) => frame?,
                Some(()) = cuts.recv() => {
                    shared.cuts.fetch_add(1, Ordering::SeqCst);
                    // Without a word, and without what the system has received meanwhile.
                    return Ok(());
                }
                () = tokio::time::sleep(LOOK) => continue,
            };
            match frame["type"].as_str() {
                Some("ping") => write(&mut socket, json!({ "type": "pong", "payload": {} })).await?,
                Some("ack") => self.acked(&frame, shared)?,
                Some("nack") => return Err(self.odd(&frame)),
                _ => self.hear(&frame, true, shared),
            }
        }
        Ok(())
    }

    async fn send(&self, socket: &mut Socket, message: usize) -> Result<(), tungstenite::Error> {
        let text = text(self.record.number, message);
        let payload = json!({ "room": self.record.access.room, "text": text });
        let request_id = message.to_string();
        let frame = json!({
            "type": "message.send", "requestId": request_id, "idempotencyKey": text, "payload": payload,
        });
        write(socket, frame).await
    }

    fn acked(&mut self, frame: &Value, shared: &Shared) -> Result<(), Broken> {
        let request: usize = frame["requestId"].as_str().unwrap_or_default().parse()?;
        let sent: MessageSent = serde_json::from_value(frame["payload"].clone())?;
        self.waiting.retain(|message| *message != request);
        self.record.duplicates += usize::from(sent.duplicate);
        match self.record.acked.insert(request, sent.message.id) {
            None => drop(shared.acked.fetch_add(1, Ordering::SeqCst)),
            Some(before) => self.record.oddities.push(format!("{request} was acked twice, before as {before}")),
        }
        Ok(())
    }

    /// Notes what this socket was told, and takes it in when it is new.
    fn hear(&mut self, frame: &Value, take_in: bool, shared: &Shared) {
        if frame["type"] != "message.new" {
            return;
        }
        let Ok(id) = serde_json::from_value::<MessageId>(frame["payload"]["message"]["id"].clone()) else {
            return drop(self.odd(frame));
        };
        if let Some(connection) = self.record.connections.last_mut() {
            connection.push(id);
        }
        if take_in {
            self.take_in(id, shared);
        }
    }

    fn take_in(&mut self, id: MessageId, shared: &Shared) {
        if self.known.insert(id) {
            self.record.seen.push(id);
            shared.seen.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn odd(&mut self, frame: &Value) -> Broken {
        self.record.oddities.push(frame.to_string());
        "an answer that should not be".into()
    }
}

/// The next text frame.
async fn next(socket: &mut Socket) -> Result<Value, Broken> {
    loop {
        match socket.next().await.ok_or("the socket ended")?? {
            Frame::Text(text) => return Ok(serde_json::from_str(&text)?),
            Frame::Close(close) => return Err(format!("closed: {close:?}").into()),
            _ => {}
        }
    }
}

async fn write(socket: &mut Socket, frame: Value) -> Result<(), tungstenite::Error> {
    socket.send(Frame::text(frame.to_string())).await
}
