//! The Dependency Descriptor: an RTP header extension that says of each frame what it uses and what it is good for (AV1 RTP
//! specification, appendix A). Any codec may have it, so that pictures can be forwarded whose payload is encrypted.

mod bits;
mod structure;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

use bits::{BitReader, BitWriter};
pub use structure::{CHAINS_MAX, DecodeTarget, Indication, Indications, References, Structure, TARGETS_MAX};

use super::Layer;

/// Its name in session descriptions.
pub const URI: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
/// Longest descriptor: the length of a header extension has 8 bits (RFC 8285, section 4.3).
pub const DESCRIPTOR_BYTES_MAX: usize = 255;
/// Room for what a frame says beyond its template: all indications, 8 chains and a dozen references. A longer one is taken as
/// none; encoders write some ten bytes.
const CUSTOM_BYTES_MAX: usize = 32;

/// The descriptor of one packet, with the structure that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// What the templates of its encoding are.
    pub structure: Arc<Structure>,
    /// The packet brings the structure along: a coded video sequence begins.
    pub has_structure: bool,
    /// First packet of a frame.
    pub starts_frame: bool,
    /// Last packet of a frame.
    pub ends_frame: bool,
    /// Number of the frame.
    pub frame_number: u16,
    /// The layer of the frame.
    pub layer: Layer,
    /// What the frame is to the decode targets.
    pub indications: Indications,
    /// What it uses.
    pub references: References,
    /// For each chain, how far back the frame before this one in it is; 0: none.
    pub chain_diffs: [u8; CHAINS_MAX],
    /// The decode targets that are sent, as a bit mask.
    pub active_targets: u32,
    template_id: u8,
    has_active_targets: bool,
    custom: Custom,
}

/// What a frame says instead of its template, as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
struct Custom {
    /// The flags for indications, references and chains.
    flags: u8,
    bits: [u8; CUSTOM_BYTES_MAX],
    bit_count: u16,
}

/// New values for a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyRewrite {
    /// Number of the frame.
    pub frame_number: u16,
    /// The decode targets that are forwarded, as a bit mask.
    pub active_targets: u32,
}

/// What is known of an encoding from its earlier packets.
#[derive(Clone, Debug, Default)]
pub struct DependencyState {
    structure: Option<Arc<Structure>>,
    active_targets: u32,
}

impl DependencyState {
    /// Reads the descriptor of the encoding's next packet; `None` when it is malformed, or the structure that it belongs to
    /// was not seen.
    pub fn read(&mut self, bytes: &[u8]) -> Option<Dependency> {
        let mut reader = BitReader::new(bytes);
        let (starts_frame, ends_frame) = (reader.flag()?, reader.flag()?);
        let template_id = reader.bits(6)? as u8;
        let frame_number = reader.bits(16)? as u16;
        let (mut has_structure, mut has_active_targets, mut flags) = (false, false, 0);
        if reader.left() > 0 {
            (has_structure, has_active_targets) = (reader.flag()?, reader.flag()?);
            flags = reader.bits(3)? as u8;
        }
        let (structure, mut active_targets) = if has_structure {
            let structure = Arc::new(Structure::read(&mut reader, bytes)?);
            let all = structure.all_targets();
            (structure, all)
        } else {
            (self.structure.clone()?, self.active_targets)
        };
        if has_active_targets {
            active_targets = reader.bits(structure.targets().len() as u32)?;
        }
        let template = structure.template(template_id)?;
        let (mut indications, mut references, mut chain_diffs) =
            (template.indications, template.references, template.chain_diffs);
        let layer = template.layer;
        let custom_reader = reader.clone();
        if flags & 0b100 != 0 {
            indications = Indications::read(&mut reader, structure.targets().len())?;
        }
        if flags & 0b010 != 0 {
            references = References::default();
            loop {
                match reader.bits(2)? {
                    0 => break,
                    size => references.add(reader.bits(4 * size)? + 1),
                }
            }
        }
        if flags & 0b001 != 0 {
            for diff in chain_diffs.iter_mut().take(structure.chain_count()) {
                *diff = reader.bits(8)? as u8;
            }
        }
        let custom = Custom::copied(flags, custom_reader, reader.position())?;
        self.structure = Some(structure.clone());
        self.active_targets = active_targets;
        Some(Dependency {
            structure,
            has_structure,
            starts_frame,
            ends_frame,
            frame_number,
            layer,
            indications,
            references,
            chain_diffs,
            active_targets,
            template_id,
            has_active_targets,
            custom,
        })
    }
}

impl Custom {
    fn copied(flags: u8, mut reader: BitReader<'_>, end: usize) -> Option<Self> {
        let bit_count = end - reader.position();
        let mut bits = [0; CUSTOM_BYTES_MAX];
        let mut writer = BitWriter::new(&mut bits);
        let mut left = bit_count;
        while left > 0 {
            let step = left.min(32) as u32;
            writer.bits(reader.bits(step)?, step);
            left -= step as usize;
        }
        writer.finish()?;
        Some(Self { flags, bits, bit_count: u16::try_from(bit_count).ok()? })
    }
}

impl Dependency {
    /// Whether a decoder can start here: a coded video sequence begins, with a frame that uses no other.
    pub fn starts_sequence(&self) -> bool {
        self.has_structure && self.starts_frame && self.references.is_empty()
    }

    /// Writes the descriptor with new values to the start of `out`; says how long it is, 0 when it does not fit.
    ///
    /// The active decode targets are told with each packet where there is more than one target: that is the technique of
    /// section A.4 that needs no memory of what a receiver knows, and holds after any loss. It costs one to four bytes.
    pub fn write(&self, rewrite: DependencyRewrite, out: &mut [u8; DESCRIPTOR_BYTES_MAX]) -> usize {
        let tells_targets = self.has_active_targets || self.structure.targets().len() > 1;
        let is_extended = self.has_structure || tells_targets || self.custom.flags != 0;
        let mut writer = BitWriter::new(out);
        writer.bits(u32::from(self.starts_frame), 1);
        writer.bits(u32::from(self.ends_frame), 1);
        writer.bits(u32::from(self.template_id), 6);
        writer.bits(u32::from(rewrite.frame_number), 16);
        if is_extended {
            writer.bits(u32::from(self.has_structure), 1);
            writer.bits(u32::from(tells_targets), 1);
            writer.bits(u32::from(self.custom.flags), 3);
            if self.has_structure {
                let (bits, count) = self.structure.bits();
                writer.copy(bits, count);
            }
            if tells_targets {
                writer.bits(rewrite.active_targets, self.structure.targets().len() as u32);
            }
            writer.copy(&self.custom.bits, usize::from(self.custom.bit_count));
        }
        writer.finish().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Frame, L1T3, L3T3};
    use super::*;

    fn written(dependency: &Dependency, frame_number: u16, active_targets: u32) -> Vec<u8> {
        let mut out = [0; DESCRIPTOR_BYTES_MAX];
        let length = dependency.write(DependencyRewrite { frame_number, active_targets }, &mut out);
        out[..length].to_vec()
    }

    #[test]
    fn a_structure_is_read_and_kept() {
        let mut state = DependencyState::default();
        assert_eq!(state.read(&Frame::new(1, 7).write(&L1T3)), None, "its structure was not seen");
        let key = state.read(&Frame::key(6).write(&L1T3)).unwrap();
        assert!(key.starts_sequence() && key.starts_frame && !key.ends_frame);
        assert_eq!((key.frame_number, key.active_targets), (6, 0b111));
        let temporal = |target: &DecodeTarget| (target.layer.temporal, target.chain, target.included);
        let targets: Vec<_> = key.structure.targets().iter().map(temporal).collect();
        assert_eq!(targets, [(0, Some(0), 0b001), (1, Some(0), 0b011), (2, Some(0), 0b111)]);

        let delta = state.read(&Frame::new(2, 7).write(&L1T3)).unwrap();
        assert_eq!(delta.layer.temporal, 2);
        assert_eq!(delta.references, References { near: 1, is_far: false });
        assert_eq!([0, 1, 2].map(|target| delta.indications.of(target)), {
            use Indication::{Discardable, NotPresent};
            [NotPresent, NotPresent, Discardable]
        });
        assert_eq!(delta.chain_diffs[0], 1);
        assert!(Arc::ptr_eq(&delta.structure, &key.structure));
    }

    #[test]
    fn the_best_target_is_within_what_is_wanted_and_sent() {
        let key = DependencyState::default().read(&Frame::key(0).write(&L3T3)).unwrap();
        let best = |spatial, temporal, active| {
            let target = key.structure.best_target(Layer { spatial, temporal }, active)?;
            let layer = key.structure.targets()[usize::from(target)].layer;
            Some((layer.spatial, layer.temporal))
        };
        assert_eq!(best(9, 9, u32::MAX), Some((2, 2)));
        assert_eq!(best(1, 0, u32::MAX), Some((1, 0)));
        assert_eq!(best(9, 9, 0b000_000_111), Some((0, 2)), "the upper ones are not sent");
        assert_eq!(best(9, 9, 0), None);
    }

    #[test]
    fn what_is_written_says_the_same_with_other_numbers() {
        let mut state = DependencyState::default();
        for frame in [Frame::key(6), Frame::new(2, 7), Frame { custom_references: vec![1, 300], ..Frame::new(1, 9) }] {
            let read = state.read(&frame.write(&L1T3)).unwrap();
            let again = DependencyState { structure: Some(read.structure.clone()), active_targets: 0b111 }
                .read(&written(&read, 0xabcd, 0b011))
                .unwrap();
            assert_eq!((again.frame_number, again.active_targets), (0xabcd, 0b011));
            let expected = Dependency {
                frame_number: 0xabcd,
                active_targets: 0b011,
                has_active_targets: true,
                structure: again.structure.clone(),
                ..read.clone()
            };
            assert_eq!((&again, &again.structure), (&expected, &read.structure));
        }
    }

    #[test]
    fn references_beyond_the_window_are_known_as_such() {
        let mut state = DependencyState::default();
        state.read(&Frame::key(6).write(&L1T3)).unwrap();
        let frame = Frame { custom_references: vec![2, 64, 65], ..Frame::new(1, 900) };
        let read = state.read(&frame.write(&L1T3)).unwrap();
        assert_eq!(read.references, References { near: 0b10 | 1 << 63, is_far: true });
    }

    #[test]
    fn the_targets_that_are_sent_stay_until_told_otherwise() {
        let mut state = DependencyState::default();
        state.read(&Frame::key(0).write(&L1T3)).unwrap();
        let fewer = Frame { active_targets: Some(0b001), ..Frame::new(1, 1) };
        assert_eq!(state.read(&fewer.write(&L1T3)).unwrap().active_targets, 0b001);
        assert_eq!(state.read(&Frame::new(1, 2).write(&L1T3)).unwrap().active_targets, 0b001);
        assert_eq!(state.read(&Frame::key(3).write(&L1T3)).unwrap().active_targets, 0b111, "all, with a structure");
    }

    #[test]
    fn what_is_cut_short_is_none_and_changes_nothing() {
        let bytes = Frame::key(6).write(&L3T3);
        for length in 0..bytes.len() - 1 {
            let mut state = DependencyState::default();
            assert_eq!(state.read(&bytes[..length]), None, "{length} of {} bytes", bytes.len());
            assert!(state.structure.is_none());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            first in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
            second in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        ) {
            for start in [&L1T3.key(), &first] {
                let mut state = DependencyState::default();
                state.read(start);
                if let Some(read) = state.read(&second) {
                    let mut again = DependencyState { structure: Some(read.structure.clone()), active_targets: 0 };
                    let bytes = written(&read, read.frame_number, read.active_targets);
                    if !bytes.is_empty() {
                        let again = again.read(&bytes).unwrap();
                        proptest::prop_assert_eq!(again.indications, read.indications);
                        proptest::prop_assert_eq!(again.references, read.references);
                        proptest::prop_assert_eq!(again.chain_diffs, read.chain_diffs);
                    }
                }
            }
        }
    }
}
