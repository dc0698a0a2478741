//! What each participant heard, against what its room's history says was stored.

use std::collections::{BTreeMap, HashMap, HashSet};

use boltorezka_proto::RoomSlug;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::socket::{Tally, stamp};
use crate::target::TargetError;
use crate::target::boltorezka::Access;

/// Histories that are read at the same time.
const HISTORIES_PARALLEL: usize = 8;

/// Deliveries, counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Deliveries {
    /// Each message that was stored, once at each member of its room.
    pub expected: u64,
    /// Those that did not come.
    pub missing: u64,
    /// Those that came again.
    pub double: u64,
    /// Those that came after one that was stored later.
    pub out_of_order: u64,
    /// Those of messages that are not in the history.
    pub unknown: u64,
    /// Messages that were acked and are not in the history.
    pub lost_messages: u64,
    /// Messages that are in the history more than once.
    pub double_messages: u64,
}

/// Compares for all rooms.
///
/// # Errors
/// [`TargetError::Refused`] when a history could not be read.
pub async fn compare_all(access: &Access, heard: &[Tally]) -> Result<Deliveries, TargetError> {
    let mut rooms = BTreeMap::<&RoomSlug, Vec<&Tally>>::new();
    for tally in heard {
        if let Some(room) = &tally.room {
            rooms.entry(room).or_default().push(tally);
        }
    }
    let compared = stream::iter(rooms).map(|(room, members)| async move {
        let stored: Vec<u32> = access.history(room).await?.iter().filter_map(number).collect();
        let acked = members.iter().flat_map(|member| &member.acked).copied();
        Ok::<_, TargetError>(compare(&stored, acked, members.iter().map(|member| member.heard.as_slice())))
    });
    let compared: Vec<Deliveries> = compared.buffered(HISTORIES_PARALLEL).try_collect().await?;
    Ok(compared.into_iter().fold(Deliveries::default(), Deliveries::plus))
}

fn number(message: &boltorezka_proto::socket::Message) -> Option<u32> {
    stamp(message.text.as_ref()?.as_str()).map(|(number, _)| number)
}

/// Compares for one room: what was stored, oldest first, what was acked, and what each member heard.
fn compare<'a>(
    stored: &[u32],
    acked: impl Iterator<Item = u32>,
    members: impl Iterator<Item = &'a [u32]>,
) -> Deliveries {
    let places: HashMap<u32, usize> = stored.iter().enumerate().map(|(place, number)| (*number, place)).collect();
    let mut found = Deliveries {
        lost_messages: acked.filter(|number| !places.contains_key(number)).count() as u64,
        double_messages: (stored.len() - places.len()) as u64,
        ..Deliveries::default()
    };
    for heard in members {
        let mut seen = HashSet::with_capacity(heard.len());
        let mut latest = 0;
        for number in heard {
            match places.get(number) {
                None => found.unknown += 1,
                Some(_) if !seen.insert(number) => found.double += 1,
                Some(place) if *place < latest => found.out_of_order += 1,
                Some(place) => latest = *place,
            }
        }
        found.expected += places.len() as u64;
        found.missing += (places.len() - seen.len()) as u64;
    }
    found
}

impl Deliveries {
    /// What arrived of what should have, 0 to 1; 1 when nothing was to be delivered.
    pub fn ratio(&self) -> f64 {
        if self.expected == 0 { 1.0 } else { (self.expected - self.missing) as f64 / self.expected as f64 }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            expected: self.expected + other.expected,
            missing: self.missing + other.missing,
            double: self.double + other.double,
            out_of_order: self.out_of_order + other.out_of_order,
            unknown: self.unknown + other.unknown,
            lost_messages: self.lost_messages + other.lost_messages,
            double_messages: self.double_messages + other.double_messages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(heard: &[u32]) -> Deliveries {
        compare(&[10, 7, 8, 30], [7, 8].into_iter(), std::iter::once(heard))
    }

    #[test]
    fn what_comes_once_and_in_the_stored_order_is_no_fault() {
        let expected = Deliveries { expected: 4, ..Deliveries::default() };
        assert_eq!(of(&[10, 7, 8, 30]), expected);
        assert!((of(&[10, 7, 8, 30]).ratio() - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn each_fault_is_counted_as_what_it_is() {
        let good = Deliveries { expected: 4, ..Deliveries::default() };
        assert_eq!(of(&[10, 7, 30]), Deliveries { missing: 1, ..good });
        assert_eq!(of(&[10, 7, 7, 8, 30, 10]), Deliveries { double: 2, ..good });
        assert_eq!(of(&[10, 8, 7, 30]), Deliveries { out_of_order: 1, ..good });
        assert_eq!(of(&[10, 7, 8, 30, 99]), Deliveries { unknown: 1, ..good });
        assert_eq!(of(&[]), Deliveries { missing: 4, ..good });
        assert!((of(&[10]).ratio() - 0.25).abs() < f64::EPSILON);
    }

    #[test]
    fn what_was_acked_is_stored_once() {
        let nobody = || std::iter::empty::<&[u32]>();
        assert_eq!(compare(&[1, 2], [1, 2, 3].into_iter(), nobody()).lost_messages, 1);
        assert_eq!(compare(&[1, 2, 1], [1, 2].into_iter(), nobody()).double_messages, 1);
    }

    #[test]
    fn members_and_rooms_add_up() {
        let two = compare(&[1, 2], std::iter::empty(), [[1_u32, 2].as_slice(), &[2]].into_iter());
        assert_eq!(two, Deliveries { expected: 4, missing: 1, ..Deliveries::default() });
        let both = two.plus(two);
        assert_eq!((both.expected, both.missing), (8, 2));
        assert!((Deliveries::default().ratio() - 1.0).abs() < f64::EPSILON);
    }
}
