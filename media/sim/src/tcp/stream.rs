//! One direction of a TCP connection over a link: bytes arrive in order, what is lost is sent again, and only so many are on
//! their way at a time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::link::Link;

/// Bytes of a segment, and what TCP's header has more than UDP's.
const SEGMENT_BYTES: usize = 1_400;
const HEADER_BYTES: usize = 12;
/// Bytes on their way: a window begins with ten segments, grows by one with each that was acknowledged whole, and halves at a
/// loss.
const WINDOW_BYTES_AT_FIRST: usize = 10 * SEGMENT_BYTES;
const WINDOW_BYTES_MIN: usize = 2 * SEGMENT_BYTES;
const WINDOW_BYTES_MAX: usize = 64 << 10;
/// Bytes that the kernel takes and cannot send yet, as the node asks of it (`TCP_NOTSENT_LOWAT`).
const UNSENT_BYTES_MAX: usize = 16 << 10;
/// A segment that was lost is sent again after so long, then after twice that, and so on.
const AGAIN_AFTER: Duration = Duration::from_millis(250);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(2);

/// One direction of a connection.
#[derive(Debug)]
pub struct Stream {
    unsent: VecDeque<u8>,
    segments: VecDeque<Segment>,
    /// Bytes that have arrived, and when that is known here.
    acknowledged: VecDeque<(Instant, usize)>,
    on_the_way: usize,
    window: usize,
}

#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    arrives_at: Option<Instant>,
    again_at: Instant,
    again_after: Duration,
}

impl Default for Stream {
    fn default() -> Self {
        let (unsent, segments, acknowledged) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { unsent, segments, acknowledged, on_the_way: 0, window: WINDOW_BYTES_AT_FIRST }
    }
}

impl Stream {
    /// Takes bytes as far as there is room; says how many.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(UNSENT_BYTES_MAX.saturating_sub(self.unsent.len()));
        self.unsent.extend(&bytes[..taken]);
        taken
    }

    /// Sends what may be sent, and appends what has arrived.
    pub fn poll(&mut self, now: Instant, link: &mut Link, arrived: &mut Vec<u8>) {
        while let Some((_, bytes)) = self.acknowledged.pop_front_if(|(at, _)| *at <= now) {
            self.on_the_way -= bytes;
            self.window = (self.window + SEGMENT_BYTES * bytes / self.window).min(WINDOW_BYTES_MAX);
        }
        for segment in &mut self.segments {
            if segment.arrives_at.is_none() && segment.again_at <= now {
                segment.send(now, link, &mut self.window);
            }
        }
        while !self.unsent.is_empty() && self.on_the_way < self.window {
            let bytes: Vec<u8> = self.unsent.drain(..self.unsent.len().min(SEGMENT_BYTES)).collect();
            self.on_the_way += bytes.len();
            let mut segment = Segment { bytes, arrives_at: None, again_at: now, again_after: AGAIN_AFTER };
            segment.send(now, link, &mut self.window);
            self.segments.push_back(segment);
        }
        let has_arrived = |segment: &mut Segment| segment.arrives_at.is_some_and(|at| at <= now);
        while let Some(segment) = self.segments.pop_front_if(has_arrived) {
            self.acknowledged.push_back((now + link.config.delay, segment.bytes.len()));
            arrived.extend(segment.bytes);
        }
    }
}

impl Segment {
    fn send(&mut self, now: Instant, link: &mut Link, window: &mut usize) {
        self.arrives_at = link.send(now, self.bytes.len() + HEADER_BYTES).into_iter().flatten().next();
        if self.arrives_at.is_none() {
            self.again_at = now + self.again_after;
            self.again_after = (self.again_after * 2).min(AGAIN_AFTER_MAX);
            *window = (*window / 2).max(WINDOW_BYTES_MIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{LinkConfig, Loss};
    use crate::random::Random;

    /// Writes as much as it takes for so many seconds; what has arrived.
    fn carried(config: LinkConfig, seconds: u64) -> Vec<u8> {
        let (mut stream, mut link) = (Stream::default(), Link::new(config, Random::new(3)));
        let (began, mut written, mut arrived) = (Instant::now(), 0_usize, Vec::new());
        for ms in 0..seconds * 1_000 {
            let next: Vec<u8> = (written..written + 2_000).map(|place| place as u8).collect();
            written += stream.write(&next);
            stream.poll(began + Duration::from_millis(ms), &mut link, &mut arrived);
        }
        arrived
    }

    #[test]
    fn everything_arrives_in_order_over_a_link_that_loses() {
        let delay = Duration::from_millis(20);
        let lossy =
            LinkConfig { loss: Loss::Random(0.1), reordered: 0.1, duplicated: 0.1, delay, ..LinkConfig::default() };
        let arrived = carried(lossy, 20);
        assert!(arrived.len() > 200_000, "{}", arrived.len());
        assert!(arrived.iter().enumerate().all(|(place, byte)| *byte == place as u8));
    }

    #[test]
    fn a_narrow_link_is_filled_and_pushes_back() {
        let narrow = LinkConfig { rate_bps: Some(800_000), delay: Duration::from_millis(20), ..LinkConfig::default() };
        let arrived = carried(narrow, 10).len();
        assert!((600_000..=1_000_000).contains(&arrived), "{arrived}");
    }
}
