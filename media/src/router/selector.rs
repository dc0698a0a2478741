//! Changes the part of an encoding that a slot forwards, at places where a decoder can follow.

use super::selection::Selection;
use super::targets::Targets;
use crate::rtp::{Layer, Packet, TemporalSwitch};

/// What is wanted of an encoding, and what can be decoded of it now.
#[derive(Debug)]
pub struct Selector {
    wanted: Layer,
    /// For the moment, temporal layers above this one are left out.
    temporal_max: u8,
    selection: Selection,
    /// Timestamp of the newest picture.
    picture: u32,
    /// Highest spatial layer of the newest picture so far, and of the one before it.
    spatial_tops: [u8; 2],
    targets: Targets,
}

impl Default for Selector {
    fn default() -> Self {
        let (wanted, selection) = (Layer::ALL, Selection::up_to(Layer::ALL));
        Self {
            wanted,
            temporal_max: Layer::TOP,
            selection,
            picture: 0,
            spatial_tops: [0; 2],
            targets: Targets::default(),
        }
    }
}

impl Selector {
    /// Says what is wanted from now on.
    pub fn set_wanted(&mut self, wanted: Layer) {
        self.wanted = wanted;
    }

    /// Leaves out temporal layers above this one, whatever is wanted.
    pub fn limit_temporal(&mut self, temporal_max: u8) {
        self.temporal_max = temporal_max;
    }

    /// Begins with a packet where a decoder can start: all of `wanted` can be decoded.
    pub fn start(&mut self, packet: &Packet, wanted: Layer) {
        let temporal_max = self.temporal_max;
        *self = Self {
            wanted,
            temporal_max,
            picture: packet.timestamp,
            selection: Selection::up_to(wanted),
            ..Self::default()
        };
        if let Some(dependency) = &packet.dependency {
            self.selection = self.targets.start(dependency, wanted).unwrap_or(self.selection);
        }
    }

    /// What is wanted.
    pub fn wanted(&self) -> Layer {
        self.wanted
    }

    /// What is forwarded now.
    pub fn selection(&self) -> Selection {
        self.selection
    }

    /// Whether a spatial layer is wanted that is sent, but can begin only with a keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        if self.selection.target.is_some() {
            return self.targets.awaits_keyframe();
        }
        let [now, before] = self.spatial_tops;
        self.selection.layer.spatial < self.wanted.spatial.min(now.max(before))
    }

    /// Takes the next packet in order, and says what of it and the packets behind it is forwarded.
    ///
    /// Less takes effect with the next picture. More: at a keyframe; a temporal layer where the descriptor says that
    /// nothing of what was left out is used ([`TemporalSwitch`]); a spatial layer with a frame that uses no earlier picture
    /// (`P` = 0, RFC 9628, section 4.2), above one that is forwarded. With a Dependency Descriptor, [`Targets`] decides.
    pub fn advance(&mut self, packet: &Packet) -> Selection {
        let descriptor = &packet.descriptor;
        let wanted = self.wanted.lower(Layer { spatial: Layer::TOP, temporal: self.temporal_max });
        let is_new_picture = std::mem::replace(&mut self.picture, packet.timestamp) != packet.timestamp;
        if let Some(dependency) = &packet.dependency {
            if dependency.starts_frame {
                self.selection = self.targets.advance(dependency, wanted, self.selection, is_new_picture);
            }
            if self.selection.target.is_some() {
                return self.selection;
            }
        }
        if is_new_picture {
            let [now, _] = self.spatial_tops;
            self.spatial_tops = [0, now];
            self.selection = Selection::up_to(self.selection.layer.lower(wanted));
        }
        let [top, _] = &mut self.spatial_tops;
        *top = (*top).max(descriptor.layer.spatial);
        if self.selection.layer != wanted && descriptor.starts_frame {
            self.rise(packet, wanted);
        }
        self.selection
    }

    /// A packet came late and was forwarded.
    pub fn sent_late(&mut self, packet: &Packet) {
        if let Some(dependency) = packet.dependency.as_ref().filter(|dependency| dependency.starts_frame) {
            self.targets.sent_late(dependency);
        }
    }

    fn rise(&mut self, packet: &Packet, wanted: Layer) {
        let Self { selection: Selection { layer: now, .. }, .. } = self;
        let descriptor = &packet.descriptor;
        let of = descriptor.layer;
        if descriptor.keyframe_start {
            *now = wanted;
            return;
        }
        if now.temporal < wanted.temporal {
            match descriptor.temporal_switch {
                // The layers between would have to be there as well: one at a time.
                TemporalSwitch::Into if of.temporal == now.temporal.saturating_add(1) => now.temporal = of.temporal,
                TemporalSwitch::Above if of.temporal <= now.temporal => now.temporal = wanted.temporal,
                _ => {}
            }
        }
        let is_next = of.spatial == now.spatial.saturating_add(1) && of.spatial <= wanted.spatial;
        if is_next && descriptor.is_independent && of.temporal <= now.temporal {
            now.spatial = of.spatial;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::testing::packet;
    use super::*;

    const T0: Layer = Layer { spatial: Layer::TOP, temporal: 0 };

    /// The first packet of a frame.
    fn frame(picture: u32, spatial: u8, temporal: u8) -> Packet {
        let mut packet = packet(0, picture, Instant::now());
        packet.descriptor.layer = Layer { spatial, temporal };
        packet.descriptor.starts_frame = true;
        packet
    }

    fn keyframe(picture: u32) -> Packet {
        let mut packet = frame(picture, 0, 0);
        packet.descriptor.keyframe_start = true;
        packet
    }

    fn switch(mut packet: Packet, switch: TemporalSwitch) -> Packet {
        packet.descriptor.temporal_switch = switch;
        packet
    }

    fn started(wanted: Layer) -> Selector {
        let mut selector = Selector::default();
        selector.start(&keyframe(0), wanted);
        selector
    }

    #[test]
    fn less_takes_effect_with_the_next_picture() {
        let mut selector = started(Layer::ALL);
        assert!(selector.advance(&frame(1, 0, 2)).includes(&frame(1, 0, 2)));
        selector.set_wanted(T0);
        assert!(selector.advance(&frame(1, 0, 2)).includes(&frame(1, 0, 2)), "the rest of the picture");
        assert!(!selector.advance(&frame(2, 0, 2)).includes(&frame(2, 0, 2)));
        assert!(selector.advance(&frame(3, 0, 0)).includes(&frame(3, 0, 0)));
    }

    #[test]
    fn vp8_layers_come_back_one_by_one_at_sync_pictures() {
        let mut selector = started(T0);
        selector.set_wanted(Layer::ALL);
        let mut temporal = |packet: Packet| selector.advance(&packet).layer.temporal;
        let sync = |picture, layer| switch(frame(picture, 0, layer), TemporalSwitch::Into);
        assert_eq!(temporal(frame(1, 0, 0)), 0);
        assert_eq!(temporal(sync(2, 2)), 0, "layer 1 is missing below it");
        assert_eq!(temporal(frame(3, 0, 1)), 0, "uses an earlier picture of its layer");
        assert_eq!(temporal(sync(4, 1)), 1);
        assert_eq!(temporal(frame(5, 0, 2)), 1);
        assert_eq!(temporal(sync(6, 2)), 2);
        assert_eq!(temporal(keyframe(7)), Layer::TOP);
    }

    #[test]
    fn a_picture_whose_start_was_lost_adds_no_layer() {
        let mut selector = started(T0);
        selector.set_wanted(Layer::ALL);
        let mut rest = switch(frame(1, 0, 1), TemporalSwitch::Into);
        rest.descriptor.starts_frame = false;
        assert_eq!(selector.advance(&rest).layer.temporal, 0);
    }

    #[test]
    fn vp9_layers_come_back_after_a_switching_point_below() {
        let mut selector = started(T0);
        selector.set_wanted(Layer { temporal: 2, ..Layer::ALL });
        let mut temporal = |packet: Packet| selector.advance(&packet).layer.temporal;
        assert_eq!(temporal(switch(frame(1, 0, 1), TemporalSwitch::Above)), 0, "itself was not forwarded");
        assert_eq!(temporal(frame(2, 0, 0)), 0);
        assert_eq!(temporal(switch(frame(3, 0, 0), TemporalSwitch::Above)), 2);
    }

    #[test]
    fn a_spatial_layer_begins_where_it_uses_no_earlier_picture() {
        let mut selector = started(Layer { spatial: 0, temporal: Layer::TOP });
        selector.set_wanted(Layer { spatial: 2, temporal: Layer::TOP });
        assert!(!selector.awaits_keyframe(), "no such layer was seen");
        let mut spatial = |packet: Packet| selector.advance(&packet).layer.spatial;
        let independent = |picture, layer| {
            let mut packet = frame(picture, layer, 0);
            packet.descriptor.is_independent = true;
            packet
        };
        assert_eq!([spatial(frame(1, 0, 0)), spatial(frame(1, 1, 0)), spatial(independent(1, 2))], [0; 3]);
        assert_eq!([spatial(frame(2, 0, 0)), spatial(independent(2, 1)), spatial(frame(2, 2, 0))], [0, 1, 1]);
        assert!(selector.awaits_keyframe());
        let mut spatial = |packet: Packet| selector.advance(&packet).layer.spatial;
        assert_eq!(spatial(keyframe(3)), 2);
        assert!(!selector.awaits_keyframe());
    }

    #[test]
    fn a_layer_that_is_not_sent_any_more_is_not_waited_for() {
        let mut selector = started(Layer { spatial: 0, temporal: Layer::TOP });
        selector.set_wanted(Layer::ALL);
        selector.advance(&frame(1, 1, 0));
        selector.advance(&frame(2, 0, 0));
        assert!(selector.awaits_keyframe());
        selector.advance(&frame(3, 0, 0));
        assert!(!selector.awaits_keyframe());
    }

    #[test]
    fn the_last_forwarded_frame_ends_the_picture() {
        let selection = Selection::up_to(Layer { spatial: 1, temporal: 0 });
        let mut packet = frame(1, 1, 0);
        assert!(!selection.ends_picture(&packet));
        packet.descriptor.ends_frame = true;
        assert!(selection.ends_picture(&packet));
        packet.descriptor.layer.spatial = 0;
        assert!(!selection.ends_picture(&packet));
        packet.marker = true;
        assert!(selection.ends_picture(&packet), "the sender's own");
    }
}
