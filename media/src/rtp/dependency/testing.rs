//! Structures as encoders send them, and a writer of descriptors that is independent of ours.

/// Spatial and temporal layer, indications, references, chain differences.
type Template = (u8, u8, &'static str, &'static [u32], &'static [u32]);

/// A structure: for each template its layer, indications by letter, references, and chain differences.
pub struct Mode {
    pub templates: &'static [Template],
    /// For each decode target its chain.
    pub protected_by: &'static [u32],
    pub chains: u32,
}

/// Three temporal layers.
pub const L1T3: Mode = Mode {
    templates: &[
        (0, 0, "SSS", &[], &[0]),
        (0, 0, "SSS", &[4], &[4]),
        (0, 1, "-DS", &[2], &[2]),
        (0, 2, "--D", &[1], &[1]),
        (0, 2, "--D", &[1], &[3]),
    ],
    protected_by: &[0, 0, 0],
    chains: 1,
};

/// Three spatial layers that use each other in each picture, of three temporal layers; pictures as in [`L1T3`].
pub const L3T3: Mode = Mode {
    templates: &[
        (0, 0, "SSSSSSSSS", &[], &[0, 0, 0]),
        (0, 0, "SSSRRRRRR", &[12], &[12, 11, 10]),
        (0, 1, "-DS-RR-RR", &[6], &[6, 5, 4]),
        (0, 2, "--D--R--R", &[3], &[3, 2, 1]),
        (1, 0, "---SSSSSS", &[1], &[1, 1, 1]),
        (1, 0, "---SSSRRR", &[12, 1], &[1, 1, 1]),
        (1, 1, "----DS-RR", &[6, 1], &[7, 6, 5]),
        (1, 2, "-----D--R", &[3, 1], &[4, 3, 2]),
        (2, 0, "------SSS", &[1], &[2, 1, 1]),
        (2, 0, "------SSS", &[12, 1], &[2, 1, 1]),
        (2, 1, "-------DS", &[6, 1], &[8, 7, 6]),
        (2, 2, "--------D", &[3, 1], &[5, 4, 3]),
    ],
    protected_by: &[0, 0, 0, 1, 1, 1, 2, 2, 2],
    chains: 3,
};

/// What a packet says.
#[derive(Clone, Default)]
pub struct Frame {
    pub has_structure: bool,
    pub starts: bool,
    pub ends: bool,
    pub template: u32,
    pub number: u16,
    pub active_targets: Option<u32>,
    pub custom_references: Vec<u32>,
    pub custom_chains: Vec<u32>,
}

/// A structure's templates are numbered from here.
const ID_OFFSET: u32 = 60;

impl Frame {
    /// The first packet of a keyframe.
    pub fn key(number: u16) -> Self {
        Self { has_structure: true, ..Self::of_template(0, number) }
    }

    /// The first packet of the first frame in the mode that is of this temporal layer, and uses others.
    pub fn new(temporal: u8, number: u16) -> Self {
        Self::of_template([1, 2, 3][usize::from(temporal)], number)
    }

    /// The first packet of a frame.
    pub fn of_template(template: u32, number: u16) -> Self {
        Self { starts: true, template, number, ..Self::default() }
    }

    pub fn write(&self, mode: &Mode) -> Vec<u8> {
        let mut bits = String::new();
        let mut put = |value: u32, count: usize| {
            if count > 0 {
                bits += &format!("{value:0count$b}");
            }
        };
        let targets = mode.protected_by.len();
        put(u32::from(self.starts), 1);
        put(u32::from(self.ends), 1);
        put((self.template + ID_OFFSET) % 64, 6);
        put(u32::from(self.number), 16);
        let custom = !self.custom_references.is_empty() || !self.custom_chains.is_empty();
        if self.has_structure || self.active_targets.is_some() || custom {
            put(u32::from(self.has_structure), 1);
            put(u32::from(self.active_targets.is_some()), 1);
            put(0, 1);
            put(u32::from(!self.custom_references.is_empty()), 1);
            put(u32::from(!self.custom_chains.is_empty()), 1);
            if self.has_structure {
                mode.write(&mut put);
            }
            if let Some(active) = self.active_targets {
                put(active, targets);
            }
            for diff in &self.custom_references {
                let size = [16, 256, 4_096].iter().position(|limit| diff <= limit).unwrap() + 1;
                put(size as u32, 2);
                put(diff - 1, 4 * size);
            }
            if !self.custom_references.is_empty() {
                put(0, 2);
            }
            self.custom_chains.iter().for_each(|diff| put(*diff, 8));
        }
        let bytes = bits.as_bytes().chunks(8);
        bytes.map(|byte| byte.iter().enumerate().map(|(at, bit)| (bit - b'0') << (7 - at)).sum()).collect()
    }
}

impl Mode {
    /// The descriptor of a keyframe.
    pub fn key(&self) -> Vec<u8> {
        Frame::key(0).write(self)
    }

    fn write(&self, put: &mut impl FnMut(u32, usize)) {
        let targets = self.protected_by.len() as u32;
        put(ID_OFFSET, 6);
        put(targets - 1, 5);
        for pair in self.templates.windows(2) {
            let (before, next) = ((pair[0].0, pair[0].1), (pair[1].0, pair[1].1));
            put(
                if next == before {
                    0
                } else if next.0 == before.0 {
                    1
                } else {
                    2
                },
                2,
            );
        }
        put(3, 2);
        for (_, _, indications, ..) in self.templates {
            indications.chars().for_each(|letter| put("-DSR".find(letter).unwrap() as u32, 2));
        }
        for (_, _, _, references, _) in self.templates {
            for diff in *references {
                put(1, 1);
                put(diff - 1, 4);
            }
            put(0, 1);
        }
        non_symmetric(put, self.chains, targets + 1);
        self.protected_by.iter().for_each(|chain| non_symmetric(put, *chain, self.chains));
        for (.., chains) in self.templates {
            chains.iter().for_each(|diff| put(*diff, 4));
        }
        put(0, 1);
    }
}

fn non_symmetric(put: &mut impl FnMut(u32, usize), value: u32, count: u32) {
    let width = (32 - count.leading_zeros()) as usize;
    let short = (1 << width) - count;
    if value < short { put(value, width - 1) } else { put(value + short, width) }
}
