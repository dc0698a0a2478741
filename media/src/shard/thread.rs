//! The loop that drives a shard on a real socket: a thread bound to a core.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::tcp::TcpEndpoint;
use super::{Datagram, PeerMessage, ShardCommand, ShardCore, ShardEvent};
use crate::egress::Via;
use crate::net::{BATCH_MAX, Lane, Message, UdpSocket, Waker, pin_to_core};

/// Commands of the node in one turn. A join takes a millisecond or so, in which no packet moves.
const COMMANDS_PER_TURN: usize = 4;
/// Batches of datagrams in one turn: beyond that what was forwarded should leave first.
const BATCHES_PER_TURN: usize = 4;
/// Batches of messages from other shards in one turn, each of one of their turns.
const PEER_BATCHES_PER_TURN: usize = 16;
/// Commands that wait for a shard. When it is full the node waits, and control behind it: nothing is lost, and a shard
/// never waits for the node.
const COMMAND_QUEUE: usize = 4096;
/// Batches of messages that may wait at a shard, from all others together. When it is full, packets are dropped and
/// counted; everything else waits at the sender.
const PEER_QUEUE_BATCHES: usize = 256;
/// Messages that wait for a shard that does not take its batches, before data among them is given up: so many come in a
/// few seconds, and a shard that hangs for so long brings its node down.
const WAITING_WITH_DATA_MAX: usize = 4096;
/// Events that wait for the node. When it is full the shard keeps them and tries again in its next turn.
pub const EVENT_QUEUE: usize = 4096;

/// Reports that come within this time are taken together: each that woke the thread alone would cost as much as a
/// dozen packets. A repeat or a keyframe comes that much later, which is little beside a round trip.
const REPORTS_HELD: Duration = Duration::from_millis(3);

/// A batch of messages from one shard to another.
pub type PeerBatch = (u8, Vec<PeerMessage>);

/// How the node reaches a shard. When it is dropped, the shard ends.
#[derive(Debug)]
pub struct ShardHandle {
    commands: mpsc::SyncSender<ShardCommand>,
    peer: PeerHandle,
}

/// How other shards reach a shard.
#[derive(Clone, Debug)]
pub struct PeerHandle {
    batches: mpsc::SyncSender<PeerBatch>,
    waker: Waker,
}

/// The receiving ends of a [`ShardHandle`].
pub struct ShardInbox {
    commands: mpsc::Receiver<ShardCommand>,
    peers: mpsc::Receiver<PeerBatch>,
    waker: Waker,
}

/// Why a shard's thread ended.
#[derive(Debug, thiserror::Error)]
#[error("shard {shard} ended: {error}")]
pub struct ShardEnded {
    shard: u8,
    error: io::Error,
}

impl ShardHandle {
    /// A handle and its receiving ends.
    ///
    /// # Errors
    /// When no file descriptor is free for the waker.
    pub fn new() -> io::Result<(Self, ShardInbox)> {
        let (commands, commands_inbox) = mpsc::sync_channel(COMMAND_QUEUE);
        let (batches, peers) = mpsc::sync_channel(PEER_QUEUE_BATCHES);
        let waker = Waker::new()?;
        let inbox = ShardInbox { commands: commands_inbox, peers, waker: waker.clone() };
        Ok((Self { commands, peer: PeerHandle { batches, waker } }, inbox))
    }

    /// What other shards get.
    pub fn peer(&self) -> PeerHandle {
        self.peer.clone()
    }

    /// Sends a command, waiting for room; `false` when the shard has ended.
    pub fn command(&self, command: ShardCommand) -> bool {
        let is_alive = self.commands.send(command).is_ok();
        self.peer.waker.wake();
        is_alive
    }
}

impl Drop for ShardHandle {
    fn drop(&mut self) {
        // The thread sees the closed queue when it wakes; the sender itself is gone right after this.
        let (closed, _) = mpsc::sync_channel(0);
        self.commands = closed;
        self.peer.waker.wake();
    }
}

impl PeerHandle {
    /// Gives a batch to the shard, or gives it back when there is no room.
    fn try_batch(&self, batch: PeerBatch) -> Result<(), PeerBatch> {
        match self.batches.try_send(batch) {
            Ok(()) => {
                self.waker.wake();
                Ok(())
            }
            Err(mpsc::TrySendError::Full(batch) | mpsc::TrySendError::Disconnected(batch)) => Err(batch),
        }
    }
}

/// What a shard's loop works with.
pub struct ShardLoop {
    /// The shard's number.
    pub shard: u8,
    /// The shard itself.
    pub core: ShardCore,
    /// Its socket.
    pub socket: UdpSocket,
    /// Its TCP connections.
    pub tcp: TcpEndpoint,
    /// Addresses that clients know it by.
    pub candidates: Vec<SocketAddr>,
    /// What comes in from others.
    pub inbox: ShardInbox,
    /// All shards of the node, this one too.
    pub shards: Vec<PeerHandle>,
    /// Where events go.
    pub events: tokio::sync::mpsc::Sender<(u8, ShardEvent)>,
}

/// What a loop remembers from turn to turn.
struct LoopState {
    outbox: Outbox,
    /// Until then no report wakes the thread.
    reports_held_until: Option<Instant>,
    /// When the turn began that is not over yet.
    turn_began: Instant,
}

impl ShardLoop {
    /// Runs until the node is gone.
    ///
    /// # Errors
    /// [`ShardEnded`] when a socket fails for good.
    pub fn run(mut self) -> Result<(), ShardEnded> {
        let shard = self.shard;
        if let Err(error) = pin_to_core(usize::from(shard)) {
            tracing::warn!(shard, %error, "the shard's thread is not bound to a core");
        }
        let (outbox, turn_began) = (Outbox::new(self.shards.len()), Instant::now());
        let mut state = LoopState { outbox, reports_held_until: None, turn_began };
        let mut turn = || self.wait(&state).and_then(|is_tcp_ready| self.turn(&mut state, is_tcp_ready));
        while turn().map_err(|error| ShardEnded { shard, error })? {}
        Ok(())
    }

    /// Sleeps until there is something to do; through reports while the last are fresh. Says whether there is something
    /// to do on a TCP socket: nobody looks at those otherwise.
    fn wait(&mut self, state: &LoopState) -> io::Result<bool> {
        let now = Instant::now();
        let worked = now.saturating_duration_since(state.turn_began);
        self.core.counters_mut().busy_us += worked.as_micros() as u64;
        let until = match state.outbox.is_empty() {
            true => self.core.poll_timeout(),
            false => now + Duration::from_millis(1),
        };
        let (until, lanes) = match state.reports_held_until {
            Some(held_until) if held_until > now => (until.min(held_until), [Lane::Media].as_slice()),
            _ => (until, [Lane::Media, Lane::Reports].as_slice()),
        };
        self.socket.wait(&self.inbox.waker, until.saturating_duration_since(now), lanes, self.tcp.poller())
    }

    /// Takes input, lets the core work, sends what came out. `false` when the node is gone.
    fn turn(&mut self, state: &mut LoopState, is_tcp_ready: bool) -> io::Result<bool> {
        let now = Instant::now();
        state.turn_began = now;
        for count in 0..COMMANDS_PER_TURN {
            match self.inbox.commands.try_recv() {
                Ok(command) => self.core.handle_command(now, command),
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => return Ok(false),
            }
            if count + 1 == COMMANDS_PER_TURN {
                self.core.counters_mut().exhaust("commands");
                self.inbox.waker.wake();
            }
        }
        for count in 0..PEER_BATCHES_PER_TURN {
            let Ok((from, messages)) = self.inbox.peers.try_recv() else { break };
            for message in messages {
                self.core.handle_peer(now, from, message);
            }
            if count + 1 == PEER_BATCHES_PER_TURN {
                self.core.counters_mut().exhaust("peer_batches");
                self.inbox.waker.wake();
            }
        }
        self.receive(now, Lane::Media)?;
        if self.receive(now, Lane::Reports)? {
            state.reports_held_until = Some(now + REPORTS_HELD);
        }
        if is_tcp_ready {
            self.tcp.receive(now, &self.candidates, &mut self.core)?;
        }
        self.core.handle_timeout(now);
        while self.core.poll_outgoing(now) {
            self.send()?;
            if self.core.has_tcp_outgoing() {
                self.tcp.send(now, &mut self.core);
            }
        }
        self.tcp.finish_turn(now, &mut self.core);
        state.outbox.collect(&mut self.core);
        state.outbox.deliver(self.shard, &self.shards, &self.events, &mut self.core);
        Ok(true)
    }

    /// Takes what is in a lane; says whether there was anything.
    fn receive(&mut self, now: Instant, lane: Lane) -> io::Result<bool> {
        for count in 0..BATCHES_PER_TURN {
            let candidates = &self.candidates;
            let mut taken = 0;
            let datagrams = self.socket.receive(lane)?.map(|datagram| {
                taken += 1;
                let destination = candidate_for(candidates, datagram.local, datagram.source);
                Datagram { via: Via::Udp, source: datagram.source, destination, contents: datagram.contents }
            });
            self.core.handle_datagrams(now, datagrams);
            if taken < BATCH_MAX {
                return Ok(count > 0 || taken > 0);
            }
        }
        self.core.counters_mut().exhaust("datagrams");
        Ok(true)
    }

    fn send(&mut self) -> io::Result<()> {
        let over_udp = self.core.outgoing().filter(|outgoing| outgoing.path.via == Via::Udp);
        let messages = over_udp.map(|outgoing| Message {
            source: outgoing.path.source,
            destination: outgoing.path.destination,
            contents: outgoing.contents,
            segment_bytes: outgoing.segment_bytes,
        });
        let sent = self.socket.send(messages)?;
        let counters = self.core.counters_mut();
        counters.bytes_sent += sent.bytes;
        counters.datagrams_sent += sent.datagrams;
        counters.messages_sent += sent.messages;
        counters.drop_many("socket_full", sent.dropped);
        Ok(())
    }
}

/// What waits for others: events for the node, messages for other shards.
struct Outbox {
    events: VecDeque<ShardEvent>,
    messages: Vec<Vec<PeerMessage>>,
}

impl Outbox {
    fn new(shard_count: usize) -> Self {
        Self { events: VecDeque::new(), messages: (0..shard_count).map(|_| Vec::new()).collect() }
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.messages.iter().all(Vec::is_empty)
    }

    fn collect(&mut self, core: &mut ShardCore) {
        self.events.extend(std::iter::from_fn(|| core.poll_event()));
        for (shard, message) in core.take_peer_messages() {
            if let Some(messages) = self.messages.get_mut(usize::from(shard)) {
                messages.push(message);
            }
        }
    }

    fn deliver(
        &mut self,
        own: u8,
        shards: &[PeerHandle],
        events: &tokio::sync::mpsc::Sender<(u8, ShardEvent)>,
        core: &mut ShardCore,
    ) {
        while let Some(event) = self.events.pop_front() {
            if let Err(tokio::sync::mpsc::error::TrySendError::Full((_, event))) = events.try_send((own, event)) {
                self.events.push_front(event);
                break;
            }
        }
        for (messages, shard) in self.messages.iter_mut().zip(shards).filter(|(messages, _)| !messages.is_empty()) {
            if let Err((_, refused)) = shard.try_batch((own, std::mem::take(messages))) {
                let before = refused.len();
                *messages = refused;
                messages.retain(|message| !message.is_lossy());
                core.counters_mut().drop_many("peer_queue_full", (before - messages.len()) as u64);
                if messages.len() > WAITING_WITH_DATA_MAX {
                    messages.iter_mut().for_each(PeerMessage::lose_data);
                }
            }
        }
    }
}

/// The address that the client knows for a datagram that came to `local`: that one where it is a candidate, else, behind
/// a NAT, the candidate of the same IP version.
pub(super) fn candidate_for(candidates: &[SocketAddr], local: Option<IpAddr>, source: SocketAddr) -> SocketAddr {
    let known = candidates.iter().find(|candidate| Some(candidate.ip()) == local);
    let mapped = || candidates.iter().find(|candidate| candidate.is_ipv4() == source.is_ipv4());
    known.or_else(mapped).or(candidates.first()).copied().unwrap_or(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_nat_the_mapped_candidate_stands_for_the_local_address() {
        let candidates: Vec<SocketAddr> =
            vec!["203.0.113.7:7000".parse().unwrap(), "[2001:db8::7]:7000".parse().unwrap()];
        let source = "198.51.100.9:4000".parse().unwrap();
        let local = |text: &str| Some(text.parse().unwrap());
        assert_eq!(candidate_for(&candidates, local("203.0.113.7"), source), candidates[0]);
        assert_eq!(candidate_for(&candidates, local("10.0.0.5"), source), candidates[0]);
        let source = "[2001:db8::9]:4000".parse().unwrap();
        assert_eq!(candidate_for(&candidates, local("fd00::5"), source), candidates[1]);
    }
}
