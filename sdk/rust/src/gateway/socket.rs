//! The task that owns the socket.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use boltorezka_proto::socket::{
    Answer, ChatDelta, ClientFrame, ClientMessage, CloseCode, FRAME_BYTES_MAX, Message, RoomJoined, ServerMessage,
};
use boltorezka_proto::{ErrorCode, RoomSlug};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_tungstenite::tungstenite::protocol::{Message as Frame, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::chat::{Following, Step};
use super::{GatewayError, GatewayEvent, JoinedRooms, Request};
use crate::client::Client;

/// First wait before a broken socket is opened again; doubled each time, with up to half of it added at random.
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
/// Longest wait: a server that comes back is found within seconds, and one that stays away is left in peace.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// How long opening the socket may take, until the server is ready.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Silent heartbeats after which the socket counts as broken.
const SILENT_HEARTBEATS_MAX: u32 = 3;
/// The server's heartbeat is taken within these bounds.
const HEARTBEAT_MS: std::ops::RangeInclusive<u64> = 1_000..=120_000;
/// Server frames may be larger than client frames: a snapshot of a room with thousands of participants.
const SERVER_FRAME_BYTES_MAX: usize = 32 * FRAME_BYTES_MAX;
/// Requests without an answer; further ones fail at once. Requests time out, so this is only reached in a fault.
const PENDING_MAX: usize = 256;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Reply = oneshot::Sender<Result<serde_json::Value, GatewayError>>;

/// What a request was for.
enum Pending {
    Caller(Reply),
    /// Of a caller too, but seen on its way: where a room's chat begins.
    Join(RoomSlug, Reply),
    Rejoin(RoomSlug),
    Resume(RoomSlug),
}

pub(super) struct SocketTask {
    client: Client,
    events: broadcast::Sender<Arc<GatewayEvent>>,
    joined: JoinedRooms,
    socket: Socket,
    can_reconnect: bool,
    heartbeat: Duration,
    pending: HashMap<String, Pending>,
    chats: HashMap<RoomSlug, Following>,
    /// Rooms in whose lobbies it waits.
    waiting: BTreeSet<RoomSlug>,
    next_request: u64,
}

/// Why the loop around a socket ended.
enum Broken {
    /// Nobody holds the gateway any more.
    Unused,
    /// It can be mended.
    Network,
    /// It cannot.
    Final(String),
}

impl SocketTask {
    pub(super) async fn open(
        client: Client,
        events: broadcast::Sender<Arc<GatewayEvent>>,
        joined: JoinedRooms,
    ) -> Result<Self, GatewayError> {
        // The TLS library takes its cryptography from a process-wide setting; whoever set it first is right.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (socket, can_reconnect, heartbeat) = open(&client, &events).await?;
        let (pending, chats, waiting) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        Ok(Self { client, events, joined, socket, can_reconnect, heartbeat, pending, chats, waiting, next_request: 0 })
    }

    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            let broken = self.serve(&mut requests).await;
            for (_, pending) in self.pending.drain() {
                if let Pending::Caller(reply) | Pending::Join(_, reply) = pending {
                    let _ = reply.send(Err(GatewayError::Disconnected));
                }
            }
            match broken {
                Broken::Unused => {
                    let _ = self.socket.close(None).await;
                    return;
                }
                Broken::Network if self.can_reconnect => self.tell(GatewayEvent::Disconnected),
                Broken::Network => return self.tell(GatewayEvent::Closed { reason: "the ticket is used".into() }),
                Broken::Final(reason) => return self.tell(GatewayEvent::Closed { reason }),
            }
            match self.reconnect(&requests).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.tell(GatewayEvent::Closed { reason: error.to_string() }),
            }
        }
    }

    /// Serves the socket until it breaks.
    async fn serve(&mut self, requests: &mut mpsc::Receiver<Request>) -> Broken {
        if self.rejoin().await.is_err() {
            return Broken::Network;
        }
        let mut heard_at = Instant::now();
        let mut ticks = tokio::time::interval(self.heartbeat);
        ticks.reset();
        loop {
            let sent = tokio::select! {
                frame = self.socket.next() => {
                    heard_at = Instant::now();
                    match frame {
                        Some(Ok(Frame::Text(text))) => self.receive(text.as_str()).await,
                        Some(Ok(Frame::Close(close))) => {
                            let code = close.as_ref().map_or(0, |close| u16::from(close.code));
                            return closed_with(code);
                        }
                        Some(Ok(_)) => Ok(()),
                        Some(Err(_)) | None => return Broken::Network,
                    }
                }
                request = requests.recv() => match request {
                    Some(request) => self.send_request(request).await,
                    None => return Broken::Unused,
                },
                _ = ticks.tick() => {
                    if heard_at.elapsed() > self.heartbeat * SILENT_HEARTBEATS_MAX {
                        return Broken::Network;
                    }
                    self.pending.retain(|_, pending| !matches!(pending, Pending::Caller(reply) if reply.is_closed()));
                    self.send(ClientMessage::Ping {}, None, None).await
                }
            };
            if sent.is_err() {
                return Broken::Network;
            }
        }
    }

    /// Opens the socket again; `false` when nobody holds the gateway any more.
    async fn reconnect(&mut self, requests: &mpsc::Receiver<Request>) -> Result<bool, GatewayError> {
        let mut wait = BACK_OFF_MIN;
        loop {
            tokio::time::sleep(wait + wait.mul_f64(random_half())).await;
            if requests.is_closed() {
                return Ok(false);
            }
            match open(&self.client, &self.events).await {
                Ok((socket, _, heartbeat)) => {
                    (self.socket, self.heartbeat) = (socket, heartbeat);
                    return Ok(true);
                }
                Err(GatewayError::Client(error)) if is_final(error.code()) => return Err(error.into()),
                Err(error) => tracing::debug!(%error, "the gateway is still away"),
            }
            wait = (wait * 2).min(BACK_OFF_MAX);
        }
    }

    async fn rejoin(&mut self) -> Result<(), Unsent> {
        let mut rooms: BTreeSet<_> =
            self.joined.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        rooms.extend(self.waiting.iter().cloned());
        for room in rooms {
            self.send(ClientMessage::RoomJoin { room: room.clone() }, None, Some(Pending::Rejoin(room))).await?;
        }
        Ok(())
    }

    async fn send_request(&mut self, request: Request) -> Result<(), Unsent> {
        if self.pending.len() >= PENDING_MAX {
            let _ = request.reply.send(Err(GatewayError::Closed("too many requests are without an answer".into())));
            return Ok(());
        }
        let pending = match &request.message {
            ClientMessage::RoomJoin { room } => Pending::Join(room.clone(), request.reply),
            ClientMessage::RoomLeave { room } => {
                self.chats.remove(room);
                if self.waiting.remove(room) {
                    self.tell(GatewayEvent::RejoinFailed { room: room.clone(), code: ErrorCode::NotJoined });
                }
                Pending::Caller(request.reply)
            }
            _ => Pending::Caller(request.reply),
        };
        self.send(request.message, request.idempotency_key, Some(pending)).await
    }

    async fn send(
        &mut self,
        message: ClientMessage,
        idempotency_key: Option<String>,
        pending: Option<Pending>,
    ) -> Result<(), Unsent> {
        self.next_request += 1;
        let request_id = self.next_request.to_string();
        let kind = kind_of(&message);
        let payload = match serde_json::to_value(&message) {
            Ok(serde_json::Value::Object(mut fields)) => fields.remove("payload").unwrap_or_default(),
            _ => serde_json::Value::Null,
        };
        let frame = ClientFrame { kind, request_id: Some(request_id.clone()), idempotency_key, payload };
        let Ok(text) = serde_json::to_string(&frame) else { return Ok(()) };
        if let Some(pending) = pending {
            self.pending.insert(request_id, pending);
        }
        self.socket.send(Frame::text(text)).await.map_err(|_| Unsent)
    }

    async fn receive(&mut self, text: &str) -> Result<(), Unsent> {
        if let Ok(answer) = serde_json::from_str::<Answer>(text) {
            return self.settle(answer).await;
        }
        match serde_json::from_str::<ServerMessage>(text) {
            Ok(ServerMessage::Ping {}) => return self.send(ClientMessage::Pong {}, None, None).await,
            Ok(ServerMessage::PresenceUpdate(update)) => self.tell(GatewayEvent::Presence(update)),
            Ok(ServerMessage::MessageNew { message }) => return self.message_told(message, true).await,
            Ok(ServerMessage::MessageChanged { message }) => return self.message_told(message, false).await,
            Ok(ServerMessage::RoomMoved { from, to }) => return self.moved(from, to).await,
            Ok(ServerMessage::RoomAdmitted { room }) => return self.admitted(room).await,
            Ok(ServerMessage::RoomRefused { room, reason }) => {
                if self.waiting.remove(&room) {
                    self.tell(GatewayEvent::NotAdmitted { room, reason });
                }
            }
            Ok(ServerMessage::LobbyUpdate { room, waiting }) => self.tell(GatewayEvent::Lobby { room, waiting }),
            Ok(ServerMessage::CallAnswer { room, sdp }) => self.tell(GatewayEvent::CallAnswer { room, sdp }),
            Ok(ServerMessage::CallEnded { room, reason }) => self.tell(GatewayEvent::CallEnded { room, reason }),
            Ok(
                ServerMessage::Pong {}
                | ServerMessage::ServerReady { .. }
                | ServerMessage::Typing { .. }
                | ServerMessage::HistoryTrimmed { .. }
                | ServerMessage::NotificationNew { .. }
                | ServerMessage::CallRinging { .. }
                | ServerMessage::CallRingEnded { .. },
            ) => {}
            Err(error) => tracing::debug!(%error, "a frame of the gateway was not understood"),
        }
        Ok(())
    }

    /// Follows a move, as a break is followed by joining again.
    async fn moved(&mut self, from: RoomSlug, to: RoomSlug) -> Result<(), Unsent> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).remove(&from);
        self.chats.remove(&from);
        self.tell(GatewayEvent::Moved { from, to: to.clone() });
        self.send(ClientMessage::RoomJoin { room: to.clone() }, None, Some(Pending::Rejoin(to))).await
    }

    /// It waits until the server says otherwise.
    fn waits(&mut self, room: RoomSlug) {
        self.chats.remove(&room);
        if self.waiting.insert(room.clone()) {
            self.tell(GatewayEvent::Waiting { room });
        }
    }

    /// Goes into a room that it was let into, unless it does not want to any more.
    async fn admitted(&mut self, room: RoomSlug) -> Result<(), Unsent> {
        if !self.waiting.contains(&room) {
            return Ok(());
        }
        self.send(ClientMessage::RoomJoin { room: room.clone() }, None, Some(Pending::Rejoin(room))).await
    }

    async fn message_told(&mut self, message: Message, is_new: bool) -> Result<(), Unsent> {
        let step = self.chats.get_mut(&message.room).map_or(Step::Tell, |chat| chat.told(message.number()));
        let room = message.room.clone();
        if step == Step::Tell {
            self.tell(if is_new { GatewayEvent::Message(message) } else { GatewayEvent::MessageChanged(message) });
        }
        self.follow(room, step).await
    }

    /// Tells what an answer to `sync.resume` brought.
    async fn resumed(&mut self, room: RoomSlug, delta: ChatDelta) -> Result<(), Unsent> {
        let Some(mut chat) = self.chats.remove(&room) else { return Ok(()) };
        if delta.snapshot {
            self.tell(GatewayEvent::ChatReset(delta.clone()));
        } else {
            for message in delta.messages.iter().cloned() {
                let is_new = chat.is_new(&message);
                self.tell(if is_new { GatewayEvent::Message(message) } else { GatewayEvent::MessageChanged(message) });
            }
        }
        let step = chat.resumed(&delta);
        self.chats.insert(room.clone(), chat);
        self.follow(room, step).await
    }

    async fn follow(&mut self, room: RoomSlug, step: Step) -> Result<(), Unsent> {
        let Step::Resume(seq) = step else { return Ok(()) };
        let ask = ClientMessage::SyncResume { room: room.clone(), seq: Some(seq) };
        self.send(ask, None, Some(Pending::Resume(room))).await
    }

    async fn settle(&mut self, answer: Answer) -> Result<(), Unsent> {
        let (request_id, result) = match answer {
            Answer::Ack { request_id, payload, .. } => (request_id, Ok(payload)),
            Answer::Nack { request_id, event_type, code, message, retry_after_ms, .. } => {
                (request_id, Err(GatewayError::Refused { event: event_type, code, message, retry_after_ms }))
            }
        };
        match (self.pending.remove(&request_id), result) {
            // A caller that has stopped waiting is no fault.
            (Some(Pending::Caller(reply)), result) => drop(reply.send(result)),
            (Some(Pending::Join(room, reply)), result) => {
                if let Some(joined) = result.as_ref().ok().and_then(|payload| <RoomJoined>::deserialize(payload).ok()) {
                    // Joined twice, it goes on from where it was.
                    self.waiting.remove(&room);
                    self.chats.entry(room).or_insert_with(|| Following::new(joined.chat_seq));
                } else if is_in_lobby(&result) {
                    self.waits(room);
                }
                drop(reply.send(result));
            }
            (Some(Pending::Resume(room)), Ok(payload)) => {
                if let Ok(delta) = serde_json::from_value::<ChatDelta>(payload) {
                    return self.resumed(room, delta).await;
                }
            }
            (Some(Pending::Resume(room)), Err(error)) => {
                tracing::debug!(%error, "what was said meanwhile could not be asked for");
                if let Some(chat) = self.chats.get_mut(&room) {
                    chat.resume_failed();
                }
            }
            (Some(Pending::Rejoin(room)), Ok(payload)) => {
                if let Ok(joined) = serde_json::from_value::<RoomJoined>(payload) {
                    self.waiting.remove(&room);
                    let step = self.chats.entry(room.clone()).or_default().rejoined(joined.chat_seq);
                    let slug = room.clone();
                    self.joined.lock().unwrap_or_else(PoisonError::into_inner).insert(room, joined.clone());
                    self.tell(GatewayEvent::Rejoined(joined));
                    return self.follow(slug, step).await;
                }
            }
            (Some(Pending::Rejoin(room)), Err(error)) => {
                self.joined.lock().unwrap_or_else(PoisonError::into_inner).remove(&room);
                let code = error.code().unwrap_or(ErrorCode::Internal);
                if code == ErrorCode::Lobby {
                    self.waits(room);
                    return Ok(());
                }
                self.waiting.remove(&room);
                self.chats.remove(&room);
                self.tell(GatewayEvent::RejoinFailed { room, code });
            }
            (None, _) => {}
        }
        Ok(())
    }

    fn tell(&self, event: GatewayEvent) {
        // Without readers there is nobody to tell.
        let _ = self.events.send(Arc::new(event));
    }
}

fn is_in_lobby(result: &Result<serde_json::Value, GatewayError>) -> bool {
    result.as_ref().err().and_then(GatewayError::code) == Some(ErrorCode::Lobby)
}

/// The socket takes no more.
struct Unsent;

/// The type of a message, as on the wire.
pub(super) fn kind_of(message: &ClientMessage) -> String {
    let value = serde_json::to_value(message).unwrap_or_default();
    value.get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned()
}

async fn open(
    client: &Client,
    events: &broadcast::Sender<Arc<GatewayEvent>>,
) -> Result<(Socket, bool, Duration), GatewayError> {
    let (ticket, can_reconnect) = client.ticket().await?;
    let base = client.base_url().replacen("http", "ws", 1);
    let url = format!("{base}/v1/realtime/ws?ticket={ticket}");
    let config = WebSocketConfig::default()
        .max_message_size(Some(SERVER_FRAME_BYTES_MAX))
        .max_frame_size(Some(SERVER_FRAME_BYTES_MAX));
    let opened = async {
        let connected = tokio_tungstenite::connect_async_with_config(url, Some(config), true).await;
        // The error is told without the address, which holds the ticket.
        let (mut socket, _) = connected.map_err(|error| GatewayError::Network(error.to_string()))?;
        loop {
            let text = match socket.next().await {
                Some(Ok(Frame::Text(text))) => text,
                Some(Ok(Frame::Close(close))) => {
                    let reason = close.map_or_else(String::new, |close| format!("{} {}", close.code, close.reason));
                    return Err(GatewayError::Network(format!("it was closed at once: {reason}")));
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(GatewayError::Network(error.to_string())),
                None => return Err(GatewayError::Network("it was closed at once".into())),
            };
            if let Ok(ServerMessage::ServerReady { session_id, heartbeat_ms, .. }) =
                serde_json::from_str::<ServerMessage>(&text)
            {
                let _ = events.send(Arc::new(GatewayEvent::Ready { session_id }));
                let heartbeat_ms = heartbeat_ms.clamp(*HEARTBEAT_MS.start(), *HEARTBEAT_MS.end());
                return Ok((socket, can_reconnect, Duration::from_millis(heartbeat_ms)));
            }
        }
    };
    match tokio::time::timeout(OPEN_TIMEOUT, opened).await {
        Ok(opened) => opened,
        Err(_) => Err(GatewayError::Network("the server was not ready in time".into())),
    }
}

fn closed_with(code: u16) -> Broken {
    if code == CloseCode::AccountBlocked as u16 {
        return Broken::Final("the account is blocked".into());
    }
    if code == CloseCode::TooManySockets as u16 {
        return Broken::Final("the account has too many sockets".into());
    }
    Broken::Network
}

/// Whether another ticket will not be had either.
fn is_final(code: Option<ErrorCode>) -> bool {
    matches!(
        code,
        Some(ErrorCode::Unauthenticated | ErrorCode::InvalidToken | ErrorCode::AccountBlocked | ErrorCode::Forbidden)
    )
}

/// A number from 0 to 0.5, so that clients that broke together do not come back together.
fn random_half() -> f64 {
    let random = uuid::Uuid::now_v7().as_u128() as u16;
    f64::from(random) / f64::from(u16::MAX) / 2.0
}
