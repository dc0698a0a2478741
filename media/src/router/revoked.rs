//! The participants that were revoked last.

use std::collections::{HashSet, VecDeque};

use boltorezka_proto::ParticipantId;

/// How many are remembered. Control has its own records; this only has to cover what is in flight.
const REVOKED_MAX: usize = 10_000;

/// Remembers revocations, so that what is on its way does not bring a participant back. The oldest is forgotten first.
#[derive(Debug, Default)]
pub struct Revoked {
    known: HashSet<ParticipantId>,
    order: VecDeque<ParticipantId>,
}

impl Revoked {
    /// Remembers a participant.
    pub fn insert(&mut self, participant_id: ParticipantId) {
        if self.known.insert(participant_id) {
            self.order.push_back(participant_id);
        }
        if self.order.len() > REVOKED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether a participant was revoked.
    pub fn contains(&self, participant_id: ParticipantId) -> bool {
        self.known.contains(&participant_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded() {
        let mut revoked = Revoked::default();
        let first = ParticipantId::generate();
        revoked.insert(first);
        assert!(revoked.contains(first));
        for _ in 0..REVOKED_MAX {
            revoked.insert(ParticipantId::generate());
        }
        assert!(!revoked.contains(first));
        assert_eq!((revoked.known.len(), revoked.order.len()), (REVOKED_MAX, REVOKED_MAX));
    }
}
