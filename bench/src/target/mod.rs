//! How one enters a server. The media stack knows none of them: an adapter talks to its server and exchanges session
//! descriptions between it and a [`Transport`](crate::media::Transport).

pub mod boltorezka;
pub mod janus;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::error::BenchError;
use crate::link::Link;
use crate::media::{MediaError, Transports};
use crate::options::{LoadOptions, TargetKind};
use crate::plan::{Plan, Seat};

/// Longest that entering a server may take, for one client.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a target did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Its program is not there, did not start, or ended.
    #[error("the server did not start: {0}")]
    Start(String),
    /// One of its processes ended while it was under load.
    #[error("the server ended during the run")]
    Ended,
    /// It refused, or answered something else than documented.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// What it said.
        why: String,
    },
    /// The media stack could not use its session description.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// It took too long.
    #[error("{0} took longer than {JOIN_TIMEOUT:?}")]
    Timeout(&'static str),
}

impl TargetError {
    /// A refusal, with what was asked and why it failed.
    pub fn refused(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Refused { what, why: why.to_string() }
    }
}

/// The processes of a target whose cost counts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Processes {
    /// Those that move media. Their processor time is the cost of a packet, their memory that of a participant. Empty
    /// when the target runs elsewhere: then neither is known.
    pub media: Vec<u32>,
    /// Others that belong to it, such as a control plane. Reported beside.
    pub control: Vec<u32>,
}

/// A server under load.
#[async_trait]
pub trait Target: Send + Sync {
    /// Which kind it is.
    fn kind(&self) -> TargetKind;

    /// What to know when reading its figures: version and settings that matter.
    fn describe(&self) -> String;

    /// Makes the rooms of the plan. Called once, before anybody joins.
    async fn prepare(&self, plan: &Plan) -> Result<(), TargetError>;

    /// Brings a client to the door: whatever it needs to speak to the server, such as a session or a socket.
    async fn connect(&self, seat: &Seat) -> Result<Box<dyn Lobby>, TargetError>;

    /// What the server has counted since its start, by name; `None` where it does not tell.
    async fn counters(&self) -> Option<BTreeMap<String, u64>> {
        None
    }

    /// Its processes, for measuring and for pinning to cores.
    fn processes(&self) -> Processes;

    /// Ends it, if it was started for the run.
    async fn stop(&self);
}

/// One client at the door.
#[async_trait]
pub trait Lobby: Send {
    /// Lets it in: it publishes what its seat says and, where one connection does both, receives from now on. Returns when
    /// the server has answered; the transport connects by itself.
    async fn join(self: Box<Self>, transports: &Transports) -> Result<Box<dyn Participation>, TargetError>;
}

/// One client inside. Dropping it leaves in whatever way is quick.
#[async_trait]
pub trait Participation: Send {
    /// Called once for each seat that receives, after all seats that publish have joined. Servers with connections of
    /// their own for receiving open them here; for the others there is nothing to do.
    async fn subscribe(&mut self) -> Result<(), TargetError> {
        Ok(())
    }

    /// Waits until media arrives at a seat that receives, or until a sender is connected, and says how long joining
    /// took: from the request that leads to media to its first packet.
    async fn joined(&mut self) -> Result<Duration, TargetError>;

    /// Leaves in the way that the server knows, so that others are told at once.
    async fn leave(self: Box<Self>) -> Result<(), TargetError>;
}

/// Starts the target that the options name, or connects to the one that runs at `--url`.
///
/// # Errors
/// [`TargetError::Start`], and whatever it refuses.
pub async fn start(options: &LoadOptions, link: &Link) -> Result<Arc<dyn Target>, BenchError> {
    match options.target {
        TargetKind::Boltorezka => Ok(Arc::new(boltorezka::Boltorezka::start(options, link).await?)),
        TargetKind::Janus => Ok(Arc::new(janus::Janus::start(options, link).await?)),
    }
}
