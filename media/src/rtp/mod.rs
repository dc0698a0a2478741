//! RTP as the router sees it: an envelope for each packet, and the payload descriptors that decisions are made from.

pub mod av1;
pub mod dependency;
mod format;
pub mod h264;
pub mod h265;
mod layer;
mod packet;
mod picture_id;
pub mod red;
pub mod vp8;
pub mod vp9;

pub use format::{Codec, Format};
pub use layer::{Layer, LayerRates, SPATIAL_LAYERS, TEMPORAL_LAYERS, TemporalSwitch};
pub use packet::{Descriptor, Packet, Rewrite};
