//! The thread that drives all clients.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, gettid, sched_setaffinity};
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::sync::{oneshot, watch};

use super::MediaError;
use super::client::{Client, Context};
use super::counters::Counters;
use super::crypto::Identity;
use super::receiver::Arrival;
use super::rtp;
use super::sender::SendingParameters;
use super::session::Session;
use super::timers::Timers;
use super::transports::TransportState;
use crate::link::ClientNet;
use crate::socket::{self, BATCH_MAX, Inbox, Outbox};

/// Longest datagram that a client sends.
const OUTGOING_BYTES: usize = 2_048;
/// Between two turns when there is little to do. Datagrams carry the kernel's time, so that waiting for more of them
/// costs no accuracy, and saves the generator most of its wakes.
const TURN: Duration = Duration::from_micros(250);
/// Batches that a turn takes before timers and commands have their turn.
const BATCHES_PER_TURN: usize = 16;
/// Commands and timers of a turn.
const COMMANDS_PER_TURN: usize = 64;
const TIMERS_PER_TURN: usize = 4_096;
/// Priority over what else runs on the core, such as a control plane: a client that is late would look like a late server.
const NICE: i32 = -15;
/// How often the two clocks are compared.
const CLOCKS_EVERY_NS: u64 = 1_000_000_000;

/// How the engine works.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// The core that its thread is pinned to; anywhere when absent.
    pub core: Option<usize>,
    /// The clients' addresses.
    pub clients: ClientNet,
    /// The target's address, preferred among several.
    pub target_ip: Ipv4Addr,
    /// Of received media packets one in this many is decrypted.
    pub sample: u32,
    /// Whether to take datagrams in runs (UDP GRO).
    pub runs: bool,
    /// How clients send.
    pub parameters: SendingParameters,
}

/// What the engine is told.
pub enum Command {
    /// A transport begins to connect.
    Open {
        /// Its number, and that of its address.
        id: u32,
        /// Its ICE user fragment.
        ufrag: String,
        /// Its ICE password.
        password: String,
        /// What was agreed on.
        session: Box<Session>,
        /// Where to tell how far it is.
        state: watch::Sender<TransportState>,
    },
    /// Something else was agreed on.
    Change {
        /// Which transport.
        id: u32,
        /// What was agreed on.
        session: Box<Session>,
    },
    /// A transport ends.
    Close {
        /// Which.
        id: u32,
    },
    /// Somebody wants to know the counts.
    Count(oneshot::Sender<Counters>),
    /// The engine ends.
    Stop,
}

/// Speaks to the engine. Cheap to clone. Commands are few for each client, so that their queue needs no bound.
#[derive(Clone)]
pub struct EngineHandle {
    commands: Sender<Command>,
    next: Arc<AtomicU32>,
    clients: ClientNet,
    target_ip: Ipv4Addr,
    port: u16,
    fingerprint: [u8; 32],
}

impl EngineHandle {
    /// Starts the engine.
    ///
    /// # Errors
    /// What the kernel says of the socket or the thread; [`MediaError::Crypto`] as another error.
    pub fn start(options: EngineOptions) -> io::Result<(Self, JoinHandle<()>)> {
        let identity = Identity::new().map_err(io::Error::other)?;
        let (inbox, outbox) = socket::bind(0, OUTGOING_BYTES, options.runs)?;
        let (commands, queue) = channel();
        let handle = Self {
            commands,
            next: Arc::new(AtomicU32::new(0)),
            clients: options.clients,
            target_ip: options.target_ip,
            port: outbox.port()?,
            fingerprint: identity.fingerprint,
        };
        let engine = Engine {
            options,
            inbox,
            outbox,
            queue,
            identity,
            clients: Vec::new(),
            timers: Timers::default(),
            counters: Counters::default(),
            scratch: Vec::with_capacity(OUTGOING_BYTES),
            closed: (0, 0),
            epoch: Instant::now(),
            realtime_minus_epoch_ns: 0,
            clocks_ns: 0,
            sampled: 0,
        };
        let thread = std::thread::Builder::new().name("clients".into()).spawn(move || engine.run())?;
        Ok((handle, thread))
    }

    /// The port that all clients share.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// SHA-256 of the certificate that all clients share.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The target's address, preferred among several.
    pub fn target_ip(&self) -> Ipv4Addr {
        self.target_ip
    }

    /// The number and address of a new client. None is given twice.
    ///
    /// # Errors
    /// [`MediaError::Addresses`].
    pub fn take_address(&self) -> Result<(u32, Ipv4Addr), MediaError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let ip = self.clients.address(id).ok_or(MediaError::Addresses(self.clients.count))?;
        Ok((id, ip))
    }

    /// Tells the engine something.
    ///
    /// # Errors
    /// [`MediaError::Ended`].
    pub fn send(&self, command: Command) -> Result<(), MediaError> {
        self.commands.send(command).map_err(|_| MediaError::Ended)
    }

    /// The counts of this moment.
    ///
    /// # Errors
    /// [`MediaError::Ended`].
    pub async fn count(&self) -> Result<Counters, MediaError> {
        let (reply, counters) = oneshot::channel();
        self.send(Command::Count(reply))?;
        counters.await.map_err(|_| MediaError::Ended)
    }
}

struct Engine {
    options: EngineOptions,
    inbox: Inbox,
    outbox: Outbox,
    queue: Receiver<Command>,
    identity: Identity,
    clients: Vec<Option<Box<Client>>>,
    timers: Timers,
    counters: Counters,
    scratch: Vec<u8>,
    /// Expected and lost packets of clients that are gone.
    closed: (u64, u64),
    epoch: Instant,
    realtime_minus_epoch_ns: u64,
    clocks_ns: u64,
    sampled: u32,
}

/// Makes a context out of the engine's parts, while others of them stay free.
macro_rules! context {
    ($engine:expr, $now_ns:expr) => {
        Context {
            now_ns: $now_ns,
            epoch: $engine.epoch,
            outbox: &mut $engine.outbox,
            counters: &mut $engine.counters,
            timers: &mut $engine.timers,
            scratch: &mut $engine.scratch,
            identity: &$engine.identity,
            parameters: $engine.options.parameters,
        }
    };
}

impl Engine {
    fn run(mut self) {
        if let Some(core) = self.options.core {
            let mut cores = CpuSet::new();
            cores.set(core);
            if let Err(error) = sched_setaffinity(None, &cores) {
                tracing::warn!(%error, core, "the clients' thread could not be pinned");
            }
        }
        if let Err(error) = setpriority_process(Some(gettid()), NICE) {
            tracing::debug!(%error, "the clients' thread has no priority over others");
        }
        loop {
            let now_ns = self.now_ns();
            if self.take_commands(now_ns) {
                return;
            }
            self.compare_clocks(now_ns);
            let is_busy = self.receive();
            let now_ns = self.now_ns();
            self.run_timers(now_ns);
            self.outbox.flush();
            if !is_busy {
                let next_ns = self.timers.next_ns().unwrap_or(u64::MAX);
                let wait = Duration::from_nanos(next_ns.saturating_sub(self.now_ns()));
                std::thread::sleep(wait.min(TURN));
            }
        }
    }

    fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Datagrams carry the time of the day; everything here counts from the engine's beginning.
    fn compare_clocks(&mut self, now_ns: u64) {
        if now_ns >= self.clocks_ns {
            self.clocks_ns = now_ns + CLOCKS_EVERY_NS;
            self.realtime_minus_epoch_ns = to_ns(clock_gettime(ClockId::Realtime)).saturating_sub(self.now_ns());
        }
    }

    /// Returns whether the engine is to end.
    fn take_commands(&mut self, now_ns: u64) -> bool {
        for _ in 0..COMMANDS_PER_TURN {
            match self.queue.try_recv() {
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    self.outbox.flush();
                    return true;
                }
                Ok(command) => self.take_command(command, now_ns),
                Err(TryRecvError::Empty) => break,
            }
        }
        false
    }

    fn take_command(&mut self, command: Command, now_ns: u64) {
        match command {
            Command::Open { id, ufrag, password, session, state } => {
                let Some(ip) = self.options.clients.address(id) else { return };
                let index = id as usize;
                if self.clients.len() <= index {
                    self.clients.resize_with(index + 1, || None);
                }
                let client = Client::new(id, ip, (ufrag, password), *session, state, &mut context!(self, now_ns));
                if let Some(place) = self.clients.get_mut(index) {
                    *place = Some(Box::new(client));
                }
            }
            Command::Change { id, session } => {
                if let Some(Some(client)) = self.clients.get_mut(id as usize) {
                    client.change(*session, &mut context!(self, now_ns));
                }
            }
            Command::Close { id } => {
                if let Some(client) = self.clients.get_mut(id as usize).and_then(Option::take) {
                    let (expected, lost) = client.close(&mut context!(self, now_ns));
                    self.closed = (self.closed.0 + expected, self.closed.1 + lost);
                }
            }
            Command::Count(reply) => {
                let counters = self.count();
                // Whoever asked may have stopped waiting.
                let _ = reply.send(counters);
            }
            Command::Stop => {}
        }
    }

    fn count(&mut self) -> Counters {
        let clients = self.clients.iter().flatten().map(|client| client.expected_and_lost());
        let sum = |(expected, lost), (more, worse): (u64, u64)| (expected + more, lost + worse);
        (self.counters.expected, self.counters.lost) = clients.fold(self.closed, sum);
        self.counters.refused = self.outbox.refused;
        self.counters.busy_ns = to_ns(clock_gettime(ClockId::ThreadCPUTime));
        self.counters.clone()
    }

    /// Takes what has arrived. Returns whether more may be there.
    fn receive(&mut self) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let count = match self.inbox.receive() {
                Ok(count) => count,
                Err(error) => {
                    tracing::warn!(%error, "receiving failed");
                    return false;
                }
            };
            let now_ns = self.now_ns();
            for index in 0..count {
                let Some(received) = self.inbox.get(index) else { continue };
                self.counters.runs += 1;
                let at_ns = match received.at_realtime_ns {
                    0 => now_ns,
                    at_ns => at_ns.saturating_sub(self.realtime_minus_epoch_ns).min(now_ns),
                };
                let client = self.options.clients.index(received.destination);
                let client = client.and_then(|id| self.clients.get_mut(id as usize)).and_then(Option::as_mut);
                let datagrams = received.contents.chunks(received.datagram_bytes.max(1));
                let Some(client) = client.filter(|client| client.server() == received.source) else {
                    self.counters.foreign += datagrams.len() as u64;
                    self.counters.datagrams += datagrams.len() as u64;
                    continue;
                };
                for datagram in datagrams {
                    self.counters.datagrams += 1;
                    let mut context = context!(self, now_ns);
                    if rtp::is_media(datagram) {
                        self.sampled += 1;
                        let sample = self.sampled >= self.options.sample;
                        if sample {
                            self.sampled = 0;
                        }
                        client.take_media(datagram, Arrival { at_ns, sample }, &mut context);
                    } else {
                        client.take_other(datagram, &mut context);
                    }
                }
            }
            if count < BATCH_MAX {
                return false;
            }
        }
        true
    }

    fn run_timers(&mut self, now_ns: u64) {
        for _ in 0..TIMERS_PER_TURN {
            let Some((at_ns, id, task)) = self.timers.pop(now_ns) else { return };
            if let Some(Some(client)) = self.clients.get_mut(id as usize) {
                // A fresh clock for each: what is sent carries it.
                let now_ns = self.epoch.elapsed().as_nanos() as u64;
                client.run(at_ns, task, &mut context!(self, now_ns));
            }
        }
    }
}

fn to_ns(time: Timespec) -> u64 {
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
