//! Which shard a new connection goes to.

/// Connections of one room that a shard takes before the room spills over to another: enough that ordinary rooms stay
/// whole and cost no copies between shards, few enough that a large one uses all cores.
pub const ROOM_CONNECTIONS_PER_SHARD: usize = 24;

/// The load of one shard, as far as placement cares.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardLoad {
    /// All its connections.
    pub connections: usize,
    /// Those of the room that is joined.
    pub room_connections: usize,
}

/// The index of the shard that takes the next connection of a room; `None` without shards.
pub fn place(shards: &[ShardLoad]) -> Option<usize> {
    let least_loaded = |eligible: fn(&ShardLoad) -> bool| {
        let candidates = shards.iter().enumerate().filter(|(_, load)| eligible(load));
        candidates.min_by_key(|(_, load)| load.connections).map(|(index, _)| index)
    };
    least_loaded(|load| (1..ROOM_CONNECTIONS_PER_SHARD).contains(&load.room_connections))
        .or_else(|| least_loaded(|load| load.room_connections == 0))
        .or_else(|| least_loaded(|_| true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_stays_together_then_spills_over_evenly() {
        let mut shards = [ShardLoad { connections: 5, room_connections: 0 }, ShardLoad::default()];
        let mut join = || {
            let index = place(&shards).unwrap();
            shards[index].connections += 1;
            shards[index].room_connections += 1;
            index
        };
        let first: Vec<_> = (0..ROOM_CONNECTIONS_PER_SHARD).map(|_| join()).collect();
        assert!(first.iter().all(|&index| index == 1), "the emptier shard, and only that one");
        let second: Vec<_> = (0..ROOM_CONNECTIONS_PER_SHARD).map(|_| join()).collect();
        assert!(second.iter().all(|&index| index == 0));
        let rest: Vec<_> = (0..15).map(|_| join()).collect();
        assert!(rest.contains(&0) && rest.contains(&1));
        assert_eq!(place(&[]), None);
    }
}
