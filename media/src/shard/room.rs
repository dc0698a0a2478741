//! A room, as a shard knows it.

use std::collections::VecDeque;

use boltorezka_proto::{ParticipantId, TrackNumber};

use super::ConnectionKey;
use super::tap::RoomTap;
use crate::router::Speakers;

/// How many of the last speakers count as active when slots are filled.
const RECENT_SPEAKERS_MAX: usize = 16;

/// The connections of a room on this shard, and the tracks of the room on all shards.
#[derive(Debug)]
pub struct Room {
    /// Connections here.
    pub members: Vec<ConnectionKey>,
    /// All tracks, by order of arrival.
    pub tracks: Vec<TrackNumber>,
    /// Who is loudest.
    pub speakers: Speakers,
    /// Who spoke last, the latest first.
    pub recent_speakers: VecDeque<ParticipantId>,
    /// Who was last reported as speaking, loudest first.
    pub speaking: Vec<ParticipantId>,
    /// The other shards with participants in it, as a bit mask.
    pub interested: u64,
    /// Recorders and their kind.
    pub taps: Vec<RoomTap>,
}

impl Room {
    /// An empty room in which the `heard_max` loudest are heard.
    pub fn new(heard_max: usize) -> Self {
        Self {
            members: Vec::new(),
            tracks: Vec::new(),
            speakers: Speakers::new(heard_max),
            recent_speakers: VecDeque::new(),
            speaking: Vec::new(),
            interested: 0,
            taps: Vec::new(),
        }
    }

    /// Whether nothing is left to remember.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.tracks.is_empty() && self.interested == 0 && self.taps.is_empty()
    }

    /// Whether `shard` has participants in it.
    pub fn is_interesting_to(&self, shard: u8) -> bool {
        self.interested & (1 << (shard & 63)) != 0
    }

    /// Takes the participants that speak now; says whether the order of active speakers changed.
    pub fn note_speaking(&mut self, speaking: &[ParticipantId]) -> bool {
        let before = self.recent_speakers.clone();
        // The loudest comes first, unless it is among the first already: a conversation of few shuffles nothing.
        for participant_id in speaking.iter().rev() {
            if !self.recent_speakers.contains(participant_id) {
                self.recent_speakers.push_front(*participant_id);
            }
        }
        if let Some(loudest) = speaking.first() {
            self.recent_speakers.retain(|known| known != loudest);
            self.recent_speakers.push_front(*loudest);
        }
        self.recent_speakers.truncate(RECENT_SPEAKERS_MAX);
        before != self.recent_speakers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_speaker_comes_first() {
        let mut room = Room::new(3);
        let [a, b, c] = [(); 3].map(|()| ParticipantId::generate());
        assert!(room.note_speaking(&[a]));
        assert!(!room.note_speaking(&[a]));
        assert!(room.note_speaking(&[b, a]));
        assert_eq!(room.recent_speakers, [b, a]);
        room.note_speaking(&[c]);
        assert_eq!(room.recent_speakers, [c, b, a]);
    }

    #[test]
    fn a_room_that_others_care_for_is_kept() {
        let mut room = Room::new(3);
        assert!(room.is_empty());
        room.interested |= 1 << 2;
        assert!(!room.is_empty() && room.is_interesting_to(2) && !room.is_interesting_to(1));
    }
}
