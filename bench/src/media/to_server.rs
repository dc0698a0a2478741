//! The way of a datagram from a client to its server.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::sender::Out;
use crate::socket::Outbox;

/// The outbox, for datagrams from one client to its server.
pub(super) struct ToServer<'a> {
    outbox: &'a mut Outbox,
    from: Ipv4Addr,
    to: SocketAddrV4,
}

/// A server's address.
pub(super) trait Destination {
    /// The outbox, for datagrams from the client at `from` to this address.
    fn out<'a>(&self, outbox: &'a mut Outbox, from: Ipv4Addr) -> ToServer<'a>;
}

impl Destination for SocketAddrV4 {
    fn out<'a>(&self, outbox: &'a mut Outbox, from: Ipv4Addr) -> ToServer<'a> {
        ToServer { outbox, from, to: *self }
    }
}

impl Out for ToServer<'_> {
    fn slot(&mut self) -> &mut [u8] {
        self.outbox.slot()
    }

    fn send(&mut self, length: usize) {
        self.outbox.push(length, Some(self.from), self.to, None);
    }
}
