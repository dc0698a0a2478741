//! Changes to an input, as a libFuzzer without coverage would make them. The same seed makes the same changes.

use fastrand::Rng;

/// Longest input.
const BYTES_MAX: usize = 4096;
/// Numbers at which parsers go wrong.
const EDGES: [u8; 9] = [0, 1, 2, 0x7f, 0x80, 0xc0, 0xe0, 0xfe, 0xff];

/// Changes `input` in some places; `other` is an input to take parts from.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    for _ in 0..=random.u8(..8) {
        let at = random.usize(..=input.len());
        let end = (at + random.usize(..=16)).min(input.len());
        match random.u8(..9) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end)),
            2 => drop(
                input.splice(at..at, std::iter::repeat_with(|| random.u8(..)).take(end - at + 1).collect::<Vec<_>>()),
            ),
            3 => {
                let part = input[at..end].to_vec();
                drop(input.splice(at..at, part));
            }
            4 => {
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..=64)).min(other.len());
                drop(input.splice(at..end, other[from..to].iter().copied()));
            }
            kind => {
                let Some(byte) = input.get_mut(at) else { continue };
                *byte = match kind {
                    5 => *byte ^ (1 << random.u8(..8)),
                    6 => EDGES[random.usize(..EDGES.len())],
                    7 => byte.wrapping_add(random.u8(..=4)).wrapping_sub(2),
                    _ => random.u8(..),
                };
            }
        }
    }
    input.truncate(BYTES_MAX);
}
