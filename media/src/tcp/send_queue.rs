//! What waits to be sent on a TCP connection.

use std::collections::VecDeque;
use std::io::IoSlice;

/// Bytes that may wait before pictures are no longer taken: three large keyframes, or a second at 1 Mb/s. What is older
/// is of little use to anybody.
const VIDEO_BYTES_MAX: usize = 128 << 10;
/// For sound and its reports: a dozen seconds of a voice more.
const AUDIO_BYTES_MAX: usize = VIDEO_BYTES_MAX + (64 << 10);
/// For all the rest. In-call messages of 64 KiB come in datagrams of the data channel, which repeats what is lost.
const CONTROL_BYTES_MAX: usize = AUDIO_BYTES_MAX + (64 << 10);
/// Memory that an empty queue keeps.
const KEPT_BYTES: usize = 4 << 10;

/// What datagrams carry: when a client does not read as fast as it is sent to, the first is given up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Pictures, and padding that probes for bandwidth.
    Video,
    /// Sound.
    Audio,
    /// Answers to checks, handshakes, in-call messages, reports.
    Control,
}

impl Content {
    /// Bytes that may wait when one of these comes.
    fn bytes_max(self) -> usize {
        match self {
            Self::Video => VIDEO_BYTES_MAX,
            Self::Audio => AUDIO_BYTES_MAX,
            Self::Control => CONTROL_BYTES_MAX,
        }
    }
}

/// Frames that wait for a connection to take them, as they will leave. What is in it is never taken out again but by
/// being sent, so that a frame that has begun to leave is finished; what is too much is not let in.
#[derive(Debug, Default)]
pub struct SendQueue {
    bytes: VecDeque<u8>,
}

impl SendQueue {
    /// Adds a datagram as a frame (RFC 4571, section 2). `false` when there is no room for what it carries.
    pub fn push(&mut self, content: Content, datagram: &[u8]) -> bool {
        let Ok(length) = u16::try_from(datagram.len()) else { return false };
        if self.bytes.len() + size_of_val(&length) + datagram.len() > content.bytes_max() {
            return false;
        }
        self.bytes.extend(&length.to_be_bytes());
        self.bytes.extend(datagram);
        true
    }

    /// What is to leave next.
    pub fn slices(&self) -> [IoSlice<'_>; 2] {
        let (first, second) = self.bytes.as_slices();
        [IoSlice::new(first), IoSlice::new(second)]
    }

    /// Notes that so many bytes have left.
    pub fn advance(&mut self, bytes: usize) {
        self.bytes.drain(..bytes.min(self.bytes.len()));
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::Deframer;
    use super::*;

    const DATAGRAM: [u8; 1_000] = [1; 1_000];

    fn fill(queue: &mut SendQueue, content: Content) -> usize {
        (0..1_000).take_while(|_| queue.push(content, &DATAGRAM)).count()
    }

    /// Takes up to `bytes` of what waits.
    fn take(queue: &mut SendQueue, bytes: usize) -> Vec<u8> {
        let all: Vec<u8> = queue.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        let taken = all.get(..bytes.min(all.len())).unwrap().to_vec();
        queue.advance(taken.len());
        taken
    }

    #[test]
    fn video_gives_way_to_sound_and_both_to_the_rest() {
        let mut queue = SendQueue::default();
        assert_eq!(fill(&mut queue, Content::Video), VIDEO_BYTES_MAX / 1_002);
        assert!(fill(&mut queue, Content::Audio) > 60);
        assert!(!queue.push(Content::Video, &[1]));
        assert!(fill(&mut queue, Content::Control) > 60);
        assert!(!queue.push(Content::Control, &DATAGRAM), "all of it is bounded");
        assert!(queue.bytes.len() <= CONTROL_BYTES_MAX);
        take(&mut queue, CONTROL_BYTES_MAX - VIDEO_BYTES_MAX + 3_000);
        assert!(queue.push(Content::Video, &DATAGRAM), "when it is read, there is room again");
    }

    #[test]
    fn what_was_full_gives_its_memory_back() {
        let mut queue = SendQueue::default();
        fill(&mut queue, Content::Control);
        assert!(queue.bytes.capacity() > VIDEO_BYTES_MAX);
        take(&mut queue, usize::MAX);
        assert!(queue.is_empty() && queue.bytes.capacity() <= 2 * KEPT_BYTES, "{}", queue.bytes.capacity());
    }

    proptest! {
        #[test]
        fn what_was_let_in_leaves_whole_and_in_order(
            steps in vec((0_usize..3, 1_usize..1_400, 0_usize..4_000), 0..400),
        ) {
            let (mut queue, mut deframer) = (SendQueue::default(), Deframer::default());
            let (mut expected, mut found) = (Vec::new(), Vec::new());
            for (number, (content, length, read)) in steps.into_iter().enumerate() {
                let content = [Content::Video, Content::Audio, Content::Control][content];
                let datagram = vec![number as u8; length];
                if queue.push(content, &datagram) {
                    expected.push(datagram);
                }
                // A reader that takes nothing for a while, and then what it can.
                let read = if number % 100 < 70 { 0 } else { read };
                deframer.push(&take(&mut queue, read), |frame| found.push(frame.to_vec())).unwrap();
            }
            deframer.push(&take(&mut queue, usize::MAX), |frame| found.push(frame.to_vec())).unwrap();
            prop_assert_eq!(found, expected);
        }
    }
}
