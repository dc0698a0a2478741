//! RTCP of the egress: what receivers report and ask for, and our sender reports.

use std::time::Duration;

/// Sender report (RFC 3550, section 6.4.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
/// Transport layer and payload-specific feedback (RFC 4585, sections 6.2 and 6.3).
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

const NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA_REQUEST: u8 = 4;

/// Header and sender of a packet.
const HEAD_BYTES: usize = 8;
const REPORT_BLOCK_BYTES: usize = 24;
/// What a sender report holds between its head and its blocks.
const SENDER_INFO_BYTES: usize = 20;
const CNAME: u8 = 1;

/// One thing that a receiver said about what we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback<'a> {
    /// How a source arrives.
    Report(Report),
    /// Packets that are missing, as pairs of a number and a mask of those behind it (RFC 4585, section 6.2.1).
    Nack {
        /// The source.
        ssrc: u32,
        /// The pairs, four bytes each.
        pairs: &'a [u8],
    },
    /// A decoder lost its way (RFC 4585, section 6.3.1; RFC 5104, section 4.3.1).
    KeyframeRequest {
        /// The source.
        ssrc: u32,
    },
    /// A whole packet of transport-wide feedback, for the estimator.
    TransportWide(&'a [u8]),
    /// Something that concerns what the client sends, for whoever receives that.
    Other,
}

/// A report block (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The source.
    pub ssrc: u32,
    /// The middle of the NTP time of our last sender report that came; 0 when none did.
    pub last_report: u32,
    /// How long the client kept it, in 1/65,536 s.
    pub delay: u32,
}

/// Calls `act` for each thing in a compound packet. What is cut short ends it.
pub fn read_compound<'a>(mut compound: &'a [u8], mut act: impl FnMut(Feedback<'a>)) {
    while let Some((&[first, kind, l0, l1], _)) = compound.split_first_chunk::<4>() {
        let length = 4 * (usize::from(u16::from_be_bytes([l0, l1])) + 1);
        let Some((packet, rest)) = compound.split_at_checked(length) else { return };
        compound = rest;
        read_packet(first & 0x1f, kind, packet, &mut act);
    }
}

fn read_packet<'a>(count: u8, kind: u8, packet: &'a [u8], act: &mut impl FnMut(Feedback<'a>)) {
    let body = packet.get(HEAD_BYTES..).unwrap_or_default();
    match (kind, count) {
        (SENDER_REPORT, _) => {
            act(Feedback::Other);
            read_blocks(body.get(SENDER_INFO_BYTES..).unwrap_or_default(), count, act);
        }
        (RECEIVER_REPORT, _) => read_blocks(body, count, act),
        (SOURCE_DESCRIPTION, _) => {}
        (TRANSPORT_FEEDBACK, NACK) => {
            if let Some((ssrc, pairs)) = body.split_first_chunk::<4>() {
                act(Feedback::Nack { ssrc: u32::from_be_bytes(*ssrc), pairs });
            }
        }
        (TRANSPORT_FEEDBACK, TRANSPORT_WIDE) => act(Feedback::TransportWide(packet)),
        (PAYLOAD_FEEDBACK, PICTURE_LOSS) => {
            if let Some((ssrc, _)) = body.split_first_chunk::<4>() {
                act(Feedback::KeyframeRequest { ssrc: u32::from_be_bytes(*ssrc) });
            }
        }
        (PAYLOAD_FEEDBACK, FULL_INTRA_REQUEST) => {
            for entry in body.get(4..).unwrap_or_default().chunks_exact(8) {
                if let Some((ssrc, _)) = entry.split_first_chunk::<4>() {
                    act(Feedback::KeyframeRequest { ssrc: u32::from_be_bytes(*ssrc) });
                }
            }
        }
        // Application feedback, such as a bandwidth estimate of the receiver (REMB): ours replaces it.
        (PAYLOAD_FEEDBACK, _) => {}
        _ => act(Feedback::Other),
    }
}

fn read_blocks<'a>(blocks: &'a [u8], count: u8, act: &mut impl FnMut(Feedback<'a>)) {
    for block in blocks.chunks_exact(REPORT_BLOCK_BYTES).take(usize::from(count)) {
        let word = |at: usize| {
            let bytes = block.get(at..).and_then(|rest| rest.first_chunk::<4>());
            bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
        };
        act(Feedback::Report(Report { ssrc: word(0), last_report: word(16), delay: word(20) }));
    }
}

/// The sequence numbers that the pairs of a [`Feedback::Nack`] name.
pub fn nacked(pairs: &[u8]) -> impl Iterator<Item = u16> {
    pairs.as_chunks::<4>().0.iter().flat_map(|&[n0, n1, m0, m1]| {
        let (first, mask) = (u16::from_be_bytes([n0, n1]), u16::from_be_bytes([m0, m1]));
        let behind = (0..16).filter(move |bit| mask & (1 << bit) != 0);
        std::iter::once(first).chain(behind.map(move |bit| first.wrapping_add(bit + 1)))
    })
}

impl Report {
    /// Round-trip time, when our report came and the answer is sane (RFC 3550, section 6.4.1).
    pub fn round_trip_time(&self, now_ntp: u64) -> Option<Duration> {
        let now = (now_ntp >> 16) as u32;
        let units = now.wrapping_sub(self.last_report).wrapping_sub(self.delay);
        let is_sane = self.last_report != 0 && units < i32::MAX as u32;
        is_sane.then(|| Duration::from_micros(u64::from(units) * 1_000_000 / 65_536))
    }
}

/// What a sender report says of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// The source.
    pub ssrc: u32,
    /// NTP timestamp, 32 bits of seconds and 32 of a second's parts.
    pub ntp: u64,
    /// The same moment on the source's clock.
    pub timestamp: u32,
    /// Packets so far.
    pub packets: u32,
    /// Payload bytes so far.
    pub octets: u32,
    /// Who sends: sources with the same name are played in step.
    pub cname: &'a str,
}

impl SenderReport<'_> {
    /// Appends a compound packet: the report and the source's description (RFC 3550, section 6.1).
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[2 << 6, SENDER_REPORT, 0, 6]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&self.ntp.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.packets.to_be_bytes());
        out.extend_from_slice(&self.octets.to_be_bytes());
        let name = self.cname.as_bytes();
        let name = name.get(..name.len().min(255)).unwrap_or_default();
        // Source, type, length and name, ended by at least one zero.
        let chunk = (4 + 2 + name.len() + 1).next_multiple_of(4);
        out.extend_from_slice(&[(2 << 6) | 1, SOURCE_DESCRIPTION, 0, (chunk / 4) as u8]);
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[CNAME, name.len() as u8]);
        out.extend_from_slice(name);
        out.resize(out.len() + chunk - 6 - name.len(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(compound: &[u8]) -> Vec<Feedback<'_>> {
        let mut all = Vec::new();
        read_compound(compound, |feedback| all.push(feedback));
        all
    }

    #[test]
    fn a_receivers_compound() {
        let mut compound = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
        compound.extend([0, 0, 0, 9, 0x40, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0, 0x80, 0]);
        compound.extend([0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0, 100, 0, 5]);
        compound.extend([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 8]);
        compound.extend([0x8f, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0]);
        let all = all(&compound);
        let report = Report { ssrc: 9, last_report: 0x1_0000, delay: 0x8000 };
        assert_eq!(all[0], Feedback::Report(report));
        // Sent at second 1, kept for half a second, now it is second 1.75.
        assert_eq!(report.round_trip_time(0x1_c000_0000), Some(Duration::from_millis(250)));
        let Feedback::Nack { ssrc: 9, pairs } = all[1] else { panic!("{all:?}") };
        assert_eq!(nacked(pairs).collect::<Vec<_>>(), [100, 101, 103]);
        assert_eq!(all[2], Feedback::KeyframeRequest { ssrc: 8 });
        assert!(matches!(all[3], Feedback::TransportWide(packet) if packet.len() == 20));
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_sender_report_is_a_whole_compound() {
        for cname in ["", "a", "ab", "abc", "abcdefghijklmnop"] {
            let report = SenderReport { ssrc: 7, ntp: 1 << 40, timestamp: 9, packets: 1, octets: 2, cname };
            let mut out = Vec::new();
            report.write(&mut out);
            assert_eq!(out.len() % 4, 0);
            // Of ours only the report's own head is for the one who receives.
            assert_eq!(all(&out), [Feedback::Other]);
            let description = &out[28..];
            assert_eq!(description.len(), 4 * (1 + usize::from(description[3])), "{cname}");
            assert_eq!(&description[10..10 + cname.len()], cname.as_bytes());
            assert_eq!(*description.last().unwrap(), 0);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120)) {
            read_compound(&bytes, |feedback| if let Feedback::Nack { pairs, .. } = feedback {
                nacked(pairs).for_each(drop);
            });
            let mut typical = vec![0x81, 205, 0, 9];
            typical.extend(&bytes);
            read_compound(&typical, |_| {});
        }
    }
}
