//! A whole media node, without threads and sockets: the registry and its shards.

use std::net::SocketAddr;
use std::time::Instant;

use boltorezka_media::egress::{Path, Via};
use boltorezka_media::node::registry::{Output, Registry};
use boltorezka_media::shard::{
    Datagram, PeerMessage, ResumeKey, ShardCommand, ShardConfig, ShardCore, TransportConfig,
};
use boltorezka_media::tcp::{Content, TcpId};
use boltorezka_proto::admission::{ControlMessage, MediaMessage};

use crate::dtls::crypto_provider;
use crate::random::Random;

/// Rounds of messages between shards in one turn. What is left waits for the next.
const ROUNDS_MAX: usize = 8;

/// More than any seed brings.
const CONNECTIONS_PER_SHARD_MAX: usize = 1_000;

/// What a node is made of.
#[derive(Debug, Clone, Copy)]
pub struct NodeConfig {
    /// Its shards.
    pub shards: u8,
    /// Voices of a room that are heard at a time.
    pub heard_max: usize,
    /// DTLS as it is, not the one of fixed length.
    pub real_dtls: bool,
}

/// A node.
pub struct Node {
    registry: Registry,
    shards: Vec<Shard>,
    /// What it told control.
    pub messages: Vec<MediaMessage>,
    /// When its last turn was.
    now: Instant,
}

/// A datagram that has come to the node.
#[derive(Debug)]
pub struct Incoming {
    /// What carried it.
    pub via: Via,
    /// Where it came from.
    pub source: SocketAddr,
    /// The shard's address.
    pub destination: SocketAddr,
    /// What it holds.
    pub contents: Vec<u8>,
}

/// A datagram that leaves the node.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'a> {
    /// The shard's address.
    pub source: SocketAddr,
    /// Where it goes.
    pub path: Path,
    /// What it carries.
    pub content: Content,
    /// What it holds.
    pub datagram: &'a [u8],
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way; a network may lose it.
    Sent,
    /// There is no room for it in front of its TCP connection.
    Full,
    /// Its TCP connection is closed.
    Closed,
}

struct Shard {
    core: ShardCore,
    commands: Vec<ShardCommand>,
    peer_messages: Vec<(u8, PeerMessage)>,
}

/// The address of a shard.
pub fn shard_address(shard: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7000 + shard as u16))
}

impl Node {
    /// A node that control has just connected to.
    pub fn new(config: NodeConfig, now: Instant, random: &mut Random) -> Self {
        let crypto = crypto_provider(config.real_dtls);
        let certificate = crypto.dtls_provider.generate_certificate().expect("a certificate");
        let resume = ResumeKey::new(&[7; 32], random.next_u64(), now);
        let shard = |shard: u8| {
            let transport = TransportConfig {
                candidates: vec![shard_address(usize::from(shard))],
                certificate: certificate.clone(),
                crypto: crypto.clone(),
            };
            let mut random = random.split();
            let config = ShardConfig {
                shard,
                shard_count: config.shards,
                resume: resume.clone(),
                heard_max: config.heard_max,
                connections_max: CONNECTIONS_PER_SHARD_MAX,
                transport,
                entropy: Box::new(move |bytes| random.fill(bytes)),
            };
            Shard { core: ShardCore::new(config, now), commands: Vec::new(), peer_messages: Vec::new() }
        };
        let shards = (0..config.shards).map(shard).collect();
        let mut registry = Registry::new(resume, usize::from(config.shards), CONNECTIONS_PER_SHARD_MAX);
        let hello = registry.control_connected();
        let mut node = Self { registry, shards, messages: vec![hello], now };
        node.handle_control(ControlMessage::Snapshot { rev: 1, admitted: Vec::new() });
        node
    }

    /// Carries out what control says.
    pub fn handle_control(&mut self, message: ControlMessage) {
        let mut output = Output::default();
        self.registry.handle_control(self.now, message, &mut output);
        self.take(output);
    }

    /// One turn of every shard: takes what has arrived, and hands out what leaves. Says which TCP connections are of no use: those
    /// whose first frame was no check of a client, and those that no client needs any more.
    ///
    /// # Panics
    /// When a shard's counters do not balance: a packet came or went without a trace.
    pub fn turn(
        &mut self,
        now: Instant,
        arrivals: &[Incoming],
        mut send: impl FnMut(Leaving<'_>) -> Fate,
    ) -> Vec<TcpId> {
        self.now = now;
        let mut unused = Vec::new();
        for index in 0..self.shards.len() {
            let address = shard_address(index);
            let core = &mut self.shards[index].core;
            for Incoming { via, source, contents, .. } in
                arrivals.iter().filter(|arrival| arrival.destination == address)
            {
                let (via, source) = (*via, *source);
                core.handle_datagrams(now, [Datagram { via, source, destination: address, contents }]);
                unused.extend(match via {
                    Via::Tcp(id) if !core.knows_tcp(id, source) => Some(id),
                    _ => None,
                });
            }
        }
        for _ in 0..ROUNDS_MAX {
            let mut is_quiet = true;
            for index in 0..self.shards.len() {
                is_quiet &= self.run_shard(now, index, &mut send);
            }
            if is_quiet {
                break;
            }
        }
        unused.extend(self.shards.iter_mut().flat_map(|shard| shard.core.take_unused_tcp()));
        unused
    }

    /// A TCP connection is closed.
    pub fn close_tcp(&mut self, id: TcpId) {
        self.shards.iter_mut().for_each(|shard| shard.core.close_tcp(id));
    }

    /// Lets a shard work; says whether nothing of it concerns others.
    fn run_shard(&mut self, now: Instant, index: usize, send: &mut impl FnMut(Leaving<'_>) -> Fate) -> bool {
        let Shard { core, commands, peer_messages } = &mut self.shards[index];
        let is_idle = commands.is_empty() && peer_messages.is_empty();
        commands.drain(..).for_each(|command| core.handle_command(now, command));
        peer_messages.drain(..).for_each(|(from, message)| core.handle_peer(now, from, message));
        core.handle_timeout(now);
        let (mut sent, mut full, mut closed) = (0, 0, 0);
        while core.poll_outgoing(now) {
            for message in core.outgoing() {
                for datagram in message.datagrams() {
                    let (path, content) = (message.path, message.content);
                    match send(Leaving { source: shard_address(index), path, content, datagram }) {
                        Fate::Sent => sent += 1,
                        Fate::Full => full += 1,
                        Fate::Closed => closed += 1,
                    }
                }
            }
        }
        let counters = core.counters_mut();
        counters.datagrams_sent += sent;
        counters.drop_many("tcp_queue_full", full);
        counters.drop_many("tcp_closed", closed);
        assert_eq!(counters.imbalance(), (0, 0), "what came and what became of it: {counters:?}");
        let events: Vec<_> = std::iter::from_fn(|| core.poll_event()).collect();
        let messages: Vec<_> = core.take_peer_messages().collect();
        let is_quiet = is_idle && events.is_empty() && messages.is_empty();
        for (to, message) in messages {
            self.shards[usize::from(to)].peer_messages.push((index as u8, message));
        }
        let mut output = Output::default();
        for event in events {
            self.registry.handle_shard(now, index as u8, event, &mut output);
        }
        self.take(output);
        is_quiet
    }

    /// What the node still remembers of its participants: nothing, when all have left.
    pub fn leftovers(&self) -> Vec<String> {
        let shards = self.shards.iter().enumerate();
        let of_shards =
            shards.filter_map(|(index, shard)| shard.core.leftovers().map(|left| format!("shard {index}: {left}")));
        of_shards.chain((!self.registry.is_empty()).then(|| "the registry has participants".to_owned())).collect()
    }

    fn take(&mut self, output: Output) {
        self.messages.extend(output.messages);
        for (shard, command) in output.commands {
            self.shards[shard].commands.push(command);
        }
    }
}
