//! A veth pair between two network namespaces as the link, for targets that skip loopback interfaces.
//!
//! The generator runs this program again inside one namespace, by `ip netns exec`, and starts the target in the other one.
//! Names carry the process id of the maker, so that what a crash left behind is known and removed.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::link::{ClientNet, Link};

/// Prefix of the namespaces that this program makes.
const NAMESPACE_PREFIX: &str = "boltorezka-bench-";
/// The target's address.
const TARGET: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 1);
/// The generator's address; the simulated clients are behind it.
const GENERATOR: Ipv4Addr = Ipv4Addr::new(10, 231, 0, 2);
/// The simulated clients' addresses.
const CLIENTS: &str = "10.232.0.0/16";
/// The same as a range: without the first and the last, which mean the network and everybody.
const CLIENT_NET: ClientNet = ClientNet { base: Ipv4Addr::new(10, 232, 0, 1), count: 65_534 };
/// Interface names inside the namespaces.
const TARGET_INTERFACE: &str = "target0";
const GENERATOR_INTERFACE: &str = "generator0";

/// Why a pair could not be made.
#[derive(Debug, Error)]
pub enum VethError {
    /// `ip` could not be started.
    #[error("`ip` could not be started: {0}; a veth link needs iproute2 and root")]
    Start(std::io::Error),
    /// `ip` refused.
    #[error("`ip {command}` failed: {stderr}; a veth link needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN)")]
    Refused {
        /// The arguments.
        command: String,
        /// What it said.
        stderr: String,
    },
}

impl Link {
    /// The pair of that name, seen from inside the generator's namespace.
    pub fn inside(pair: &str) -> Self {
        Self {
            name: "veth".into(),
            target_ip: TARGET,
            clients: CLIENT_NET,
            prefix: ["ip", "netns", "exec", &target_namespace(pair)].map(str::to_owned).into(),
        }
    }
}

/// A veth pair and its two namespaces. Dropping it ends what still runs in them and removes them.
#[derive(Debug)]
pub struct VethPair {
    name: String,
}

impl VethPair {
    /// Makes a pair under a name of its own, after removing what crashed runs have left.
    ///
    /// # Errors
    /// [`VethError`] when `ip` is missing or not allowed to.
    pub fn make() -> Result<Self, VethError> {
        remove_leftovers();
        let pair = Self { name: std::process::id().to_string() };
        let (target, generator) = (target_namespace(&pair.name), generator_namespace(&pair.name));
        ip(&["netns", "add", &target])?;
        ip(&["netns", "add", &generator])?;
        ip(&[
            "link",
            "add",
            TARGET_INTERFACE,
            "netns",
            &target,
            "type",
            "veth",
            "peer",
            "name",
            GENERATOR_INTERFACE,
            "netns",
            &generator,
        ])?;
        for (namespace, interface, address) in
            [(&target, TARGET_INTERFACE, TARGET), (&generator, GENERATOR_INTERFACE, GENERATOR)]
        {
            ip(&["-n", namespace, "address", "add", &format!("{address}/30"), "dev", interface])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", interface, "up"])?;
        }
        ip(&["-n", &target, "route", "add", CLIENTS, "via", &GENERATOR.to_string()])?;
        ip(&["-n", &generator, "route", "add", "local", CLIENTS, "dev", "lo"])?;
        Ok(pair)
    }

    /// What [`Link::inside`] takes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs a program in the generator's namespace.
    pub fn generator_command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &generator_namespace(&self.name)]).arg(program);
        command
    }
}

impl Drop for VethPair {
    fn drop(&mut self) {
        remove_pair(&self.name);
    }
}

fn target_namespace(pair: &str) -> String {
    format!("{NAMESPACE_PREFIX}{pair}-target")
}

fn generator_namespace(pair: &str) -> String {
    format!("{NAMESPACE_PREFIX}{pair}-generator")
}

/// Removes the pairs whose maker no longer runs.
fn remove_leftovers() {
    let Ok(list) = ip(&["netns", "list"]) else { return };
    for pair in list.lines().filter_map(pair_of) {
        if !Path::new("/proc").join(pair).exists() {
            remove_pair(pair);
        }
    }
}

/// The name of the pair that a line of `ip netns list` belongs to.
fn pair_of(line: &str) -> Option<&str> {
    let (pair, _) = line.split_whitespace().next()?.strip_prefix(NAMESPACE_PREFIX)?.split_once('-')?;
    (!pair.is_empty() && pair.bytes().all(|byte| byte.is_ascii_digit())).then_some(pair)
}

/// Ends the processes of a pair's namespaces and removes both; the interfaces go with them. What is missing is no error.
fn remove_pair(pair: &str) {
    for namespace in [generator_namespace(pair), target_namespace(pair)] {
        for pid in ip(&["netns", "pids", &namespace]).unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
        }
        let _ = ip(&["netns", "delete", &namespace]);
    }
}

/// Runs `ip` and returns what it printed.
fn ip(arguments: &[&str]) -> Result<String, VethError> {
    let output = Command::new("ip").args(arguments).output().map_err(VethError::Start)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(VethError::Refused { command: arguments.join(" "), stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_not_among_the_clients() {
        let link = Link::inside("417");
        assert_eq!(link.clients.index(link.target_ip), None);
        assert_eq!(link.clients.address(link.clients.count - 1), Some(Ipv4Addr::new(10, 232, 255, 254)));
        assert_eq!(format!("{:?}", link.command("x")), r#""ip" "netns" "exec" "boltorezka-bench-417-target" "x""#);
    }

    #[test]
    fn only_namespaces_of_this_program_are_taken_for_leftovers() {
        assert_eq!(pair_of("boltorezka-bench-417-target (id: 3)"), Some("417"));
        assert_eq!(pair_of("boltorezka-bench-417-generator"), Some("417"));
        for other in ["boltorezka-bench-x-target", "boltorezka-bench-", "docker-417-target", ""] {
            assert_eq!(pair_of(other), None, "{other}");
        }
    }
}
