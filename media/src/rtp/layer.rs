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
