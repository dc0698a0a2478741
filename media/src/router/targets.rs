//! Changes between decode targets of an encoding with a Dependency Descriptor (AV1 RTP specification, sections A.5 and A.7).

use std::sync::Arc;

use super::selection::Selection;
use crate::rtp::Layer;
use crate::rtp::dependency::{DecodeTarget, Dependency, Indication, Structure};

/// What a slot's receiver has of an encoding, frame by frame.
#[derive(Debug, Default)]
pub struct Targets {
    structure: Option<Arc<Structure>>,
    /// The newest frame that was sent.
    newest: u16,
    /// Bit `n` for the frame `n` before it: whether it was sent.
    sent: u64,
    /// The chains, as a bit mask, of which all frames were sent.
    intact: u8,
    /// A spatial layer is wanted and sent that cannot begin yet.
    awaits_keyframe: bool,
}

impl Targets {
    /// Begins with a frame where a decoder can start; `None` without decode targets.
    pub fn start(&mut self, dependency: &Dependency, wanted: Layer) -> Option<Selection> {
        *self = Self { structure: Some(dependency.structure.clone()), ..Self::default() };
        let target = dependency.structure.best_target(wanted, dependency.active_targets)?;
        selection(&dependency.structure, target)
    }

    /// Whether a spatial layer is wanted that is sent, but can begin only with a keyframe.
    pub fn awaits_keyframe(&self) -> bool {
        self.awaits_keyframe
    }

    /// Takes the first packet of the next frame, and says what of it and the frames behind it is forwarded.
    ///
    /// A target that needs no frame beyond those of the one in force may begin with any picture. Another one may where a
    /// decodable frame switches to it (`S`), and with any picture while its chain is intact. Until then the one in force
    /// stays, or the best of those that may begin.
    pub fn advance(
        &mut self,
        dependency: &Dependency,
        wanted: Layer,
        now: Selection,
        is_new_picture: bool,
    ) -> Selection {
        let is_known = self.structure.as_ref().is_some_and(|known| Arc::ptr_eq(known, &dependency.structure));
        if !is_known && !dependency.starts_sequence() {
            return now;
        }
        let before = if is_known { now } else { self.start(dependency, wanted).unwrap_or(now) };
        self.follow_chains(dependency);
        let chosen = match before.target {
            Some(target) => self.choose(dependency, wanted, target, is_new_picture).unwrap_or(before),
            None => before,
        };
        self.note(dependency, chosen);
        chosen
    }

    /// A frame's first packet came late and was sent.
    pub fn sent_late(&mut self, dependency: &Dependency) {
        let age = self.newest.wrapping_sub(dependency.frame_number);
        match age.cast_signed() {
            0.. => self.sent |= 1_u64.checked_shl(u32::from(age)).unwrap_or(0),
            // All behind it was left out.
            _ => self.sent_next(dependency.frame_number),
        }
    }

    fn sent_next(&mut self, frame: u16) {
        self.sent = self.sent_before(frame) << 1 | 1;
        self.newest = frame;
    }

    /// A chain is broken by a frame of it that was not sent.
    fn follow_chains(&mut self, dependency: &Dependency) {
        let sent = self.sent_before(dependency.frame_number);
        for (chain, diff) in dependency.chain_diffs.iter().enumerate().filter(|(_, diff)| **diff > 0) {
            if sent.checked_shr(u32::from(*diff) - 1).unwrap_or(0) & 1 == 0 {
                self.intact &= !(1 << chain);
            }
        }
    }

    fn choose(&mut self, dependency: &Dependency, wanted: Layer, now: u8, is_new_picture: bool) -> Option<Selection> {
        let structure = &dependency.structure;
        let current = structure.targets().get(usize::from(now))?;
        let is_decodable = self.is_decodable(dependency);
        let may_begin = |index: u8, target: &DecodeTarget| {
            index == now
                || (is_decodable && dependency.indications.of(index) == Indication::Switch)
                || (is_new_picture && current.included >> index & 1 == 1)
                || (is_new_picture && target.chain.is_some_and(|chain| self.intact >> chain & 1 == 1))
        };
        let numbered = (0_u8..).zip(structure.targets());
        let fitting = numbered.filter(|(index, target)| {
            dependency.active_targets >> index & 1 == 1 && wanted.includes(target.layer) && may_begin(*index, target)
        });
        let chosen = fitting.max_by_key(|(_, target)| target.layer).map_or(now, |(index, _)| index);
        let best = structure.best_target(wanted, dependency.active_targets).unwrap_or(chosen);
        let spatial = |index: u8| structure.targets().get(usize::from(index)).map(|target| target.layer.spatial);
        self.awaits_keyframe = spatial(best) > spatial(chosen);
        selection(structure, chosen)
    }

    /// Notes whether the frame is sent, and what that makes of chains that begin with it.
    fn note(&mut self, dependency: &Dependency, selection: Selection) {
        let is_sent =
            selection.target.is_some_and(|target| dependency.indications.of(target) != Indication::NotPresent);
        let begins = is_sent && self.is_decodable(dependency);
        for (chain, _) in dependency.chain_diffs.iter().enumerate().filter(|(_, diff)| **diff == 0) {
            self.intact = self.intact & !(1 << chain) | u8::from(begins) << chain;
        }
        if is_sent {
            self.sent_next(dependency.frame_number);
        }
    }

    /// Whether all that a frame uses was sent.
    fn is_decodable(&self, dependency: &Dependency) -> bool {
        let sent = self.sent_before(dependency.frame_number);
        !dependency.references.is_far && dependency.references.near & !sent == 0
    }

    /// Bit `n` for the frame `n + 1` before `frame`: whether it was sent.
    fn sent_before(&self, frame: u16) -> u64 {
        let step = u32::from(frame.wrapping_sub(self.newest));
        step.checked_sub(1).and_then(|shift| self.sent.checked_shl(shift)).unwrap_or(0)
    }
}

fn selection(structure: &Structure, target: u8) -> Option<Selection> {
    let layer = structure.targets().get(usize::from(target))?.layer;
    Some(Selection { layer, target: Some(target) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::dependency::DependencyState;
    use crate::rtp::dependency::testing::{Frame, L1T3, L3T3, Mode};

    /// An encoder's frames, as a slot gets them.
    struct Slot {
        mode: &'static Mode,
        state: DependencyState,
        targets: Targets,
        wanted: Layer,
        selection: Selection,
    }

    fn layer(spatial: u8, temporal: u8) -> Layer {
        Layer { spatial, temporal }
    }

    impl Slot {
        fn new(mode: &'static Mode, wanted: Layer) -> Self {
            let mut state = DependencyState::default();
            let key = state.read(&Frame::key(99).write(mode)).unwrap();
            let mut targets = Targets::default();
            let selection = targets.start(&key, wanted).unwrap();
            let mut slot = Self { mode, state, targets, wanted, selection };
            slot.take(Frame::key(100), true);
            slot
        }

        /// The layer in force after a frame, and whether the frame is forwarded.
        fn take(&mut self, frame: Frame, is_new_picture: bool) -> ((u8, u8), bool) {
            let dependency = self.state.read(&frame.write(self.mode)).unwrap();
            self.selection = self.targets.advance(&dependency, self.wanted, self.selection, is_new_picture);
            let Layer { spatial, temporal } = self.selection.layer;
            let target = self.selection.target.unwrap();
            ((spatial, temporal), dependency.indications.of(target) != Indication::NotPresent)
        }
    }

    impl Slot {
        fn take_all(&mut self, frames: &[Frame]) {
            for frame in frames {
                self.take(frame.clone(), true);
            }
        }
    }

    /// Frames 101 to 104 of a mode with one spatial layer: the templates of layers 2, 1, 2, 0.
    fn group(from: u16) -> [Frame; 4] {
        [(3, 1), (2, 2), (4, 3), (1, 4)].map(|(template, step)| Frame::of_template(template, from + step))
    }

    #[test]
    fn fewer_pictures_at_once_and_more_while_the_chain_is_intact() {
        let mut slot = Slot::new(&L1T3, Layer::ALL);
        assert_eq!(slot.selection.layer, layer(0, 2));
        slot.wanted = layer(0, 0);
        let taken = group(100).map(|frame| slot.take(frame, true).1);
        assert_eq!(taken, [false, false, false, true]);
        slot.wanted = Layer::ALL;
        let taken = group(104).map(|frame| slot.take(frame, true).1);
        assert_eq!(taken, [true; 4], "the base layer, which is its chain, was sent without a gap");
        assert!(!slot.targets.awaits_keyframe());
    }

    #[test]
    fn after_a_loss_in_the_chain_only_a_decodable_switch_adds_layers() {
        let mut slot = Slot::new(&L1T3, layer(0, 0));
        // 104 is lost: 108 uses it, and so the chain is broken and no frame can be decoded.
        slot.take_all(&group(100)[..3]);
        slot.wanted = Layer::ALL;
        let taken = group(104).map(|frame| slot.take(frame, true).1);
        assert_eq!(taken, [false, false, false, true], "layer 0 only");
        // What uses 108 can be decoded.
        let taken = group(108).map(|frame| slot.take(frame, true).1);
        assert_eq!(taken, [false, true, true, true], "the first one of layer 1 switches to all");
        assert_eq!(slot.selection.layer, layer(0, 2));
    }

    #[test]
    fn what_comes_late_makes_a_frame_decodable() {
        let mut slot = Slot::new(&L1T3, layer(0, 0));
        slot.take_all(&group(100)[..3]);
        slot.take_all(&group(104)[..3]);
        let late = slot.state.read(&group(100)[3].write(&L1T3)).unwrap();
        slot.targets.sent_late(&late);
        slot.wanted = Layer::ALL;
        assert_eq!(slot.take(group(104)[3].clone(), true), ((0, 2), true), "it switches to all layers");
    }

    #[test]
    fn a_spatial_layer_waits_for_a_keyframe() {
        let mut slot = Slot::new(&L3T3, layer(0, 2));
        let picture = |from, templates: [u32; 3]| {
            [0_u16, 1, 2].map(|step| Frame::of_template(templates[usize::from(step)], from + step))
        };
        let take = |slot: &mut Slot, from, templates| {
            let mut is_new = true;
            picture(from, templates).map(|frame| slot.take(frame, std::mem::take(&mut is_new)).1)
        };
        assert_eq!(take(&mut slot, 103, [3, 7, 11]), [true, false, false]);
        slot.wanted = layer(2, 2);
        assert_eq!(take(&mut slot, 106, [2, 6, 10]), [true, false, false]);
        assert!(slot.targets.awaits_keyframe());
        let key = [Frame::key(112), Frame::of_template(4, 113), Frame::of_template(8, 114)];
        let mut is_new = true;
        assert_eq!(key.map(|frame| slot.take(frame, std::mem::take(&mut is_new)).1), [true; 3]);
        assert!(!slot.targets.awaits_keyframe());
        slot.wanted = layer(1, 0);
        assert_eq!(take(&mut slot, 115, [3, 7, 11]), [false; 3], "of a higher temporal layer");
        assert_eq!(take(&mut slot, 118, [2, 6, 10]), [false; 3]);
        assert_eq!(take(&mut slot, 124, [1, 5, 9]), [true, true, false]);
    }

    #[test]
    fn a_target_that_its_sender_stopped_is_left() {
        let mut slot = Slot::new(&L3T3, Layer::ALL);
        let fewer = Frame { active_targets: Some(0b000_111_111), ..Frame::of_template(1, 112) };
        assert_eq!(slot.take(fewer, true), ((1, 2), true));
        assert!(!slot.targets.awaits_keyframe());
    }
}
