//! Who gets what: pure decisions over tracks, slots and packets. No clock, no socket, no str0m.

mod forwarder;
mod keyframes;
mod munger;
pub mod placement;
mod revoked;
pub mod slots;
mod speakers;

pub use forwarder::{Forwarder, Source};
pub use keyframes::KeyframeThrottle;
pub use munger::{Munged, Munger};
pub use revoked::Revoked;
pub use speakers::Speakers;
