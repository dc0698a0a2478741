//! Counts of a call.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use boltorezka_proto::TrackNumber;

use super::receive::{SlotStats, TrackStats};

/// Counts of a call since it began.
#[derive(Clone, Debug, Default)]
pub struct CallStats {
    /// When the offer was sent.
    pub offered_at: Option<Instant>,
    /// From the offer until media could flow.
    pub connected_after: Option<Duration>,
    /// Datagrams that came.
    pub datagrams_received: u64,
    /// Datagrams among them that are neither STUN, nor DTLS, nor RTP, nor RTCP.
    pub datagrams_unknown: u64,
    /// Datagrams that were not sent as too many waited or the socket was full.
    pub datagrams_dropped: u64,
    /// RTP packets that could not be decrypted.
    pub decrypt_failures: u64,
    /// RTP packets that were decrypted.
    pub rtp_packets_received: u64,
    /// When the latest of them came.
    pub last_rtp_received_at: Option<Instant>,
    /// RTP packets that were sent.
    pub rtp_packets_sent: u64,
    /// When the latest of them was sent.
    pub last_rtp_sent_at: Option<Instant>,
    /// Frames that were sent.
    pub frames_sent: u64,
    /// Frames that could not be sent: their codec was not negotiated, or the connection took no more.
    pub frames_not_sent: u64,
    /// Received frames that nobody took in time.
    pub frames_dropped: u64,
    /// Received data messages that were dropped because nobody took them.
    pub data_dropped: u64,
    /// Requests for keyframes that came.
    pub keyframe_requests: u64,
    /// Counts of each receive slot, audio first.
    pub slots: Vec<SlotStats>,
    /// Counts of each received track.
    pub tracks: BTreeMap<TrackNumber, TrackStats>,
}

impl CallStats {
    /// Share of the packets to all slots that did not arrive, 0 to 1.
    pub fn loss_ratio(&self) -> f64 {
        let lost: u64 = self.slots.iter().map(|slot| slot.packets_lost).sum();
        let received: u64 = self.slots.iter().map(|slot| slot.packets).sum();
        lost as f64 / (lost + received).max(1) as f64
    }

    /// From the offer to the first frame in any slot that a decoder can show or sound.
    pub fn first_keyframe_after(&self) -> Option<Duration> {
        self.slots.iter().filter_map(|slot| slot.first_keyframe_after).min()
    }
}
