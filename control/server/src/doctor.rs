//! `boltorezka doctor`: what operators most often get wrong, each with its cure.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use boltorezka_media::net::host_addresses;
use rustix::process::{Resource, getrlimit};

use crate::settings::Settings;
use crate::{Failure, files, say, serve};

/// Open files below which a busy server runs out: a socket and a file or two for each of some thousand people.
const FILES_MIN: u64 = 4096;
/// Kernel buffer of a UDP socket below which bursts of keyframes are dropped before we see them.
const SOCKET_BUFFER_BYTES_MIN: u64 = 2 * 1024 * 1024;
/// A datagram on the machine itself arrives in microseconds.
const LOOP_TIMEOUT: Duration = Duration::from_millis(500);
/// 2026-01-01: a clock before it was never set.
const RELEASE_UNIX_S: u64 = 1_767_225_600;

/// What a check found.
enum Finding {
    Good(String),
    /// It works, but worse than it could.
    Warning(String),
    Bad(String),
}
use Finding::{Bad, Good, Warning};

/// Runs all checks, prints a line each, and ends with 1 when one failed.
///
/// # Errors
/// None: what is wrong is printed.
pub async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let (used_by_us, data_dir) = data_dir(settings);
    let in_use = || Good("in use by the running server".into());
    let (database, files) = if used_by_us { (in_use(), in_use()) } else { database_and_files(settings).await };
    let mut findings =
        vec![("data_dir", data_dir), ("database", database), ("files", files), ("http", http(settings, used_by_us))];
    findings.extend(udp(settings, used_by_us).into_iter().map(|finding| ("udp_port", finding)));
    findings.extend([
        ("public_ip", public_ip(settings)),
        ("open files", open_files()),
        ("receive buffer", socket_buffer("rmem_max")),
        ("send buffer", socket_buffer("wmem_max")),
        ("clock", clock()),
    ]);
    let mut failed = false;
    for (name, finding) in findings {
        let (mark, text) = match finding {
            Good(text) => ("ok     ", text),
            Warning(text) => ("warning", text),
            Bad(text) => {
                failed = true;
                ("FAILED ", text)
            }
        };
        say(format_args!("{mark}  {name}: {text}"));
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Also whether a server runs on it: then what it holds is in use, rightly.
fn data_dir(settings: &Settings) -> (bool, Finding) {
    if let Err(error) = files::data_dir(settings) {
        return (false, Bad(error.to_string()));
    }
    let shown = settings.data_dir.display();
    match files::lock(settings) {
        Ok(_) => (false, Good(format!("{shown} can be written"))),
        Err(_) => (true, Good(format!("{shown} can be written; a server runs on it"))),
    }
}

async fn database_and_files(settings: &Settings) -> (Finding, Finding) {
    let control = match serve::open_control(settings).await {
        Ok(control) => control,
        Err(error) => return (Bad(error.to_string()), Warning("not looked at: the database does not open".into())),
    };
    let files = match control.check_files().await {
        Ok(Some(place)) => Good(format!("kept in {place}")),
        Ok(None) => Good("kept in data_dir".into()),
        Err(error) => Bad(error),
    };
    (Good("opens and is up to date".into()), files)
}

fn http(settings: &Settings, used_by_us: bool) -> Finding {
    match TcpListener::bind(settings.http) {
        Ok(_) => Good(format!("{} is free", settings.http)),
        Err(_) if used_by_us => Good(format!("{} is in use, by the running server", settings.http)),
        Err(error) => Bad(format!("{}: {error}. Stop what uses it, or set another address.", settings.http)),
    }
}

/// Every shard's port, and the way from this machine to itself, which a strict firewall closes.
fn udp(settings: &Settings, used_by_us: bool) -> Vec<Finding> {
    let count = u16::try_from(settings.shards).unwrap_or(u16::MAX);
    let ports = (0..count).map(|shard| settings.udp_port.saturating_add(shard));
    ports.map(|port| udp_port(settings, port, used_by_us)).collect()
}

fn udp_port(settings: &Settings, port: u16, used_by_us: bool) -> Finding {
    let addresses = settings.bind_ip.map_or_else(|| host_addresses().unwrap_or_default(), |ip| vec![ip]);
    let mut reached = Vec::new();
    for ip in addresses {
        let socket = match UdpSocket::bind((ip, port)) {
            Ok(socket) => socket,
            Err(_) if used_by_us => return Good(format!("{port} is in use, by the running server")),
            Err(error) => return Bad(format!("{port} on {ip}: {error}. Stop what uses it, or set another port.")),
        };
        if let Err(error) = TcpListener::bind((ip, port)) {
            return Bad(format!("{port} on {ip}, for TCP: {error}. Stop what uses it, or set another port."));
        }
        if let Err(error) = echo(&socket, SocketAddr::new(ip, port)) {
            let cure = "Open it in the firewall for UDP and TCP";
            return Bad(format!("{port}: a datagram to {ip} does not arrive ({error}). {cure}."));
        }
        reached.push(ip);
    }
    match reached.is_empty() {
        true => Bad(format!("{port}: this host has no address to listen on. Bring its network up, or set bind_ip.")),
        false => {
            Good(format!("{port} is free and reachable on {}; open it in the firewall for UDP and TCP", list(&reached)))
        }
    }
}

/// Sends a datagram to `address`, where `socket` listens, and waits for it.
fn echo(socket: &UdpSocket, address: SocketAddr) -> std::io::Result<()> {
    let sender = UdpSocket::bind((address.ip(), 0))?;
    sender.send_to(b"doctor", address)?;
    socket.set_read_timeout(Some(LOOP_TIMEOUT))?;
    socket.recv_from(&mut [0; 16]).map(drop)
}

fn public_ip(settings: &Settings) -> Finding {
    let own = host_addresses().unwrap_or_default();
    match settings.public_ips.as_slice() {
        [] if own.iter().all(IpAddr::is_loopback) => {
            Warning("not set, and this machine has no address beyond itself: only local clients can call".into())
        }
        [] if own.iter().copied().all(is_private) => Warning(format!(
            "not set, and only private ones are there ({}): clients elsewhere need the address that the router maps to \
             this machine. Set public_ip.",
            list(&own)
        )),
        [] => Good(format!("not set: clients are told {}", list(&own))),
        ips if ips.iter().all(IpAddr::is_loopback) => {
            Warning(format!("{} reaches clients on this machine only", list(ips)))
        }
        ips if !ips.iter().any(|ip| own.contains(ip)) => Good(format!(
            "{}; none is this machine's own ({}), so UDP has to be forwarded to it",
            list(ips),
            list(&own)
        )),
        ips => Good(list(ips)),
    }
}

fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

/// The hard limit counts: the server raises its own to it.
fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).maximum {
        Some(limit) if limit < FILES_MIN => Bad(format!(
            "{limit} at most. Raise it to {FILES_MIN} or more: `ulimit -Hn`, or LimitNOFILE of the service."
        )),
        Some(limit) => Good(format!("{limit} at most")),
        None => Good("not limited".into()),
    }
}

fn socket_buffer(name: &str) -> Finding {
    let path = format!("/proc/sys/net/core/{name}");
    let bytes = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    match bytes {
        Some(bytes) if bytes < SOCKET_BUFFER_BYTES_MIN => Warning(format!(
            "{bytes} bytes at most: bursts may be lost. `sysctl -w net.core.{name}={SOCKET_BUFFER_BYTES_MIN}`, and in /etc/sysctl.d."
        )),
        Some(bytes) => Good(format!("{bytes} bytes at most")),
        None => Warning(format!("net.core.{name} cannot be read here")),
    }
}

fn clock() -> Finding {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(now) if now.as_secs() >= RELEASE_UNIX_S => Good("set".into()),
        _ => {
            Bad("it stands before this program was made: certificates and tokens fail. Set it, and keep it by NTP."
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_datagram_that_nobody_gets_is_reported() {
        let listening = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listening.local_addr().unwrap();
        assert!(echo(&listening, address).is_ok());
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(echo(&other, address).is_err());
    }

    #[test]
    fn private_addresses_are_known() {
        for ip in ["10.1.2.3", "192.168.0.1", "127.0.0.1", "fd00::1", "fe80::1"] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["203.0.113.7", "2001:db8::1"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}
