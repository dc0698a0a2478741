//! What was sent, until it is reported.

use super::probe::ProbeId;

/// Packets that are remembered at first; a power of two.
const PACKETS_AT_FIRST: usize = 128;
/// Packets that are remembered at most; a power of two. At 1,200 bytes and one second this is 39 Mb/s. When it is full
/// the oldest is forgotten: its report is ignored, and it counts neither as received nor as lost.
const PACKETS_MAX: usize = 4096;
/// How long an unreported packet is worth more memory. At 1 Mb/s with sound that is 4 to 8 KiB.
const KEEP_US: i64 = 1_000_000;

/// A packet that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// When, in microseconds of the estimator.
    pub sent_us: i64,
    /// The low bits of its number: tells it from its predecessor in the ring.
    sequence: u32,
    /// Its size, at most 65,535.
    pub bytes: u16,
    /// The probe that it is a part of.
    pub probe: Option<ProbeId>,
    /// What is known of it.
    pub state: State,
}

/// What is known of a sent packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The place holds no packet.
    Empty,
    /// No report names it.
    Unreported,
    /// No report names it, but later ones do: its report was lost, and it counts as having arrived.
    Presumed,
    /// Reported as not received; it may have been late.
    Missing,
    /// Reported as received.
    Received,
}

/// A ring over the transport-wide numbers. It starts empty and grows while packets are overwritten unreported.
#[derive(Debug, Default)]
pub(super) struct History {
    ring: Vec<Sent>,
    newest: Option<u64>,
}

impl History {
    const EMPTY: Sent = Sent { sent_us: 0, sequence: 0, bytes: 0, probe: None, state: State::Empty };

    /// Notes a packet. Numbers rise; a number that is sent again replaces what was noted for it.
    pub fn sent(&mut self, sent_us: i64, sequence: u64, bytes: usize, probe: Option<ProbeId>) {
        if let Some(old) = self.slot(sequence)
            && (old.state != State::Unreported || sent_us - old.sent_us > KEEP_US)
        {
            // The usual case: the place is free.
        } else if self.ring.len() < PACKETS_MAX {
            self.grow();
        }
        let state = State::Unreported;
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        if let Some(slot) = self.slot(sequence) {
            *slot = Sent { sent_us, sequence: sequence as u32, bytes, probe, state };
        }
        self.newest = Some(sequence);
    }

    /// Where a packet will be noted.
    pub fn place(&self, sequence: u64) -> Option<&Sent> {
        self.ring.get(sequence as usize & self.mask())
    }

    /// The whole number that a report means by its low 16 bits: the newest of that name.
    pub fn expand(&self, low: u16) -> Option<u64> {
        let newest = self.newest?;
        newest.checked_sub(u64::from((newest as u16).wrapping_sub(low)))
    }

    /// The packet of a whole number, if it is still remembered.
    pub fn get(&mut self, sequence: u64) -> Option<&mut Sent> {
        self.slot(sequence).filter(|sent| sent.state != State::Empty && sent.sequence == sequence as u32)
    }

    fn slot(&mut self, sequence: u64) -> Option<&mut Sent> {
        let mask = self.mask();
        self.ring.get_mut(sequence as usize & mask)
    }

    fn mask(&self) -> usize {
        self.ring.len().wrapping_sub(1)
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.ring);
        self.ring = vec![Self::EMPTY; (old.len() * 2).max(PACKETS_AT_FIRST)];
        for sent in old {
            // The ring is smaller than 2^32, so the low bits name the place.
            if sent.state != State::Empty
                && let Some(slot) = self.slot(u64::from(sent.sequence))
            {
                *slot = sent;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_packets_across_the_wrap_of_sixteen_bits() {
        let mut history = History::default();
        assert_eq!(history.expand(0), None);
        for sequence in 65_500..65_600 {
            history.sent(sequence as i64, sequence, 1000, None);
        }
        assert_eq!(history.expand(65_535), Some(65_535));
        assert_eq!(history.expand(20), Some(65_556));
        assert_eq!(history.get(65_556).map(|sent| sent.sent_us), Some(65_556));
        assert_eq!(history.expand(64), Some(64), "what is not sent yet is taken for what is long gone");
        assert!(history.get(64).is_none() && history.get(65_499).is_none(), "never sent");
    }

    #[test]
    fn grows_only_for_packets_that_wait_for_a_report() {
        let mut history = History::default();
        for sequence in 0..10_000 {
            history.sent(sequence as i64 * 1000, sequence, 1000, None);
            history.get(sequence).unwrap().state = State::Received;
        }
        assert_eq!(history.ring.len(), PACKETS_AT_FIRST);
        for sequence in 10_000..20_000 {
            history.sent(sequence as i64 * 4000, sequence, 1000, None);
        }
        assert_eq!(history.ring.len(), 256, "those of the last second");
        assert!((19_744..20_000).all(|sequence| history.get(sequence).is_some()));
        for sequence in 20_000..40_000 {
            history.sent(80_000_000, sequence, 1000, None);
        }
        assert_eq!(history.ring.len(), PACKETS_MAX);
        assert!(size_of::<Sent>() <= 16);
    }
}
