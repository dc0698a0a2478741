//! Starts the real binary with a data directory and ports of its own, and reads what it prints.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used, dead_code)]

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for a loaded machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test, without settings of the one who runs the tests.
pub fn boltorezka(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boltorezka"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BOLTOREZKA_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A port that nobody uses now, for UDP or for TCP.
pub fn free_media_port() -> u16 {
    let ports = std::iter::repeat_with(|| UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port());
    ports.into_iter().find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).unwrap()
}

/// A place for a server, which may start there more than once.
pub struct Place {
    pub folder: TempDir,
    pub udp_port: u16,
    /// Where it listens; a port of the system's choice, unless a test wants the same one again.
    pub http: String,
    /// For the processes that start here.
    pub environment: Vec<(&'static str, PathBuf)>,
}

impl Place {
    pub fn new() -> Self {
        let (folder, udp_port, http) = (tempfile::tempdir().unwrap(), free_media_port(), "127.0.0.1:0".into());
        Self { folder, udp_port, http, environment: Vec::new() }
    }

    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.data_dir().join("media.sock")
    }

    /// `boltorezka <command>` with this place's data directory and ports.
    pub fn command(&self, command: &str, more: &[&str]) -> Command {
        let (data_dir, udp_port) = (self.data_dir().to_str().unwrap(), self.udp_port.to_string());
        let mut all = boltorezka(&[command, "--data-dir", data_dir, "--udp-port", &udp_port]);
        all.args(["--shards=1", "--http", self.http.as_str(), "--public-ip=127.0.0.1"]).args(more);
        all.envs(self.environment.iter().map(|(name, value)| (name, value)));
        all
    }

    /// Starts a server and waits until it listens.
    pub fn serve(&self, more: &[&str]) -> Server {
        let mut child = self.command("serve", more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        let mut server = Server { child, stdout, stderr, origin: String::new() };
        let line = server.stdout_line("listening on ");
        server.origin = line.trim_start_matches("listening on ").to_owned();
        server
    }

    /// The process id in the media node's record.
    pub fn media_pid(&self) -> u32 {
        let record = std::fs::read(self.data_dir().join("media.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        u32::try_from(record["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Place {
    /// A node outlives its server by design, so a failed test must not leave one behind.
    fn drop(&mut self) {
        if self.data_dir().join("media.json").exists() {
            let pid = self.media_pid();
            if is_alive(pid) {
                signal(pid, "KILL");
            }
        }
    }
}

/// A running server.
pub struct Server {
    pub child: Child,
    pub stdout: Receiver<String>,
    pub stderr: Receiver<String>,
    pub origin: String,
}

impl Server {
    /// The next line of standard output that begins with `start`.
    pub fn stdout_line(&mut self, start: &str) -> String {
        next_line(&self.stdout, |line| line.starts_with(start)).unwrap_or_else(|| {
            let log: Vec<String> = self.stderr.try_iter().collect();
            panic!("no line {start:?}; the log says:\n{}", log.join("\n"))
        })
    }

    /// The next line of the log that holds `part`.
    pub fn log_line(&mut self, part: &str) -> String {
        next_line(&self.stderr, |line| line.contains(part)).unwrap_or_else(|| panic!("the log never says {part:?}"))
    }

    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process, not forever.
pub fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the process does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap().success());
}

/// Whether a process runs; one that ended and was not waited for does not.
pub fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(") ").next().unwrap().starts_with('Z')
}

fn next_line(lines: &Receiver<String>, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let deadline = Instant::now() + PATIENCE;
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if wanted(&line) {
            return Some(line);
        }
    }
    None
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

/// What a server answered.
pub struct Response {
    pub status: u16,
    headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Response {
    /// A header's value, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A GET; `None` when no connection came about.
pub fn get(url: &str) -> Option<Response> {
    fetch(reqwest::Client::new(), url)
}

/// A GET by a client that trusts one more certificate.
pub fn get_trusting(url: &str, pem: &str) -> Option<Response> {
    let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    fetch(reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap(), url)
}

fn fetch(client: reqwest::Client, url: &str) -> Option<Response> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let response = client.get(url).send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Some(Response { status, headers, body: response.text().await.unwrap() })
    })
}
