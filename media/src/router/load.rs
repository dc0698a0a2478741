//! How much a shard has to do, without flapping.

use std::time::{Duration, Instant};

/// Two bounds for a figure, and how long it has to be beyond one to count.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// High from here on.
    pub above: f64,
    /// No longer high down from here. In between it stays what it was.
    pub below: f64,
    /// It is high only when it stays so for this long.
    pub after: Duration,
    /// It is low again only when it stays so for this long.
    pub cool_down: Duration,
}

/// Whether a figure is high.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hysteresis {
    is_high: bool,
    /// Since when the figure has been on the other side.
    turned: Option<Instant>,
}

impl Hysteresis {
    /// Takes a measurement; says whether the figure is high.
    pub fn update(&mut self, now: Instant, value: f64, bounds: &Bounds) -> bool {
        let (is_beyond, wait) = match self.is_high {
            true => (value <= bounds.below, bounds.cool_down),
            false => (value >= bounds.above, bounds.after),
        };
        if !is_beyond {
            self.turned = None;
        } else if now.saturating_duration_since(*self.turned.get_or_insert(now)) >= wait {
            *self = Self { is_high: !self.is_high, turned: None };
        }
        self.is_high
    }

    /// What the last measurement gave.
    pub fn is_high(&self) -> bool {
        self.is_high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BOUNDS: Bounds =
        Bounds { above: 0.8, below: 0.6, after: Duration::from_secs(2), cool_down: Duration::from_secs(5) };

    /// What each of a second's measurements gives.
    fn play(values: &[f64]) -> Vec<bool> {
        let start = Instant::now();
        let mut state = Hysteresis::default();
        (0..).zip(values).map(|(second, value)| state.update(start + SECOND * second, *value, &BOUNDS)).collect()
    }

    #[test]
    fn it_takes_time_to_rise_and_more_to_fall() {
        assert_eq!(play(&[0.9, 0.9, 0.9, 0.9]), [false, false, true, true]);
        assert_eq!(play(&[0.9, 0.7, 0.9, 0.9, 0.9]), [false, false, false, false, true], "a peak is none");
        let falls = play(&[0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
        assert_eq!(falls, [false, false, true, true, true, true, true, true, false]);
        let hovers = play(&[0.9, 0.9, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]);
        assert!(hovers.iter().skip(2).all(|is_high| *is_high), "between the bounds nothing changes");
    }
}
