//! A node's shards and str0m clients on a network without delay, in virtual time.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

pub mod client;
pub mod data;
pub mod descriptor;
pub mod layered;
pub mod source;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use boltorezka_media::egress::Via;
use boltorezka_media::shard::{
    Datagram, Offer, ResumeKey, ShardCommand, ShardConfig, ShardCore, ShardEvent, TransportConfig, crypto_provider,
};
use boltorezka_proto::admission::Admitted;
use boltorezka_proto::call::{EndReason, MediaPermissions};
use boltorezka_proto::{ParticipantId, RoomId};

pub use client::Client;
use str0m::config::DtlsCert;

/// The pace of virtual time: that of an audio packet would be 20 ms.
const STEP: Duration = Duration::from_millis(5);
/// A narrow link takes a burst of this long.
const NARROW_BURST_S: f64 = 0.2;

pub struct World {
    pub now: Instant,
    pub shards: Vec<ShardCore>,
    pub clients: Vec<Client>,
    pub events: Vec<ShardEvent>,
    pub sent_to_strangers: Vec<(SocketAddr, Vec<u8>)>,
    /// Everything that left towards this client.
    pub watched: Option<(usize, Vec<Vec<u8>>)>,
    /// What carried that.
    pub watched_via: Vec<Via>,
    /// Of the datagrams that shards send, each one of so many is lost.
    pub lost_each: Option<usize>,
    /// To this client no more bits come through in a second: the rest is lost.
    pub narrow: Option<(usize, u64)>,
    /// To this client no more bits come through in a second: the rest waits, up to a second.
    pub queued: Option<(usize, u64)>,
    queue: VecDeque<(Via, SocketAddr, Vec<u8>)>,
    queue_bytes: f64,
    narrow_bytes: f64,
    narrow_refilled: Instant,
    sent: usize,
    /// All STUN messages that clients sent.
    pub checks: Vec<Vec<u8>>,
    /// Reports of clients, with where they came from.
    pub reports: Vec<(SocketAddr, Vec<u8>)>,
    pub room: RoomId,
    request_id: u64,
}

pub fn shard_address(shard: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7000 + shard as u16))
}

fn certificate() -> DtlsCert {
    crypto_provider().dtls_provider.generate_certificate().unwrap()
}

/// The key of the run 1 of the node, which begins with the process.
pub fn resume_key() -> ResumeKey {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    ResumeKey::new(&[7; 32], 1, *STARTED)
}

/// The configuration of a shard whose randomness is always the same.
pub fn shard_config(shard: u8, shard_count: u8, heard_max: usize, candidates: Vec<SocketAddr>) -> ShardConfig {
    let transport = TransportConfig { candidates, certificate: certificate(), crypto: crypto_provider() };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_add(u64::from(shard));
    let entropy = Box::new(move |bytes: &mut [u8]| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
    });
    ShardConfig { shard, shard_count, resume: resume_key(), heard_max, connections_max: 100, transport, entropy }
}

impl World {
    pub fn new(shard_count: u8) -> Self {
        Self::with_heard(shard_count, 3)
    }

    pub fn with_heard(shard_count: u8, heard_max: usize) -> Self {
        let now = Instant::now();
        let certificate = certificate();
        let shard = |shard: u8| {
            let candidates = vec![shard_address(usize::from(shard))];
            let mut config = shard_config(shard, shard_count, heard_max, candidates);
            config.transport.certificate = certificate.clone();
            ShardCore::new(config, now)
        };
        Self {
            now,
            shards: (0..shard_count).map(shard).collect(),
            clients: Vec::new(),
            events: Vec::new(),
            sent_to_strangers: Vec::new(),
            watched: None,
            watched_via: Vec::new(),
            lost_each: None,
            narrow: None,
            queued: None,
            queue: VecDeque::new(),
            queue_bytes: 0.0,
            narrow_bytes: 0.0,
            narrow_refilled: now,
            sent: 0,
            checks: Vec::new(),
            reports: Vec::new(),
            room: RoomId::generate(),
            request_id: 0,
        }
    }

    /// Brings a client into the room on a shard, and waits until it is connected.
    pub fn join(&mut self, shard: usize, permissions: MediaPermissions, client: Client) -> usize {
        let index = self.clients.len();
        self.clients.push(client);
        let participant_id = self.clients[index].participant_id;
        self.offer(index, shard, participant_id, permissions);
        self.run_until(Duration::from_secs(5), |world| world.clients[index].is_connected);
        index
    }

    /// Sends a client's offer to a shard and gives it the answer.
    pub fn offer(&mut self, index: usize, shard: usize, participant_id: ParticipantId, permissions: MediaPermissions) {
        let offer = self.clients[index].offer();
        let answer = self.admit(shard, participant_id, permissions, offer).unwrap();
        self.clients[index].accept(answer);
        self.clients[index].shard = shard;
    }

    pub fn admit(
        &mut self,
        shard: usize,
        participant_id: ParticipantId,
        permissions: MediaPermissions,
        offer: String,
    ) -> Result<String, String> {
        self.request_id += 1;
        let admitted = Admitted { participant_id, room: self.room, permissions };
        let offer = Box::new(Offer::read(&offer).map_err(|error| error.to_string())?);
        self.command(shard, ShardCommand::Admit { request_id: self.request_id, admitted, offer });
        self.answer()
    }

    /// Has the client of an offer come back by a token alone.
    pub fn resume(&mut self, token: &str, offer: &str) -> Result<String, String> {
        self.request_id += 1;
        let grant = resume_key().open(token).map_err(|error| error.to_string())?;
        let offer = Box::new(Offer::read(offer).map_err(|error| error.to_string())?);
        let command = ShardCommand::Resume { request_id: self.request_id, grant, offer };
        self.command(usize::from(grant.shard), command);
        self.answer()
    }

    fn answer(&mut self) -> Result<String, String> {
        let position = self.events.iter().position(|event| {
            matches!(event, ShardEvent::Answer { request_id, .. } | ShardEvent::Refused { request_id, .. }
                if *request_id == self.request_id)
        });
        match self.events.remove(position.expect("an answer")) {
            ShardEvent::Answer { sdp, .. } => Ok(sdp),
            ShardEvent::Refused { message, .. } => Err(message),
            _ => unreachable!(),
        }
    }

    pub fn revoke(&mut self, shard: usize, participant_id: ParticipantId) {
        self.command(shard, ShardCommand::Revoke { participant_id, reason: EndReason::Kicked });
    }

    pub fn command(&mut self, shard: usize, command: ShardCommand) {
        self.shards[shard].handle_command(self.now, command);
        self.settle();
    }

    /// Ends a client's TCP connection, and tells its shard.
    pub fn close_tcp(&mut self, index: usize) {
        let client = &mut self.clients[index];
        self.shards[client.shard].close_tcp(client.tcp.take().unwrap());
    }

    /// Lets time pass until `is_reached`; fails after `limit`.
    pub fn run_until(&mut self, limit: Duration, is_reached: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !is_reached(self) {
            assert!(self.now < end, "not reached within {limit:?}");
            self.step();
        }
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step();
        }
    }

    pub fn step(&mut self) {
        self.now += STEP;
        for client in &mut self.clients {
            client.produce(self.now);
        }
        self.empty_queue();
        self.settle();
    }

    /// Lets the queue's link carry what it carries in a step.
    fn empty_queue(&mut self) {
        let Some((client, bps)) = self.queued else { return };
        self.queue_bytes = (self.queue_bytes + STEP.as_secs_f64() * bps as f64 / 8.0).min(1_500.0);
        while let Some((_, _, datagram)) = self.queue.front()
            && datagram.len() as f64 <= self.queue_bytes
            && let Some((via, source, datagram)) = self.queue.pop_front()
        {
            self.queue_bytes -= datagram.len() as f64;
            self.clients[client].receive(self.now, via, source, &datagram);
        }
    }

    /// Carries datagrams and messages until nothing moves any more.
    pub fn settle(&mut self) {
        for _ in 0..50 {
            if !self.exchange() {
                return;
            }
        }
    }

    fn exchange(&mut self) -> bool {
        let mut moved = false;
        for client in &mut self.clients {
            for (via, destination, contents) in client.poll(self.now) {
                let shard = usize::from(destination.port() - 7000);
                let datagram = Datagram { via, source: client.address_of(via), destination, contents: &contents };
                self.shards[shard].handle_datagrams(self.now, [datagram]);
                match contents[..] {
                    [..4, ..] => self.checks.push(contents),
                    [128..192, 192..224, ..] => self.reports.push((client.address_of(via), contents)),
                    _ => {}
                }
                moved = true;
            }
        }
        for index in 0..self.shards.len() {
            self.shards[index].handle_timeout(self.now);
            let source = shard_address(index);
            let mut leaving = 0;
            while self.shards[index].poll_outgoing(self.now) {
                for message in self.shards[index].outgoing() {
                    moved = true;
                    let path = message.path;
                    assert_eq!(path.source, source.ip());
                    leaving += message.datagram_count() as u64;
                    for datagram in message.datagrams() {
                        if let Some((client, all)) = &mut self.watched
                            && self.clients[*client].address_of(path.via) == path.destination
                        {
                            all.push(datagram.to_vec());
                            self.watched_via.push(path.via);
                        }
                        self.sent += 1;
                        if self.lost_each.is_some_and(|each| self.sent.is_multiple_of(each)) {
                            continue;
                        }
                        let narrow = self
                            .narrow
                            .filter(|(client, _)| self.clients[*client].address_of(path.via) == path.destination);
                        if let Some((_, bps)) = narrow {
                            let elapsed =
                                (self.now - std::mem::replace(&mut self.narrow_refilled, self.now)).as_secs_f64();
                            let rate = bps as f64 / 8.0;
                            self.narrow_bytes = (self.narrow_bytes + elapsed * rate).min(rate * NARROW_BURST_S);
                            if self.narrow_bytes < datagram.len() as f64 {
                                continue;
                            }
                            self.narrow_bytes -= datagram.len() as f64;
                        }
                        if let Some((client, bps)) = self.queued
                            && self.clients[client].address_of(path.via) == path.destination
                        {
                            let waiting: usize = self.queue.iter().map(|(.., datagram)| datagram.len()).sum();
                            if waiting as u64 * 8 < bps {
                                self.queue.push_back((path.via, source, datagram.to_vec()));
                            }
                            continue;
                        }
                        let is_it = |client: &&mut Client| client.address_of(path.via) == path.destination;
                        match self.clients.iter_mut().find(is_it) {
                            Some(client) => client.receive(self.now, path.via, source, datagram),
                            None => self.sent_to_strangers.push((path.destination, datagram.to_vec())),
                        }
                    }
                }
            }
            let counters = self.shards[index].counters_mut();
            counters.datagrams_sent += leaving;
            assert_eq!(counters.imbalance(), (0, 0), "what came and what became of it: {counters:?}");
            while let Some(event) = self.shards[index].poll_event() {
                self.events.push(event);
            }
            for (to, message) in self.shards[index].take_peer_messages().collect::<Vec<_>>() {
                moved = true;
                self.shards[usize::from(to)].handle_peer(self.now, index as u8, message);
            }
        }
        moved
    }
}
