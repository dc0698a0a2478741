//! The TCP side of a shard: connections that its own thread accepts, reads and writes, beside its UDP port (RFC 6544).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::thread::candidate_for;
use super::{Datagram, ShardCore};
use crate::egress::{Outgoing, Via};
use crate::net::{Poller, READY_MAX, Ready, TcpConnection, TcpListener};
use crate::tcp::{Deframer, Doorway, Entry, SendQueue, TcpId};

/// Bytes that one connection is read in one turn: a dozen packets, so that many who send at once do not hold up what is
/// to leave. The rest is read in the next, which comes at once.
const READ_BYTES_MAX: usize = 16 << 10;
/// Connections accepted in one turn: each costs a dozen system calls.
const ACCEPTS_PER_TURN: usize = 16;
/// Pause after a connection could not be accepted because no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// A connection that takes nothing for so long, while something waits, is closed: what waits is of no use any more.
const STALLED_TIME: Duration = Duration::from_secs(10);
/// Pace at which time is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// The listener's number in the poller: none that a connection has.
const LISTENER: u64 = u64::MAX;

/// A shard's listener and its connections.
pub struct TcpEndpoint {
    listener: TcpListener,
    /// Until then nobody is accepted.
    paused_until: Option<Instant>,
    poller: Poller,
    ready: Vec<Ready>,
    connections: HashMap<TcpId, Connection>,
    last_id: u32,
    doorway: Doorway,
    /// Connections that something was queued for.
    unsent: Vec<TcpId>,
    /// Connections that are to be closed, and why.
    ended: Vec<(TcpId, &'static str)>,
    looked_at: Instant,
    buffer: Vec<u8>,
}

struct Connection {
    socket: TcpConnection,
    /// The address of ours that the client knows.
    destination: SocketAddr,
    /// It has passed a client's check.
    is_known: bool,
    deframer: Deframer,
    queue: SendQueue,
    /// The kernel has no room, and says when it has.
    is_blocked: bool,
    /// When the kernel last took something, or nothing waited.
    taken_at: Instant,
}

impl TcpEndpoint {
    /// Serves a listener.
    ///
    /// # Errors
    /// What the kernel says, as when no file descriptor is free.
    pub fn new(listener: TcpListener, now: Instant) -> io::Result<Self> {
        let mut poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        Ok(Self {
            listener,
            paused_until: None,
            poller,
            ready: Vec::with_capacity(READY_MAX),
            connections: HashMap::new(),
            last_id: 0,
            doorway: Doorway::default(),
            unsent: Vec::new(),
            ended: Vec::new(),
            looked_at: now,
            buffer: vec![0; READ_BYTES_MAX],
        })
    }

    /// What to sleep on.
    pub fn poller(&self) -> &Poller {
        &self.poller
    }

    /// Does what the poller has found, and gives datagrams to the core.
    ///
    /// # Errors
    /// What the kernel says of the poller.
    pub fn receive(&mut self, now: Instant, candidates: &[SocketAddr], core: &mut ShardCore) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.poll(&mut ready)?;
        for found in &ready {
            if found.token == LISTENER {
                self.accept(now, candidates, core);
                continue;
            }
            let Ok(id) = u32::try_from(found.token).map(TcpId) else { continue };
            if found.writable {
                self.write(now, id);
            }
            if found.readable {
                self.read(now, id, core);
            }
        }
        if ready.len() == READY_MAX {
            core.counters_mut().exhaust("tcp_ready");
        }
        self.ready = ready;
        Ok(())
    }

    /// Queues what of a part of the turn goes over TCP, and writes as much of it as the kernel takes.
    pub fn send(&mut self, now: Instant, core: &mut ShardCore) {
        let (mut sent, mut full, mut closed) = (Sent::default(), 0, 0);
        for outgoing in core.outgoing() {
            let Via::Tcp(id) = outgoing.path.via else { continue };
            match self.connections.get_mut(&id) {
                Some(connection) => {
                    if connection.queue.is_empty() {
                        connection.taken_at = now;
                        self.unsent.push(id);
                    }
                    full += connection.push(outgoing, &mut sent);
                }
                None => closed += outgoing.datagram_count() as u64,
            }
        }
        let counters = core.counters_mut();
        counters.messages_sent += sent.messages;
        counters.datagrams_sent += sent.datagrams;
        counters.bytes_sent += sent.bytes;
        counters.drop_many("tcp_queue_full", full);
        counters.drop_many("tcp_closed", closed);
        for id in std::mem::take(&mut self.unsent) {
            if self.connections.get(&id).is_some_and(|connection| !connection.is_blocked) {
                self.write(now, id);
            }
        }
    }

    /// Does what time brings, and closes what has ended: at the end of each turn.
    pub fn finish_turn(&mut self, now: Instant, core: &mut ShardCore) {
        self.ended.extend(core.take_unused_tcp().map(|id| (id, "not_needed")));
        if now.saturating_duration_since(self.looked_at) >= LOOK_INTERVAL {
            self.looked_at = now;
            self.look(now);
        }
        for (id, reason) in std::mem::take(&mut self.ended) {
            self.close(id, reason, core);
        }
        core.counters_mut().tcp_connections = self.connections.len() as u64;
    }

    fn look(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            self.watch_listener(true);
        }
        let is_stalled = |connection: &Connection| {
            !connection.queue.is_empty() && now.saturating_duration_since(connection.taken_at) >= STALLED_TIME
        };
        let stalled = self.connections.iter().filter(|(_, connection)| is_stalled(connection));
        self.ended.extend(stalled.map(|(id, _)| (*id, "stalled")));
        while let Some(id) = self.doorway.overdue(now) {
            self.doorway.know(id);
            self.ended.push((id, "no_check"));
        }
    }

    fn accept(&mut self, now: Instant, candidates: &[SocketAddr], core: &mut ShardCore) {
        for _ in 0..ACCEPTS_PER_TURN {
            match self.listener.accept() {
                Ok(Some(socket)) => self.take(now, socket, candidates, core),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "TCP connections are not accepted for a moment");
                    self.paused_until = Some(now + ACCEPT_PAUSE);
                    return self.watch_listener(false);
                }
            }
        }
        core.counters_mut().exhaust("tcp_accepts");
    }

    fn watch_listener(&mut self, is_watched: bool) {
        if let Err(error) = self.poller.set_watched(&self.listener, LISTENER, is_watched) {
            tracing::error!(%error, "the TCP port is not served any more");
        }
    }

    fn take(&mut self, now: Instant, socket: TcpConnection, candidates: &[SocketAddr], core: &mut ShardCore) {
        let id = self.next_id();
        match self.doorway.enter(now, id, socket.source.ip()) {
            Entry::Open => {}
            Entry::Instead(longest) => self.close(longest, "crowded_out", core),
            Entry::Closed => return core.counters_mut().close_tcp("no_place"),
        }
        if let Err(error) = self.poller.add(&socket, u64::from(id.0)) {
            tracing::warn!(%error, "a TCP connection could not be taken");
            self.doorway.leave(id, socket.source.ip());
            return core.counters_mut().close_tcp("failed");
        }
        let destination = candidate_for(candidates, Some(socket.local), socket.source);
        let connection = Connection {
            socket,
            destination,
            is_known: false,
            deframer: Deframer::default(),
            queue: SendQueue::default(),
            is_blocked: false,
            taken_at: now,
        };
        self.connections.insert(id, connection);
    }

    /// A number that no connection has.
    fn next_id(&mut self) -> TcpId {
        loop {
            self.last_id = self.last_id.wrapping_add(1);
            if !self.connections.contains_key(&TcpId(self.last_id)) {
                return TcpId(self.last_id);
            }
        }
    }

    /// Reads a connection once. What a client sends before it has passed a check is at most one frame: that check.
    fn read(&mut self, now: Instant, id: TcpId, core: &mut ShardCore) {
        let Self { connections, doorway, ended, buffer, .. } = self;
        let Some(connection) = connections.get_mut(&id) else { return };
        let bytes = match connection.socket.read(buffer) {
            Ok(None) => return,
            Ok(Some(0)) => return ended.push((id, "ended")),
            Ok(Some(bytes)) => bytes,
            Err(error) => {
                tracing::debug!(%error, "a TCP connection failed");
                return ended.push((id, "failed"));
            }
        };
        let Connection { socket, destination, is_known, deframer, .. } = connection;
        let mut is_stranger = false;
        let pushed = deframer.push(buffer.get(..bytes).unwrap_or_default(), |contents| {
            if is_stranger {
                return;
            }
            let datagram = Datagram { via: Via::Tcp(id), source: socket.source, destination: *destination, contents };
            core.handle_datagrams(now, [datagram]);
            if !*is_known {
                *is_known = core.knows_tcp(id, socket.source);
                is_stranger = !*is_known;
                doorway.know(id);
            }
        });
        if is_stranger {
            ended.push((id, "no_check"));
        } else if let Err(error) = pushed {
            tracing::debug!(%error, "a TCP connection sends no frames");
            ended.push((id, "frame_too_long"));
        }
    }

    /// Writes what waits, as much as the kernel takes.
    fn write(&mut self, now: Instant, id: TcpId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Err(error) = connection.write(now, id, &mut self.poller) {
            tracing::debug!(%error, "a TCP connection failed");
            self.ended.push((id, "failed"));
        }
    }

    fn close(&mut self, id: TcpId, reason: &'static str, core: &mut ShardCore) {
        let Some(connection) = self.connections.remove(&id) else { return };
        self.doorway.leave(id, connection.socket.source.ip());
        core.close_tcp(id);
        core.counters_mut().close_tcp(reason);
    }
}

/// What was queued.
#[derive(Default)]
struct Sent {
    messages: u64,
    datagrams: u64,
    bytes: u64,
}

impl Connection {
    /// Queues datagrams; says how many there was no room for.
    fn push(&mut self, outgoing: Outgoing<'_>, sent: &mut Sent) -> u64 {
        let before = sent.datagrams;
        let mut refused = 0;
        for datagram in outgoing.datagrams() {
            if self.queue.push(outgoing.content, datagram) {
                sent.datagrams += 1;
                sent.bytes += datagram.len() as u64;
            } else {
                refused += 1;
            }
        }
        sent.messages += u64::from(sent.datagrams > before);
        refused
    }

    /// Writes once, and has the poller tell when there is room for the rest.
    fn write(&mut self, now: Instant, id: TcpId, poller: &mut Poller) -> io::Result<()> {
        let taken = self.socket.write(&self.queue.slices())?;
        self.queue.advance(taken);
        if taken > 0 {
            self.taken_at = now;
        }
        let is_blocked = !self.queue.is_empty();
        if is_blocked != self.is_blocked {
            self.is_blocked = is_blocked;
            poller.set_writable(&self.socket, u64::from(id.0), is_blocked)?;
        }
        Ok(())
    }
}
