//! A server of one's own: a fresh data directory, free ports, limits off, its media on cores of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use boltorezka_proto::DisplayName;
use boltorezka_proto::rest::SetupRequest;
use boltorezka_sdk::Client;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::link::Link;
use crate::options::{LoadOptions, TargetKind};
use crate::process;
use crate::target::{Processes, TargetError};

/// How long starting may take on a loaded machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long ending may take before it is forced.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Limits that are no bounds on load: switching them off would keep those who left.
const KEPT_LIMITS: [&str; 3] = ["--limits-socket-idle-ms", "--limits-heartbeat-ms", "--limits-participant-grace-ms"];
/// The limit of voices that are heard at the same time.
const HEARD_FLAG: &str = "--limits-voices-heard";
/// Where the server keeps what it knows, when not below its data directory.
const DATABASE_FLAG: &str = "--database-url=";
/// Log lines that are shown when it did not start.
const LOG_LINES: usize = 20;

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its program; beside this one, or in PATH, when absent.
    pub program: Option<PathBuf>,
    /// Threads that move media.
    pub shards: u16,
    /// First core of the media.
    pub core: usize,
    /// Further flags.
    pub flags: Vec<String>,
}

impl ServerOptions {
    /// As the options of a run say.
    pub fn of(options: &LoadOptions) -> Self {
        debug_assert_eq!(options.target, TargetKind::Boltorezka);
        let generator = &options.generator;
        let mut flags = generator.server_flag.clone();
        flags.extend(options.load.heard.map(|heard| format!("{HEARD_FLAG}={heard}")));
        Self { program: generator.server.clone(), shards: options.shards, core: generator.target_core, flags }
    }
}

/// A server that runs. It ends with the value.
pub struct Server {
    folder: TempDir,
    child: Mutex<Option<Child>>,
    control: u32,
    media: u32,
    /// Its address.
    pub url: String,
    /// An API key.
    pub api_key: String,
}

impl Server {
    /// Starts a server and makes an API key.
    ///
    /// # Errors
    /// [`TargetError::Start`] with what it said.
    pub async fn start(options: ServerOptions, link: &Link) -> Result<Self, TargetError> {
        let failed = |what: &str, error: std::io::Error| TargetError::Start(format!("{what}: {error}"));
        let program = find(options.program.as_deref())?;
        let folder = tempfile::tempdir().map_err(|error| failed("no data directory", error))?;
        let udp_port = free_media_ports(options.shards).map_err(|error| failed("no free ports", error))?;
        let mut command = clean(link.command(&program), "serve", folder.path());
        command.args(limits(&program, &options.flags)?);
        command.args(["--http", &format!("{}:0", link.target_ip), "--public-ip", &link.target_ip.to_string()]);
        command.args(["--udp-port", &udp_port.to_string(), "--shards", &options.shards.to_string()]);
        command.args(["--log", "warn"]);
        let log = File::create(log_path(folder.path())).map_err(|error| failed("no log", error))?;
        command.stdout(Stdio::piped()).stderr(log);

        // The node inherits the cores, and its shards choose among them; control moves away afterwards.
        let cores: Vec<usize> = (options.core..options.core + usize::from(options.shards)).collect();
        let others: Vec<usize> = (0..process::cores()).filter(|core| !cores.contains(core)).collect();
        let child = process::on_cores(&cores, || command.spawn());
        let mut child = child.map_err(|error| failed(&program.display().to_string(), error))?;
        let control = child.id();
        let mut lines = read_lines(&mut child);
        let mut server = Self {
            folder,
            child: Mutex::new(Some(child)),
            control,
            media: 0,
            url: String::new(),
            api_key: String::new(),
        };
        server.url = server.line(&mut lines, "listening on ").await?;
        let link_line = server.line(&mut lines, "owner link: ").await?;
        let token = link_line.split_once("token=").map_or("", |(_, token)| token.trim());
        server.set_up(token).await?;
        server.api_key = server.make_key(&program, link, &options.flags)?;
        server.media = server.wait_for_node().await?;
        if !others.is_empty() {
            process::pin(control, &others).map_err(|error| failed("pinning the control plane", error))?;
        }
        Ok(server)
    }

    /// Its processes.
    pub fn processes(&self) -> Processes {
        Processes { media: vec![self.media], control: vec![self.control] }
    }

    /// Ends it.
    pub async fn stop(&self) {
        let Some(mut child) = self.take_child() else { return };
        signal(self.control, Signal::TERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.force(&mut child);
    }

    fn take_child(&self) -> Option<Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends what is still there. A node outlives its server by design.
    fn force(&self, child: &mut Child) {
        let _ = child.kill();
        let _ = child.wait();
        let name = std::fs::read_to_string(format!("/proc/{}/comm", self.media)).unwrap_or_default();
        if self.media != 0 && name.contains("boltorezka") {
            signal(self.media, Signal::KILL);
        }
    }

    async fn set_up(&self, token: &str) -> Result<(), TargetError> {
        let refused = |error: &dyn std::fmt::Display| TargetError::refused("the owner link", error);
        let display_name = DisplayName::new("Load test").map_err(|error| refused(&error))?;
        let request = SetupRequest {
            token: token.to_owned(),
            email: "owner@example.org".into(),
            // Of a server that nobody else reaches and that ends with the run.
            password: format!("load-{token}"),
            display_name,
        };
        Client::set_up(&self.url, &request).await.map(drop).map_err(|error| refused(&error))
    }

    /// In the server's database, wherever that is.
    fn make_key(&self, program: &Path, link: &Link, flags: &[String]) -> Result<String, TargetError> {
        let mut command = clean(link.command(program), "api-key", self.folder.path());
        command.args(flags.iter().filter(|flag| flag.starts_with(DATABASE_FLAG)));
        let output = command.arg("bench").output().map_err(|error| TargetError::Start(error.to_string()))?;
        if !output.status.success() {
            return Err(TargetError::refused("an API key", String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The node's process, from the record beside its socket.
    async fn wait_for_node(&self) -> Result<u32, TargetError> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            let record = std::fs::read(self.folder.path().join("media.json")).unwrap_or_default();
            let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
            if let Some(pid) = record.get("pid").and_then(serde_json::Value::as_u64) {
                return Ok(pid as u32);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(TargetError::Start(format!("its media node did not come up:\n{}", self.log())))
    }

    async fn line(&self, lines: &mut mpsc::Receiver<String>, start: &str) -> Result<String, TargetError> {
        let wanted = async {
            while let Some(line) = lines.recv().await {
                if let Some(rest) = line.strip_prefix(start) {
                    return Some(rest.trim().to_owned());
                }
            }
            None
        };
        let line = tokio::time::timeout(START_TIMEOUT, wanted).await.ok().flatten();
        line.ok_or_else(|| TargetError::Start(format!("it never said {start:?}; its log:\n{}", self.log())))
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(log_path(self.folder.path())).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.take_child() {
            signal(self.control, Signal::TERM);
            std::thread::sleep(Duration::from_millis(500));
            self.force(&mut child);
        }
    }
}

/// The server's program: the given one, else beside this one or one folder up (where cargo puts tests), else in PATH.
fn find(given: Option<&Path>) -> Result<PathBuf, TargetError> {
    if let Some(path) = given {
        let missing = || TargetError::Start(format!("there is no program at {}", path.display()));
        return path.is_file().then(|| path.to_owned()).ok_or_else(missing);
    }
    let own = std::env::current_exe().unwrap_or_default();
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("boltorezka"));
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = std::env::split_paths(&in_path).map(|folder| folder.join("boltorezka")).collect();
    beside.chain(in_path).find(|path| path.is_file()).ok_or_else(|| {
        TargetError::Start("there is no `boltorezka` beside this program nor in PATH: name it with --server".into())
    })
}

/// A command of the server that sees none of our own settings.
fn clean(mut command: Command, name: &str, data_dir: &Path) -> Command {
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("BOLTOREZKA_") {
            command.env_remove(variable);
        }
    }
    command.arg(name).arg("--data-dir").arg(data_dir).stdin(Stdio::null());
    command
}

/// The given flags, and for each limit that the server has and they do not set, one that switches it off.
fn limits(program: &Path, given: &[String]) -> Result<Vec<String>, TargetError> {
    let help = Command::new(program).args(["serve", "--help"]).output();
    let help = help.map_err(|error| TargetError::Start(format!("{}: {error}", program.display())))?;
    Ok(with_limits_off(&String::from_utf8_lossy(&help.stdout), given))
}

fn with_limits_off(help: &str, given: &[String]) -> Vec<String> {
    let name = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
    let known = |flag: &str| help.split_whitespace().any(|word| word == flag);
    let mut flags: Vec<String> = given.to_vec();
    // A server of before that limit hears three, whatever is asked for.
    flags.retain(|flag| name(flag) != HEARD_FLAG || known(HEARD_FLAG));
    let limits = help.split_whitespace().filter(|word| word.starts_with("--limits-") && !KEPT_LIMITS.contains(word));
    let free = limits.filter(|limit| !given.iter().any(|flag| name(flag) == **limit));
    flags.extend(free.map(|limit| format!("{limit}=off")));
    flags
}

fn read_lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(64);
    if let Some(stdout) = child.stdout.take() {
        // It ends with the program, whose output nobody needs after the first lines.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.blocking_send(line);
            }
        });
    }
    lines
}

/// The first of so many ports in a row that are free for UDP and for TCP.
fn free_media_ports(count: u16) -> std::io::Result<u16> {
    let is_free = |port| UdpSocket::bind(("0.0.0.0", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok();
    loop {
        let first = UdpSocket::bind("0.0.0.0:0")?.local_addr()?.port();
        if (0..count).all(|n| is_free(first.saturating_add(n))) {
            return Ok(first);
        }
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that has ended already is what was wanted.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_off_unless_they_are_set() {
        let help =
            "--http <VALUE>\n --limits-body-bytes <VALUE>\n --limits-heartbeat-ms <VALUE>\n --limits-rooms-total";
        let given = ["--limits-rooms-total=5".to_owned(), "--limits-voices-heard=3".to_owned()];
        assert_eq!(with_limits_off(help, &given), ["--limits-rooms-total=5", "--limits-body-bytes=off"]);
        let newer = format!("{help} --limits-voices-heard");
        assert!(with_limits_off(&newer, &given).contains(&given[1]));
        assert!(with_limits_off(&newer, &[]).contains(&"--limits-voices-heard=off".to_owned()));
    }
}
