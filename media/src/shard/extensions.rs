//! The Dependency Descriptor between str0m and us: str0m agrees on it, we read it.
//!
//! str0m keeps what a serializer of an application parses in a map that it allocates for each packet. Header extensions are
//! not encrypted, so the descriptor is taken from the datagram instead, and believed once str0m has found the packet authentic.

use str0m::rtp::{Extension, ExtensionSerializer, ExtensionValues};

use crate::rtp::dependency::{DESCRIPTOR_BYTES_MAX, URI};

/// Where the descriptor stands in str0m's own table, which it has free; clients choose another.
pub const DEPENDENCY_ID_LOCAL: u8 = 12;

/// The extension as str0m knows it.
pub fn dependency_extension() -> Extension {
    Extension::with_serializer(URI, NotParsed)
}

#[derive(Debug)]
struct NotParsed;

impl ExtensionSerializer for NotParsed {
    fn write_to(&self, _buffer: &mut [u8], _values: &ExtensionValues) -> usize {
        0
    }

    fn parse_value(&self, _buffer: &[u8], _values: &mut ExtensionValues) -> bool {
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

/// The descriptor of the datagram that str0m has now.
#[derive(Debug)]
pub struct Received {
    bytes: [u8; DESCRIPTOR_BYTES_MAX],
    length: usize,
}

impl Default for Received {
    fn default() -> Self {
        Self { bytes: [0; DESCRIPTOR_BYTES_MAX], length: 0 }
    }
}

impl Received {
    /// Takes the element `id` out of an RTP datagram; without one nothing is there.
    pub fn take(&mut self, id: Option<u8>, datagram: &[u8]) {
        self.length = 0;
        let element = id.and_then(|id| element(datagram, id));
        if let Some(element) = element
            && let Some(room) = self.bytes.get_mut(..element.len())
        {
            room.copy_from_slice(element);
            self.length = element.len();
        }
    }

    /// The descriptor, where there is one.
    pub fn descriptor(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length).filter(|bytes| !bytes.is_empty())
    }
}

/// The element `id` of the header extensions of an RTP packet (RFC 3550, section 5.3.1; RFC 8285).
fn element(datagram: &[u8], id: u8) -> Option<&[u8]> {
    let first = datagram.first()?;
    let has_extension = first & 0x10 != 0;
    let extensions = datagram.get(12 + 4 * usize::from(first & 0x0f)..).filter(|_| has_extension)?;
    let (&[p0, p1, w0, w1], rest) = extensions.split_first_chunk::<4>()?;
    let mut elements = rest.get(..4 * usize::from(u16::from_be_bytes([w0, w1])))?;
    let is_two_byte = match u16::from_be_bytes([p0, p1]) {
        0xbede => false,
        profile if profile & 0xfff0 == 0x1000 => true,
        _ => return None,
    };
    loop {
        let (&head, rest) = elements.split_first()?;
        let (found, length, rest) = match (head, is_two_byte) {
            (0, _) => {
                elements = rest;
                continue;
            }
            (_, true) => {
                let (&length, rest) = rest.split_first()?;
                (head, usize::from(length), rest)
            }
            (_, false) if head >> 4 == 15 => return None,
            (_, false) => (head >> 4, usize::from(head & 0x0f) + 1, rest),
        };
        if found == id {
            return rest.get(..length);
        }
        elements = rest.get(length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: [u8; 12] = [0x91, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];

    fn found(extensions: &[u8], id: u8) -> Option<Vec<u8>> {
        let datagram = [FIXED.as_slice(), &[9; 4], extensions, &[0xee; 20]].concat();
        element(&datagram, id).map(<[u8]>::to_vec)
    }

    #[test]
    fn elements_are_found_in_both_forms() {
        let one_byte = [0xbe, 0xde, 0, 2, 0x31, 0xab, 0xcd, 0, 0xc2, 1, 2, 3];
        assert_eq!(found(&one_byte, 12), Some(vec![1, 2, 3]));
        assert_eq!(found(&one_byte, 3), Some(vec![0xab, 0xcd]));
        assert_eq!(found(&one_byte, 4), None);
        let two_byte = [0x10, 0, 0, 2, 3, 1, 0xab, 16, 2, 1, 2, 0];
        assert_eq!(found(&two_byte, 16), Some(vec![1, 2]));
        let mut without = FIXED.to_vec();
        without[0] = 0x80;
        assert_eq!(element(&without, 12), None);
    }

    #[test]
    fn an_element_does_not_reach_beyond_the_extensions() {
        assert_eq!(found(&[0xbe, 0xde, 0, 1, 0xcf, 1, 2, 3], 12), None, "16 bytes said, 3 there");
        assert_eq!(found(&[0xbe, 0xde, 0, 1, 0xf0, 0xc1, 2, 3], 12), None, "all behind 15 is ignored");
        assert_eq!(found(&[0x77, 0x77, 0, 1, 0xc0, 1, 0, 0], 12), None, "another profile");
    }

    #[test]
    fn what_was_there_before_is_gone() {
        let mut received = Received::default();
        let datagram = [FIXED.as_slice(), &[9; 4], &[0xbe, 0xde, 0, 1, 0xc2, 1, 2, 3]].concat();
        received.take(Some(12), &datagram);
        assert_eq!(received.descriptor(), Some([1, 2, 3].as_slice()));
        received.take(None, &datagram);
        assert_eq!(received.descriptor(), None);
    }

    proptest::proptest! {
        #[test]
        fn any_datagram_is_read_without_panic(
            datagram in proptest::collection::vec(proptest::num::u8::ANY, 0..64), id in 1_u8..=16,
        ) {
            element(&datagram, id);
        }
    }
}
