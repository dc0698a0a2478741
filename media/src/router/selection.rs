//! The part of an encoding that a slot forwards.

use crate::rtp::dependency::{Dependency, Indication};
use crate::rtp::{Layer, Packet};

/// Which packets of an encoding are forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The layers up to this one.
    pub layer: Layer,
    /// Where the encoding has a Dependency Descriptor, the decode target instead; `layer` is its highest.
    pub target: Option<u8>,
}

impl Selection {
    /// All layers up to `layer`.
    pub const fn up_to(layer: Layer) -> Self {
        Self { layer, target: None }
    }

    /// Whether `packet` is part of it.
    pub fn includes(&self, packet: &Packet) -> bool {
        match (self.target, &packet.dependency) {
            (Some(target), Some(dependency)) => dependency.indications.of(target) != Indication::NotPresent,
            _ => self.layer.includes(packet.descriptor.layer),
        }
    }

    /// Whether `packet` is the last of what is forwarded of its picture: then it has the marker bit.
    pub fn ends_picture(&self, packet: &Packet) -> bool {
        let descriptor = &packet.descriptor;
        packet.marker || (descriptor.ends_frame && descriptor.layer.spatial == self.layer.spatial)
    }

    /// The decode targets of which nothing is left out, as a bit mask: those that need no frame beyond the target in
    /// force. A receiver is promised no other.
    pub fn active_targets(&self, dependency: &Dependency) -> u32 {
        let target = self.target.and_then(|target| dependency.structure.targets().get(usize::from(target)));
        dependency.active_targets & target.map_or(u32::MAX, |target| target.included)
    }
}
