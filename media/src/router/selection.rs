//! The part of an encoding that a slot forwards.

use crate::rtp::{Layer, Packet};

/// Which packets of an encoding are forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The layers up to this one.
    pub layer: Layer,
}

impl Selection {
    /// Whether `packet` is part of it.
    pub fn includes(&self, packet: &Packet) -> bool {
        self.layer.includes(packet.descriptor.layer)
    }

    /// Whether `packet` is the last of what is forwarded of its picture: then it has the marker bit.
    pub fn ends_picture(&self, packet: &Packet) -> bool {
        let descriptor = &packet.descriptor;
        packet.marker || (descriptor.ends_frame && descriptor.layer.spatial == self.layer.spatial)
    }
}
