//! The packets of a track that may be asked for again: one ring for all subscribers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::rtp::Packet;

/// A packet older than this is of no use to a jitter buffer: two tries at a round trip of 300 ms.
const AGE_MAX: Duration = Duration::from_millis(750);
/// Packets of one encoding: [`AGE_MAX`] at 5 Mb/s. When it is full the oldest go.
const PACKETS_MAX: usize = 512;

/// The newest packets of one encoding, by their sequence number at the publisher.
#[derive(Debug, Default)]
pub struct History {
    packets: VecDeque<Packet>,
}

impl History {
    /// Keeps a packet.
    pub fn push(&mut self, packet: &Packet) {
        let is_old = |oldest: &Packet| packet.arrival.saturating_duration_since(oldest.arrival) > AGE_MAX;
        while self.packets.len() >= PACKETS_MAX || self.packets.front().is_some_and(is_old) {
            self.packets.pop_front();
        }
        // Nearly always it is the newest.
        let place =
            self.packets.iter().rposition(|known| known.sequence < packet.sequence).map_or(0, |place| place + 1);
        if self.packets.get(place).is_none_or(|known| known.sequence != packet.sequence) {
            self.packets.insert(place, packet.clone());
        }
    }

    /// The packet with this number, while it is kept.
    pub fn get(&self, sequence: u64) -> Option<&Packet> {
        let place = self.packets.binary_search_by_key(&sequence, |packet| packet.sequence).ok()?;
        self.packets.get(place)
    }

    /// Whether the packet with this number was kept, or would have been, and is not any more.
    pub fn is_past(&self, sequence: u64) -> bool {
        self.packets.front().is_none_or(|oldest| sequence < oldest.sequence)
    }

    /// Lets go of what is too old, as when nothing comes any more.
    pub fn expire(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|oldest| now.saturating_duration_since(oldest.arrival) > AGE_MAX) {
            self.packets.pop_front();
        }
        if self.packets.is_empty() {
            self.packets = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::testing::packet;

    #[test]
    fn packets_are_found_in_any_order_of_arrival() {
        let now = Instant::now();
        let mut history = History::default();
        for sequence in [70_000, 70_002, 70_001, 70_002, 70_005] {
            history.push(&packet(sequence, 0, now));
        }
        assert_eq!(
            history.packets.iter().map(|packet| packet.sequence).collect::<Vec<_>>(),
            [70_000, 70_001, 70_002, 70_005]
        );
        assert_eq!(history.get(70_001).unwrap().sequence, 70_001);
        assert!(history.get(70_003).is_none());
        assert!(history.is_past(69_999) && !history.is_past(70_003), "it may still come");
    }

    #[test]
    fn it_is_bounded_in_time_and_number() {
        let now = Instant::now();
        let mut history = History::default();
        for sequence in 0..2_000 {
            history.push(&packet(sequence, 0, now));
        }
        assert_eq!(history.packets.len(), PACKETS_MAX);
        history.push(&packet(2_000, 0, now + AGE_MAX + Duration::from_millis(1)));
        assert_eq!(history.packets.len(), 1);
        history.expire(now + 3 * AGE_MAX);
        assert!(history.packets.is_empty());
    }
}
