//! What leaves in a turn: datagrams in one arena, those of one destination that differ little in size as one message.

use super::path::{Path, Via};
use crate::tcp::Content;

/// Segments of one message (`UDP_SEGMENT`): the kernel takes 64.
pub const SEGMENTS_MAX: usize = 64;
/// Bytes of one message: below what an IP packet holds.
pub const MESSAGE_BYTES_MAX: usize = 60_000;

/// Memory that a batch keeps: a keyframe of 30 kB for 64 receivers. Probes or handshakes of many clients at once may take
/// more for a moment.
const KEPT_BYTES: usize = 2 << 20;

/// Datagrams to send. It keeps its memory from turn to turn, up to [`KEPT_BYTES`].
#[derive(Debug, Default)]
pub struct SendBatch {
    arena: Vec<u8>,
    messages: Vec<Message>,
    generated: u64,
    has_tcp: bool,
}

/// A stretch of the arena for one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    start: usize,
    end: usize,
    segment_bytes: usize,
    path: Path,
    content: Content,
}

/// Datagrams for one destination. Each but the last has `segment_bytes`, the last has that or less, so that the kernel can
/// cut them apart itself (generic segmentation offload, `UDP_SEGMENT` in udp(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Where to.
    pub path: Path,
    /// What they carry.
    pub content: Content,
    /// The datagrams, one behind the other.
    pub contents: &'a [u8],
    /// Length of each but the last.
    pub segment_bytes: usize,
}

impl<'a> Outgoing<'a> {
    /// The datagrams one by one.
    pub fn datagrams(self) -> impl Iterator<Item = &'a [u8]> {
        self.contents.chunks(self.segment_bytes.max(1))
    }

    /// How many there are.
    pub fn datagram_count(self) -> usize {
        self.contents.len().div_ceil(self.segment_bytes.max(1))
    }
}

impl SendBatch {
    /// Adds a datagram that is no packet of a client's.
    pub fn push(&mut self, path: Path, datagram: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(datagram);
        self.finish_generated(start, datagram.len(), path, Content::Control);
    }

    /// The arena, to write datagrams behind what it holds; [`SendBatch::finish`] makes a message of them.
    pub fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.arena
    }

    /// Makes a message of what was written from `start` on: datagrams of `segment_bytes` each, the last of that or less.
    pub fn finish(&mut self, start: usize, segment_bytes: usize, path: Path, content: Content) {
        let end = self.arena.len();
        if end > start {
            self.messages.push(Message { start, end, segment_bytes, path, content });
            self.has_tcp |= path.via != Via::Udp;
        }
    }

    /// As [`SendBatch::finish`], for datagrams that are no packets of clients.
    pub fn finish_generated(&mut self, start: usize, segment_bytes: usize, path: Path, content: Content) {
        let bytes = self.arena.len().saturating_sub(start);
        self.generated += bytes.div_ceil(segment_bytes.max(1)) as u64;
        self.finish(start, segment_bytes, path, content);
    }

    /// Datagrams since the last [`SendBatch::clear`] that are no packets of clients.
    pub fn generated(&self) -> u64 {
        self.generated
    }

    /// Whether any of it goes over TCP.
    pub fn has_tcp(&self) -> bool {
        self.has_tcp
    }

    /// How many messages there are.
    pub fn message_count(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// What there is to send, in order.
    pub fn iter(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.messages.iter().filter_map(|message| {
            Some(Outgoing {
                path: message.path,
                content: message.content,
                contents: self.arena.get(message.start..message.end)?,
                segment_bytes: message.segment_bytes,
            })
        })
    }

    /// Forgets what was sent.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.arena.shrink_to(KEPT_BYTES);
        self.messages.clear();
        self.generated = 0;
        self.has_tcp = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::TcpId;

    #[test]
    fn datagrams_come_out_as_they_went_in() {
        let path = Path { via: Via::Udp, source: [192, 0, 2, 1].into(), destination: ([192, 0, 2, 9], 5000).into() };
        let mut batch = SendBatch::default();
        batch.push(path, &[1; 7]);
        let start = batch.arena().len();
        batch.arena().extend([2; 10]);
        batch.arena().extend([3; 10]);
        batch.arena().extend([4; 5]);
        batch.finish(start, 10, path, Content::Video);
        batch.finish(batch.arena.len(), 10, path, Content::Audio);
        let sizes: Vec<Vec<usize>> =
            batch.iter().map(|message| message.datagrams().map(<[u8]>::len).collect()).collect();
        assert_eq!(sizes, [vec![7], vec![10, 10, 5]]);
        assert_eq!(batch.iter().map(Outgoing::datagram_count).collect::<Vec<_>>(), [1, 3]);
        assert!(!batch.has_tcp());
        batch.push(Path { via: Via::Tcp(TcpId(1)), ..path }, &[1]);
        assert!(batch.has_tcp());
        batch.clear();
        assert!(batch.is_empty() && !batch.has_tcp());
        batch.push(path, &[0; 2 * KEPT_BYTES]);
        batch.clear();
        assert!(batch.arena.capacity() <= KEPT_BYTES, "memory of one large turn is not kept");
    }
}
