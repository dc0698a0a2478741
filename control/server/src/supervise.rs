//! The media node as a child process that outlives this one: found again, kept, replaced, restarted, ended.
//!
//! A call must not end because the control plane does. So the child is started in a process group of its own and is
//! not tied to the life of its parent; what the next `serve` finds behind the socket it keeps when it fits.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use boltorezka_proto::admission::{self, MediaMessage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::node::Record;
use crate::settings::{Settings, VARIABLE_PREFIX};

/// A node that runs says hello at once; one that does not within this time hangs.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// From the start of a child to its socket: binding ports and making a certificate take far less.
const START_TIMEOUT: Duration = Duration::from_secs(15);
/// A node that was told to stop says good-bye to its clients; after this time it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How often we look whether a node that is not our child has ended. The kernel tells us about children only.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// First pause before a child that ended is started again; doubled each time.
const BACK_OFF_MIN: Duration = Duration::from_millis(200);
/// Longest pause before a child is started again.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// A child that ran this long is healthy: the next pause is the first again.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// The node that belongs to this server.
pub struct Supervisor {
    settings: Settings,
    node: Process,
}

impl Supervisor {
    /// Keeps the node that runs behind the socket, or starts one, and waits until it answers.
    ///
    /// # Errors
    /// When the child does not come up; the message holds how it ended, its own words are on standard error.
    pub async fn start(settings: Settings) -> Result<Self, Failure> {
        let socket = settings.media_socket();
        if let Some(found) = find(&socket).await {
            match found.unfit(&settings) {
                None => {
                    tracing::info!(pid = found.pid, "the media node still runs and is kept");
                    return Ok(Self { settings, node: Process::Found(found.process) });
                }
                Some(reason) => {
                    tracing::warn!(pid = found.pid, reason, "a media node runs that does not fit: it is replaced");
                    Process::Found(found.process).stop().await;
                }
            }
        }
        let mut node = Process::spawn(&settings)?;
        match timeout(START_TIMEOUT, node.answers(&socket)).await {
            Ok(Ok(())) => Ok(Self { settings, node }),
            Ok(Err(how)) => {
                Err(Failure::other(format!("the media node does not start ({how}); see its message above.")))
            }
            Err(_) => {
                node.stop().await;
                Err(Failure::other("the media node does not answer on media_socket. Look at its log lines above."))
            }
        }
    }

    /// Starts the node again whenever it ends, until `shutdown`; then ends it and waits for its end.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut back_off = BACK_OFF_MIN;
        loop {
            let since = Instant::now();
            tokio::select! {
                () = shutdown.cancelled() => return self.node.stop().await,
                how = self.node.ended() => tracing::error!(how, "the media node ended: its calls are gone, it is started again"),
            }
            if since.elapsed() >= HEALTHY_AFTER {
                back_off = BACK_OFF_MIN;
            }
            self.node = loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = sleep(back_off) => back_off = (back_off * 2).min(BACK_OFF_MAX),
                }
                match Process::spawn(&self.settings) {
                    Ok(node) => break node,
                    Err(error) => tracing::error!(%error, "the media node does not start"),
                }
            };
        }
    }
}

/// A node's process.
enum Process {
    /// Our child.
    Child(Child),
    /// Somebody else's: a handle that stays with the process even when its number is used again.
    Found(OwnedFd),
}

impl Process {
    /// Starts this executable as a media node.
    fn spawn(settings: &Settings) -> Result<Self, Failure> {
        let named = |error: std::io::Error| Failure::other(format!("the media node cannot be started: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(named)?);
        command.arg("media").args(settings.node_flags()).stdin(Stdio::null()).stdout(Stdio::null());
        // A Ctrl-C in the terminal is for the server, which ends its child in order.
        command.process_group(0);
        // The flags say everything; variables would be read a second time.
        let ours = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(VARIABLE_PREFIX));
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(named)?;
        tracing::info!(pid = child.id(), "the media node is started");
        Ok(Self::Child(child))
    }

    /// Waits until the node says hello, or says how it ended before.
    async fn answers(&mut self, socket: &Path) -> Result<(), String> {
        loop {
            tokio::select! {
                how = self.ended() => return Err(how),
                // Short beside the time that the node needs to start.
                () = sleep(Duration::from_millis(20)) => {}
            }
            if let Ok(stream) = UnixStream::connect(socket).await
                && hello(stream).await.is_some()
            {
                return Ok(());
            }
        }
    }

    /// Waits for the end of the process and says how it ended.
    async fn ended(&mut self) -> String {
        match self {
            Self::Child(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            },
            Self::Found(handle) => {
                while !has_ended(handle) {
                    sleep(LOOK_INTERVAL).await;
                }
                "it was not our child, so nobody knows how".to_owned()
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let outcome = match self {
            Self::Child(child) => match child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
                Some(pid) => rustix::process::kill_process(pid, signal),
                None => Ok(()),
            },
            Self::Found(handle) => pidfd_send_signal(handle, signal),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "the media node cannot be signalled");
        }
    }

    /// Lets the node say good-bye and waits for its end; kills it when it takes too long.
    async fn stop(&mut self) {
        self.signal(Signal::TERM);
        if timeout(STOP_TIMEOUT, self.ended()).await.is_err() {
            tracing::warn!("the media node does not stop: it is killed");
            self.signal(Signal::KILL);
            self.ended().await;
        }
    }
}

/// A node that was there before this server.
struct Found {
    pid: u32,
    process: OwnedFd,
    /// What it said about its version; `None` when it said nothing in time.
    version: Option<u32>,
    record: Option<Record>,
}

impl Found {
    /// Why it cannot be kept.
    fn unfit(&self, settings: &Settings) -> Option<&'static str> {
        let fits = |record: &Record| record.pid == self.pid && record.identity == settings.node_identity();
        match (self.version, &self.record) {
            (None, _) => Some("it does not answer"),
            (Some(version), _) if version != admission::VERSION => Some("it speaks another version"),
            (_, Some(record)) if fits(record) => None,
            _ => Some("it runs with other settings"),
        }
    }
}

/// The node behind the socket, if one listens there.
async fn find(socket: &Path) -> Option<Found> {
    let stream = UnixStream::connect(socket).await.ok()?;
    // The kernel's word for who listens, not the peer's own.
    let raw = stream.peer_cred().ok()?.pid()?;
    let process = pidfd_open(Pid::from_raw(raw)?, PidfdFlags::empty()).ok()?;
    let version = hello(stream).await;
    Some(Found { pid: raw.cast_unsigned(), process, version, record: Record::read(socket) })
}

/// A handle of a process can be read when the process has ended.
fn has_ended(handle: &OwnedFd) -> bool {
    let mut handles = [PollFd::new(handle, PollFlags::IN)];
    // Waits for nothing: 0 says that it has not ended, an error is one of an argument that is right here.
    poll(&mut handles, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// The version in a node's first line.
async fn hello(stream: UnixStream) -> Option<u32> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(u64::try_from(admission::LINE_BYTES_MAX).unwrap_or(u64::MAX)));
    timeout(HELLO_TIMEOUT, reader.read_until(b'\n', &mut line)).await.ok()?.ok()?;
    match serde_json::from_slice(&line).ok()? {
        MediaMessage::Hello { version, .. } => Some(version),
        _ => None,
    }
}
