//! What a simulated picture or sound says about itself, behind its codec's own header, so that whoever receives it can be
//! asked whether it was right to show it. The node cannot know it: it is payload.

/// Bytes of a truth.
pub const TRUTH_BYTES: usize = 24;

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
    /// Its frame.
    pub frame: u32,
    /// The frame that it builds on; itself for one that builds on none.
    pub builds_on: u32,
    /// Its place in the frame.
    pub packet: u8,
    /// Packets of the frame.
    pub packets: u8,
    /// When it was made, in milliseconds of the simulation.
    pub made_ms: u32,
}

impl Truth {
    /// Appends it to a payload, and fills that up to `bytes`.
    pub fn write(&self, payload: &mut Vec<u8>, bytes: usize) {
        let end = payload.len() + TRUTH_BYTES;
        payload.extend(MAGIC.to_be_bytes());
        payload.extend(self.publisher.to_be_bytes());
        payload.extend([self.section, self.encoding, self.packet, self.packets]);
        payload.extend(self.frame.to_be_bytes());
        payload.extend(self.builds_on.to_be_bytes());
        payload.extend(self.made_ms.to_be_bytes());
        payload.resize(end.max(bytes), 0);
    }

    /// Reads one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let half = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let &[section, encoding, packet, packets] = bytes.get(4..8)? else { return None };
        (half(0)? == MAGIC).then_some(Self {
            publisher: half(2)?,
            section,
            encoding,
            frame: word(8)?,
            builds_on: word(12)?,
            packet,
            packets,
            made_ms: word(16)?,
        })
    }
}
