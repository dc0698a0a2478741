//! Who may keep a TCP connection open.
//!
//! Whoever connects is a stranger until a check has shown that it is somebody's client. Strangers have few places and
//! little time, and take none from those who are known.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::TcpId;

/// Connections of a shard in all: one for each participant that it takes, and some. More have to use UDP.
const CONNECTIONS_MAX: usize = 2_048;
/// Connections from one address. A browser opens one for each of its interfaces and of our addresses: that is some
/// eighty people of an office behind one address, on one shard.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// Strangers at a time: they are so for two round trips, which are more than a thousand joins a second.
const STRANGERS_MAX: usize = 256;
/// Time in which a stranger has to become known: a lost packet is repeated twice meanwhile.
const STRANGER_TIME: Duration = Duration::from_secs(5);

/// The connections that are open.
#[derive(Debug, Default)]
pub struct Doorway {
    count: usize,
    by_address: HashMap<IpAddr, usize>,
    /// In the order in which they came.
    strangers: VecDeque<(TcpId, Instant)>,
}

/// What to do with somebody who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Come in.
    Open,
    /// Come in; the stranger who is here longest has to leave.
    Instead(TcpId),
    /// There is no place.
    Closed,
}

impl Doorway {
    /// Somebody connects. Unless it is [`Entry::Closed`], [`Doorway::leave`] must follow.
    pub fn enter(&mut self, now: Instant, id: TcpId, address: IpAddr) -> Entry {
        let of_address = self.by_address.get(&network(address)).copied().unwrap_or_default();
        if self.count >= CONNECTIONS_MAX || of_address >= CONNECTIONS_PER_ADDRESS_MAX {
            return Entry::Closed;
        }
        self.count += 1;
        *self.by_address.entry(network(address)).or_default() += 1;
        self.strangers.push_back((id, now));
        match self.strangers.front() {
            Some((longest, _)) if self.strangers.len() > STRANGERS_MAX => Entry::Instead(*longest),
            _ => Entry::Open,
        }
    }

    /// Somebody is no stranger any more.
    pub fn know(&mut self, id: TcpId) {
        self.strangers.retain(|(stranger, _)| *stranger != id);
    }

    /// Somebody is gone.
    pub fn leave(&mut self, id: TcpId, address: IpAddr) {
        self.know(id);
        self.count = self.count.saturating_sub(1);
        if let Some(of_address) = self.by_address.get_mut(&network(address)) {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                self.by_address.remove(&network(address));
            }
        }
    }

    /// A stranger whose time is over.
    pub fn overdue(&self, now: Instant) -> Option<TcpId> {
        let (longest, since) = self.strangers.front()?;
        (now.saturating_duration_since(*since) >= STRANGER_TIME).then_some(*longest)
    }
}

/// What counts as one address: of IPv6 the network, since each host of it may have as many as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::from((address.to_bits() & (u128::MAX << 64)).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        (0x0a00_0000 + number).to_be_bytes().into()
    }

    #[test]
    fn one_address_does_not_take_all_places() {
        let (mut doorway, now) = (Doorway::default(), Instant::now());
        for id in 0..CONNECTIONS_PER_ADDRESS_MAX as u32 {
            assert_eq!(doorway.enter(now, TcpId(id), address(1)), Entry::Open);
        }
        assert_eq!(doorway.enter(now, TcpId(900), address(1)), Entry::Closed);
        doorway.leave(TcpId(0), address(1));
        assert_eq!(doorway.enter(now, TcpId(901), address(1)), Entry::Open);
        let host = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert_eq!(network(host("2001:db8:1:2:3::4")), network(host("2001:db8:1:2:ffff::1")));
        assert_ne!(network(host("2001:db8:1:2::4")), network(host("2001:db8:1:3::4")));
    }

    #[test]
    fn a_crowd_of_strangers_pushes_out_strangers_alone() {
        let (mut doorway, now) = (Doorway::default(), Instant::now());
        doorway.enter(now, TcpId(0), address(0));
        doorway.know(TcpId(0));
        for id in 1..=STRANGERS_MAX as u32 {
            assert_eq!(doorway.enter(now, TcpId(id), address(id)), Entry::Open);
        }
        assert_eq!(doorway.enter(now, TcpId(900), address(900)), Entry::Instead(TcpId(1)));
        doorway.leave(TcpId(1), address(1));
        assert_eq!(doorway.enter(now, TcpId(901), address(901)), Entry::Instead(TcpId(2)));
    }

    #[test]
    fn all_places_are_bounded_and_come_back() {
        let (mut doorway, now) = (Doorway::default(), Instant::now());
        for id in 0..CONNECTIONS_MAX as u32 {
            assert_eq!(doorway.enter(now, TcpId(id), address(id)), Entry::Open);
            doorway.know(TcpId(id));
        }
        assert_eq!(doorway.enter(now, TcpId(9_000), address(9_000)), Entry::Closed);
        for id in 0..CONNECTIONS_MAX as u32 {
            doorway.leave(TcpId(id), address(id));
        }
        assert_eq!((doorway.count, doorway.by_address.len(), doorway.strangers.len()), (0, 0, 0));
    }

    #[test]
    fn a_stranger_has_little_time() {
        let (mut doorway, now) = (Doorway::default(), Instant::now());
        doorway.enter(now, TcpId(1), address(1));
        doorway.enter(now + STRANGER_TIME / 2, TcpId(2), address(2));
        assert_eq!(doorway.overdue(now + STRANGER_TIME / 2), None);
        assert_eq!(doorway.overdue(now + STRANGER_TIME), Some(TcpId(1)));
        doorway.know(TcpId(1));
        assert_eq!(doorway.overdue(now + STRANGER_TIME), None);
        assert_eq!(doorway.overdue(now + 2 * STRANGER_TIME), Some(TcpId(2)));
    }
}
