//! A timer wheel for connections: setting and firing cost the same for ten connections and for ten thousand.

use std::time::{Duration, Instant};

/// Resolution of the wheel. str0m's pacer and timers need no better, and a shard wakes at most this often for them.
pub const RESOLUTION: Duration = Duration::from_millis(1);
/// Slots of the wheel: one turn of it is longer than most waits, so that few entries are looked at in vain.
const SLOTS: usize = 1024;

/// Deadlines of handles. Setting a handle's deadline again adds an entry; the caller compares with the deadline that it
/// remembers, and ignores entries that have become stale.
#[derive(Debug)]
pub struct TimerWheel<K> {
    start: Instant,
    /// The next tick to fire.
    tick: u64,
    slots: Vec<Vec<(u64, K)>>,
    count: usize,
}

impl<K: Copy> TimerWheel<K> {
    /// An empty wheel. Deadlines before `start` fire at once.
    pub fn new(start: Instant) -> Self {
        Self { start, tick: 0, slots: (0..SLOTS).map(|_| Vec::new()).collect(), count: 0 }
    }

    /// Adds an entry that fires at `deadline`, rounded up to the resolution.
    pub fn set(&mut self, deadline: Instant, key: K) {
        let tick = self.tick_of(deadline).saturating_add(1).max(self.tick);
        if let Some(slot) = self.slots.get_mut(Self::slot_of(tick)) {
            slot.push((tick, key));
            self.count += 1;
        }
    }

    /// Takes all entries that are due at `now` into `due`.
    pub fn expire(&mut self, now: Instant, due: &mut Vec<K>) {
        let until = self.tick_of(now);
        // After a long pause one turn of the wheel visits every slot.
        let first = self.tick.max(until.saturating_sub(SLOTS as u64 - 1));
        for tick in first..=until {
            let Some(slot) = self.slots.get_mut(Self::slot_of(tick)) else { continue };
            let before = slot.len();
            slot.retain(|&(entry_tick, key)| {
                let is_due = entry_tick <= until;
                if is_due {
                    due.push(key);
                }
                !is_due
            });
            self.count -= before - slot.len();
        }
        self.tick = self.tick.max(until + 1);
    }

    /// When `expire` should be called next; `None` when nothing waits.
    pub fn next(&self) -> Option<Instant> {
        if self.count == 0 {
            return None;
        }
        let turn = self.tick..self.tick + SLOTS as u64;
        let occupied = turn.clone().find(|&tick| {
            let slot = self.slots.get(Self::slot_of(tick));
            slot.is_some_and(|slot| slot.iter().any(|&(entry_tick, _)| entry_tick <= tick))
        });
        let tick = occupied.unwrap_or(turn.end);
        Some(self.start + Duration::from_millis(tick))
    }

    fn tick_of(&self, at: Instant) -> u64 {
        (at.saturating_duration_since(self.start).as_micros() / RESOLUTION.as_micros()) as u64
    }

    fn slot_of(tick: u64) -> usize {
        (tick % SLOTS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut TimerWheel<u32>, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.expire(now, &mut due);
        due
    }

    #[test]
    fn entries_fire_when_due_and_not_before() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        wheel.set(start + Duration::from_millis(5), 1);
        wheel.set(start + Duration::from_secs(30), 2);
        assert!(due(&mut wheel, start + Duration::from_millis(4)).is_empty());
        let next = wheel.next().unwrap();
        assert!(next >= start + Duration::from_millis(5) && next <= start + Duration::from_millis(6));
        assert_eq!(due(&mut wheel, next), [1]);
        assert!(due(&mut wheel, start + Duration::from_secs(29)).is_empty());
        assert_eq!(due(&mut wheel, start + Duration::from_millis(30_001)), [2]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_once() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        let now = start + Duration::from_secs(3);
        assert!(due(&mut wheel, now).is_empty());
        wheel.set(start, 7);
        assert!(wheel.next().unwrap() <= now + RESOLUTION);
        assert_eq!(due(&mut wheel, now + RESOLUTION), [7]);
    }

    #[test]
    fn a_wheel_that_ran_for_a_year_still_waits() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        let later = start + Duration::from_secs(365 * 86_400);
        assert!(due(&mut wheel, later).is_empty());
        wheel.set(later + Duration::from_millis(9), 1);
        assert!(wheel.next().unwrap() > later);
    }

    #[test]
    fn nothing_is_lost_in_a_long_pause() {
        let start = Instant::now();
        let mut wheel = TimerWheel::new(start);
        for key in 0..5_000 {
            wheel.set(start + Duration::from_millis(u64::from(key)), key);
        }
        let mut fired = due(&mut wheel, start + Duration::from_secs(10));
        fired.sort_unstable();
        assert_eq!(fired, (0..5_000).collect::<Vec<_>>());
    }
}
