//! One thread's worth of connections.
//!
//! [`ShardCore`] is sans-IO: datagrams, commands and messages of other shards go in with the time, datagrams, events and
//! messages come out. It reads no clock, no socket and no random source of its own, so that a node can run in a
//! simulation. [`thread`] is the loop that drives it on a real socket.
//!
//! Its parts, by concern: `admission` (who is here), `ingress` (a packet's way in), `egress` (its way out), `publishing`
//! (tracks), `subscribing` (slots and layers), `asking` (for keyframes), `conversation` (in-call messages), `deliver` (data
//! messages), `wanting` (what publishers are told), `relay` (other shards), `tap` (recorders and their kind), `housekeeping`
//! (what time brings).

mod admission;
mod asking;
mod call;
mod connection;
mod contain;
mod conversation;
mod credentials;
mod data;
mod deliver;
mod demux;
mod dtls;
mod egress;
mod extensions;
mod formats;
mod housekeeping;
mod ingress;
mod inspecting;
mod messages;
mod offer;
mod pacing;
mod publishing;
mod relay;
mod resume;
mod room;
mod sources;
mod subscribing;
mod tap;
mod tcp;
pub mod thread;
mod timers;
mod track;
mod transport;
mod wanting;

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use boltorezka_proto::{ParticipantId, RoomId, TrackNumber};
use slotmap::SlotMap;

use crate::egress::{Outgoing, Path, Queued, Request, SendBatch, Via};
use crate::net::BATCH_MAX;
use crate::router::Revoked;
use connection::Connection;
use demux::Demux;
use room::Room;
use timers::TimerWheel;
use track::Track;

pub use dtls::{crypto_provider, export_keys, exported_keys};
pub use messages::{Counters, PeerMessage, ShardCommand, ShardEvent, TrackAnnouncement};
pub use offer::{Offer, OfferError};
pub use resume::{ResumeError, ResumeGrant, ResumeKey};
pub use tap::{QUEUE_PACKETS_MAX, QUEUE_PACKETS_MIN, SenderClock, Tap, TapLink, TapPacket, TapWatch, TapWish, tap};
pub use tcp::TcpEndpoint;
pub use transport::TransportConfig;

slotmap::new_key_type! {
    /// A connection of this shard. A key of one that is gone finds nothing, not its successor.
    pub struct ConnectionKey;
}

/// Fills a buffer with random bytes fit for secrets.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// What a shard has to know.
pub struct ShardConfig {
    /// Its number in the node, from 0.
    pub shard: u8,
    /// Shards of the node.
    pub shard_count: u8,
    /// What signs resume tokens; its epoch is that of this run of the node.
    pub resume: ResumeKey,
    /// Voices of a room that are heard at a time.
    pub heard_max: usize,
    /// Connections that the shard takes.
    pub connections_max: usize,
    /// What each transport gets.
    pub transport: TransportConfig,
    /// Where randomness comes from.
    pub entropy: Entropy,
}

/// A received datagram.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// What carried it.
    pub via: Via,
    /// Where it came from.
    pub source: SocketAddr,
    /// The address of ours that the client knows.
    pub destination: SocketAddr,
    /// What it holds.
    pub contents: &'a [u8],
}

impl Datagram<'_> {
    /// The way back.
    fn path(&self) -> Path {
        Path { via: self.via, source: self.destination.ip(), destination: self.source }
    }
}

/// Messages that are handed out together: as many as one system call sends. While they are sent their bytes are still in the
/// cache, the first receivers need not wait for the last, and a large turn takes no more memory than a small one.
const OUTGOING_MESSAGES: usize = BATCH_MAX;

/// Passes over dirty connections in one turn. Polling one may make others dirty, by a keyframe request or a message; what
/// is left then waits for the next turn.
const FLUSH_PASSES_MAX: usize = 4;

/// A transport that wants to be woken later than this wants nothing: str0m says so with a time far away.
const TIMER_MAX: Duration = Duration::from_secs(3600);

/// The state of a shard.
pub struct ShardCore {
    config: ShardConfig,
    connections: SlotMap<ConnectionKey, Connection>,
    demux: Demux<ConnectionKey>,
    participants: HashMap<ParticipantId, ConnectionKey>,
    rooms: HashMap<RoomId, Room>,
    tracks: HashMap<TrackNumber, Track>,
    track_counter: u32,
    timers: TimerWheel<ConnectionKey>,
    keyframes_due: asking::KeyframesDue,
    dirty: Vec<ConnectionKey>,
    /// What is left to be sent of this turn.
    sending: egress::Sending,
    /// What one slot is sent; kept for its memory.
    queue: Vec<Queued>,
    /// The zero of the clock in sender reports.
    started: Instant,
    clock: housekeeping::Intervals,
    revoked: Revoked,
    /// When those who are left are ended, while the node is being emptied.
    ends_at: Option<Instant>,
    batch: SendBatch,
    /// The batch was handed out.
    is_handed_out: bool,
    events: VecDeque<ShardEvent>,
    peer_messages: Vec<(u8, PeerMessage)>,
    counters: Counters,
    transport_events: Vec<transport::TransportEvent>,
    report: Vec<u8>,
    requests: Vec<Request>,
}

impl ShardCore {
    /// A shard without connections.
    pub fn new(config: ShardConfig, now: Instant) -> Self {
        Self {
            demux: Demux::new(config.shard, config.resume.epoch()),
            config,
            connections: SlotMap::with_key(),
            participants: HashMap::new(),
            rooms: HashMap::new(),
            tracks: HashMap::new(),
            track_counter: 0,
            timers: TimerWheel::new(now),
            keyframes_due: asking::KeyframesDue::new(),
            dirty: Vec::new(),
            sending: egress::Sending::default(),
            queue: Vec::new(),
            started: now,
            clock: housekeeping::Intervals::new(now),
            revoked: Revoked::default(),
            ends_at: None,
            batch: SendBatch::default(),
            is_handed_out: false,
            events: VecDeque::new(),
            peer_messages: Vec::new(),
            counters: Counters::default(),
            transport_events: Vec::new(),
            report: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Takes a batch of datagrams.
    pub fn handle_datagrams<'a>(&mut self, now: Instant, datagrams: impl IntoIterator<Item = Datagram<'a>>) {
        for datagram in datagrams {
            self.take_datagram(now, datagram);
        }
    }

    /// Carries out a command of the node.
    pub fn handle_command(&mut self, now: Instant, command: ShardCommand) {
        match command {
            ShardCommand::Admit { request_id, admitted, offer } => self.admit(now, request_id, &admitted, *offer),
            ShardCommand::Resume { request_id, grant, offer } => self.resume_by_token(now, request_id, &grant, *offer),
            ShardCommand::Drain { deadline } => self.tell_of_drain(now, deadline),
            ShardCommand::Revoke { participant_id, reason } => self.revoke(now, participant_id, reason),
            ShardCommand::SetPermissions { participant_id, permissions } => {
                self.set_permissions(now, participant_id, permissions);
            }
            ShardCommand::Inspect { request_id, room } => {
                let inspection = Box::new(self.inspect(now, room));
                self.events.push_back(ShardEvent::Inspected { request_id, inspection });
            }
            ShardCommand::OpenTap(link) => self.open_tap(link),
            ShardCommand::CloseTaps { room } => self.close_taps(room),
            ShardCommand::Barrier { rev } => self.events.push_back(ShardEvent::Applied { rev }),
        }
    }

    /// Does what is due and polls every connection that something happened to. Call it after each batch of input and when
    /// [`ShardCore::poll_timeout`] says so, and send what [`ShardCore::poll_outgoing`] gives before there is more input.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = Vec::new();
        self.timers.expire(now, &mut due);
        for key in due {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            if connection.deadline.is_some_and(|deadline| deadline <= now) {
                connection.deadline = None;
                self.mark_dirty(key);
            }
        }
        self.keep_house(now);
        self.request_keyframes(now);
        self.poll_dirty(now);
    }

    fn poll_dirty(&mut self, now: Instant) {
        for _ in 0..FLUSH_PASSES_MAX {
            if self.dirty.is_empty() {
                return;
            }
            for key in std::mem::take(&mut self.dirty) {
                self.poll_connection(now, key);
            }
        }
        if !self.dirty.is_empty() {
            self.counters.exhaust("flush_passes");
        }
    }

    /// When [`ShardCore::handle_timeout`] should be called at the latest.
    pub fn poll_timeout(&self) -> Instant {
        let housekeeping = self.clock.next();
        if !self.dirty.is_empty() {
            return self.clock.last();
        }
        let keyframe = self.keyframes_due.peek().map(|Reverse((due, _))| *due);
        [self.timers.next(), keyframe].into_iter().flatten().fold(housekeeping, Instant::min)
    }

    /// Makes the next part of what the turn sends, and forgets the one before; `false` when there is no more. The part is
    /// [`ShardCore::outgoing`].
    pub fn poll_outgoing(&mut self, now: Instant) -> bool {
        if std::mem::take(&mut self.is_handed_out) {
            self.counters.datagrams_generated += self.batch.generated();
            self.batch.clear();
        }
        self.send_turn(now);
        self.is_handed_out = !self.batch.is_empty();
        self.is_handed_out
    }

    /// The datagrams to send now.
    pub fn outgoing(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.batch.iter()
    }

    /// Whether some of them go over TCP.
    pub fn has_tcp_outgoing(&self) -> bool {
        self.batch.has_tcp()
    }

    /// Takes the next event for the node.
    pub fn poll_event(&mut self) -> Option<ShardEvent> {
        self.events.pop_front()
    }

    /// Takes the messages to other shards, each with the shard that it is for.
    pub fn take_peer_messages(&mut self) -> impl Iterator<Item = (u8, PeerMessage)> + '_ {
        self.peer_messages.drain(..)
    }

    /// The counters, for the loop to add what it sees.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// What the shard keeps of participants, in words; `None` when that is nothing, as after everybody has left.
    pub fn leftovers(&self) -> Option<String> {
        let Self { connections, participants, rooms, tracks, .. } = self;
        let counts = [connections.len(), participants.len(), rooms.len(), tracks.len()];
        let [connections, participants, rooms, tracks] = counts;
        (counts != [0; 4])
            .then(|| format!("{connections} connections, {participants} participants, {rooms} rooms, {tracks} tracks"))
    }

    fn mark_dirty(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key)
            && !std::mem::replace(&mut connection.is_dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Has a connection polled at `at`, or at the end of the turn when that has passed. What was to come earlier still does.
    fn wake_by(&mut self, now: Instant, key: ConnectionKey, at: Instant) {
        if at <= now {
            return self.mark_dirty(key);
        }
        let Some(connection) = self.connections.get_mut(key) else { return };
        if at < now + TIMER_MAX && connection.deadline.is_none_or(|deadline| at < deadline) {
            connection.deadline = Some(at);
            self.timers.set(at, key);
        }
    }

    /// Lets a connection's transport catch up, and handles what it says.
    fn poll_connection(&mut self, now: Instant, key: ConnectionKey) {
        self.speak(now, key);
        self.send_paced(now, key);
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.is_dirty = false;
        if connection.transport.is_retired() {
            return;
        }
        let mut events = std::mem::take(&mut self.transport_events);
        let polled = connection.transport.poll(now, &mut self.batch, &mut events);
        connection.sender.handle_timeout(now);
        connection.sender.send_probes(now, &mut self.batch);
        if let Ok(next) = polled {
            let own = [connection.sender.poll_timeout(), connection.pacer.next(now, connection.sender.pace(now))];
            let next = own.into_iter().flatten().fold(next, Instant::min);
            if connection.deadline != Some(next) && next < now + TIMER_MAX {
                connection.deadline = Some(next);
                self.timers.set(next, key);
            }
        }
        self.look_at_estimate(now, key);
        self.handle_transport_events(now, key, &mut events);
        if let Err(error) = polled {
            self.connection_failed(now, key, &error);
        }
        events.clear();
        self.transport_events = events;
    }

    fn random_u32(&mut self) -> u32 {
        random_u32(&mut self.config.entropy)
    }
}

fn random_u32(entropy: &mut Entropy) -> u32 {
    let mut bytes = [0; 4];
    entropy(&mut bytes);
    u32::from_ne_bytes(bytes)
}
