//! What waits for a link that has no room: pictures leave as the link takes them, not as they come.
//!
//! A keyframe, or the frames of several cameras that happen to come together, would stand in the link's queue otherwise, with
//! the voices behind it, and be taken for a link that is full.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use boltorezka_proto::TrackNumber;

use super::Queued;
use crate::bwe::Pace;
use crate::rtp::Packet;

/// Backlog of the link up to which packets leave at once: that of a usual frame, so that most of what is sent still leaves in
/// whole messages.
const BURST_US: i64 = 30_000;
/// Nothing waits longer than this: that more comes than the link takes is for the estimator and the allocator to see. A narrow
/// link takes so long for a keyframe, and loses the voices behind one that leaves at once.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Packets that wait at most: a quarter of a second at 40 Mb/s. When it is full, the oldest leave at once.
const PACKETS_MAX: usize = 1_024;
/// The least time between two looks: a packet of 1,200 bytes at 5 Mb/s.
const LOOK_US: i64 = 2_000;

/// A picture's packet that waits.
#[derive(Debug)]
pub struct Waiting {
    /// The slot that it leaves in.
    pub slot: usize,
    /// What it leaves with; its index is that of `packet` alone.
    pub queued: Queued,
    /// It.
    pub packet: Packet,
    since: Instant,
}

/// The packets that wait for one receiver's link, in the order in which they leave.
#[derive(Debug, Default)]
pub struct Pacer {
    queue: VecDeque<Waiting>,
    bytes: usize,
}

impl Pacer {
    /// How long a picture that comes now takes to leave, and to get through the link behind what left before, in microseconds.
    pub fn wait_us(&self, pace: Pace) -> i64 {
        pace.backlog_us + pace.takes_us(self.bytes)
    }

    /// Takes those packets of a picture out of `queue` that have to wait; how many.
    pub fn hold_back(
        &mut self,
        now: Instant,
        pace: Pace,
        slot: usize,
        queue: &mut Vec<Queued>,
        packets: &[Packet],
    ) -> usize {
        let at_once = if self.queue.is_empty() { fitting(pace, queue, packets) } else { 0 };
        if at_once == queue.len() {
            return 0;
        }
        let before = self.queue.len();
        for queued in queue.drain(at_once..) {
            if let Some(packet) = packets.get(queued.packet) {
                self.push(Waiting { slot, queued: Queued { packet: 0, ..queued }, packet: packet.clone(), since: now });
            }
        }
        self.queue.len() - before
    }

    /// The next packet, if it may leave now.
    pub fn pop(&mut self, now: Instant, pace: Pace) -> Option<Waiting> {
        let first = self.queue.front()?;
        let waited = now.saturating_duration_since(first.since);
        if pace.backlog_us > BURST_US && waited < WAIT_MAX && self.queue.len() <= PACKETS_MAX {
            return None;
        }
        let first = self.queue.pop_front()?;
        self.bytes -= first.packet.payload.len();
        if self.queue.is_empty() {
            // Keyframes are rare: what one took is given back.
            self.queue = VecDeque::new();
        }
        Some(first)
    }

    /// When to look again; `None` while nothing waits.
    pub fn next(&self, now: Instant, pace: Pace) -> Option<Instant> {
        let first = self.queue.front()?;
        let room_at = now + Duration::from_micros((pace.backlog_us - BURST_US).max(LOOK_US).unsigned_abs());
        Some(room_at.min(first.since + WAIT_MAX))
    }

    /// Takes out what waits of a track in a slot; the numbers that it was to leave with.
    pub fn forget(&mut self, slot: usize, track: TrackNumber) -> impl Iterator<Item = u64> + use<> {
        let is_gone = |waiting: &Waiting| waiting.slot == slot && waiting.packet.track == track;
        let (gone, rest) = std::mem::take(&mut self.queue).into_iter().partition::<VecDeque<_>, _>(is_gone);
        self.queue = rest;
        self.bytes -= gone.iter().map(|waiting| waiting.packet.payload.len()).sum::<usize>();
        gone.into_iter().map(|waiting| waiting.queued.munged.sequence)
    }

    fn push(&mut self, waiting: Waiting) {
        self.bytes += waiting.packet.payload.len();
        self.queue.push_back(waiting);
    }
}

/// How many of the first packets the link has room for.
fn fitting(pace: Pace, queue: &[Queued], packets: &[Packet]) -> usize {
    let room_bytes = pace.bytes_in(BURST_US - pace.backlog_us);
    let mut bytes = 0;
    for (place, queued) in queue.iter().enumerate() {
        if bytes >= room_bytes {
            return place;
        }
        bytes += packets.get(queued.packet).map_or(0, |packet| packet.payload.len());
    }
    queue.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Munged, testing};
    use crate::rtp::Rewrite;

    /// 4 ms a packet.
    const EMPTY: Pace = Pace { backlog_us: 0, bps: 2e6 };
    const FULL: Pace = Pace { backlog_us: 100_000, ..EMPTY };

    /// Packets of 1,000 bytes that are to leave in slot 7.
    fn picture(count: usize) -> (Vec<Queued>, Vec<Packet>) {
        let queued = |n: usize| {
            let munged = Munged { sequence: n as u64, timestamp: 0, marker: false, rewrite: Rewrite::default() };
            Queued { packet: n, payload_type: 96, munged, block_type: None, is_retransmission: false }
        };
        let mut packet = testing::packet(0, 0, Instant::now());
        packet.payload = vec![0; 1_000].into();
        ((0..count).map(queued).collect(), vec![packet; count])
    }

    #[test]
    fn a_picture_leaves_in_order_as_the_link_takes_it() {
        let (mut pacer, now) = (Pacer::default(), Instant::now());
        let (mut queue, packets) = picture(20);
        assert!(pacer.pop(now, EMPTY).is_none() && pacer.next(now, EMPTY).is_none());
        assert_eq!(pacer.hold_back(now, EMPTY, 7, &mut queue, &packets), 12);
        assert_eq!((queue.len(), pacer.wait_us(EMPTY), pacer.wait_us(FULL)), (8, 48_000, 148_000));
        assert_eq!(pacer.hold_back(now, EMPTY, 7, &mut queue, &packets), 8, "behind what waits");

        assert!(pacer.pop(now, FULL).is_none());
        assert_eq!(pacer.next(now, FULL), Some(now + Duration::from_millis(70)));
        let first = pacer.pop(now, EMPTY).unwrap();
        assert_eq!((first.slot, first.queued.packet, first.queued.munged.sequence), (7, 0, 8));
        let late = now + WAIT_MAX;
        assert!(pacer.pop(late - Duration::from_millis(1), FULL).is_none());
        assert_eq!(pacer.next(late - Duration::from_millis(1), FULL), Some(late));
        assert_eq!(std::iter::from_fn(|| pacer.pop(late, FULL)).count(), 19, "they waited long");
        assert_eq!(pacer.wait_us(EMPTY), 0);
    }

    #[test]
    fn what_waits_of_a_track_can_be_taken_out() {
        let (mut pacer, now) = (Pacer::default(), Instant::now());
        let (mut queue, packets) = picture(3);
        pacer.hold_back(now, FULL, 7, &mut queue, &packets);
        let (mut queue, mut others) = picture(2);
        others.iter_mut().for_each(|packet| packet.track = TrackNumber(99));
        pacer.hold_back(now, FULL, 7, &mut queue, &others);
        let (mut queue, packets) = picture(1);
        pacer.hold_back(now, FULL, 8, &mut queue, &packets);
        assert_eq!(pacer.forget(7, packets[0].track).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(pacer.wait_us(EMPTY), 12_000);
        let left: Vec<_> = std::iter::from_fn(|| pacer.pop(now, EMPTY)).map(|waiting| waiting.slot).collect();
        assert_eq!(left, [7, 7, 8]);
    }

    #[test]
    fn no_more_than_its_capacity_waits() {
        let (mut pacer, now) = (Pacer::default(), Instant::now());
        let (mut queue, packets) = picture(PACKETS_MAX + 20);
        let waiting = pacer.hold_back(now, FULL, 0, &mut queue, &packets);
        assert_eq!((waiting, queue.len()), (PACKETS_MAX + 20, 0));
        assert_eq!(std::iter::from_fn(|| pacer.pop(now, FULL)).count(), 20);
    }
}
