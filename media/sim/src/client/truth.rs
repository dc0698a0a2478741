//! What a simulated picture or sound says about itself, behind its codec's own header, so that whoever receives it can be
//! asked whether it was right to show it. The node cannot know it: it is payload.

/// Bytes of a truth.
pub const TRUTH_BYTES: usize = 26;

const MAGIC: u16 = 0xb017;

/// Where a packet comes from and what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Truth {
    /// The client that made it, by its index in the world.
    pub publisher: u16,
    /// The section it was sent in, by its place among the client's sections.
    pub section: u8,
    /// The encoding.
    pub encoding: u8,
    /// Its frame: one layer of one picture.
    pub frame: u32,
    /// The frames that it builds on; itself where it builds on fewer.
    pub builds_on: [u32; 2],
    /// Its spatial layer in the encoding.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// Its place in the frame.
    pub packet: u8,
    /// Packets of the frame.
    pub packets: u8,
    /// When it was made, in milliseconds of the simulation.
    pub made_ms: u32,
}

impl Truth {
    /// The first frame of a client's section, which builds on none.
    pub fn first(publisher: u16, section: u8, encoding: u8) -> Self {
        let (spatial, temporal, packet, packets, made_ms) = (0, 0, 0, 1, 0);
        Self { publisher, section, encoding, frame: 1, builds_on: [1; 2], spatial, temporal, packet, packets, made_ms }
    }

    /// Whose it is: frames build on frames of the same encoding.
    pub fn encoder(&self) -> (u16, u8, u8) {
        (self.publisher, self.section, self.encoding)
    }

    /// The frames that it builds on.
    pub fn needs(&self) -> impl Iterator<Item = u32> {
        let frame = self.frame;
        self.builds_on.into_iter().filter(move |other| *other != frame)
    }

    /// Appends it to a payload, and fills that up to `bytes`.
    pub fn write(&self, payload: &mut Vec<u8>, bytes: usize) {
        let end = payload.len() + TRUTH_BYTES;
        payload.extend(MAGIC.to_be_bytes());
        payload.extend(self.publisher.to_be_bytes());
        payload.extend([self.section, self.encoding, self.packet, self.packets]);
        payload.extend(self.frame.to_be_bytes());
        self.builds_on.iter().for_each(|frame| payload.extend(frame.to_be_bytes()));
        payload.extend([self.spatial, self.temporal]);
        payload.extend(self.made_ms.to_be_bytes());
        payload.resize(end.max(bytes), 0);
    }

    /// Reads one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let half = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let &[section, encoding, packet, packets] = bytes.get(4..8)? else { return None };
        let &[spatial, temporal] = bytes.get(20..22)? else { return None };
        (half(0)? == MAGIC).then_some(Self {
            publisher: half(2)?,
            section,
            encoding,
            frame: word(8)?,
            builds_on: [word(12)?, word(16)?],
            spatial,
            temporal,
            packet,
            packets,
            made_ms: word(22)?,
        })
    }
}
