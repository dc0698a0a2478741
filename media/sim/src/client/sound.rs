//! What a slot's receiver makes of sounds: it plays them in order, and counts what did not come.

use std::collections::BTreeSet;

use super::decoder::{Received, Shown};
use super::truth::Truth;

/// A sound that has not come when so many later ones have is lost.
const SOUND_PATIENCE: u64 = 15;

/// A receiver of sounds in one slot.
#[derive(Debug, Default)]
pub struct SoundDecoder {
    /// Numbers that were passed over and may still come.
    missing: BTreeSet<u64>,
    newest: Option<(u64, Shown)>,
    /// Sounds that came.
    pub received: u64,
    /// Sounds that were passed over for good.
    lost: u64,
}

impl SoundDecoder {
    /// Takes a packet.
    ///
    /// # Errors
    /// What a listener would have heard wrong.
    pub fn receive(&mut self, packet: &Received) -> Result<Option<Shown>, String> {
        let Some(truth) = Truth::read(&packet.payload) else { return Err("a sound that nobody made".into()) };
        let shown = Shown { at: packet.at, track: packet.track, truth, timestamp: packet.timestamp };
        let Some((newest, last)) = self.newest else {
            self.newest = Some((packet.sequence, shown));
            self.received += 1;
            return Ok(Some(shown));
        };
        if packet.sequence <= newest {
            let is_late = self.missing.remove(&packet.sequence);
            self.received += u64::from(is_late);
            return Ok(is_late.then_some(shown));
        }
        if packet.timestamp.wrapping_sub(last.timestamp).cast_signed() <= 0 {
            return Err(format!("sound went back in time: {truth:?} after {:?}", last.truth));
        }
        self.missing.extend(newest + 1..packet.sequence);
        while self.missing.first().is_some_and(|missing| missing + SOUND_PATIENCE <= packet.sequence) {
            self.missing.pop_first();
            self.lost += 1;
        }
        self.received += 1;
        self.newest = Some((packet.sequence, shown));
        Ok(Some(shown))
    }

    /// Sounds that did not come, or have not come yet.
    pub fn lost(&self) -> u64 {
        self.lost + self.missing.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use str0m::format::Codec;

    use super::*;

    #[test]
    fn lost_sounds_are_counted_and_late_ones_are_not() {
        let sound = |sequence: u64| {
            let mut payload = Vec::new();
            let frame = sequence as u32;
            Truth { frame, builds_on: [frame; 2], ..Truth::first(1, 0, 0) }.write(&mut payload, 40);
            Received {
                sequence,
                timestamp: 960 * frame,
                marker: false,
                track: 1,
                codec: Codec::Opus,
                at: Instant::now(),
                overtaken: false,
                dependency: None,
                payload,
            }
        };
        let mut decoder = SoundDecoder::default();
        for sequence in (100..200).filter(|sequence| !matches!(sequence, 150 | 151 | 160)) {
            decoder.receive(&sound(sequence)).unwrap();
            if sequence == 165 {
                decoder.receive(&sound(160)).unwrap();
            }
        }
        assert_eq!((decoder.received, decoder.lost()), (98, 2));
        assert!(decoder.receive(&Received { timestamp: 0, ..sound(200) }).unwrap_err().contains("back in time"));
    }
}
