//! How simulated pictures are coded: their layers, and which frame builds on which.

use str0m::format::Codec;

use super::described::Described;

/// Pictures between two of the base layer, by the number of temporal layers: the usual dyadic patterns.
const PATTERNS: [&[u8]; 3] = [&[0], &[0, 1], &[0, 2, 1, 2]];
/// Each spatial layer takes so many times what the one below it takes; what temporal layers take follows from their number.
const SPATIAL_RATIO: u64 = 3;

/// How an encoder codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// VP8 with temporal layers, whose frames build on what `TL0PICIDX` and `Y` say.
    Vp8 {
        /// 1 to 3.
        temporal: u8,
    },
    /// VP9 in flexible mode: frames name what they build on.
    Vp9 {
        /// 1 to 3.
        spatial: u8,
        /// 1 to 3.
        temporal: u8,
        /// Spatial layers use each other in keyframes only (K-SVC).
        only_key: bool,
    },
    /// H264 without layers: each frame builds on the one before.
    H264,
    /// Any codec, told by a Dependency Descriptor.
    Described(Described),
}

/// A frame that is to be coded: one spatial layer of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Its spatial layer.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// The picture, counted back from this one, of which it uses the same spatial layer.
    pub distance: Option<u32>,
    /// It uses the spatial layer below.
    pub uses_below: bool,
    /// Of its temporal layer it uses nothing.
    pub is_sync: bool,
    /// Its share of the encoding's rate, in thousandths of what a picture takes on average.
    pub share: u64,
}

impl Coding {
    /// Its codec.
    pub fn codec(self) -> Codec {
        match self {
            Self::Vp8 { .. } => Codec::Vp8,
            Self::Vp9 { .. } => Codec::Vp9,
            Self::H264 => Codec::H264,
            Self::Described(Described { codec, .. }) => codec,
        }
    }

    /// Spatial and temporal layers.
    pub fn layers(self) -> (u8, u8) {
        match self {
            Self::Vp8 { temporal } => (1, temporal),
            Self::Vp9 { spatial, temporal, .. } => (spatial, temporal),
            Self::H264 => (1, 1),
            Self::Described(Described { spatial, .. }) => (spatial, 3),
        }
    }

    /// The frames of the picture that is so many behind a keyframe, which is picture 0.
    pub fn plan(self, since_keyframe: u32) -> Vec<Plan> {
        let (layers, temporal_layers) = self.layers();
        let pattern = PATTERNS[usize::from(temporal_layers.clamp(1, 3)) - 1];
        let length = pattern.len() as u32;
        let place = since_keyframe % length;
        let temporal = pattern[place as usize];
        let back = (1..=length).find(|back| pattern[((place + length - back) % length) as usize] < temporal.max(1));
        let distance = back.filter(|_| since_keyframe > 0);
        let used = distance.map(|distance| pattern[((place + length - distance) % length) as usize]);
        let only_key =
            matches!(self, Self::Vp9 { only_key: true, .. } | Self::Described(Described { only_key: true, .. }));
        let all: u64 = (0..u32::from(layers)).map(|spatial| SPATIAL_RATIO.pow(spatial)).sum();
        let plan = |spatial: u8| Plan {
            spatial,
            temporal,
            distance,
            uses_below: spatial > 0 && !(only_key && since_keyframe > 0),
            is_sync: temporal > 0 && used == Some(0),
            // Pictures of higher temporal layers are smaller: half of the rate is in the base layer.
            share: 1_000 * SPATIAL_RATIO.pow(spatial.into()) / all * share_of(temporal, temporal_layers) / 1_000,
        };
        (0..layers).map(plan).collect()
    }
}

/// The size of a picture of a temporal layer, in thousandths of the mean.
fn share_of(temporal: u8, layers: u8) -> u64 {
    match (layers, temporal) {
        (3, 0) => 1_800,
        (3, 1) => 1_000,
        (3, _) => 600,
        (2, 0) => 1_250,
        (2, _) => 750,
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_build_on_lower_layers_only() {
        let coding = Coding::Vp9 { spatial: 3, temporal: 3, only_key: false };
        let of = |picture: u32| coding.plan(picture)[0];
        let pattern: Vec<_> = (0..9).map(|picture| (of(picture).temporal, of(picture).distance)).collect();
        let later = [(2, Some(1)), (1, Some(2)), (2, Some(1)), (0, Some(4))];
        assert_eq!(pattern, [&[(0, None)][..], &later, &later].concat());
        assert_eq!((1..5).map(|picture| of(picture).is_sync).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(coding.plan(5).iter().skip(1).all(|plan| plan.uses_below));
        let only_key = Coding::Vp9 { spatial: 3, temporal: 1, only_key: true };
        assert!(only_key.plan(0)[2].uses_below && !only_key.plan(1)[2].uses_below);
    }

    #[test]
    fn shares_add_up() {
        for coding in
            [Coding::H264, Coding::Vp8 { temporal: 3 }, Coding::Vp9 { spatial: 2, temporal: 2, only_key: false }]
        {
            let total: u64 = (0..8).flat_map(|picture| coding.plan(picture)).map(|plan| plan.share).sum();
            assert!((7_900..=8_000).contains(&total), "{coding:?}: {total}");
        }
    }
}
