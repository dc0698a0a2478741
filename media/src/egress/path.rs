//! Where datagrams go.

use std::net::{IpAddr, SocketAddr};

use crate::tcp::TcpId;

/// Where a connection's datagrams go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// What carries them.
    pub via: Via,
    /// The local address that the client knows.
    pub source: IpAddr,
    /// The client's.
    pub destination: SocketAddr,
}

/// What carries a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// UDP.
    Udp,
    /// A TCP connection, as a frame (RFC 4571).
    Tcp(TcpId),
}
