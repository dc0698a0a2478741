//! The link between the generator and the target: which addresses they have, and where the target's programs run.

use std::net::Ipv4Addr;
use std::process::Command;

/// A range of IPv4 addresses, one for each transport of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientNet {
    /// First address of the range.
    pub base: Ipv4Addr,
    /// How many of them there are.
    pub count: u32,
}

impl ClientNet {
    /// The address with this index; `None` past the end.
    pub fn address(self, index: u32) -> Option<Ipv4Addr> {
        (index < self.count).then(|| Ipv4Addr::from(u32::from(self.base).wrapping_add(index)))
    }

    /// The index of an address; `None` for one outside.
    pub fn index(self, address: Ipv4Addr) -> Option<u32> {
        let index = u32::from(address).wrapping_sub(u32::from(self.base));
        (index < self.count).then_some(index)
    }
}

/// Where target and clients are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Its name in reports: `loopback` or `veth`.
    pub name: String,
    /// The target's address.
    pub target_ip: Ipv4Addr,
    /// The clients' addresses. All of them must be local where the generator runs.
    pub clients: ClientNet,
    /// Put before each command of the target, as `ip netns exec NAME`; empty on loopback.
    pub prefix: Vec<String>,
}

impl Link {
    /// Everything on the loopback interface; all of 127.0.0.0/8 is local there.
    pub fn loopback() -> Self {
        Self {
            name: "loopback".into(),
            target_ip: Ipv4Addr::LOCALHOST,
            clients: ClientNet { base: Ipv4Addr::new(127, 16, 0, 1), count: 1 << 20 },
            prefix: Vec::new(),
        }
    }

    /// A command that runs where the target is.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        match self.prefix.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_indexes_belong_together() {
        let net = Link::loopback().clients;
        assert_eq!(net.address(0), Some(Ipv4Addr::new(127, 16, 0, 1)));
        assert_eq!(net.address(300), Some(Ipv4Addr::new(127, 16, 1, 45)));
        assert_eq!(net.index(Ipv4Addr::new(127, 16, 1, 45)), Some(300));
        assert_eq!(net.address(net.count), None);
        assert_eq!(net.index(Ipv4Addr::LOCALHOST), None);
        assert_eq!(net.index(Ipv4Addr::new(127, 32, 0, 1)), None);
    }
}
