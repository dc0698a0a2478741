//! The shards of a process, behind the admission contract.
//!
//! [`Registry`](registry::Registry) decides, `serve` moves bytes. A node takes one control connection at a time, the
//! newest; without one its calls go on.

mod inspections;
mod load;
pub mod registry;
mod serve;
mod taps;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Instant;

use thiserror::Error;

pub use taps::{TAPS_MAX, TapError, Taps};

use crate::net::{TcpListener, UdpSocket, host_addresses};
use crate::shard::thread::{EVENT_QUEUE, PeerHandle, ShardEnded, ShardHandle, ShardInbox, ShardLoop};
use crate::shard::{ResumeKey, ShardConfig, ShardCore, ShardEvent, TcpEndpoint, TransportConfig, crypto_provider};

/// Shards of a node: their number has eight bits in a track's number, and a room's shards are a mask of 64.
pub const SHARDS_MAX: usize = 64;

/// What a node has to know.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Shard `i` listens on this port plus `i`, for UDP and for TCP.
    pub udp_port: u16,
    /// Threads, each with its port.
    pub shards: usize,
    /// The addresses that clients are told; the host's own when empty.
    pub public_ips: Vec<IpAddr>,
    /// The address to listen on; all when absent.
    pub bind_ip: Option<IpAddr>,
    /// Bounds.
    pub limits: MediaLimits,
}

/// Bounds of a node.
#[derive(Debug, Clone, Copy)]
pub struct MediaLimits {
    /// Connections of one shard; more are refused at the door.
    pub connections_per_shard_max: usize,
    /// Voices of a room that are heard at a time.
    pub heard_max: usize,
}

impl Default for MediaLimits {
    fn default() -> Self {
        // 45 KiB a connection with str0m: 2,000 idle ones take some 100 MiB. Three voices at a time are as many as
        // anybody can follow.
        Self { connections_per_shard_max: 2000, heard_max: 3 }
    }
}

/// Why a node did not start, or ended.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The number of shards is out of range.
    #[error("shards must be 1 to {SHARDS_MAX}, not {0}")]
    Shards(usize),
    /// The ports do not fit below 65,536.
    #[error("udp_port {udp_port} leaves no room for {shards} shards: use a lower port")]
    Ports {
        /// The first port.
        udp_port: u16,
        /// How many are needed.
        shards: usize,
    },
    /// A port could not be taken.
    #[error("{protocol} port {port} cannot be used ({error}): free it, or set udp_port to another")]
    Bind {
        /// UDP or TCP: media come in over both.
        protocol: &'static str,
        /// The port.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
    /// The host's addresses could not be found.
    #[error("the addresses of this host cannot be found ({0}): set public_ip")]
    Addresses(io::Error),
    /// No certificate could be made.
    #[error("no certificate could be made for DTLS")]
    Certificate,
    /// A thread or a file descriptor could not be made.
    #[error("a shard could not be started: {0}")]
    Start(io::Error),
    /// A shard ended, and with it its calls.
    #[error(transparent)]
    Shard(#[from] ShardEnded),
    /// A shard panicked.
    #[error("shard {0} panicked")]
    Panicked(usize),
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    shards: Vec<ShardHandle>,
    threads: Vec<JoinHandle<Result<(), ShardEnded>>>,
    events: tokio::sync::mpsc::Receiver<(u8, ShardEvent)>,
    resume: ResumeKey,
    limits: MediaLimits,
    taps: Taps,
    tap_requests: tokio::sync::mpsc::Receiver<taps::TapRequest>,
}

impl Node {
    /// Binds the ports and starts the shards.
    ///
    /// # Errors
    /// [`NodeError`] says which setting is wrong or which port is taken.
    pub fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let NodeConfig { udp_port, shards: shard_count, limits, bind_ip, .. } = config;
        if !(1..=SHARDS_MAX).contains(&shard_count) {
            return Err(NodeError::Shards(shard_count));
        }
        let ips = announced_ips(&config)?;
        let crypto = crypto_provider();
        let certificate = crypto.dtls_provider.generate_certificate().ok_or(NodeError::Certificate)?;
        let mut epoch = [0; 8];
        fill_random(&mut epoch);
        let mut secret = [0; 32];
        fill_random(&mut secret);
        let resume = ResumeKey::new(&secret, u64::from_ne_bytes(epoch), Instant::now());

        let mut handles = Vec::new();
        let mut inboxes: Vec<(UdpSocket, TcpEndpoint, Vec<SocketAddr>, ShardInbox)> = Vec::new();
        for index in 0..shard_count {
            let offset = u16::try_from(index).unwrap_or(u16::MAX);
            let port = udp_port.checked_add(offset).ok_or(NodeError::Ports { udp_port, shards: shard_count })?;
            let refused = |protocol| move |error| NodeError::Bind { protocol, port, error };
            let socket = UdpSocket::bind(bind_ip, port).map_err(refused("UDP"))?;
            let listener = TcpListener::beside(&socket).map_err(refused("TCP"))?;
            let tcp = TcpEndpoint::new(listener, Instant::now()).map_err(NodeError::Start)?;
            let candidates = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
            let (handle, inbox) = ShardHandle::new().map_err(NodeError::Start)?;
            handles.push(handle);
            inboxes.push((socket, tcp, candidates, inbox));
        }

        let (events, receiver) = tokio::sync::mpsc::channel(EVENT_QUEUE);
        let peers: Vec<PeerHandle> = handles.iter().map(ShardHandle::peer).collect();
        let mut threads = Vec::new();
        for (index, (socket, tcp, candidates, inbox)) in inboxes.into_iter().enumerate() {
            let shard = u8::try_from(index).unwrap_or(u8::MAX);
            let transport = TransportConfig {
                candidates: candidates.clone(),
                certificate: certificate.clone(),
                crypto: crypto.clone(),
            };
            let shard_config = ShardConfig {
                shard,
                shard_count: u8::try_from(shard_count).unwrap_or(u8::MAX),
                resume: resume.clone(),
                heard_max: limits.heard_max,
                connections_max: limits.connections_per_shard_max,
                transport,
                entropy: Box::new(fill_random),
            };
            let core = ShardCore::new(shard_config, Instant::now());
            let (shards, events) = (peers.clone(), events.clone());
            let shard_loop = ShardLoop { shard, core, socket, tcp, candidates, inbox, shards, events };
            let thread = std::thread::Builder::new().name(format!("shard-{shard}"));
            threads.push(thread.spawn(move || shard_loop.run()).map_err(NodeError::Start)?);
        }
        tracing::info!(shards = shard_count, udp_port, addresses = ?ips, "media node started");
        let (requests, tap_requests) = tokio::sync::mpsc::channel(taps::REQUEST_QUEUE);
        let taps = Taps { requests };
        Ok(Self { shards: handles, threads, events: receiver, resume, limits, taps, tap_requests })
    }

    /// What opens taps on this node, once it is served.
    pub fn taps(&self) -> Taps {
        self.taps.clone()
    }
}

/// The addresses that clients are told: as set, else those of the interface that is listened on, else the host's.
fn announced_ips(config: &NodeConfig) -> Result<Vec<IpAddr>, NodeError> {
    if !config.public_ips.is_empty() {
        return Ok(config.public_ips.clone());
    }
    match config.bind_ip {
        Some(ip) if !ip.is_unspecified() => Ok(vec![ip]),
        _ => host_addresses().map_err(NodeError::Addresses),
    }
}

/// Fills a buffer from the operating system's random source, by way of aws-lc. That does not fail once the process runs;
/// should it, credentials of zeroes would be guessable, so that the process ends instead.
fn fill_random(buffer: &mut [u8]) {
    if aws_lc_rs::rand::fill(buffer).is_err() {
        tracing::error!("the system gives no random bytes");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(udp_port: u16, shards: usize) -> NodeConfig {
        NodeConfig {
            udp_port,
            shards,
            public_ips: Vec::new(),
            bind_ip: Some([127, 0, 0, 1].into()),
            limits: MediaLimits::default(),
        }
    }

    #[test]
    fn a_wrong_setting_is_named() {
        assert!(matches!(Node::start(config(7000, 0)), Err(NodeError::Shards(0))));
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Node::start(config(port, 1)).unwrap_err().to_string();
        assert!(error.contains(&format!("UDP port {port}")) && error.contains("udp_port"), "{error}");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Node::start(config(port, 1)).unwrap_err().to_string();
        assert!(error.contains(&format!("TCP port {port}")) && error.contains("udp_port"), "{error}");
        assert!(matches!(Node::start(config(65_535, 2)), Err(NodeError::Ports { .. } | NodeError::Bind { .. })));
    }

    #[test]
    fn addresses_follow_the_settings() {
        let mut config = config(7000, 1);
        assert_eq!(announced_ips(&config).unwrap(), [IpAddr::from([127, 0, 0, 1])]);
        config.public_ips = vec![[203, 0, 113, 7].into()];
        assert_eq!(announced_ips(&config).unwrap(), config.public_ips);
    }
}
