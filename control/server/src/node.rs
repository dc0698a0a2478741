//! A media node in this process, behind its Unix socket.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use boltorezka_media::node::{MediaLimits, Node, NodeConfig};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::{Failure, files, serve};

/// What a node tells about itself in a file beside its socket, for a server that finds it running.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its process.
    pub pid: u32,
    /// [`Settings::node_identity`].
    pub identity: Vec<String>,
}

impl Record {
    /// Where the record of the node behind `socket` is.
    fn path(socket: &Path) -> PathBuf {
        socket.with_extension("json")
    }

    /// The record of the node behind `socket`, if there is one that can be read.
    pub fn read(socket: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(socket)).ok()?).ok()
    }
}

/// `boltorezka media`: runs a node until a signal ends it.
///
/// # Errors
/// When ports or socket cannot be taken, or the node fails.
pub async fn run(settings: &Settings) -> Result<(), Failure> {
    files::data_dir(settings)?;
    let stop = serve::on_signal()?;
    Ready::start(settings).await?.run(stop).await
}

/// A node that has its ports and its socket.
pub struct Ready {
    node: Node,
    listener: UnixListener,
    socket: PathBuf,
}

impl Ready {
    /// Takes ports and socket.
    ///
    /// # Errors
    /// When they cannot be taken.
    pub async fn start(settings: &Settings) -> Result<Self, Failure> {
        let socket = settings.media_socket();
        // Before the ports are taken: a second node is told about the first, not about its ports.
        refuse_second(&socket).await?;
        let node = Node::start(config(settings)).map_err(Failure::other)?;
        let listener = listen(&socket, settings)?;
        tracing::debug!(socket = %socket.display(), "the media node waits for control");
        Ok(Self { node, listener, socket })
    }

    /// Runs until `stop`, or until nobody needs the node any more.
    ///
    /// # Errors
    /// When the node fails.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let outcome = self.node.serve(self.listener, stop).await;
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_file(Record::path(&self.socket));
        outcome.map_err(Failure::other)
    }
}

fn config(settings: &Settings) -> NodeConfig {
    let heard_max = settings.limits.voices_heard.map_or(usize::MAX, |heard| heard as usize);
    NodeConfig {
        udp_port: settings.udp_port,
        shards: settings.shards,
        public_ips: settings.public_ips.clone(),
        bind_ip: settings.bind_ip,
        limits: MediaLimits { heard_max, ..MediaLimits::default() },
    }
}

async fn refuse_second(socket: &Path) -> Result<(), Failure> {
    match UnixStream::connect(socket).await {
        Ok(_) => Err(Failure::other(format!(
            "another media node already listens on media_socket {:?}. Stop it, or give this one a socket of its own.",
            socket.display()
        ))),
        Err(_) => Ok(()),
    }
}

/// Makes the socket under another name and gives it its own when only its owner can use it.
fn listen(socket: &Path, settings: &Settings) -> Result<UnixListener, Failure> {
    let pid = std::process::id();
    let unready = socket.with_extension(pid.to_string());
    let named = |error: std::io::Error| {
        Failure::other(format!("setting media_socket = {:?}: {error}. Give another path.", socket.display()))
    };
    let record = Record { pid, identity: settings.node_identity() };
    std::fs::write(Record::path(socket), serde_json::to_vec(&record).map_err(Failure::other)?).map_err(named)?;
    let listener = UnixListener::bind(&unready).map_err(named)?;
    std::fs::set_permissions(&unready, std::fs::Permissions::from_mode(0o600)).map_err(named)?;
    std::fs::rename(&unready, socket).map_err(named)?;
    Ok(listener)
}
