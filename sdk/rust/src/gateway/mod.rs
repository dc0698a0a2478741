//! The realtime gateway: one WebSocket that mends itself.

mod chat;
mod socket;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boltorezka_proto::call::EndReason;
use boltorezka_proto::rooms::{RefusalReason, Waiting};
use boltorezka_proto::socket::{ChatDelta, ClientMessage, Message, MessageSent, PresenceUpdate, RoomJoined};
use boltorezka_proto::{ErrorCode, MessageText, RoomSlug, SessionId};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::client::{Client, ClientError};

/// How long a request may take, waiting for a broken socket to be mended included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests that wait to be sent; senders of further ones wait.
const REQUESTS_MAX: usize = 64;
/// Events that a slow reader may lag behind; it then misses the oldest, and is told so. Above the burst of presence
/// when hundreds join at once.
const EVENTS_MAX: usize = 1_024;

/// Why a request over the gateway failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// No ticket could be had.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The socket could not be opened.
    #[error("the gateway could not be reached: {0}")]
    Network(String),
    /// The server refused the request.
    #[error("{event} was refused ({code:?}): {message}")]
    Refused {
        /// The request's type.
        event: String,
        /// For programs.
        code: ErrorCode,
        /// What is wrong, and the cure.
        message: String,
        /// Earliest time of another try.
        retry_after_ms: Option<u64>,
    },
    /// The socket broke before the answer came; whether the request was carried out is not known.
    #[error("the connection broke before the answer came")]
    Disconnected,
    /// The answer did not come in time.
    #[error("no answer to {0} within {REQUEST_TIMEOUT:?}")]
    Timeout(String),
    /// The gateway is closed for good.
    #[error("the gateway is closed: {0}")]
    Closed(String),
    /// The answer is not of the documented form.
    #[error("the answer to {what} was not understood: {why}")]
    Answer {
        /// Which request.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl GatewayError {
    /// The stable reason, when the server refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Client(error) => error.code(),
            _ => None,
        }
    }
}

/// What the gateway tells.
#[derive(Clone, Debug)]
pub enum GatewayEvent {
    /// The socket is open. After a break, rooms are joined again before anything else is sent.
    Ready {
        /// This socket.
        session_id: SessionId,
    },
    /// The socket broke; it is being mended.
    Disconnected,
    /// A room was joined again after a break, or joined after a move or a wait in its lobby.
    Rejoined(RoomJoined),
    /// A room could not be joined again after a break, or not joined after a move or a wait: the client is not in it.
    RejoinFailed {
        /// Which.
        room: RoomSlug,
        /// Why.
        code: ErrorCode,
    },
    /// The client waits in the lobby of a room. When it is let in, the gateway joins by itself, which [`GatewayEvent::Rejoined`]
    /// tells; a wait goes on over breaks. [`Gateway::leave_room`] ends it.
    Waiting {
        /// Which.
        room: RoomSlug,
    },
    /// The client waited in the lobby of a room, and is not let in.
    NotAdmitted {
        /// Which.
        room: RoomSlug,
        /// Why.
        reason: RefusalReason,
    },
    /// Who waits in the lobby of a joined room. Told to those who may let them in, which [`Client::admit`] does.
    Lobby {
        /// Where.
        room: RoomSlug,
        /// All of them.
        waiting: Vec<Waiting>,
    },
    /// A moderator moved the client. The gateway joins the other room by itself, which [`GatewayEvent::Rejoined`] or
    /// [`GatewayEvent::RejoinFailed`] tells; a call there is for the program to begin.
    Moved {
        /// Where it was, and is no longer.
        from: RoomSlug,
        /// Where it goes.
        to: RoomSlug,
    },
    /// Who is in a room.
    Presence(PresenceUpdate),
    /// Something was said: each message once, in order, also what was said during a break.
    Message(Message),
    /// A message was edited, deleted, reacted to or pinned, as it is now. What follows [`GatewayEvent::Message`] counts by
    /// [`Message::number`].
    MessageChanged(Message),
    /// So much was said during a break that only the newest messages are told: forget what you have of the room.
    ChatReset(ChatDelta),
    /// The answer to an offer.
    CallAnswer {
        /// Where.
        room: RoomSlug,
        /// The media node's session description.
        sdp: String,
    },
    /// The client's part in a call is over.
    CallEnded {
        /// Where.
        room: RoomSlug,
        /// Why.
        reason: EndReason,
    },
    /// The gateway is closed for good: the account is blocked, or the credential no longer valid.
    Closed {
        /// Why.
        reason: String,
    },
}

struct Request {
    message: ClientMessage,
    idempotency_key: Option<String>,
    reply: oneshot::Sender<Result<serde_json::Value, GatewayError>>,
}

type JoinedRooms = Arc<Mutex<BTreeMap<RoomSlug, RoomJoined>>>;

/// The gateway of one client. Cheap to clone; the socket closes when the last clone is gone.
///
/// A broken socket is opened again, at first after 0.25 s, then ever later up to 10 s, and the joined rooms are joined
/// again. Requests that were on their way fail with [`GatewayError::Disconnected`]; new ones wait.
#[derive(Clone)]
pub struct Gateway {
    requests: mpsc::Sender<Request>,
    events: broadcast::Sender<Arc<GatewayEvent>>,
    joined: JoinedRooms,
}

impl Gateway {
    /// Opens the socket and waits until the server is ready.
    ///
    /// # Errors
    /// [`GatewayError::Client`] or [`GatewayError::Network`].
    pub(crate) async fn connect(client: Client) -> Result<Self, GatewayError> {
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        let events = broadcast::Sender::new(EVENTS_MAX);
        let joined = JoinedRooms::default();
        let task = socket::SocketTask::open(client, events.clone(), joined.clone()).await?;
        tokio::spawn(task.run(queue));
        Ok(Self { requests, events, joined })
    }

    /// Events from here on.
    pub fn events(&self) -> broadcast::Receiver<Arc<GatewayEvent>> {
        self.events.subscribe()
    }

    /// Whether the room is joined.
    pub fn has_joined(&self, room: &RoomSlug) -> bool {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).contains_key(room)
    }

    /// Enters a room. Where it has a lobby, this takes until the client is let in, which [`GatewayEvent::Waiting`] says;
    /// [`Gateway::leave_room`] ends it.
    ///
    /// # Errors
    /// [`GatewayError::Refused`] with `not_found`, `forbidden`, `banned` or `room_full`; after a wait with `refused`, when
    /// somebody did not let the client in.
    pub async fn join_room(&self, room: &RoomSlug) -> Result<RoomJoined, GatewayError> {
        let events = self.events();
        let asked = self.ask("room.join", ClientMessage::RoomJoin { room: room.clone() }, None).await;
        let joined: RoomJoined = match asked {
            Err(error) if error.code() == Some(ErrorCode::Lobby) => return self.admitted(room, events).await,
            asked => asked?,
        };
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).insert(room.clone(), joined.clone());
        Ok(joined)
    }

    /// Waits in a lobby until the gateway has joined the room.
    async fn admitted(
        &self,
        room: &RoomSlug,
        mut events: broadcast::Receiver<Arc<GatewayEvent>>,
    ) -> Result<RoomJoined, GatewayError> {
        let refused = |code: ErrorCode| GatewayError::Refused {
            event: "room.join".into(),
            code,
            message: code.title().into(),
            retry_after_ms: None,
        };
        loop {
            match events.recv().await {
                Ok(event) => match &*event {
                    GatewayEvent::Rejoined(joined) if joined.room == *room => return Ok(joined.clone()),
                    GatewayEvent::NotAdmitted { room: of, reason } if of == room => {
                        return Err(refused(match reason {
                            RefusalReason::Refused => ErrorCode::Refused,
                            RefusalReason::Revoked => ErrorCode::Forbidden,
                            RefusalReason::RoomDeleted => ErrorCode::NotFound,
                        }));
                    }
                    GatewayEvent::RejoinFailed { room: of, code } if of == room => return Err(refused(*code)),
                    GatewayEvent::Closed { reason } => return Err(GatewayError::Closed(reason.clone())),
                    _ => {}
                },
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // What was missed may be the end of the wait.
                    let joined = self.joined.lock().unwrap_or_else(PoisonError::into_inner).get(room).cloned();
                    if let Some(joined) = joined {
                        return Ok(joined);
                    }
                }
                Err(broadcast::error::RecvError::Closed) => return Err(GatewayError::Disconnected),
            }
        }
    }

    /// Leaves a room and its call, or its lobby.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn leave_room(&self, room: &RoomSlug) -> Result<(), GatewayError> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).remove(room);
        self.request(ClientMessage::RoomLeave { room: room.clone() }, None).await.map(drop)
    }

    /// Says something. Ask again with the same `idempotency_key` after [`GatewayError::Disconnected`] or
    /// [`GatewayError::Timeout`]: it is stored once.
    ///
    /// # Errors
    /// [`GatewayError::Refused`].
    pub async fn send_message(
        &self,
        room: &RoomSlug,
        text: MessageText,
        idempotency_key: &str,
    ) -> Result<MessageSent, GatewayError> {
        let (reply_to, mentions, attachments) = (None, Vec::new(), Vec::new());
        let message = ClientMessage::MessageSend { room: room.clone(), text, reply_to, mentions, attachments };
        self.ask("message.send", message, Some(idempotency_key.to_owned())).await
    }

    /// Sends an offer and waits for the answer.
    pub(crate) async fn offer_call(&self, room: &RoomSlug, sdp: String) -> Result<String, GatewayError> {
        let mut events = self.events();
        let answered = async {
            loop {
                match events.recv().await {
                    Ok(event) => match &*event {
                        GatewayEvent::CallAnswer { room: answered, sdp } if answered == room => return Ok(sdp.clone()),
                        GatewayEvent::CallEnded { room: ended, reason } if ended == room => {
                            return Err(GatewayError::Closed(format!("the call ended: {reason:?}")));
                        }
                        GatewayEvent::Disconnected => return Err(GatewayError::Disconnected),
                        _ => {}
                    },
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(GatewayError::Disconnected),
                }
            }
        };
        let asked = self.request(ClientMessage::CallOffer { room: room.clone(), sdp }, None);
        let both = async {
            // The answer may overtake the ack: both are awaited at once, and a refusal ends the wait.
            tokio::pin!(answered, asked);
            tokio::select! {
                answer = &mut answered => answer,
                ack = &mut asked => {
                    ack?;
                    answered.await
                }
            }
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, both).await {
            Ok(answer) => answer,
            Err(_) => Err(GatewayError::Timeout("call.offer".into())),
        }
    }

    /// Leaves a room's call and stays in the room, under a new participant id.
    pub(crate) async fn leave_call(&self, room: &RoomSlug) -> Result<(), GatewayError> {
        let joined: RoomJoined = self.ask("call.leave", ClientMessage::CallLeave { room: room.clone() }, None).await?;
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).insert(room.clone(), joined);
        Ok(())
    }

    /// Any request; returns the payload of its `ack`.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn request(
        &self,
        message: ClientMessage,
        idempotency_key: Option<String>,
    ) -> Result<serde_json::Value, GatewayError> {
        let kind = socket::kind_of(&message);
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let closed = || GatewayError::Closed("it was closed before".into());
            self.requests.send(Request { message, idempotency_key, reply }).await.map_err(|_| closed())?;
            answer.await.unwrap_or_else(|_| Err(closed()))
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(GatewayError::Timeout(kind)),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        what: &'static str,
        message: ClientMessage,
        idempotency_key: Option<String>,
    ) -> Result<T, GatewayError> {
        let payload = self.request(message, idempotency_key).await?;
        serde_json::from_value(payload).map_err(|error| GatewayError::Answer { what, why: error.to_string() })
    }
}
