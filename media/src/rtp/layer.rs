//! Layers of one encoding: part of its packets makes a smaller picture (spatial), or fewer pictures (temporal).

/// Spatial layers that are told apart: VP9 and AV1 encoders make up to three. Higher ones count as the last.
pub const SPATIAL_LAYERS: usize = 4;
/// Temporal layers that are told apart: VP8 has room for four, encoders make up to three. Higher ones count as the last.
pub const TEMPORAL_LAYERS: usize = 4;

/// A layer, both counted from 0. As something wanted it means all layers up to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Layer {
    /// Resolution.
    pub spatial: u8,
    /// Frame rate.
    pub temporal: u8,
}

impl Layer {
    /// Above what any descriptor can name.
    pub const TOP: u8 = u8::MAX;
    /// The whole encoding.
    pub const ALL: Self = Self { spatial: Self::TOP, temporal: Self::TOP };

    /// Whether `other` is needed for this one, or is this one.
    pub fn includes(self, other: Self) -> bool {
        other.spatial <= self.spatial && other.temporal <= self.temporal
    }

    /// What both include.
    pub fn lower(self, other: Self) -> Self {
        Self { spatial: self.spatial.min(other.spatial), temporal: self.temporal.min(other.temporal) }
    }
}

/// At which pictures more temporal layers than before can be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TemporalSwitch {
    /// Not here.
    #[default]
    None,
    /// This picture uses the base layer only: its own layer may begin with it (`Y`, RFC 7741).
    Into,
    /// Later pictures of higher layers use nothing of those layers from before this picture (`U`, RFC 9628).
    Above,
}

/// Bits per second, or bytes, of each layer of an encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LayerRates([u64; SPATIAL_LAYERS * TEMPORAL_LAYERS]);

impl LayerRates {
    /// All in one layer.
    pub fn single(rate: u64) -> Self {
        let mut rates = Self::default();
        rates.add(Layer::default(), rate);
        rates
    }

    /// Adds to a layer.
    pub fn add(&mut self, layer: Layer, amount: u64) {
        let spatial = usize::from(layer.spatial).min(SPATIAL_LAYERS - 1);
        let temporal = usize::from(layer.temporal).min(TEMPORAL_LAYERS - 1);
        if let Some(rate) = self.0.get_mut(spatial * TEMPORAL_LAYERS + temporal) {
            *rate += amount;
        }
    }

    /// The sum of all layers up to one.
    pub fn up_to(&self, layer: Layer) -> u64 {
        self.layers().filter(|(of, _)| layer.includes(*of)).map(|(_, rate)| rate).sum()
    }

    /// The sum of all layers.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The highest spatial and the highest temporal layer with at least `rate_min`.
    pub fn top(&self, rate_min: u64) -> Layer {
        let sent = self.layers().filter(|(_, rate)| *rate >= rate_min);
        sent.fold(Layer::default(), |top, (layer, _)| Layer {
            spatial: top.spatial.max(layer.spatial),
            temporal: top.temporal.max(layer.temporal),
        })
    }

    /// Each rate moved by `weight` towards that of `other`.
    #[must_use]
    pub fn towards(mut self, other: &Self, weight: f64) -> Self {
        for (rate, other) in self.0.iter_mut().zip(&other.0) {
            *rate = (*rate as f64 + (*other as f64 - *rate as f64) * weight) as u64;
        }
        self
    }

    /// Each amount multiplied.
    #[must_use]
    pub fn times(mut self, factor: f64) -> Self {
        self.0.iter_mut().for_each(|rate| *rate = (*rate as f64 * factor) as u64);
        self
    }

    fn layers(&self) -> impl Iterator<Item = (Layer, u64)> {
        let layer = |at: usize| Layer { spatial: (at / TEMPORAL_LAYERS) as u8, temporal: (at % TEMPORAL_LAYERS) as u8 };
        self.0.iter().enumerate().map(move |(at, rate)| (layer(at), *rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_add_up_over_the_layers_below() {
        let layer = |spatial, temporal| Layer { spatial, temporal };
        let mut rates = LayerRates::default();
        for (of, rate) in [(layer(0, 0), 1), (layer(0, 1), 10), (layer(1, 0), 100), (layer(1, 1), 1_000)] {
            rates.add(of, rate);
        }
        rates.add(layer(9, 9), 10_000);
        assert_eq!(rates.up_to(layer(0, 0)), 1);
        assert_eq!(rates.up_to(layer(0, 1)), 11);
        assert_eq!(rates.up_to(layer(1, 0)), 101);
        assert_eq!((rates.up_to(Layer::ALL), rates.total()), (11_111, 11_111));
        assert_eq!(rates.top(1), layer(3, 3), "higher ones count as the last");
        assert_eq!(rates.top(20_000), layer(0, 0));
        assert_eq!(LayerRates::single(8).towards(&LayerRates::single(4), 0.5), LayerRates::single(6));
        assert_eq!(LayerRates::single(8).times(0.25), LayerRates::single(2));
    }
}
