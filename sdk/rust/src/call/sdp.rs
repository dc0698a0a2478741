//! What a client reads from an answer by itself.

use std::net::SocketAddr;

use super::config::MediaTransport;

/// Most candidates that are taken from an answer.
const CANDIDATES_MAX: usize = 32;

/// Addresses of the candidates of a session description for a transport, each once: those for UDP (RFC 8839, section
/// 5.1), or those for TCP that can be connected to (RFC 6544, section 4.5).
pub(super) fn candidates(description: &str, transport: MediaTransport) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for line in description.lines() {
        let Some(candidate) = line.trim().strip_prefix("a=candidate:") else { continue };
        let is_of_transport = match transport {
            MediaTransport::Udp => is_over(candidate, "udp"),
            MediaTransport::Tcp => is_over(candidate, "tcp") && candidate.contains(" tcptype passive"),
        };
        let mut fields = candidate.split(' ').skip(3);
        let address = fields.nth(1).and_then(|ip| ip.parse().ok());
        let port = fields.next().and_then(|port| port.parse().ok());
        if let (Some(ip), Some(port), true) = (address, port, is_of_transport) {
            let address = SocketAddr::new(ip, port);
            if !addresses.contains(&address) && addresses.len() < CANDIDATES_MAX {
                addresses.push(address);
            }
        }
    }
    addresses
}

fn is_over(candidate: &str, transport: &str) -> bool {
    candidate.split(' ').nth(2).is_some_and(|name| name.eq_ignore_ascii_case(transport))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_found_once_each() {
        let answer = "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 7000 typ host\r\n\
            a=candidate:2 1 TCP 99 127.0.0.1 7000 typ host tcptype passive\r\na=candidate:3 1 udp x\r\n\
            a=candidate:2 1 tcp 98 127.0.0.1 9 typ host tcptype active\r\n\
            a=candidate:1 1 UDP 2130706431 127.0.0.1 7000 typ host\r\na=candidate:4 1 udp 1 ::1 7001 typ host\r\n";
        let expected: Vec<SocketAddr> = vec!["127.0.0.1:7000".parse().unwrap(), "[::1]:7001".parse().unwrap()];
        assert_eq!(candidates(answer, MediaTransport::Udp), expected);
        assert_eq!(candidates(answer, MediaTransport::Tcp), expected[..1]);
    }
}
