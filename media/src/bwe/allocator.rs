//! Shares a subscriber's estimated bandwidth over its video slots.
//!
//! What a track offers is a ladder: its encodings, and of each its layers, the cheapest first.

use boltorezka_proto::call::LayerReason;

use crate::rtp::Layer;

/// Share of the estimate up to which layers are added: the rest absorbs what an encoder's rate varies by, and RTCP.
const USABLE_RATIO: f64 = 0.92;

/// What plays while a cheaper encoding is waited for may take so many times as much, at its lowest frame rate.
const MUCH_RATIO: u64 = 2;

/// Bits per second of a subscriber's link.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// What it carries now, while a queue empties: up to this, less a margin, layers are added.
    pub estimate_bps: u64,
    /// What it carries: up to this, layers that play are kept. A layer that was given up for a moment of delay would make less
    /// arrive, the estimate fall again, until all is paused.
    pub sustained_bps: u64,
    /// For sound, and for what is sent again.
    pub reserved_bps: u64,
}

/// What one slot could carry.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Higher is served first.
    pub priority: u8,
    /// What is sent now, by rising quality and rate.
    pub ladder: Vec<LayerRate>,
    /// Largest height that is useful to the subscriber.
    pub height_max: Option<u32>,
    /// A picture of text: when bandwidth is short its frame rate goes down, its resolution never.
    pub keeps_resolution: bool,
    /// The encoding that plays now, and up to which layer.
    pub current: Option<(u8, Layer)>,
}

/// An encoding of a track up to one of its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRate {
    /// Index of the encoding in the track.
    pub encoding: u8,
    /// The highest layer.
    pub layer: Layer,
    /// The place of its resolution among those of the track.
    pub level: u8,
    /// What it takes now, in bits per second.
    pub bitrate_bps: u64,
    /// Its height in pixels.
    pub height: u32,
}

/// What a slot gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Index of the encoding in the track, and its highest layer; `None` while nothing fits or nothing is sent.
    pub layer: Option<(u8, Layer)>,
    /// Why.
    pub reason: LayerReason,
}

/// Gives each demand the highest layer such that all fit into the usable part of the budget; what plays is kept a little longer.
/// First everybody gets the lowest resolution at the lowest frame rate, by
/// priority, then everybody more frames of it, then everybody the next resolution, and so on: under shortage the frame rate
/// goes before the picture does. The first in line always gets its lowest: a link that is never used is never measured.
pub fn allocate(budget: Budget, demands: &[Demand]) -> Vec<Allocation> {
    let usable_bps = usable_bps(budget.estimate_bps);
    let kept_bps = budget.sustained_bps.max(usable_bps);
    let mut given_bps = budget.reserved_bps;
    let ladders: Vec<_> = demands.iter().map(Demand::useful).collect();
    let first = (0..demands.len()).min_by_key(|&index| std::cmp::Reverse(demands.get(index).map(|d| d.priority)));

    let mut rungs: Vec<_> = Vec::new();
    for (index, (demand, ladder)) in demands.iter().zip(&ladders).enumerate() {
        let lowest = ladder.first().map_or(0, |rung| rung.level);
        for (place, rung) in ladder.iter().enumerate() {
            let frame_rate = ladder.iter().take(place).filter(|below| below.level == rung.level).count();
            let order = (rung.level - lowest, frame_rate, std::cmp::Reverse(demand.priority), index);
            rungs.push((order, index, place, *rung));
        }
    }
    rungs.sort_by_key(|(order, ..)| *order);

    let mut steps = vec![0_usize; demands.len()];
    let mut short = vec![false; demands.len()];
    for (_, index, place, rung) in rungs {
        let (Some(demand), Some(ladder), Some(step), Some(short)) =
            (demands.get(index), ladders.get(index), steps.get_mut(index), short.get_mut(index))
        else {
            continue;
        };
        if *step != place || *short {
            continue;
        }
        let held_bps = place.checked_sub(1).and_then(|before| ladder.get(before)).map_or(0, |held| held.bitrate_bps);
        let more_bps = rung.bitrate_bps.saturating_sub(held_bps);
        let limit_bps = if demand.plays(ladder, place) { kept_bps } else { usable_bps };
        if given_bps + more_bps <= limit_bps || (place == 0 && first == Some(index)) {
            given_bps += more_bps;
            *step = place + 1;
        } else {
            *short = true;
        }
    }

    let allocation = |(((demand, ladder), step), short): (((&Demand, &Vec<LayerRate>), &usize), &bool)| {
        let chosen = step.checked_sub(1).and_then(|top| ladder.get(top));
        let is_smaller = ladder.last().map(|rung| rung.level) < demand.ladder.last().map(|rung| rung.level);
        let reason = match chosen {
            None if demand.ladder.is_empty() => LayerReason::Best,
            None => LayerReason::Paused,
            Some(_) if *short => LayerReason::Bandwidth,
            Some(_) if is_smaller => LayerReason::Size,
            Some(_) => LayerReason::Best,
        };
        Allocation { layer: chosen.map(|rung| (rung.encoding, rung.layer)), reason }
    };
    demands.iter().zip(&ladders).zip(&steps).zip(&short).map(allocation).collect()
}

/// What is given out of an estimate.
pub fn usable_bps(estimate_bps: u64) -> u64 {
    (estimate_bps as f64 * USABLE_RATIO) as u64
}

impl Demand {
    /// The place on the ladder of an encoding up to a layer: the highest of what that includes.
    pub fn place(&self, layer: Option<(u8, Layer)>) -> Option<usize> {
        place(&self.ladder, layer)
    }

    /// What a layer takes, in bits per second.
    pub fn rate(&self, layer: Option<(u8, Layer)>) -> u64 {
        self.place(layer).and_then(|place| self.ladder.get(place)).map_or(0, |rung| rung.bitrate_bps)
    }

    /// The most frames of the lowest resolution that a choice includes.
    pub fn lowest(&self, chosen: Option<(u8, Layer)>) -> Option<(u8, Layer)> {
        let chosen_bps = self.rate(chosen);
        let useful = self.useful();
        let level = useful.first()?.level;
        let fits = |rung: &&LayerRate| rung.level == level && rung.bitrate_bps <= chosen_bps;
        useful.iter().rfind(fits).or(useful.first()).map(|rung| (rung.encoding, rung.layer))
    }

    /// Whether a choice takes much less than the least that can be sent of what plays now.
    pub fn is_much_less(&self, chosen: Option<(u8, Layer)>) -> bool {
        let playing = self.current.map(|(encoding, _)| encoding);
        let least = self.ladder.iter().find(|rung| Some(rung.encoding) == playing);
        let chosen_bps = self.rate(chosen);
        least.is_some_and(|least| least.bitrate_bps > chosen_bps * MUCH_RATIO)
    }

    /// Whether what plays now is at `place` of `ladder` or higher.
    fn plays(&self, ladder: &[LayerRate], place: usize) -> bool {
        self::place(ladder, self.current).is_some_and(|current| place <= current)
    }

    /// The ladder up to the first resolution that is as high as what is shown; where the resolution is kept, only that one, and
    /// of several encodings of it the cheapest for what is shown at half of it or smaller.
    /// What takes as much as something better is left out.
    fn useful(&self) -> Vec<LayerRate> {
        let enough = self.height_max.and_then(|max| self.ladder.iter().find(|rung| rung.height >= max));
        let height = enough.or(self.ladder.last()).map_or(0, |rung| rung.height);
        let cheapest = self.ladder.iter().find(|rung| rung.height == height).map(|rung| rung.encoding);
        let is_thumbnail = self.height_max.is_some_and(|max| max <= height / 2);
        let is_useful = |rung: &&LayerRate| match self.keeps_resolution {
            true => rung.height == height && (!is_thumbnail || Some(rung.encoding) == cheapest),
            false => rung.height <= height,
        };
        let mut useful: Vec<LayerRate> = Vec::new();
        for rung in self.ladder.iter().filter(is_useful) {
            while useful.last().is_some_and(|below| below.bitrate_bps >= rung.bitrate_bps) {
                useful.pop();
            }
            useful.push(*rung);
        }
        useful
    }
}

fn place(ladder: &[LayerRate], layer: Option<(u8, Layer)>) -> Option<usize> {
    let (encoding, layer) = layer?;
    ladder.iter().rposition(|rung| rung.encoding == encoding && layer.includes(rung.layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where so much may be given out.
    fn share(usable_bps: u64, reserved_bps: u64, demands: &[Demand]) -> Vec<Allocation> {
        let estimate_bps = (usable_bps as f64 / USABLE_RATIO).ceil() as u64;
        allocate(Budget { estimate_bps, sustained_bps: 0, reserved_bps }, demands)
    }

    fn whole(encoding: u8, bitrate_bps: u64, height: u32) -> LayerRate {
        LayerRate { encoding, layer: Layer::ALL, level: encoding, bitrate_bps, height }
    }

    fn three(priority: u8, height_max: Option<u32>) -> Demand {
        let ladder = vec![whole(0, 100_000, 180), whole(1, 400_000, 360), whole(2, 1_500_000, 720)];
        Demand { priority, ladder, height_max, keeps_resolution: false, current: None }
    }

    /// The same encodings with three temporal layers of 50, 70 and 100 % of their rates.
    fn with_temporal_layers(demand: &Demand) -> Demand {
        let rungs = |rung: &LayerRate| {
            [(0, 50), (1, 70), (Layer::TOP, 100)].map(|(temporal, percent)| LayerRate {
                layer: Layer { temporal, ..Layer::ALL },
                bitrate_bps: rung.bitrate_bps * percent / 100,
                ..*rung
            })
        };
        Demand { ladder: demand.ladder.iter().flat_map(rungs).collect(), ..demand.clone() }
    }

    fn encodings(allocations: &[Allocation]) -> Vec<Option<u8>> {
        allocations.iter().map(|allocation| allocation.layer.map(|(encoding, _)| encoding)).collect()
    }

    fn layers(allocations: &[Allocation]) -> Vec<Option<(u8, u8)>> {
        let layer = |allocation: &Allocation| allocation.layer.map(|(encoding, layer)| (encoding, layer.temporal));
        allocations.iter().map(layer).collect()
    }

    const ALL: u8 = Layer::TOP;

    #[test]
    fn one_slot_gets_the_highest_layer_that_fits() {
        let at = |usable_bps| share(usable_bps, 0, &[three(0, None)])[0];
        let whole = |encoding| Some((encoding, Layer::ALL));
        assert_eq!(at(1_500_000), Allocation { layer: whole(2), reason: LayerReason::Best });
        assert_eq!(at(1_499_000), Allocation { layer: whole(1), reason: LayerReason::Bandwidth });
        assert_eq!(at(10_000), Allocation { layer: whole(0), reason: LayerReason::Bandwidth }, "never locked out");
    }

    #[test]
    fn everybody_gets_the_lowest_before_anybody_gets_more() {
        let demands = [three(0, None), three(9, None), three(0, None)];
        assert_eq!(encodings(&share(320_000, 0, &demands)), [Some(0); 3]);
        assert_eq!(encodings(&share(640_000, 0, &demands)), [Some(0), Some(1), Some(0)]);
        let starved = share(200_000, 0, &demands);
        assert_eq!(starved[2], Allocation { layer: None, reason: LayerReason::Paused });
    }

    #[test]
    fn a_small_tile_does_not_get_a_large_picture() {
        let allocations = share(10_000_000, 0, &[three(0, Some(200)), three(0, Some(100))]);
        assert_eq!(encodings(&allocations), [Some(1), Some(0)]);
        assert_eq!(allocations[0].reason, LayerReason::Size);
    }

    #[test]
    fn what_plays_is_kept_through_a_moment_of_delay_and_not_longer() {
        let playing = |current| [Demand { current: Some((current, Layer::ALL)), ..three(0, None) }];
        let budget = |estimate_bps, sustained_bps| Budget { estimate_bps, sustained_bps, reserved_bps: 0 };
        let at = |budget, current| encodings(&allocate(budget, &playing(current)))[0];
        assert_eq!(at(budget(1_275_000, 1_500_000), 2), Some(2), "0.85 of its own rate, so that a queue empties");
        assert_eq!(at(budget(1_275_000, 1_500_000), 1), Some(1), "not a reason to raise one");
        assert_eq!(at(budget(1_275_000, 1_499_000), 2), Some(1), "a link that carries less");
        let all = [0, 0, 0].map(|priority| Demand { current: Some((0, Layer::ALL)), ..three(priority, None) });
        assert_eq!(encodings(&allocate(budget(255_000, 300_000), &all)), [Some(0); 3]);
        assert_eq!(encodings(&allocate(budget(160_000, 200_000), &all)), [Some(0), Some(0), None]);
    }

    #[test]
    fn sound_comes_first() {
        assert_eq!(encodings(&share(1_600_000, 200_000, &[three(0, None)])), [Some(1)]);
    }

    #[test]
    fn the_frame_rate_goes_before_the_picture() {
        let demand = with_temporal_layers(&three(0, None));
        let at = |usable_bps: u64| layers(&share(usable_bps, 0, std::slice::from_ref(&demand)))[0];
        let ladder = [1_500_000, 1_499_000, 1_049_000, 749_000, 399_000, 279_000, 199_000, 99_000, 69_000].map(at);
        let expected = [(2, ALL), (2, 1), (2, 0), (1, ALL), (1, 1), (1, 0), (0, ALL), (0, 1), (0, 0)];
        assert_eq!(ladder, expected.map(Some));
    }

    #[test]
    fn slots_with_and_without_temporal_layers_rise_together() {
        let demands = [three(0, None), with_temporal_layers(&three(0, None))];
        assert_eq!(layers(&share(152_000, 0, &demands)), [Some((0, ALL)), Some((0, 0))]);
        assert_eq!(layers(&share(200_000, 0, &demands)), [Some((0, ALL)), Some((0, ALL))]);
        assert_eq!(layers(&share(640_000, 0, &demands)), [Some((1, ALL)), Some((1, 0))]);
    }

    #[test]
    fn a_screen_keeps_its_resolution() {
        let screen = Demand { keeps_resolution: true, ..with_temporal_layers(&three(0, None)) };
        let at = |usable_bps: u64| layers(&share(usable_bps, 0, std::slice::from_ref(&screen)))[0];
        assert_eq!([1_500_000, 1_499_000, 1_049_000].map(at), [Some((2, ALL)), Some((2, 1)), Some((2, 0))]);
        assert_eq!(at(100_000), Some((2, 0)), "the first in line");
        let second = [Demand { priority: 9, ..three(9, None) }, screen.clone()];
        assert_eq!(layers(&share(400_000, 0, &second))[1], None, "paused, not shown small");
        let tile = Demand { height_max: Some(300), ..screen };
        assert_eq!(encodings(&share(10_000_000, 0, &[tile])), [Some(1)], "a small tile is not a shortage");
    }

    #[test]
    fn a_screen_falls_back_to_an_encoding_of_the_same_size() {
        let same_size = vec![whole(0, 300_000, 1080), whole(1, 2_000_000, 1080)];
        let screen = Demand { keeps_resolution: true, ladder: same_size, ..three(0, None) };
        assert_eq!(encodings(&share(800_000, 0, std::slice::from_ref(&screen))), [Some(0)]);
        let at = |height_max| share(10_000_000, 0, &[Demand { height_max: Some(height_max), ..screen.clone() }])[0];
        assert_eq!(at(541), Allocation { layer: Some((1, Layer::ALL)), reason: LayerReason::Best });
        assert_eq!(at(540), Allocation { layer: Some((0, Layer::ALL)), reason: LayerReason::Size }, "a thumbnail");
    }

    #[test]
    fn what_takes_more_than_something_better_is_not_chosen() {
        let mut demand = with_temporal_layers(&three(0, None));
        demand.ladder.iter_mut().filter(|rung| rung.encoding == 0).for_each(|rung| rung.bitrate_bps *= 5);
        assert_eq!(layers(&share(200_000, 0, &[demand])), [Some((1, 0))]);
    }
}
