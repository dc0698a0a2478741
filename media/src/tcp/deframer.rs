//! Datagrams in a stream of bytes: each behind its length, two bytes in network order (RFC 4571, section 2).

use thiserror::Error;

/// Longest frame that is taken: as long as a datagram may be that comes in over UDP.
pub const FRAME_BYTES_MAX: usize = 1500;
const LENGTH_BYTES: usize = 2;

/// A frame is longer than any datagram of a client of ours. What follows cannot be told apart from it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a frame of {0} bytes, and at most {FRAME_BYTES_MAX} are taken")]
pub struct FrameTooLong(usize);

/// Finds the frames in what comes from a connection, however that is cut. It keeps no more than one frame.
#[derive(Debug, Default)]
pub struct Deframer {
    /// The frame that has begun, with its length.
    begun: Vec<u8>,
}

impl Deframer {
    /// Takes the bytes that came next, and gives each frame that is complete to `take`. Empty frames mean nothing (RFC
    /// 4571, section 2) and are passed over.
    ///
    /// # Errors
    /// [`FrameTooLong`]: the connection is of no more use.
    pub fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), FrameTooLong> {
        let mut rest = bytes;
        while !self.begun.is_empty() && !rest.is_empty() {
            let (next, later) = rest.split_at(missing_bytes(&self.begun)?.min(rest.len()));
            self.begun.extend_from_slice(next);
            rest = later;
            if missing_bytes(&self.begun)? == 0 {
                let frame = self.begun.get(LENGTH_BYTES..).unwrap_or_default();
                if !frame.is_empty() {
                    take(frame);
                }
                self.begun.clear();
            }
        }
        // What is whole is not copied.
        while let Some((length, body)) = rest.split_first_chunk::<LENGTH_BYTES>() {
            let Some((frame, later)) = body.split_at_checked(frame_bytes(*length)?) else { break };
            if !frame.is_empty() {
                take(frame);
            }
            rest = later;
        }
        self.begun.extend_from_slice(rest);
        Ok(())
    }
}

/// How many bytes have to come before the frame that begins so is complete, or before its length is known.
fn missing_bytes(begun: &[u8]) -> Result<usize, FrameTooLong> {
    match begun.split_first_chunk::<LENGTH_BYTES>() {
        Some((length, body)) => Ok(frame_bytes(*length)?.saturating_sub(body.len())),
        None => Ok(LENGTH_BYTES - begun.len()),
    }
}

fn frame_bytes(length: [u8; LENGTH_BYTES]) -> Result<usize, FrameTooLong> {
    let bytes = usize::from(u16::from_be_bytes(length));
    if bytes > FRAME_BYTES_MAX { Err(FrameTooLong(bytes)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        frames.iter().flat_map(|frame| [&(frame.len() as u16).to_be_bytes(), frame.as_slice()].concat()).collect()
    }

    fn push(deframer: &mut Deframer, bytes: &[u8]) -> Result<Vec<Vec<u8>>, FrameTooLong> {
        let mut frames = Vec::new();
        deframer.push(bytes, |frame| frames.push(frame.to_vec())).map(|()| frames)
    }

    #[test]
    fn frames_come_out_whole() {
        let mut deframer = Deframer::default();
        assert_eq!(push(&mut deframer, &[0, 2, 7, 8, 0, 0, 0, 1, 9, 0]), Ok(vec![vec![7, 8], vec![9]]));
        assert_eq!(push(&mut deframer, &[3, 1]), Ok(vec![]));
        assert_eq!(push(&mut deframer, &[2, 3, 0, 0]), Ok(vec![vec![1, 2, 3]]));
        assert!(deframer.begun.is_empty());
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_at_its_length() {
        let longest = [&[0x05, 0xdc][..], &[1; FRAME_BYTES_MAX]].concat();
        assert_eq!(push(&mut Deframer::default(), &longest).unwrap(), [[1; FRAME_BYTES_MAX]]);
        for cut in [0, 1, 2] {
            let (first, second) = [0x05, 0xdd].split_at(cut);
            let mut deframer = Deframer::default();
            let outcome = push(&mut deframer, first).and_then(|_| push(&mut deframer, second));
            assert_eq!(outcome, Err(FrameTooLong(1501)), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_frames(
            frames in vec(vec(any::<u8>(), 0..200), 0..20),
            cuts in vec(1_usize..64, 1..40),
        ) {
            let bytes = stream(&frames);
            let mut deframer = Deframer::default();
            let (mut found, mut rest) = (Vec::new(), bytes.as_slice());
            for cut in cuts.iter().cycle() {
                let (next, later) = rest.split_at((*cut).min(rest.len()));
                found.extend(push(&mut deframer, next).unwrap());
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let expected: Vec<_> = frames.into_iter().filter(|frame| !frame.is_empty()).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_keep_it_small(pieces in vec(vec(any::<u8>(), 0..3_000), 0..6)) {
            let mut deframer = Deframer::default();
            for piece in pieces {
                let frames = push(&mut deframer, &piece);
                prop_assert!(deframer.begun.len() < LENGTH_BYTES + FRAME_BYTES_MAX);
                let Ok(frames) = frames else { break };
                prop_assert!(frames.iter().all(|frame| !frame.is_empty() && frame.len() <= FRAME_BYTES_MAX));
            }
        }
    }
}
