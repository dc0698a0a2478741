//! The real binary with a data directory and ports of its own, and people in it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use boltorezka_proto::rest::{CreateRoomRequest, JoinTokenRequest, RoomKind, SetupRequest};
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::{DisplayName, RoomSlug, RoomTitle};
use boltorezka_sdk::call::{Call, CallOptions};
use boltorezka_sdk::{Client, Gateway, ParticipantId};
use tempfile::TempDir;

/// Long enough for a loaded machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server's binary: `BOLTOREZKA_BIN`, or the one that cargo built beside the tests.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("BOLTOREZKA_BIN").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(Path::parent).unwrap().join("boltorezka")
    });
    assert!(
        path.is_file(),
        "there is no server at {}: build it with `cargo build -p boltorezka`, or name it in BOLTOREZKA_BIN",
        path.display()
    );
    path
}

/// A server that has been set up. Ends with the value.
pub struct Server {
    folder: TempDir,
    udp_port: u16,
    shards: u16,
    process: Option<Child>,
    pub url: String,
    /// The first super admin.
    pub admin: Client,
    /// An API key.
    pub api: Client,
}

impl Server {
    pub async fn start(shards: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let udp_port = free_media_ports(shards);
        let (process, lines, url) = serve(folder.path(), "127.0.0.1:0", udp_port, shards);
        let link = line(&lines, "owner link: ", folder.path());
        let token = link.split_once("token=").expect("the owner link holds a token").1.trim().to_owned();
        let request = SetupRequest {
            token,
            email: "owner@example.org".into(),
            password: "a password for tests".into(),
            display_name: DisplayName::new("Owner").unwrap(),
        };
        let (admin, _) = Client::set_up(&url, &request).await.unwrap();
        let key = command("api-key", folder.path()).arg("tests").output().unwrap();
        assert!(key.status.success(), "{}", String::from_utf8_lossy(&key.stderr));
        let key = String::from_utf8(key.stdout).unwrap();
        let api = Client::with_api_key(&url, key.trim()).unwrap();
        Self { folder, udp_port, shards, process: Some(process), url, admin, api }
    }

    /// Kills the control plane as a crash would; the media node runs on.
    pub fn kill_control(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Starts the control plane again, at the same address.
    pub fn restart_control(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        let (process, _, url) = serve(self.folder.path(), &address, self.udp_port, self.shards);
        assert_eq!(url, self.url);
        self.process = Some(process);
    }

    pub fn control_pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    pub fn media_pid(&self) -> Option<u32> {
        let record = std::fs::read(self.folder.path().join("media.json")).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&record).ok()?;
        record["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// The UDP address of a shard.
    pub fn media_address(&self, shard: u16) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.udp_port + shard).into()
    }

    pub async fn create_room(&self, slug: &str) -> RoomSlug {
        let slug = RoomSlug::new(slug).unwrap();
        let title = RoomTitle::new("Room").unwrap();
        let settings = RoomSettingsChange::default();
        let request = CreateRoomRequest { slug: slug.clone(), title, kind: RoomKind::Video, capacity: None, settings };
        self.admin.create_room(&request).await.unwrap();
        slug
    }

    pub async fn join_token(&self, room: &RoomSlug, identity: &str) -> String {
        let request = JoinTokenRequest {
            passes_lobby: false,
            room: room.clone(),
            identity: identity.to_owned(),
            display_name: DisplayName::new(identity).unwrap(),
            permissions: None,
            ttl_s: None,
        };
        self.api.create_join_token(&request).await.unwrap().token
    }

    /// A person in the room, without a call.
    pub async fn enter(&self, room: &RoomSlug, identity: &str) -> (Gateway, ParticipantId) {
        let token = self.join_token(room, identity).await;
        let gateway = Client::with_join_token(&self.url, &token).unwrap().connect().await.unwrap();
        let joined = gateway.join_room(room).await.unwrap();
        (gateway, joined.participant_id)
    }

    /// A person in the room's call, connected.
    pub async fn join(&self, room: &RoomSlug, identity: &str, options: CallOptions) -> Person {
        let (gateway, participant_id) = self.enter(room, identity).await;
        let call = Call::join(&gateway, room, options).await.unwrap_or_else(|error| panic!("{identity}: {error}"));
        call.connected().await.unwrap_or_else(|error| panic!("{identity}: {error}"));
        Person { gateway, participant_id, call }
    }

    /// Sum of all values of a metric.
    pub async fn metric(&self, name: &str) -> f64 {
        let body = reqwest::get(format!("{}/metrics", self.url)).await.unwrap().text().await.unwrap();
        let values = body.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<f64>().ok()).sum()
    }

    fn log(&self) -> String {
        log_tail(self.folder.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's log ends with:\n{}", self.log());
        }
        let media_pid = self.media_pid();
        if let Some(mut process) = self.process.take() {
            signal(process.id(), libc::SIGTERM);
            let deadline = Instant::now() + Duration::from_secs(15);
            while process.try_wait().unwrap().is_none() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        // A node outlives its server by design, so a failed test must not leave one behind.
        if let Some(pid) = media_pid.filter(|pid| is_our_binary(*pid)) {
            signal(pid, libc::SIGKILL);
        }
    }
}

/// Someone in a call.
pub struct Person {
    pub gateway: Gateway,
    pub participant_id: ParticipantId,
    pub call: Call,
}

fn command(name: &str, data_dir: &Path) -> Command {
    let mut command = Command::new(binary());
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("BOLTOREZKA_") {
            command.env_remove(variable);
        }
    }
    command.arg(name).arg("--data-dir").arg(data_dir).stdin(Stdio::null());
    command
}

fn serve(data_dir: &Path, http: &str, udp_port: u16, shards: u16) -> (Child, Receiver<String>, String) {
    let log = File::options().create(true).append(true).open(data_dir.join("test.log")).unwrap();
    let mut process = command("serve", data_dir)
        .args(["--http", http, "--udp-port", &udp_port.to_string(), "--shards", &shards.to_string()])
        .args(["--public-ip", "127.0.0.1"])
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let stdout = BufReader::new(process.stdout.take().unwrap());
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let url = line(&lines, "listening on ", data_dir);
    (process, lines, url)
}

fn line(lines: &Receiver<String>, start: &str, data_dir: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.starts_with(start) => return line.split_at(start.len()).1.trim().to_owned(),
            Ok(_) => {}
            Err(_) => panic!("the server never said {start:?}; its log:\n{}", log_tail(data_dir)),
        }
    }
}

fn log_tail(data_dir: &Path) -> String {
    let log = std::fs::read_to_string(data_dir.join("test.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// The first of as many ports in a row that are free for UDP and for TCP.
fn free_media_ports(count: u16) -> u16 {
    let is_free = |port| UdpSocket::bind(("0.0.0.0", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok();
    loop {
        let first = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        if (0..count).all(|i| is_free(first.saturating_add(i))) {
            return first;
        }
    }
}

fn is_our_binary(pid: u32) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.to_string_lossy().contains("boltorezka"))
}

#[allow(unsafe_code)]
pub fn signal(pid: u32, number: i32) {
    // SAFETY: kill takes no pointers.
    unsafe { libc::kill(pid.cast_signed(), number) };
}

/// Resident memory of a process in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Processor time that a process has used.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
