//! What a client reads from an answer by itself.

use std::net::SocketAddr;

/// Most candidates that are taken from an answer.
const CANDIDATES_MAX: usize = 32;

/// Addresses of the UDP candidates of a session description (RFC 8839, section 5.1), each once.
pub(super) fn udp_candidates(description: &str) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for line in description.lines() {
        let Some(candidate) = line.trim().strip_prefix("a=candidate:") else { continue };
        let mut fields = candidate.split(' ');
        let transport = fields.nth(2).unwrap_or_default();
        let address = fields.nth(1).and_then(|ip| ip.parse().ok());
        let port = fields.next().and_then(|port| port.parse().ok());
        if let (Some(ip), Some(port), true) = (address, port, transport.eq_ignore_ascii_case("udp")) {
            let address = SocketAddr::new(ip, port);
            if !addresses.contains(&address) && addresses.len() < CANDIDATES_MAX {
                addresses.push(address);
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_candidates_are_found_once_each() {
        let answer = "v=0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 7000 typ host\r\n\
            a=candidate:2 1 TCP 99 127.0.0.1 7000 typ host tcptype passive\r\na=candidate:3 1 udp x\r\n\
            a=candidate:1 1 UDP 2130706431 127.0.0.1 7000 typ host\r\na=candidate:4 1 udp 1 ::1 7001 typ host\r\n";
        let expected: Vec<SocketAddr> = vec!["127.0.0.1:7000".parse().unwrap(), "[::1]:7001".parse().unwrap()];
        assert_eq!(udp_candidates(answer), expected);
    }
}
