//! The template dependency structure: what the frames of an encoding may look like, and what they are good for.

use super::bits::BitReader;
use crate::rtp::Layer;

/// Decode targets of a structure: the field has 5 bits.
pub const TARGETS_MAX: usize = 32;
/// Chains that are followed: one for each spatial layer, or each resolution of simulcast in one stream. A structure with
/// more is not followed at all.
pub const CHAINS_MAX: usize = 8;
/// Templates: the field of their number has 6 bits.
const TEMPLATES_MAX: usize = 64;

/// What a frame is to a decode target (table A.1 of the specification).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Indication {
    /// `-`: it is not part of it.
    NotPresent,
    /// `D`: nothing else of the target uses it.
    Discardable,
    /// `S`: once it is decoded, all later frames of the target can be.
    Switch,
    /// `R`: later frames of the target may use it.
    Required,
}

/// The indications for all decode targets, two bits each, the first target lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Indications(u64);

/// The frames that a frame uses, by how far they are back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct References {
    /// Bit `n` for the frame `n + 1` before.
    pub near: u64,
    /// One is further back than that.
    pub is_far: bool,
}

/// How a frame may look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Template {
    /// The layer of the frame.
    pub layer: Layer,
    /// What it is to the decode targets.
    pub indications: Indications,
    /// What it uses.
    pub references: References,
    /// For each chain, how far back the frame before this one in it is; 0: none.
    pub chain_diffs: [u8; CHAINS_MAX],
}

/// A part of the encoding that can be decoded on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeTarget {
    /// The highest layers of its frames.
    pub layer: Layer,
    /// The chain that protects it.
    pub chain: Option<u8>,
    /// The targets, as a bit mask, that need no frame beyond this one's.
    pub included: u32,
}

/// The structure, parsed once for each coded video sequence.
#[derive(Debug, PartialEq, Eq)]
pub struct Structure {
    id_offset: u8,
    templates: Vec<Template>,
    targets: Vec<DecodeTarget>,
    chain_count: u8,
    /// As it was received.
    bits: Vec<u8>,
    bit_count: usize,
}

impl Indications {
    /// For one target; beyond the last one nothing is present.
    pub fn of(self, target: u8) -> Indication {
        match self.0.checked_shr(2 * u32::from(target)).unwrap_or(0) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    pub(super) fn read(reader: &mut BitReader<'_>, targets: usize) -> Option<Self> {
        (0..targets).try_fold(Self::default(), |all, target| {
            Some(Self(all.0 | u64::from(reader.bits(2)?) << (2 * target.min(TARGETS_MAX - 1))))
        })
    }
}

impl References {
    pub(super) fn add(&mut self, diff: u32) {
        match 1_u64.checked_shl(diff.wrapping_sub(1)) {
            Some(bit) => self.near |= bit,
            None => self.is_far = true,
        }
    }

    /// Whether the frame uses no other.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Structure {
    /// Reads the structure that begins at `reader`; `bytes` is what `reader` reads.
    pub(super) fn read(reader: &mut BitReader<'_>, bytes: &[u8]) -> Option<Self> {
        let start = reader.position();
        let id_offset = reader.bits(6)? as u8;
        let target_count = reader.bits(5)? as usize + 1;
        let mut templates = read_layers(reader)?;
        for template in &mut templates {
            template.indications = Indications::read(reader, target_count)?;
        }
        for template in &mut templates {
            while reader.flag()? {
                template.references.add(reader.bits(4)? + 1);
            }
        }
        let chain_count = reader.non_symmetric(target_count as u32 + 1)?;
        let mut protected_by = vec![None; target_count];
        if chain_count > 0 {
            if chain_count as usize > CHAINS_MAX {
                return None;
            }
            for chain in &mut protected_by {
                *chain = Some(reader.non_symmetric(chain_count)? as u8);
            }
            for template in &mut templates {
                for diff in template.chain_diffs.iter_mut().take(chain_count as usize) {
                    *diff = reader.bits(4)? as u8;
                }
            }
        }
        if reader.flag()? {
            let spatial_top = templates.iter().map(|template| template.layer.spatial).max()?;
            for _ in 0..=spatial_top {
                reader.bits(32)?;
            }
        }
        let bit_count = reader.position() - start;
        let targets = targets(&templates, &protected_by);
        let bits = copied(bytes, start, bit_count)?;
        Some(Self { id_offset, templates, targets, chain_count: chain_count as u8, bits, bit_count })
    }

    /// The template that packets name by `id`.
    pub fn template(&self, id: u8) -> Option<&Template> {
        self.templates.get(usize::from((id + 64 - self.id_offset) % 64))
    }

    /// The decode targets.
    pub fn targets(&self) -> &[DecodeTarget] {
        &self.targets
    }

    /// How many chains there are.
    pub fn chain_count(&self) -> usize {
        usize::from(self.chain_count)
    }

    /// All targets, as a bit mask.
    pub fn all_targets(&self) -> u32 {
        u32::MAX >> (TARGETS_MAX - self.targets.len().clamp(1, TARGETS_MAX))
    }

    /// The target with the highest layers within `wanted`, of those that `active` holds: first spatial, then temporal.
    pub fn best_target(&self, wanted: Layer, active: u32) -> Option<u8> {
        let numbered = (0_u8..).zip(&self.targets);
        let fitting = numbered.filter(|(index, target)| active >> index & 1 == 1 && wanted.includes(target.layer));
        fitting.max_by_key(|(_, target)| target.layer).map(|(index, _)| index)
    }

    /// The bits as received, and how many they are.
    pub(super) fn bits(&self) -> (&[u8], usize) {
        (&self.bits, self.bit_count)
    }
}

/// Templates with nothing but their layers.
fn read_layers(reader: &mut BitReader<'_>) -> Option<Vec<Template>> {
    let mut layer = Layer::default();
    let mut templates = Vec::new();
    loop {
        if templates.len() == TEMPLATES_MAX {
            return None;
        }
        let (indications, references) = (Indications::default(), References::default());
        templates.push(Template { layer, indications, references, chain_diffs: [0; CHAINS_MAX] });
        match reader.bits(2)? {
            0 => {}
            1 => layer.temporal += 1,
            2 => layer = Layer { spatial: layer.spatial + 1, temporal: 0 },
            _ => return Some(templates),
        }
    }
}

fn targets(templates: &[Template], protected_by: &[Option<u8>]) -> Vec<DecodeTarget> {
    let has = |template: &Template, target: u8| template.indications.of(target) != Indication::NotPresent;
    let count = protected_by.len().min(TARGETS_MAX) as u8;
    let target = |(index, chain): (u8, &Option<u8>)| {
        let frames = templates.iter().filter(|template| has(template, index));
        let layer = frames.fold(Layer::default(), |top, frame| Layer {
            spatial: top.spatial.max(frame.layer.spatial),
            temporal: top.temporal.max(frame.layer.temporal),
        });
        let needs_no_more = |other: &u8| templates.iter().all(|frame| has(frame, index) || !has(frame, *other));
        let included = (0..count).filter(needs_no_more).fold(0, |mask, other| mask | 1 << other);
        DecodeTarget { layer, chain: *chain, included }
    };
    (0..count).zip(protected_by).map(target).collect()
}

/// `count` bits of `bytes` from bit `start` on.
fn copied(bytes: &[u8], start: usize, count: usize) -> Option<Vec<u8>> {
    let mut reader = BitReader::new(bytes);
    let mut left = start;
    while left > 0 {
        let step = left.min(32);
        reader.bits(step as u32)?;
        left -= step;
    }
    let mut out = vec![0; count.div_ceil(8)];
    let mut writer = super::bits::BitWriter::new(&mut out);
    let mut left = count;
    while left > 0 {
        let step = left.min(32) as u32;
        writer.bits(reader.bits(step)?, step);
        left -= step as usize;
    }
    Some(out)
}
