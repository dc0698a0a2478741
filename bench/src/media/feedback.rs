//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when each packet arrived.

const TRANSPORT_FEEDBACK: u8 = 205;
const FORMAT: u8 = 15;
/// Unit of arrival times.
const TICK_US: i64 = 250;
/// Unit of the reference time.
const REFERENCE_US: i64 = 64_000;
/// Packets that one feedback tells of, missing ones included. Above what arrives in an interval; its length stays below
/// that of a datagram.
const STATUSES_MAX: i64 = 450;
/// Arrivals that are kept for the next feedback; further ones are not told of, as if lost.
const ARRIVALS_MAX: usize = 4_096;

const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;

/// Collects arrivals and tells of them.
#[derive(Debug, Default)]
pub struct Feedback {
    arrivals: Vec<(i64, i64)>,
    newest: Option<i64>,
    /// The first that has not been told of.
    next: Option<i64>,
    count: u8,
}

impl Feedback {
    /// A packet has arrived, `at_us` by any clock that does not jump.
    #[inline]
    pub fn add(&mut self, sequence: u16, at_us: i64) {
        let extended = match self.newest {
            Some(newest) => newest + i64::from(sequence.wrapping_sub(newest as u16).cast_signed()),
            None => i64::from(sequence) + 0x1_0000,
        };
        self.newest = Some(self.newest.unwrap_or(extended).max(extended));
        if self.arrivals.len() < ARRIVALS_MAX {
            self.arrivals.push((extended, at_us));
        }
    }

    /// Whether there is something to tell.
    pub fn is_due(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Writes the next packet and returns its length; `None` when there is nothing to tell, or no room.
    pub fn write(&mut self, buffer: &mut [u8], ssrc: u32, media_ssrc: u32) -> Option<usize> {
        if !self.arrivals.is_sorted_by(|a, b| a.0 < b.0) {
            self.arrivals.sort_unstable();
            self.arrivals.dedup_by_key(|arrival| arrival.0);
        }
        let (first, first_at) = *self.arrivals.first()?;
        // Those that are missing between two feedbacks are told of by the later one.
        let base = self.next.filter(|next| *next <= first && first - next < STATUSES_MAX).unwrap_or(first);
        let told = self.arrivals.partition_point(|(sequence, _)| *sequence - base < STATUSES_MAX);
        let reference = first_at.div_euclid(REFERENCE_US);
        let mut last_tick = reference * REFERENCE_US / TICK_US;
        let mut statuses = Vec::with_capacity(told + 16);
        let mut deltas = Vec::with_capacity(told);
        for (sequence, at_us) in self.arrivals.drain(..told) {
            let tick = at_us.div_euclid(TICK_US);
            let delta = (tick - last_tick).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
            last_tick += i64::from(delta);
            statuses.resize((sequence - base) as usize, NOT_RECEIVED);
            statuses.push(if (0..=255).contains(&delta) { SMALL_DELTA } else { LARGE_DELTA });
            deltas.push(delta);
        }
        self.next = Some(base + statuses.len() as i64);
        let count = self.count;
        self.count = self.count.wrapping_add(1);

        let mut out = Out { buffer, length: 4 };
        out.put(&ssrc.to_be_bytes())?;
        out.put(&media_ssrc.to_be_bytes())?;
        out.put(&(base as u16).to_be_bytes())?;
        out.put(&(statuses.len() as u16).to_be_bytes())?;
        let [_, r0, r1, r2] = (reference as u32).to_be_bytes();
        out.put(&[r0, r1, r2, count])?;
        write_statuses(&mut out, &statuses)?;
        for delta in deltas {
            match u8::try_from(delta) {
                Ok(small) => out.put(&[small])?,
                Err(_) => out.put(&delta.to_be_bytes())?,
            }
        }
        let length = out.length;
        let padded = length.next_multiple_of(4);
        let padding = (padded - length) as u8;
        buffer.get_mut(length..padded)?.fill(0);
        if padding > 0 {
            *buffer.get_mut(padded - 1)? = padding;
        }
        let first = 0x80 | FORMAT | if padding > 0 { 0x20 } else { 0 };
        let [l0, l1] = ((padded / 4 - 1) as u16).to_be_bytes();
        buffer.get_mut(..4)?.copy_from_slice(&[first, TRANSPORT_FEEDBACK, l0, l1]);
        Some(padded)
    }
}

/// Runs of one status, else lists of 14 without or 7 with large deltas (sections 3.1.3 and 3.1.4).
fn write_statuses(out: &mut Out<'_>, mut statuses: &[u8]) -> Option<()> {
    while let Some(&first) = statuses.first() {
        let run = statuses.iter().take_while(|status| **status == first).count();
        let next = statuses.get(..statuses.len().min(14))?;
        let used = if run >= 14 || run == statuses.len() {
            out.put(&((u16::from(first) << 13) | run as u16).to_be_bytes())?;
            run
        } else if next.iter().all(|status| *status < LARGE_DELTA) {
            let bits = next.iter().zip((0..14).rev()).map(|(status, bit)| u16::from(*status) << bit);
            out.put(&bits.fold(0x8000, |chunk, bit| chunk | bit).to_be_bytes())?;
            next.len()
        } else {
            let next = statuses.get(..statuses.len().min(7))?;
            let bits = next.iter().zip((0..7).rev()).map(|(status, place)| u16::from(*status) << (place * 2));
            out.put(&bits.fold(0xc000, |chunk, bit| chunk | bit).to_be_bytes())?;
            next.len()
        };
        statuses = statuses.get(used..)?;
    }
    Some(())
}

struct Out<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.buffer.get_mut(self.length..self.length + bytes.len())?.copy_from_slice(bytes);
        self.length += bytes.len();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads a feedback back as a receiver of it would: `(sequence, arrival in ticks)` of each packet.
    fn read(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
        let u16_at = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        assert_eq!((packet[0] & 0x1f, packet[1]), (15, 205));
        assert_eq!(usize::from(u16_at(2)) * 4 + 4, packet.len());
        let (base, count) = (u16_at(12), usize::from(u16_at(14)));
        let mut tick = i64::from(u32::from_be_bytes([0, packet[16], packet[17], packet[18]])) * 256;
        let mut at = 20;
        let mut statuses = Vec::new();
        while statuses.len() < count {
            let chunk = u16_at(at);
            at += 2;
            match chunk >> 14 {
                0 | 1 => statuses.extend(vec![(chunk >> 13) as u8 & 3; usize::from(chunk & 0x1fff)]),
                2 => statuses.extend((0..14).rev().map(|bit| (chunk >> bit) as u8 & 1)),
                _ => statuses.extend((0..7).rev().map(|place| (chunk >> (2 * place)) as u8 & 3)),
            }
        }
        let packets = statuses.into_iter().take(count).enumerate().map(|(n, status)| {
            let delta = match status {
                0 => None,
                1 => Some(i64::from(packet[at])),
                _ => Some(i64::from(i16::from_be_bytes([packet[at], packet[at + 1]]))),
            };
            at += usize::from(status);
            (
                base.wrapping_add(n as u16),
                delta.map(|delta| {
                    tick += delta;
                    tick
                }),
            )
        });
        packets.collect()
    }

    #[test]
    fn arrivals_gaps_and_the_wrap_are_told() {
        let mut feedback = Feedback::default();
        for (sequence, ms) in [(65_534u16, 100), (65_535, 100), (2, 101), (1, 102), (3, 400)] {
            feedback.add(sequence, ms * 1000);
        }
        let mut buffer = [0; 1200];
        let length = feedback.write(&mut buffer, 1, 2).unwrap();
        let expected =
            [(65_534, Some(400)), (65_535, Some(400)), (0, None), (1, Some(408)), (2, Some(404)), (3, Some(1600))];
        assert_eq!(read(&buffer[..length]), expected);
        assert!(!feedback.is_due());
        assert_eq!(feedback.write(&mut buffer, 1, 2), None);

        feedback.add(6, 401_000);
        let length = feedback.write(&mut buffer, 1, 2).unwrap();
        let expected = [(4, None), (5, None), (6, Some(1604))];
        assert_eq!(read(&buffer[..length]), expected, "what is missing in between is told by the next");
        assert_eq!(buffer[19], 1, "feedbacks are numbered");
    }

    #[test]
    fn more_than_fits_is_told_in_several() {
        let mut feedback = Feedback::default();
        (0..1000u16).for_each(|n| feedback.add(n, i64::from(n) * 100));
        let (mut buffer, mut told) = ([0; 1200], 0);
        while let Some(length) = feedback.write(&mut buffer, 1, 2) {
            told += read(&buffer[..length]).len();
        }
        assert_eq!(told, 1000);
    }

    proptest! {
        #[test]
        fn any_arrivals_are_told_as_they_were(packets in proptest::collection::vec((0u16..3000, 0i64..3_000_000), 1..300)) {
            let mut feedback = Feedback::default();
            packets.iter().for_each(|(sequence, at)| feedback.add(*sequence, *at));
            let mut buffer = [0; 1200];
            while feedback.is_due() {
                let length = feedback.write(&mut buffer, 1, 2).unwrap();
                for (sequence, tick) in read(&buffer[..length]) {
                    if let Some(tick) = tick {
                        prop_assert!(packets.iter().any(|(s, at)| *s == sequence && (at / 250 - tick).abs() <= 1));
                    }
                }
            }
        }
    }
}
