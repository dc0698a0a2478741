//! Fills the slots of one subscriber.

use boltorezka_proto::TrackNumber;

/// What a subscriber wants in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    /// The next best by the default rule.
    #[default]
    Auto,
    /// This track, while it is there.
    Pinned(TrackNumber),
    /// Nothing.
    Off,
}

/// The tracks for slots with these wishes. `current` is what the slots carry, `ranked` all tracks of the right kind, the
/// most wanted first. Pinned tracks do not show up a second time; automatic slots keep what they carry while that is
/// among the best that fit.
pub fn assign(current: &[Option<TrackNumber>], wishes: &[Wish], ranked: &[TrackNumber]) -> Vec<Option<TrackNumber>> {
    let pinned = |track: &TrackNumber| wishes.contains(&Wish::Pinned(*track));
    let automatic_count = wishes.iter().filter(|wish| **wish == Wish::Auto).count();
    let best: Vec<_> = ranked.iter().copied().filter(|track| !pinned(track)).take(automatic_count).collect();
    let mut assigned: Vec<_> = wishes
        .iter()
        .enumerate()
        .map(|(slot, wish)| match *wish {
            Wish::Auto => current.get(slot).copied().flatten().filter(|track| best.contains(track)),
            Wish::Pinned(track) => Some(track).filter(|track| ranked.contains(track)),
            Wish::Off => None,
        })
        .collect();
    let mut missing: Vec<_> = best.into_iter().filter(|track| !assigned.contains(&Some(*track))).collect();
    missing.reverse();
    for (slot, wish) in assigned.iter_mut().zip(wishes) {
        if *wish == Wish::Auto && slot.is_none() {
            *slot = missing.pop();
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TrackNumber = TrackNumber(1);
    const B: TrackNumber = TrackNumber(2);
    const C: TrackNumber = TrackNumber(3);

    #[test]
    fn automatic_slots_take_the_best_and_keep_their_place() {
        let auto = [Wish::Auto; 2];
        assert_eq!(assign(&[None, None], &auto, &[A, B, C]), [Some(A), Some(B)]);
        assert_eq!(assign(&[Some(A), Some(B)], &auto, &[B, A, C]), [Some(A), Some(B)], "no shuffling");
        assert_eq!(assign(&[Some(A), Some(B)], &auto, &[C, B, A]), [Some(C), Some(B)], "A made room for C");
        assert_eq!(assign(&[Some(A), Some(B)], &auto, &[B]), [None, Some(B)]);
    }

    #[test]
    fn a_pinned_track_is_shown_once() {
        let wishes = [Wish::Auto, Wish::Pinned(A), Wish::Off];
        assert_eq!(assign(&[Some(A), None, None], &wishes, &[A, B]), [Some(B), Some(A), None]);
        assert_eq!(assign(&[None; 3], &wishes, &[B]), [Some(B), None, None], "while it is there");
    }

    #[test]
    fn a_new_slot_is_filled() {
        assert_eq!(assign(&[Some(B)], &[Wish::Auto; 3], &[A, B, C]), [Some(B), Some(A), Some(C)]);
    }
}
