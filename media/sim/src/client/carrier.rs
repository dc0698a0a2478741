//! What carries a client's datagrams: UDP, or a TCP connection that it opens (RFC 6544).

use std::net::SocketAddr;

use str0m::net::{Protocol, TcpType};
use str0m::{Candidate, Rtc};

use super::Client;

/// Lets a client use an address.
pub fn add_candidate(rtc: &mut Rtc, protocol: Protocol, address: SocketAddr) {
    rtc.add_local_candidate(candidate(protocol, address));
}

fn candidate(protocol: Protocol, address: SocketAddr) -> Candidate {
    let candidate = match protocol {
        Protocol::Udp => Candidate::host(address, Protocol::Udp),
        _ => Candidate::builder().tcp().host(address).tcptype(TcpType::Active).build(),
    };
    candidate.expect("an address that a host may have")
}

impl Client {
    /// Its TCP connection is gone: it makes another one, from another port, unless it is on its way out.
    pub fn connect_again(&mut self) {
        if self.is_leaving || self.is_closed {
            return;
        }
        let before = candidate(self.protocol, self.address);
        self.rtc.direct_api().invalidate_candidate(&before);
        self.address.set_port(self.address.port() + 1);
        add_candidate(&mut self.rtc, self.protocol, self.address);
    }
}
