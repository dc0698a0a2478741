//! Who gets what: pure decisions over tracks, slots and packets. No clock, no socket, no str0m.

mod forwarder;
mod keyframes;
pub mod load;
mod munger;
pub mod placement;
mod revoked;
mod selection;
mod selector;
pub mod slots;
mod speakers;
mod targets;
mod wanted;

pub use forwarder::{Forwarder, Source};
pub use keyframes::{JITTER_MAX, KeyframeThrottle};
pub use munger::{Munged, Munger};
pub use revoked::Revoked;
pub use speakers::Speakers;
pub use wanted::{Needs, Wanted};

/// Packets for tests.
#[cfg(test)]
pub mod testing {
    use std::time::Instant;

    use boltorezka_proto::TrackNumber;

    use crate::rtp::{Codec, Descriptor, Format, Packet};

    /// A VP8 packet of the first encoding of track 1, without payload.
    pub fn packet(sequence: u64, timestamp: u32, arrival: Instant) -> Packet {
        Packet {
            track: TrackNumber(1),
            encoding: 0,
            format: Format::plain(Codec::Vp8),
            sequence,
            timestamp,
            marker: false,
            descriptor: Descriptor::default(),
            audio_level_dbov: None,
            voice: None,
            rotation: None,
            dependency: None,
            arrival,
            payload: Vec::new().into(),
        }
    }
}
