//! What a server counted over a whole run, beside what its clients did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::media::Counters;

/// Why a received packet does not come as far as its track's slots (see the server's table of drops).
const DROPPED_BEFORE_SLOTS: [&str; 6] =
    ["not_published", "unknown_track", "unknown_encoding", "descriptor_unreadable", "muted", "not_loudest"];
/// Why a copy for a slot, or a datagram of the node's own, does not leave.
const DROPPED_AT_SLOTS: [&str; 7] =
    ["suspended", "codec_not_offered", "not_selected", "not_sendable", "socket_full", "tcp_queue_full", "tcp_closed"];

/// The account of a run, made when everybody has left.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Default, Debug)]
pub struct Account {
    /// The media node's counters, by name.
    pub server: BTreeMap<String, u64>,
    /// Packets that came to the server, less those that it routed to slots or dropped.
    pub imbalance_before_slots: i64,
    /// Copies for slots, retransmissions and datagrams of the server's own, less those that it sent or dropped.
    pub imbalance_after_slots: i64,
    /// Packets that clients sent, less those that the server counted.
    pub not_at_server_packets: i64,
    /// Packets that the server forwarded, less those that clients counted: lost, or on their way to who was leaving.
    pub not_at_clients_packets: i64,
}

impl Account {
    /// Of the server's counters and those of all clients, both since their start.
    pub fn new(server: BTreeMap<String, u64>, clients: &Counters) -> Self {
        let count = |name: &str| server.get(name).copied().unwrap_or_default().cast_signed();
        let dropped = |reasons: &[&str]| -> i64 {
            reasons.iter().map(|reason| count(&format!("packets_dropped{{reason=\"{reason}\"}}"))).sum()
        };
        let came = count("packets_received") + count("packets_relay_received");
        let due = count("packets_offered") + count("packets_resent") + count("datagrams_generated");
        Self {
            imbalance_before_slots: came - count("packets_routed") - dropped(&DROPPED_BEFORE_SLOTS),
            imbalance_after_slots: due - count("datagrams_sent") - dropped(&DROPPED_AT_SLOTS),
            not_at_server_packets: (clients.sent_audio + clients.sent_video).cast_signed() - count("packets_received"),
            not_at_clients_packets: count("packets_forwarded") - clients.received().cast_signed(),
            server,
        }
    }

    /// Datagrams in one message to the kernel, on average.
    pub fn run_length(&self) -> f64 {
        let count = |name: &str| self.server.get(name).copied().unwrap_or_default() as f64;
        count("datagrams_sent") / count("messages_sent").max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_is_somewhere() {
        let counters = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let server = counters(&[
            ("packets_received", 100),
            ("packets_routed", 90),
            ("packets_dropped{reason=\"muted\"}", 10),
            ("packets_dropped{reason=\"not_selected\"}", 30),
            ("packets_offered", 180),
            ("packets_forwarded", 150),
            ("datagrams_generated", 12),
            ("datagrams_sent", 162),
            ("messages_sent", 81),
        ]);
        let clients = Counters { sent_audio: 40, sent_video: 61, received_video: 147, ..Counters::default() };
        let account = Account::new(server, &clients);
        assert_eq!((account.imbalance_before_slots, account.imbalance_after_slots), (0, 0));
        assert_eq!((account.not_at_server_packets, account.not_at_clients_packets), (1, 3));
        assert!((account.run_length() - 2.0).abs() < f64::EPSILON);
    }
}
