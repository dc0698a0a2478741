//! The part of RTP headers that is not encrypted (RFC 3550, section 5.1), read before the packet is decrypted: frames
//! no longer tell which packets they came in, nor whose they are.

/// What a receiver learns from a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RtpHeader {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    /// The first contributing source: the track's number.
    pub(crate) csrc: Option<u32>,
}

/// Reads the header of an RTP packet; `None` for anything else (RFC 7983, RFC 5761).
pub(crate) fn peek(datagram: &[u8]) -> Option<RtpHeader> {
    let &[first, second, ..] = datagram else { return None };
    let is_rtcp = (64..96).contains(&(second & 0x7f));
    if !(128..192).contains(&first) || is_rtcp {
        return None;
    }
    let u32_at = |at: usize| datagram.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let sequence = u16::from_be_bytes(datagram.get(2..4)?.try_into().ok()?);
    let ssrc = u32_at(8)?;
    let csrc = if first & 0x0f > 0 { u32_at(12) } else { None };
    Some(RtpHeader { ssrc, sequence, csrc })
}

/// Counts what did not arrive, as RFC 3550, appendix A.3 does: expected less received.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct SequenceCounter {
    first: Option<u64>,
    highest: u64,
    received: u64,
}

impl SequenceCounter {
    pub(crate) fn add(&mut self, sequence: u16) {
        let first = *self.first.get_or_insert_with(|| {
            // Room below, for packets that were overtaken by the first.
            self.highest = (1 << 32) | u64::from(sequence);
            self.highest
        });
        let step = sequence.wrapping_sub(self.highest as u16).cast_signed();
        let extended = self.highest.saturating_add_signed(i64::from(step));
        self.highest = self.highest.max(extended);
        self.first = Some(first.min(extended));
        self.received += 1;
    }

    pub(crate) fn lost(&self) -> u64 {
        let expected = self.first.map_or(0, |first| self.highest - first + 1);
        expected.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_with_a_track_number_is_read() {
        let packet = [0x91, 0xe0, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 9, 1, 0, 0, 7, 0xbe, 0xde];
        assert_eq!(peek(&packet), Some(RtpHeader { ssrc: 9, sequence: 0x1234, csrc: Some(0x0100_0007) }));
        assert_eq!(peek(&[0x80, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None, "RTCP");
        assert_eq!(peek(&[0x16, 0xfe, 0xfd]), None, "DTLS");
        assert_eq!(peek(&packet[..11]), None);
    }

    #[test]
    fn gaps_count_once_across_the_wrap_and_late_packets_fill_them() {
        let mut counter = SequenceCounter::default();
        for sequence in [65_534, 65_535, 1, 2] {
            counter.add(sequence);
        }
        assert_eq!(counter.lost(), 1);
        counter.add(0);
        counter.add(65_533);
        assert_eq!(counter.lost(), 0);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(datagram in proptest::collection::vec(any::<u8>(), 0..32)) {
            let _ = peek(&datagram);
        }

        #[test]
        fn any_order_within_a_window_loses_nothing(start in any::<u16>(), order in Just((0u16..200).collect::<Vec<_>>()).prop_shuffle()) {
            let mut counter = SequenceCounter::default();
            for offset in order {
                counter.add(start.wrapping_add(offset));
            }
            prop_assert_eq!(counter.lost(), 0);
        }
    }
}
