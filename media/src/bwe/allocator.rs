//! Shares a subscriber's estimated bandwidth over its video slots.

use boltorezka_proto::call::LayerReason;

/// Share of the estimate that is given out: the rest absorbs what an encoder's rate varies by, and RTCP.
const USABLE_RATIO: f64 = 0.8;

/// Share of the estimate up to which a layer that plays is kept. After a moment of delay the estimator falls to 0.85 of
/// what arrives, however much more the link could carry: to give up a layer for that would make less arrive, and the
/// estimate fall again, until all is paused. A link that is really narrower lets less arrive, and the layer goes.
const KEPT_RATIO: f64 = 1.25;

/// What one slot could carry.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Higher is served first.
    pub priority: u8,
    /// The encodings that are sent now, by rising rate.
    pub encodings: Vec<EncodingRate>,
    /// Largest height that is useful to the subscriber.
    pub height_max: Option<u32>,
    /// The encoding that plays now.
    pub current: Option<u8>,
}

/// One encoding of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingRate {
    /// Its index in the track.
    pub encoding: u8,
    /// What it takes now, in bits per second.
    pub bitrate_bps: u64,
    /// Its height in pixels.
    pub height: u32,
}

/// What a slot gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Index of the encoding in the track; `None` while nothing fits or nothing is sent.
    pub encoding: Option<u8>,
    /// Why.
    pub reason: LayerReason,
}

/// Gives each demand the highest encoding such that all fit into the usable part of `estimate_bps`, after
/// `reserved_bps` for sound; what plays is kept a little longer. First everybody gets the lowest, by priority, then everybody the next, and so on. The first
/// in line always gets its lowest encoding: a link that is never used is never measured.
pub fn allocate(estimate_bps: u64, reserved_bps: u64, demands: &[Demand]) -> Vec<Allocation> {
    let share = |ratio: f64| (estimate_bps as f64 * ratio) as u64;
    let (usable_bps, kept_bps) = (share(USABLE_RATIO), share(KEPT_RATIO));
    let mut given_bps = reserved_bps;
    let mut order: Vec<_> = (0..demands.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(demands.get(index).map(|demand| demand.priority)));

    let mut steps = vec![0_usize; demands.len()];
    let mut short = vec![false; demands.len()];
    let rounds = demands.iter().map(|demand| demand.useful().len()).max().unwrap_or(0);
    for round in 0..rounds {
        for (place, &index) in order.iter().enumerate() {
            let (Some(demand), Some(step), Some(short)) =
                (demands.get(index), steps.get_mut(index), short.get_mut(index))
            else {
                continue;
            };
            let Some(next) = demand.useful().get(round) else { continue };
            if *step != round || *short {
                continue;
            }
            let held_bps = round.checked_sub(1).and_then(|r| demand.useful().get(r)).map_or(0, |rate| rate.bitrate_bps);
            let more_bps = next.bitrate_bps.saturating_sub(held_bps);
            let limit_bps = if demand.plays(round) { kept_bps } else { usable_bps };
            if given_bps + more_bps <= limit_bps || (round == 0 && place == 0) {
                given_bps += more_bps;
                *step = round + 1;
            } else {
                *short = true;
            }
        }
    }

    let allocation = |((demand, step), short): ((&Demand, &usize), &bool)| {
        let chosen = step.checked_sub(1).and_then(|top| demand.useful().get(top));
        let reason = match chosen {
            None if demand.encodings.is_empty() => LayerReason::Best,
            None => LayerReason::Paused,
            Some(_) if *short => LayerReason::Bandwidth,
            Some(_) if demand.useful().len() < demand.encodings.len() => LayerReason::Size,
            Some(_) => LayerReason::Best,
        };
        Allocation { encoding: chosen.map(|rate| rate.encoding), reason }
    };
    demands.iter().zip(&steps).zip(&short).map(allocation).collect()
}

impl Demand {
    /// Whether what plays now is the encoding at `place` or a higher one.
    fn plays(&self, place: usize) -> bool {
        let current = self.encodings.iter().position(|rate| Some(rate.encoding) == self.current);
        current.is_some_and(|current| place <= current)
    }

    /// The encodings up to the first that is as high as what is shown.
    fn useful(&self) -> &[EncodingRate] {
        let Some(height_max) = self.height_max else { return &self.encodings };
        let enough = self.encodings.iter().position(|rate| rate.height >= height_max);
        let count = enough.map_or(self.encodings.len(), |index| index + 1);
        self.encodings.get(..count).unwrap_or(&self.encodings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(priority: u8, height_max: Option<u32>) -> Demand {
        let rate = |encoding, bitrate_bps, height| EncodingRate { encoding, bitrate_bps, height };
        let encodings = vec![rate(0, 100_000, 180), rate(1, 400_000, 360), rate(2, 1_500_000, 720)];
        Demand { priority, encodings, height_max, current: None }
    }

    fn encodings(allocations: &[Allocation]) -> Vec<Option<u8>> {
        allocations.iter().map(|allocation| allocation.encoding).collect()
    }

    #[test]
    fn one_slot_gets_the_highest_layer_under_four_fifths_of_the_estimate() {
        let at = |estimate_bps| allocate(estimate_bps, 0, &[three(0, None)])[0];
        assert_eq!(at(1_875_000), Allocation { encoding: Some(2), reason: LayerReason::Best });
        assert_eq!(at(1_874_000), Allocation { encoding: Some(1), reason: LayerReason::Bandwidth });
        assert_eq!(at(10_000), Allocation { encoding: Some(0), reason: LayerReason::Bandwidth }, "never locked out");
    }

    #[test]
    fn everybody_gets_the_lowest_before_anybody_gets_more() {
        let demands = [three(0, None), three(9, None), three(0, None)];
        assert_eq!(encodings(&allocate(400_000, 0, &demands)), [Some(0); 3]);
        assert_eq!(encodings(&allocate(800_000, 0, &demands)), [Some(0), Some(1), Some(0)]);
        let starved = allocate(250_000, 0, &demands);
        assert_eq!(starved[2], Allocation { encoding: None, reason: LayerReason::Paused });
    }

    #[test]
    fn a_small_tile_does_not_get_a_large_picture() {
        let allocations = allocate(10_000_000, 0, &[three(0, Some(200)), three(0, Some(100))]);
        assert_eq!(encodings(&allocations), [Some(1), Some(0)]);
        assert_eq!(allocations[0].reason, LayerReason::Size);
    }

    #[test]
    fn what_plays_is_kept_through_a_moment_of_delay_and_not_longer() {
        let playing = |current| [Demand { current: Some(current), ..three(0, None) }];
        let at = |estimate_bps, current| encodings(&allocate(estimate_bps, 0, &playing(current)))[0];
        assert_eq!(at(1_275_000, 2), Some(2), "0.85 of its own rate");
        assert_eq!(at(1_275_000, 1), Some(1), "not a reason to raise one");
        assert_eq!(at(1_100_000, 2), Some(1), "a link that carries less");
        let all = [0, 0, 0].map(|priority| Demand { current: Some(0), ..three(priority, None) });
        assert_eq!(encodings(&allocate(255_000, 0, &all)), [Some(0); 3]);
        assert_eq!(encodings(&allocate(160_000, 0, &all)), [Some(0), Some(0), None]);
    }

    #[test]
    fn sound_comes_first() {
        assert_eq!(encodings(&allocate(2_000_000, 200_000, &[three(0, None)])), [Some(1)]);
    }
}
