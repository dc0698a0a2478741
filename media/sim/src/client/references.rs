//! What a receiver takes a frame to build on, by what packets say of it, and what of that it has (after libwebrtc's
//! reference finders).

use std::collections::VecDeque;

use super::descriptor::{Descriptor, Needs};

/// Frames that later ones may name.
const FRAMES_MAX: usize = 64;
/// Picture numbers have 15 bits.
const PICTURE_MASK: u16 = 0x7fff;

/// The frames that were shown.
#[derive(Debug, Default)]
pub struct References {
    /// How the keyframe's encoder numbers its frames: numbers of another kind mean nothing beside its own.
    begun: Option<std::mem::Discriminant<Needs>>,
    /// Picture and spatial layer, as far as later frames may name them.
    frames: VecDeque<(u16, u8)>,
    /// The newest base layer picture with its index.
    base: Option<(u8, u16)>,
}

impl References {
    /// Whether all that a frame builds on was shown. `is_next` says that its first packet follows the last frame's.
    pub fn allow(&self, frame: &Descriptor, is_next: bool) -> bool {
        if frame.is_keyframe {
            return true;
        }
        if self.begun != Some(std::mem::discriminant(&frame.needs)) {
            return false;
        }
        let has = |picture: u16, spatial: u8| self.frames.contains(&(picture & PICTURE_MASK, spatial));
        match &frame.needs {
            Needs::Previous => is_next,
            Needs::Numbered { near, is_far } => {
                let has = |number: u16| self.frames.iter().any(|(known, _)| *known == number);
                let mut used = (0..u64::BITS as u16).filter(|back| near >> back & 1 == 1);
                !is_far && used.all(|back| has(frame.picture.wrapping_sub(back + 1)))
            }
            Needs::Named { distances, uses_below } => {
                let same = distances.iter().all(|back| has(frame.picture.wrapping_sub(*back), frame.spatial));
                same && (!uses_below || frame.spatial.checked_sub(1).is_some_and(|below| has(frame.picture, below)))
            }
            Needs::Base { index, .. } if frame.temporal == 0 => {
                self.base.is_some_and(|(base, _)| base.wrapping_add(1) == *index)
            }
            Needs::Base { index, is_sync } => {
                let Some((_, base)) = self.base.filter(|(base, _)| base == index) else { return false };
                let between = frame.picture.wrapping_sub(base) & PICTURE_MASK;
                let has_all = || (1..between).all(|ahead| has(base.wrapping_add(ahead), 0));
                *is_sync || usize::from(between) < FRAMES_MAX && has_all()
            }
        }
    }

    /// A frame is shown.
    pub fn note(&mut self, frame: &Descriptor) {
        if frame.is_keyframe {
            *self = Self { begun: Some(std::mem::discriminant(&frame.needs)), ..Self::default() };
        }
        self.frames.push_back((frame.picture, frame.spatial));
        if self.frames.len() > FRAMES_MAX {
            self.frames.pop_front();
        }
        if let Needs::Base { index, .. } = frame.needs
            && frame.temporal == 0
        {
            self.base = Some((index, frame.picture));
        }
    }
}
