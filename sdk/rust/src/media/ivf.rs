//! IVF: a header of 32 bytes, then frames of a length, a time stamp and their bytes, all little-endian.

use std::io::{self, Seek, SeekFrom, Write};

use super::{Codec, FRAMES_MAX, FileFrame, MediaFile, MediaFileError, keyframe};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 12;
/// Where the header counts the frames.
const FRAME_COUNT_OFFSET: u64 = 24;
/// Largest picture: far above any that is published, so that a damaged length is told from a large frame.
const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Ticks between frames when a file holds only one.
const FRAME_TICKS_DEFAULT: u64 = 3_000;

/// What the header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IvfHeader {
    /// VP8, VP9 or AV1.
    pub codec: Codec,
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// Time stamps count in units of `scale / rate` seconds.
    pub rate: u32,
    /// See `rate`.
    pub scale: u32,
}

impl IvfHeader {
    fn parse(bytes: &[u8]) -> Result<(Self, usize), MediaFileError> {
        let damaged = |what| MediaFileError::Damaged { offset: 0, what };
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(b"DKIF") {
            return Err(damaged("the IVF header is cut off"));
        }
        let length = usize::from(u16_at(bytes, 6).unwrap_or(0));
        let fourcc = bytes.get(8..12).unwrap_or_default();
        let codec = match fourcc {
            b"VP80" => Codec::Vp8,
            b"VP90" => Codec::Vp9,
            b"AV01" => Codec::Av1,
            _ => return Err(MediaFileError::UnknownCodec { found: String::from_utf8_lossy(fourcc).into_owned() }),
        };
        let (rate, scale) = (u32_at(bytes, 16).unwrap_or(0), u32_at(bytes, 20).unwrap_or(0));
        if length < HEADER_BYTES || rate == 0 || scale == 0 {
            return Err(damaged("the IVF header has a length or a time base of zero"));
        }
        let (width, height) = (u16_at(bytes, 12).unwrap_or(0), u16_at(bytes, 14).unwrap_or(0));
        Ok((Self { codec, width, height, rate, scale }, length))
    }

    fn to_bytes(self, frame_count: u32) -> Vec<u8> {
        let fourcc: &[u8; 4] = match self.codec {
            Codec::Vp9 => b"VP90",
            Codec::Av1 => b"AV01",
            Codec::Vp8 | Codec::Opus | Codec::H264 => b"VP80",
        };
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(b"DKIF\0\0\x20\0");
        bytes.extend_from_slice(fourcc);
        bytes.extend_from_slice(&self.width.to_le_bytes());
        bytes.extend_from_slice(&self.height.to_le_bytes());
        bytes.extend_from_slice(&self.rate.to_le_bytes());
        bytes.extend_from_slice(&self.scale.to_le_bytes());
        bytes.extend_from_slice(&frame_count.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes
    }
}

/// Walks the frames of an IVF file in memory.
pub struct IvfReader<'a> {
    /// What the header says.
    pub header: IvfHeader,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> IvfReader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`MediaFileError::Damaged`] or [`MediaFileError::UnknownCodec`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, MediaFileError> {
        let (header, offset) = IvfHeader::parse(bytes)?;
        Ok(Self { header, bytes, offset })
    }

    /// The next frame and its time stamp in the header's units; `None` at the end. A frame that the end of the file
    /// cuts off is left out, as of a file that is still written.
    ///
    /// # Errors
    /// [`MediaFileError::Damaged`] when a length makes no sense.
    pub fn next_frame(&mut self) -> Result<Option<(u64, &'a [u8])>, MediaFileError> {
        let Some(length) = u32_at(self.bytes, self.offset) else { return Ok(None) };
        let length = length as usize;
        if length > FRAME_BYTES_MAX {
            return Err(MediaFileError::Damaged { offset: self.offset, what: "a frame is larger than 8 MiB" });
        }
        let Some(time) = u64_at(self.bytes, self.offset + 4) else { return Ok(None) };
        let start = self.offset + FRAME_HEADER_BYTES;
        let Some(frame) = self.bytes.get(start..start + length) else { return Ok(None) };
        self.offset = start + length;
        Ok(Some((time, frame)))
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<MediaFile, MediaFileError> {
    let mut reader = IvfReader::new(bytes)?;
    let IvfHeader { codec, height, rate, scale, .. } = reader.header;
    let mut frames: Vec<FileFrame> = Vec::new();
    let mut first = None;
    while let Some((time, data)) = reader.next_frame()? {
        if frames.len() >= FRAMES_MAX {
            return Err(MediaFileError::TooLarge);
        }
        if data.is_empty() {
            continue;
        }
        let first = *first.get_or_insert(time);
        let ticks = u128::from(time.saturating_sub(first)) * u128::from(scale) * 90_000 / u128::from(rate);
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX / 4);
        let previous = frames.last().map_or(0, |frame| frame.time);
        frames.push(FileFrame {
            time: ticks.clamp(previous, u64::MAX / 4),
            keyframe: keyframe::is_keyframe(codec, data),
            data: data.into(),
        });
    }
    let last = frames.last().map_or(0, |frame| frame.time);
    let interval = match frames.len() {
        0 | 1 => FRAME_TICKS_DEFAULT,
        count => (last / (count as u64 - 1)).max(1),
    };
    Ok(MediaFile { codec, frames, duration: last + interval, height: Some(u32::from(height)) })
}

/// Writes an IVF file; the frame count in the header is set by [`IvfWriter::finish`].
pub struct IvfWriter<W: Write + Seek> {
    out: W,
    frame_count: u32,
}

impl<W: Write + Seek> IvfWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// As the writer says.
    pub fn new(mut out: W, header: IvfHeader) -> io::Result<Self> {
        out.write_all(&header.to_bytes(0))?;
        Ok(Self { out, frame_count: 0 })
    }

    /// Writes a frame with its time stamp in the header's units.
    ///
    /// # Errors
    /// As the writer says, and [`io::ErrorKind::InvalidInput`] for a frame of more than 8 MiB.
    pub fn write_frame(&mut self, time: u64, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a frame is larger than 8 MiB"));
        }
        self.out.write_all(&(length as u32).to_le_bytes())?;
        self.out.write_all(&time.to_le_bytes())?;
        for part in parts {
            self.out.write_all(part)?;
        }
        self.frame_count = self.frame_count.saturating_add(1);
        Ok(())
    }

    /// Sets the frame count and flushes.
    ///
    /// # Errors
    /// As the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.seek(SeekFrom::Start(FRAME_COUNT_OFFSET))?;
        self.out.write_all(&self.frame_count.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    const HEADER: IvfHeader = IvfHeader { codec: Codec::Vp8, width: 320, height: 180, rate: 30, scale: 1 };

    fn file(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()), HEADER).unwrap();
        for (time, data) in frames {
            let (a, b) = data.split_at(data.len() / 2);
            writer.write_frame(*time, &[a, b]).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn times_become_ticks_of_90_khz_from_zero() {
        let file = MediaFile::parse(&file(&[(5, vec![0x10; 8]), (6, vec![0x11; 9]), (8, vec![0x11; 4])]), 30).unwrap();
        let times: Vec<u64> = file.frames.iter().map(|frame| frame.time).collect();
        assert_eq!(times, [0, 3000, 9000]);
        assert_eq!((file.duration, file.height), (13_500, Some(180)));
        assert_eq!(file.frames.iter().map(|frame| frame.keyframe).collect::<Vec<_>>(), [true, false, false]);
    }

    #[test]
    fn a_foreign_codec_is_named() {
        let mut bytes = file(&[(0, vec![0])]);
        bytes[8..12].copy_from_slice(b"HEVC");
        assert!(matches!(MediaFile::parse(&bytes, 30), Err(MediaFileError::UnknownCodec { found }) if found == "HEVC"));
    }

    #[test]
    fn a_frame_that_is_cut_off_is_left_out() {
        let mut bytes = file(&[(0, vec![0x10; 100]), (1, vec![0x11; 100])]);
        bytes.truncate(bytes.len() - 1);
        assert_eq!(MediaFile::parse(&bytes, 30).unwrap().frames.len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            frames in proptest::collection::vec((0u64..1_000_000, proptest::collection::vec(any::<u8>(), 1..200)), 1..20),
        ) {
            let bytes = file(&frames);
            prop_assert_eq!(u32_at(&bytes, 24), Some(frames.len() as u32));
            let mut reader = IvfReader::new(&bytes).unwrap();
            prop_assert_eq!(reader.header, HEADER);
            for (time, data) in &frames {
                prop_assert_eq!(reader.next_frame().unwrap(), Some((*time, &data[..])));
            }
            prop_assert_eq!(reader.next_frame().unwrap(), None);
        }
    }
}
