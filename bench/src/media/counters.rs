//! What is counted.

use super::histogram::Histogram;

/// Counts since the engine began, over all clients. A window is the difference of two.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Packets of sound that arrived.
    pub received_audio: u64,
    /// Packets of pictures that arrived, without retransmissions.
    pub received_video: u64,
    /// Bytes of their payloads, sealed. What a server writes into headers, or sends again, is not in it.
    pub received_bytes: u64,
    /// Retransmissions and probes that arrived.
    pub received_repair: u64,
    /// Missing packets that a retransmission brought.
    pub repaired: u64,
    /// Packets that sequence numbers led to expect.
    pub expected: u64,
    /// Those of them that did not arrive and were not repaired.
    pub lost: u64,
    /// Sound packets sent.
    pub sent_audio: u64,
    /// Picture packets sent, of all encodings.
    pub sent_video: u64,
    /// Packets sent again on request.
    pub sent_repair: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// Packets asked for again.
    pub nacked: u64,
    /// Datagrams that arrived.
    pub datagrams: u64,
    /// Runs in which they arrived.
    pub runs: u64,
    /// Datagrams for no client, such as those of the floor.
    pub foreign: u64,
    /// Samples that could not be decrypted.
    pub unreadable: u64,
    /// Datagrams that the kernel did not take.
    pub refused: u64,
    /// Transports that are connected.
    pub connected: u64,
    /// Transports that failed.
    pub failed: u64,
    /// Time that the engine's thread used, in ns.
    pub busy_ns: u64,
    /// From sealing to arrival, in ns.
    pub latency: Histogram,
    /// How media is protected; empty before the first handshake.
    pub srtp_profile: &'static str,
}

impl Counters {
    /// Media packets that arrived.
    pub fn received(&self) -> u64 {
        self.received_audio + self.received_video
    }
}
