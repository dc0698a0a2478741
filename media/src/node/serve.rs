//! The node's loop: control's connection, the shards' events, time.

use std::time::Duration;

use boltorezka_proto::admission::{ControlMessage, LINE_BYTES_MAX, MediaMessage};
use boltorezka_proto::call::EndReason;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_util::codec::{Framed, LinesCodec};
use tokio_util::sync::CancellationToken;

use super::registry::{Output, Registry};
use super::taps::TapRequest;
use super::{Node, NodeError};

/// Messages that wait for control to read them. One that does not keep up is cut off; it comes back and is told all.
const CONTROL_QUEUE: usize = 16_384;
/// A control that takes nothing for this long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// Counters are reported with this pace, and the shards' threads looked after.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);
/// A node that nobody controls and nobody uses ends itself after this: whoever started it has gone for good.
const ORPHAN_AFTER: Duration = Duration::from_secs(60);
/// Pause after control could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At the end participants are told; their goodbyes get this long to leave.
const GOODBYE: Duration = Duration::from_millis(100);

impl Node {
    /// Serves control on `listener` until `shutdown`, until a drain's deadline, or until nobody controls and nobody uses
    /// the node any more.
    ///
    /// # Errors
    /// [`NodeError`] when a shard fails: its calls are lost then.
    pub async fn serve(mut self, listener: UnixListener, shutdown: CancellationToken) -> Result<(), NodeError> {
        let mut registry = Registry::new(self.resume.clone(), self.shards.len(), self.limits.connections_per_shard_max);
        let mut control: Option<ControlLink> = None;
        let mut ticks = interval(LOAD_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut used = Instant::now();
        let mut deadline: Option<Instant> = None;
        loop {
            let mut output = Output::default();
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = until(deadline) => break,
                accepted = listener.accept() => {
                    let (stream, _) = match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            // No file descriptor was free, or the other side is gone again: no reason to end calls.
                            tracing::error!(%error, "control could not be accepted");
                            sleep(ACCEPT_PAUSE).await;
                            continue;
                        }
                    };
                    let link = ControlLink::new(stream);
                    link.send(registry.control_connected());
                    tracing::info!("control has connected");
                    control = Some(link);
                }
                message = next_message(&mut control) => match message {
                    Some(message) => {
                        match message {
                            ControlMessage::Drain { deadline_ms } => {
                                tracing::info!(deadline_ms, "the node is being emptied");
                                deadline = Some(Instant::now() + Duration::from_millis(deadline_ms));
                            }
                            ControlMessage::Undrain {} => {
                                tracing::info!("the node is not being emptied any more");
                                deadline = None;
                            }
                            _ => {}
                        }
                        registry.handle_control(now(), message, &mut output);
                    }
                    None => {
                        tracing::info!("control is away; calls go on");
                        control = None;
                    }
                },
                Some((shard, event)) = self.events.recv() => registry.handle_shard(now(), shard, event, &mut output),
                Some(TapRequest { link, answer }) = self.tap_requests.recv() => {
                    let opened = registry.open_tap(&link, &mut output);
                    if answer.send(opened).is_err() {
                        tracing::debug!("who asked for a tap does not wait for it any more");
                    }
                }
                _ = ticks.tick() => {
                    self.check_threads()?;
                    output.messages.push(MediaMessage::Load(registry.load()));
                    if control.is_some() || !registry.is_empty() {
                        used = Instant::now();
                    } else if used.elapsed() >= ORPHAN_AFTER {
                        tracing::info!("nobody controls or uses this node; it ends");
                        break;
                    }
                }
            }
            self.deliver(output, &mut control);
            if registry.is_drained() {
                break;
            }
        }
        self.end(&mut registry, &mut control).await;
        Ok(())
    }

    fn deliver(&self, output: Output, control: &mut Option<ControlLink>) {
        for (shard, command) in output.commands {
            if let Some(handle) = self.shards.get(shard)
                && !handle.command(command)
            {
                tracing::error!(shard, "the shard takes no commands any more");
            }
        }
        let delivered = match control {
            Some(link) => output.messages.into_iter().all(|message| link.send(message)),
            None => true,
        };
        if !delivered {
            tracing::warn!("control does not read; its connection is cut");
            *control = None;
        }
    }

    /// Tells everybody that this is the end, and waits for the threads.
    async fn end(mut self, registry: &mut Registry, control: &mut Option<ControlLink>) {
        let mut output = Output::default();
        registry.end_all(EndReason::Drain, &mut output);
        let is_used = !output.commands.is_empty();
        self.deliver(output, control);
        let goodbye = Instant::now() + GOODBYE;
        while is_used && let Ok(Some((shard, event))) = tokio::time::timeout_at(goodbye, self.events.recv()).await {
            let mut output = Output::default();
            registry.handle_shard(now(), shard, event, &mut output);
            self.deliver(output, control);
        }
        drop(self.shards);
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join())));
        if let Err(error) = joined.await {
            tracing::error!(%error, "the shards could not be waited for");
        }
    }

    fn check_threads(&mut self) -> Result<(), NodeError> {
        let Some(index) = self.threads.iter().position(std::thread::JoinHandle::is_finished) else { return Ok(()) };
        match self.threads.swap_remove(index).join() {
            Ok(Ok(())) => Err(NodeError::Panicked(index)),
            Ok(Err(ended)) => Err(ended.into()),
            Err(_) => Err(NodeError::Panicked(index)),
        }
    }
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The next message of control; `None` when its connection has ended. Waits for ever without one.
async fn next_message(control: &mut Option<ControlLink>) -> Option<ControlMessage> {
    match control {
        Some(link) => link.incoming.recv().await,
        None => std::future::pending().await,
    }
}

/// Control's connection: tasks that read and write, and queues to them. They end with it.
struct ControlLink {
    incoming: mpsc::Receiver<ControlMessage>,
    outgoing: mpsc::Sender<MediaMessage>,
}

impl ControlLink {
    fn new(stream: UnixStream) -> Self {
        let (incoming_sender, incoming) = mpsc::channel(64);
        let (outgoing, mut outgoing_receiver) = mpsc::channel::<MediaMessage>(CONTROL_QUEUE);
        let lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
        let (mut sink, mut source) = lines.split::<String>();
        let reader = async move {
            while let Some(line) = source.next().await {
                let message = match line.map(|line| serde_json::from_str(&line)) {
                    Ok(Ok(message)) => message,
                    Ok(Err(error)) => return tracing::error!(%error, "control said what is not of the contract"),
                    Err(error) => return tracing::warn!(%error, "the connection of control failed"),
                };
                if incoming_sender.send(message).await.is_err() {
                    return;
                }
            }
        };
        let writer = async move {
            while let Some(message) = outgoing_receiver.recv().await {
                let Ok(line) = serde_json::to_string(&message) else { continue };
                if !matches!(timeout(WRITE_TIMEOUT, sink.send(line)).await, Ok(Ok(()))) {
                    return;
                }
            }
        };
        // Whichever ends first ends the other: half a connection is none.
        tokio::spawn(async move {
            tokio::select! {
                () = reader => {}
                () = writer => {}
            }
        });
        Self { incoming, outgoing }
    }

    /// Queues a message; `false` when there is no room for it.
    fn send(&self, message: MediaMessage) -> bool {
        match self.outgoing.try_send(message) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => true,
            Err(mpsc::error::TrySendError::Full(_)) => false,
        }
    }
}
