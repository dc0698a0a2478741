//! Encodings that are told by a Dependency Descriptor alone, as simulated encoders write it, and whether one that was received
//! says what is true. The payload is noise, as if it were encrypted.

use std::collections::HashSet;

use boltorezka_media::rtp::dependency::{Dependency, DependencyState, Indication};
use str0m::format::Codec;

use super::coding::Plan;
use super::descriptor::{Descriptor, Needs};
use super::truth::Truth;

#[path = "../../../src/rtp/dependency/testing.rs"]
#[allow(dead_code, missing_docs, reason = "it is written for the tests of the parser")]
mod dependency;
use dependency::{Frame, L1T3, L3T3, Mode};

/// Three spatial layers that use each other in keyframes only, of three temporal layers.
const L3T3_KEY: Mode = Mode {
    templates: &[
        (0, 0, "SSSSSSSSS", &[], &[0, 0, 0]),
        (0, 0, "SSS------", &[12], &[12, 11, 10]),
        (0, 1, "-DS------", &[6], &[6, 5, 4]),
        (0, 2, "--D------", &[3], &[3, 2, 1]),
        (1, 0, "---SSSSSS", &[1], &[1, 1, 1]),
        (1, 0, "---SSS---", &[12], &[1, 12, 11]),
        (1, 1, "----DS---", &[6], &[7, 6, 5]),
        (1, 2, "-----D---", &[3], &[4, 3, 2]),
        (2, 0, "------SSS", &[1], &[2, 1, 1]),
        (2, 0, "------SSS", &[12], &[2, 1, 12]),
        (2, 1, "-------DS", &[6], &[8, 7, 6]),
        (2, 2, "--------D", &[3], &[5, 4, 3]),
    ],
    protected_by: &[0, 0, 0, 1, 1, 1, 2, 2, 2],
    chains: 3,
};

/// Templates of a spatial layer in the modes with three of them.
const TEMPLATES: u32 = 4;
/// Noise in front of what a payload says of itself.
pub const NOISE_BYTES: usize = 6;
/// A change takes effect with the next frame that is sent: until then the promise of the last one stands, though it does not
/// hold any more. So many in a row are no change.
const LEFT_OUT_MAX: u32 = 3;
/// Frames since the keyframe that are known to have come; no chain goes further back.
const CAME_MAX: usize = 256;

/// An encoding with three temporal layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Its codec, of which nothing is in the payload.
    pub codec: Codec,
    /// 1 or 3.
    pub spatial: u8,
    /// Spatial layers use each other in keyframes only.
    pub only_key: bool,
}

impl Described {
    /// The descriptor of a packet.
    pub fn write(self, plan: Plan, frame: u32, is_keyframe: bool, starts: bool, ends: bool) -> Vec<u8> {
        let mode = match (self.spatial, self.only_key) {
            (1, _) => &L1T3,
            (_, false) => &L3T3,
            (_, true) => &L3T3_KEY,
        };
        // The second picture of the highest layer uses the one in the middle, which is not so in its template.
        let is_second = plan.temporal == 2 && !plan.is_sync;
        let template = match (is_keyframe, self.spatial) {
            (true, _) => 0,
            (false, 1) if is_second => 4,
            _ => u32::from(plan.temporal) + 1,
        };
        let number = frame as u16;
        let mut written =
            Frame { starts, ends, ..Frame::of_template(TEMPLATES * u32::from(plan.spatial) + template, number) };
        written.has_structure = is_keyframe && plan.spatial == 0 && starts;
        if is_second && self.spatial > 1 {
            written.custom_chains = [9, 8, 7].map(|back| back + u32::from(plan.spatial)).to_vec();
        }
        written.write(mode)
    }
}

/// What stands where a codec has its own header: what looks like the one of VP8, with a picture number that must not be
/// believed.
pub fn noise(truth: &Truth) -> [u8; NOISE_BYTES] {
    let [.., a, b, c] = (truth.frame.wrapping_mul(0x9e37_79b9) ^ u32::from(truth.packet)).to_be_bytes();
    [0x90, 0xe0, 0x80 | a, b, c, a]
}

/// What a descriptor says to a receiver.
pub fn read(state: &mut DependencyState, bytes: &[u8]) -> Option<(Descriptor, Dependency)> {
    let dependency = state.read(bytes)?;
    let descriptor = Descriptor {
        starts: dependency.starts_frame,
        ends: dependency.ends_frame,
        is_keyframe: dependency.starts_sequence(),
        picture: dependency.frame_number,
        spatial: dependency.layer.spatial,
        temporal: dependency.layer.temporal,
        needs: Needs::Numbered { near: dependency.references.near, is_far: dependency.references.is_far },
    };
    Some((descriptor, dependency))
}

/// Holds descriptors that were received against what is true.
#[derive(Debug, Default)]
pub struct Promises {
    /// The frames since the keyframe, by their numbers, while none is missing in between.
    came: Option<HashSet<u16>>,
    last: Option<(Dependency, Truth)>,
    /// Pictures in a row before which one was left out that was promised.
    left_out: u32,
}

fn promises_all_pictures(frame: &Dependency) -> bool {
    let targets = || (0_u8..).zip(frame.structure.targets());
    let top = targets().map(|(_, target)| target.layer.temporal).max();
    targets().any(|(target, known)| frame.active_targets >> target & 1 == 1 && Some(known.layer.temporal) == top)
}

impl Promises {
    /// A frame is shown, by the descriptor of its first packet. `is_next` says that its numbers follow those of the frame
    /// before it.
    ///
    /// # Errors
    /// What the descriptor says that is not so.
    pub fn check(&mut self, frame: &Dependency, truth: &Truth, is_next: bool) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the descriptor of {truth:?} {what}: {frame:?}"));
        if (frame.layer.spatial, frame.layer.temporal) != (truth.spatial, truth.temporal) {
            return wrong("names another layer");
        }
        let used = truth.needs().fold(0, |used, needed| used | 1_u64 << (truth.frame - needed - 1));
        if (frame.references.near, frame.references.is_far) != (used, false) {
            return wrong("names other references");
        }
        let active =
            || (0_u8..).zip(frame.structure.targets()).filter(|(target, _)| frame.active_targets >> target & 1 == 1);
        if active().all(|(target, _)| frame.indications.of(target) == Indication::NotPresent) {
            return wrong("is of no target that is sent");
        }
        if frame.starts_sequence() {
            self.came = Some(HashSet::new());
        } else if !is_next {
            self.came = None;
        } else if let Some((before, of_before)) = &self.last {
            let frames = truth.frame.wrapping_sub(of_before.frame);
            if of_before.encoder() == truth.encoder()
                && frame.frame_number.wrapping_sub(before.frame_number) != frames as u16
            {
                return wrong("has a number that does not follow");
            }
            // Where the highest temporal layer was promised, and still is, pictures are not left out time and again.
            let spatial_layers =
                frame.structure.targets().iter().map(|target| u32::from(target.layer.spatial) + 1).max();
            let is_left_out = promises_all_pictures(before) && promises_all_pictures(frame);
            let is_left_out = is_left_out && Some(frames) >= spatial_layers.map(|layers| 2 * layers);
            self.left_out = if is_left_out { self.left_out + 1 } else { 0 };
            if self.left_out >= LEFT_OUT_MAX {
                return wrong("promises pictures that were left out");
            }
        }
        if let Some(came) = &mut self.came {
            let mut chains = active().filter_map(|(_, target)| target.chain);
            let missing = chains.find(|chain| {
                let back = u16::from(frame.chain_diffs[usize::from(*chain)]);
                back > 0 && !came.contains(&frame.frame_number.wrapping_sub(back))
            });
            if missing.is_some() {
                return wrong("promises a chain that is broken");
            }
            came.insert(frame.frame_number);
            if came.len() > CAME_MAX {
                came.retain(|known| frame.frame_number.wrapping_sub(*known) < CAME_MAX as u16 / 2);
            }
        }
        self.last = Some((frame.clone(), *truth));
        Ok(())
    }
}
