//! Which shard a new connection goes to, and when none takes one.
//!
//! A room stays on its home shard: there a packet costs no copies between shards. It spills over to others while it is crowded
//! there or the shard is busy, and comes back after a while. A shard that has more to do than it can carry takes nobody: it is
//! better to refuse one at the door than to let everybody inside feel it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use boltorezka_proto::RoomId;

use super::load::{Bounds, Hysteresis};

/// Connections of one room that its home shard takes before the room spills over: enough that ordinary rooms stay whole, few
/// enough that a large one uses all cores. It goes home again when a quarter has left for half a minute: people come and go in
/// bursts at the begin and the end of meetings.
const CROWDED: Bounds = Bounds { above: 24.0, below: 18.0, after: Duration::ZERO, cool_down: Duration::from_secs(30) };
/// Share of its time that a shard works, from which on rooms spill over to others. Beyond half, packets begin to wait for one
/// another; a large room that grows by one connection grows by what everybody in it sends, so that there has to be room left.
const BUSY: Bounds =
    Bounds { above: 0.6, below: 0.45, after: Duration::from_secs(2), cool_down: Duration::from_secs(10) };
/// Share of its time that a shard works, from which on it takes nobody new: what is left is for the peaks of those inside.
const OVERLOADED: Bounds =
    Bounds { above: 0.85, below: 0.7, after: Duration::from_secs(3), cool_down: Duration::from_secs(5) };

/// Where the connections of a node are, and where the next goes.
#[derive(Debug)]
pub struct Placement {
    connections_per_shard_max: usize,
    shards: Vec<Shard>,
    rooms: HashMap<RoomId, Room>,
}

/// Why nobody new is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoPlace {
    /// Each shard has as many connections as it may have.
    Full,
    /// Those with room have too much to do.
    Overloaded,
}

#[derive(Debug, Default)]
struct Shard {
    connections: usize,
    busy: Hysteresis,
    overloaded: Hysteresis,
}

#[derive(Debug)]
struct Room {
    /// By shard.
    connections: Vec<usize>,
    home: usize,
    crowded: Hysteresis,
}

impl Placement {
    /// For a node without connections.
    pub fn new(shard_count: usize, connections_per_shard_max: usize) -> Self {
        let shards = (0..shard_count).map(|_| Shard::default()).collect();
        Self { connections_per_shard_max, shards, rooms: HashMap::new() }
    }

    /// Notes that a connection of `room` is on `shard`.
    pub fn enter(&mut self, now: Instant, room: RoomId, shard: usize) {
        let shard_count = self.shards.len();
        let empty = || Room { connections: vec![0; shard_count], home: shard, crowded: Hysteresis::default() };
        let place = self.rooms.entry(room).or_insert_with(empty);
        if let (Some(of_room), Some(all)) = (place.connections.get_mut(shard), self.shards.get_mut(shard)) {
            *of_room += 1;
            all.connections += 1;
        }
        place.look(now);
    }

    /// Notes that one has left.
    pub fn leave(&mut self, now: Instant, room: RoomId, shard: usize) {
        let Some(place) = self.rooms.get_mut(&room) else { return };
        if let (Some(of_room), Some(all)) = (place.connections.get_mut(shard), self.shards.get_mut(shard)) {
            *of_room = of_room.saturating_sub(1);
            all.connections = all.connections.saturating_sub(1);
        }
        let most = place.connections.iter().enumerate().max_by_key(|(_, count)| **count);
        match most.map(|(index, count)| (index, *count)) {
            None | Some((_, 0)) => drop(self.rooms.remove(&room)),
            Some((index, _)) if place.at_home() == 0 => {
                (place.home, place.crowded) = (index, Hysteresis::default());
                place.look(now);
            }
            Some(_) => place.look(now),
        }
    }

    /// Notes which share of its time a shard worked lately.
    pub fn report(&mut self, now: Instant, shard: usize, busy_ratio: f64) {
        let Some(shard) = self.shards.get_mut(shard) else { return };
        shard.busy.update(now, busy_ratio, &BUSY);
        shard.overloaded.update(now, busy_ratio, &OVERLOADED);
    }

    /// Shards that take nobody new because they have too much to do.
    pub fn overloaded_count(&self) -> usize {
        self.shards.iter().filter(|shard| shard.overloaded.is_high()).count()
    }

    /// The shard that takes the next connection of a room.
    ///
    /// # Errors
    /// [`NoPlace`]
    pub fn place(&mut self, now: Instant, room: RoomId) -> Result<usize, NoPlace> {
        let room = self.rooms.get_mut(&room).map(|room| {
            room.look(now);
            &*room
        });
        let has_seat = |shard: &Shard| shard.connections < self.connections_per_shard_max;
        let open = self.shards.iter().enumerate().filter(|(_, shard)| has_seat(shard) && !shard.overloaded.is_high());
        // The first of these that applies, and then the shard with the fewest connections.
        let preference = |index: usize, shard: &Shard| {
            let is_home = room.is_some_and(|room| room.home == index && !room.crowded.is_high());
            let here = room.and_then(|room| room.connections.get(index)).map_or(0.0, |here| *here as f64);
            match (shard.busy.is_high(), is_home) {
                (false, true) => 0,
                (false, false) if here > 0.0 && here < CROWDED.above => 1,
                (false, false) if here == 0.0 => 2,
                (false, false) => 3,
                // All are busy: elsewhere there would only be more copies.
                (true, true) => 4,
                (true, false) => 5,
            }
        };
        let best = open.min_by_key(|(index, shard)| (preference(*index, shard), shard.connections));
        let why_not = if self.shards.iter().any(has_seat) { NoPlace::Overloaded } else { NoPlace::Full };
        best.map(|(index, _)| index).ok_or(why_not)
    }
}

impl Room {
    fn at_home(&self) -> usize {
        self.connections.get(self.home).copied().unwrap_or(0)
    }

    /// Looks whether it is crowded at home.
    fn look(&mut self, now: Instant) {
        let at_home = self.at_home() as f64;
        self.crowded.update(now, at_home, &CROWDED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOME_FULL: usize = CROWDED.above as usize;

    struct Node {
        placement: Placement,
        now: Instant,
    }

    impl Node {
        fn new(shards: usize, connections_per_shard_max: usize) -> Self {
            Self { placement: Placement::new(shards, connections_per_shard_max), now: Instant::now() }
        }

        fn join(&mut self, room: RoomId) -> Result<usize, NoPlace> {
            let shard = self.placement.place(self.now, room)?;
            self.placement.enter(self.now, room, shard);
            Ok(shard)
        }

        fn leave(&mut self, room: RoomId, shard: usize) {
            self.placement.leave(self.now, room, shard);
        }

        /// Each shard works this share of its time, for so many seconds.
        fn work(&mut self, ratios: &[f64], seconds: usize) {
            for _ in 0..seconds {
                self.now += SECOND;
                for (shard, ratio) in ratios.iter().enumerate() {
                    self.placement.report(self.now, shard, *ratio);
                }
            }
        }
    }

    #[test]
    fn a_room_stays_together_then_spills_over_evenly() {
        let mut node = Node::new(2, 1000);
        let elsewhere = RoomId::generate();
        assert_eq!(node.join(elsewhere), Ok(0));
        let room = RoomId::generate();
        let shards: Vec<_> = (0..4 * HOME_FULL).map(|_| node.join(room).unwrap()).collect();
        assert!(shards[..HOME_FULL].iter().all(|shard| *shard == 1), "the emptier shard, and only that one");
        assert!(shards[HOME_FULL..2 * HOME_FULL].iter().all(|shard| *shard == 0));
        let on_first = shards.iter().filter(|shard| **shard == 0).count();
        assert!(on_first.abs_diff(2 * HOME_FULL) <= 1, "{on_first}");
    }

    #[test]
    fn a_crowded_room_goes_home_when_a_quarter_has_left_for_a_while() {
        let mut node = Node::new(2, 1000);
        let room = RoomId::generate();
        (0..HOME_FULL).for_each(|_| assert_eq!(node.join(room), Ok(0)));
        assert_eq!(node.join(room), Ok(1));
        (0..5).for_each(|_| node.leave(room, 0));
        node.now += SECOND * 60;
        assert_eq!(node.join(room), Ok(1), "19 are more than 18");
        node.leave(room, 0);
        node.now += SECOND * 29;
        assert_eq!(node.join(room), Ok(1), "too soon");
        node.now += SECOND;
        assert_eq!(node.join(room), Ok(0));
    }

    #[test]
    fn a_room_leaves_a_busy_shard_and_comes_back_after_a_while() {
        let mut node = Node::new(2, 1000);
        let room = RoomId::generate();
        assert_eq!(node.join(room), Ok(0));
        node.work(&[0.7, 0.1], 2);
        assert_eq!(node.join(room), Ok(0), "a peak of two seconds");
        node.work(&[0.7, 0.1], 1);
        assert_eq!(node.join(room), Ok(1));
        node.work(&[0.5, 0.1], 60);
        assert_eq!(node.join(room), Ok(1), "between the bounds nothing changes");
        node.work(&[0.4, 0.1], 10);
        assert_eq!(node.join(room), Ok(1), "too soon");
        node.work(&[0.4, 0.1], 1);
        assert_eq!(node.join(room), Ok(0));
        node.work(&[0.7, 0.7], 3);
        assert_eq!(node.join(room), Ok(0), "where all are busy it stays at home");
    }

    #[test]
    fn who_has_too_much_to_do_takes_nobody_until_it_has_less() {
        let mut node = Node::new(2, 1000);
        let room = RoomId::generate();
        assert_eq!(node.join(room), Ok(0));
        node.work(&[0.9, 0.1], 4);
        assert_eq!((node.join(room), node.placement.overloaded_count()), (Ok(1), 1));
        node.work(&[0.9, 0.9], 4);
        assert_eq!(
            (node.join(room), node.join(RoomId::generate())),
            (Err(NoPlace::Overloaded), Err(NoPlace::Overloaded))
        );
        node.work(&[0.75, 0.75], 60);
        assert_eq!(node.join(room), Err(NoPlace::Overloaded), "between the bounds nothing changes");
        node.work(&[0.6, 0.75], 6);
        assert_eq!(node.join(room), Ok(0));
    }

    #[test]
    fn a_room_whose_home_is_empty_has_another() {
        let mut node = Node::new(2, 1000);
        let room = RoomId::generate();
        let shards: Vec<_> = (0..=HOME_FULL).map(|_| node.join(room).unwrap()).collect();
        for shard in shards.into_iter().filter(|shard| *shard == 0) {
            node.leave(room, shard);
        }
        assert_eq!(node.join(RoomId::generate()), Ok(0), "the emptier");
        assert_eq!(node.join(room), Ok(1), "where the others are");
        node.leave(room, 1);
        node.leave(room, 1);
        assert!(!node.placement.rooms.contains_key(&room), "nothing is kept of a room that nobody is in");
    }

    proptest::proptest! {
        /// Whoever comes while a seat is free gets one, wherever that is, and nobody else does.
        #[test]
        fn seats_are_given_out_to_the_last_and_no_further(
            shards in 1_usize..5,
            seats in 1_usize..40,
            steps in proptest::collection::vec((0_usize..4, proptest::bool::weighted(0.7), 0_usize..1000), 1..400),
        ) {
            let mut node = Node::new(shards, seats);
            let rooms: Vec<_> = (0..4).map(|_| RoomId::generate()).collect();
            let mut inside: Vec<(RoomId, usize)> = Vec::new();
            for (room, comes, who) in steps {
                if comes || inside.is_empty() {
                    let has_seat = inside.len() < shards * seats;
                    let place = node.join(rooms[room]);
                    proptest::prop_assert_eq!(place.is_ok(), has_seat);
                    match place {
                        Ok(shard) => inside.push((rooms[room], shard)),
                        Err(why) => proptest::prop_assert_eq!(why, NoPlace::Full),
                    }
                } else {
                    let (room, shard) = inside.swap_remove(who % inside.len());
                    node.leave(room, shard);
                }
                let on = |shard: usize| inside.iter().filter(|(_, of)| *of == shard).count();
                proptest::prop_assert!((0..shards).all(|shard| on(shard) <= seats));
            }
        }
    }
}
