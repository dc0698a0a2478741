//! Datagrams on their way, and the links they take.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::link::{Link, LinkConfig};
use crate::random::Random;

/// A link of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(usize);

/// A datagram that arrives.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// Of those that arrive together, which was sent first.
    order: u64,
    /// When it was sent.
    pub sent_at: Instant,
    /// Where it came from.
    pub source: SocketAddr,
    /// Where it goes.
    pub destination: SocketAddr,
    /// What it holds.
    pub contents: Vec<u8>,
}

/// All links, and what is on its way over them.
#[derive(Debug)]
pub struct Network {
    links: Vec<Link>,
    on_the_way: BinaryHeap<Reverse<Arrival>>,
    order: u64,
    random: Random,
}

impl Network {
    /// A network without links.
    pub fn new(random: Random) -> Self {
        Self { links: Vec::new(), on_the_way: BinaryHeap::new(), order: 0, random }
    }

    /// Adds a link.
    pub fn add_link(&mut self, config: LinkConfig) -> LinkId {
        self.links.push(Link::new(config, self.random.split()));
        LinkId(self.links.len() - 1)
    }

    /// A link, to look at it or to change it.
    pub fn link(&mut self, id: LinkId) -> &mut Link {
        &mut self.links[id.0]
    }

    /// Sends a datagram over a link; `false` when its queue had no room.
    pub fn send(
        &mut self,
        now: Instant,
        link: LinkId,
        source: SocketAddr,
        destination: SocketAddr,
        contents: &[u8],
    ) -> bool {
        let overflowed = self.links[link.0].counters.overflowed;
        for at in self.links[link.0].send(now, contents.len()).into_iter().flatten() {
            self.order += 1;
            let (order, contents) = (self.order, contents.to_vec());
            self.on_the_way.push(Reverse(Arrival { at, order, sent_at: now, source, destination, contents }));
        }
        self.links[link.0].counters.overflowed == overflowed
    }

    /// Takes the next datagram that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Arrival> {
        let next = self.on_the_way.peek().filter(|Reverse(arrival)| arrival.at <= now);
        next.is_some().then(|| self.on_the_way.pop().map(|Reverse(arrival)| arrival)).flatten()
    }
}
