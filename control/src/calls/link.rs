//! The link to the media node: the client of the contract in `boltorezka_proto::admission`.
//!
//! On each connection: the node's `hello`, our `snapshot`, every order that the node has not confirmed, and only then
//! new admissions. From there on an order leaves as soon as it is committed, before any admission that waits.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boltorezka_proto::admission::{ControlMessage, LINE_BYTES_MAX, MediaMessage, VERSION};
use boltorezka_proto::{ParticipantId, SessionId};
use futures_util::{SinkExt, StreamExt};
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval_at, timeout};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};
use tokio_util::sync::CancellationToken;

use super::MediaOrder;
use super::inspections::Inspections;
use super::node_events::{NodeEvent, handle_node_events};
use crate::app::App;
use crate::error::ApiError;
use crate::presence::LiveRoom;
use crate::store::{StoreError, Topic};
use crate::sync::lock;

/// Admissions and other requests that wait to be written: a second's worth of a busy server.
const REQUESTS_MAX: usize = 1024;
/// Messages of the node that wait to be handled. When they are more, the link starts anew: the next `hello` says all.
const NODE_EVENTS_MAX: usize = 16_384;
/// Orders that are read from the outbox at once.
const ORDERS_AT_ONCE: u32 = 256;
/// A node says `hello` when it accepts; one that does not is stuck.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// A node that does not read for this long is stuck.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause before the next try: short at first, since a node that is being restarted is back soon.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// The outbox is read this often even when nobody woke us, in case another process wrote to it.
const ORDERS_FALLBACK: Duration = Duration::from_secs(5);

type Lines = Framed<UnixStream, LinesCodec>;

/// Something that the node is asked for.
pub struct Request {
    /// What it is told.
    pub message: ControlMessage,
    /// Who waits for its answer, under the request's number: later ones are greater.
    pub waiting: Option<(u64, Waiting)>,
}

/// Who waits for the node's answer.
pub struct Waiting {
    /// Whose call it is; nobody's that we know of where a token asks.
    pub admission: Option<Admission>,
    /// Where the answer goes. Dropped when there will be none.
    pub answer: oneshot::Sender<Result<String, ApiError>>,
}

/// Someone whom the node is asked to take in.
pub struct Admission {
    /// Where.
    pub room: Arc<LiveRoom>,
    /// Who.
    pub participant_id: ParticipantId,
    /// Which socket it came over, or which session of WHIP or WHEP.
    pub socket: SessionId,
}

/// Handle on the link. Exists once, whether the node is there or not.
#[derive(Default)]
pub struct Link {
    requests: Mutex<Option<mpsc::Sender<Request>>>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    inspections: Inspections,
    last_request: AtomicU64,
}

impl Link {
    /// Whether the node is connected and has its snapshot.
    pub fn is_up(&self) -> bool {
        lock(&self.requests).is_some()
    }

    /// A place in the queue of requests on the connection of this moment. When that connection ends first, what is
    /// sent into the place is dropped, never carried over to the next one.
    pub fn reserve(&self) -> Option<mpsc::OwnedPermit<Request>> {
        lock(&self.requests).clone()?.try_reserve_owned().ok()
    }

    /// Operators' questions to the node.
    pub fn inspections(&self) -> &Inspections {
        &self.inspections
    }

    /// A number for the next request.
    pub fn next_request_id(&self) -> u64 {
        self.last_request.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes back who waits for an answer. `None` when it was answered.
    pub fn take_waiting(&self, request_id: u64) -> Option<Waiting> {
        lock(&self.waiting).remove(&request_id)
    }

    fn set_up(&self, requests: Option<mpsc::Sender<Request>>) {
        *lock(&self.requests) = requests;
    }
}

#[derive(Debug, Error)]
enum LinkError {
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("the connection failed: {0}")]
    Lines(#[from] LinesCodecError),
    #[error("the node closed the connection")]
    Closed,
    #[error("the node did not answer or read in time")]
    Stuck,
    #[error("the node sent what is not of the contract: {0}")]
    Contract(#[from] serde_json::Error),
    #[error("the node speaks version {0} of the contract, this server speaks {VERSION}: run the same release on both")]
    Version(u32),
    #[error("the node's first message was not hello")]
    NoHello,
    #[error("the node's messages come faster than they can be handled")]
    Overrun,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps the link until `shutdown`.
pub async fn run_link(app: App, shutdown: CancellationToken) {
    let (events, events_receiver) = mpsc::channel(NODE_EVENTS_MAX);
    let handler = tokio::spawn(handle_node_events(app.clone(), events_receiver));
    let mut retry = RETRY_FIRST;
    let mut last_error = String::new();
    loop {
        let served = shutdown.run_until_cancelled(serve(&app, &events, &mut retry)).await;
        if app.link.is_up() {
            last_error.clear();
        }
        app.link.set_up(None);
        // Whoever still waits is told by the drop.
        lock(&app.link.waiting).clear();
        app.link.inspections.close();
        let Some(Err(error)) = served else { break };
        let error = error.to_string();
        if error != last_error {
            tracing::warn!(%error, "no link to the media node; trying again");
            last_error = error;
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(retry)).await.is_none() {
            break;
        }
        retry = (retry * 2).min(RETRY_MAX);
    }
    drop(events);
    let _ = handler.await;
}

/// One connection, from `hello` to its end.
async fn serve(
    app: &App,
    events: &mpsc::Sender<NodeEvent>,
    retry: &mut Duration,
) -> Result<std::convert::Infallible, LinkError> {
    let mut lines = connect(&app.config.media_socket).await?;
    let hello = timeout(HELLO_TIMEOUT, read(&mut lines)).await.map_err(|_| LinkError::Stuck)??;
    let MediaMessage::Hello { version, pid, epoch, participants, .. } = hello else { return Err(LinkError::NoHello) };
    if version != VERSION {
        return Err(LinkError::Version(version));
    }
    let on_node: Vec<ParticipantId> = participants.iter().map(|status| status.participant_id).collect();
    let (admitted, rev, lost) = app.store.reconcile(&on_node).await?;
    tracing::info!(pid, epoch, on_node = on_node.len(), admitted = admitted.len(), rev, "linked to the media node");
    events.try_send(NodeEvent::Connected { participants, lost }).map_err(|_| LinkError::Overrun)?;
    write(&mut lines, &ControlMessage::Snapshot { rev, admitted }).await?;
    let mut sent_rev = 0;
    let (sender, mut requests) = mpsc::channel(REQUESTS_MAX);
    write_orders(app, &mut lines, &mut sent_rev, &mut requests).await?;
    app.link.set_up(Some(sender));
    let mut questions = app.link.inspections.open();
    *retry = RETRY_FIRST;
    let mut fallback = interval_at(Instant::now() + ORDERS_FALLBACK, ORDERS_FALLBACK);
    loop {
        tokio::select! {
            biased;
            () = app.signal.of(Topic::Media).notified() => {
                write_orders(app, &mut lines, &mut sent_rev, &mut requests).await?;
            }
            message = read(&mut lines) => {
                events.try_send(NodeEvent::Message(message?)).map_err(|_| LinkError::Overrun)?;
            }
            request = requests.recv() => {
                let Some(request) = request else { return Err(LinkError::Closed) };
                write_request(app, &mut lines, request).await?;
            }
            question = questions.recv() => {
                let Some(question) = question else { return Err(LinkError::Closed) };
                write(&mut lines, &question).await?;
            }
            _ = fallback.tick() => write_orders(app, &mut lines, &mut sent_rev, &mut requests).await?,
        }
    }
}

async fn connect(path: &Path) -> Result<Lines, LinkError> {
    let stream = UnixStream::connect(path).await.map_err(LinkError::Connect)?;
    Ok(Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES_MAX)))
}

async fn read(lines: &mut Lines) -> Result<MediaMessage, LinkError> {
    let line = lines.next().await.ok_or(LinkError::Closed)??;
    Ok(serde_json::from_str(&line)?)
}

async fn write(lines: &mut Lines, message: &ControlMessage) -> Result<(), LinkError> {
    let line = serde_json::to_string(message)?;
    timeout(WRITE_TIMEOUT, lines.send(line)).await.map_err(|_| LinkError::Stuck)?.map_err(LinkError::Lines)
}

/// Writes every order after `sent_rev` that the node has not confirmed. Admissions that were decided before an order was
/// committed are in the queue when the order is read: they go first, so that none brings back a right that the order
/// takes away.
async fn write_orders(
    app: &App,
    lines: &mut Lines,
    sent_rev: &mut u64,
    requests: &mut mpsc::Receiver<Request>,
) -> Result<(), LinkError> {
    loop {
        let rows = app.store.orders(*sent_rev, ORDERS_AT_ONCE).await?;
        let Some(last) = rows.last().map(|row| row.id) else { return Ok(()) };
        while let Ok(request) = requests.try_recv() {
            write_request(app, lines, request).await?;
        }
        for row in rows {
            let order: MediaOrder = serde_json::from_str(&row.payload)?;
            write(lines, &order.at(row.id)).await?;
        }
        *sent_rev = last;
    }
}

async fn write_request(app: &App, lines: &mut Lines, request: Request) -> Result<(), LinkError> {
    let Request { message, waiting } = request;
    // Noted before it is written, so that the answer always finds who waits.
    lock(&app.link.waiting).extend(waiting);
    write(lines, &message).await
}
