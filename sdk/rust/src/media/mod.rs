//! Files of encoded media: what a headless client publishes from, and what it records into.
//!
//! | codec | container | extension |
//! |---|---|---|
//! | Opus | Ogg (RFC 7845) | `ogg` |
//! | VP8, VP9, AV1 | IVF | `ivf` |
//! | H.264 | none: Annex B byte stream | `h264` |

mod annexb;
mod ivf;
mod keyframe;
mod ogg_opus;
mod recorder;

use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

pub use annexb::split_access_units;
pub use ivf::{IvfHeader, IvfReader, IvfWriter};
pub use keyframe::is_keyframe;
pub use ogg_opus::{OggOpusWriter, packet_samples};
pub use recorder::{RecordedFile, Recorder};

/// Largest file that is read: a file is held in memory, so that all its publishers share one copy.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Most frames of one file: ten hours of 20 ms audio.
pub const FRAMES_MAX: usize = 1_800_000;

/// Frames a second of an Annex B stream when the caller does not tell: it carries no time stamps.
pub const ANNEX_B_FPS_DEFAULT: u32 = 30;

/// How a frame is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 6716.
    Opus,
    /// RFC 6386.
    Vp8,
    /// VP9, one layer.
    Vp9,
    /// AV1, one layer.
    Av1,
    /// H.264, Annex B byte stream.
    H264,
}

impl Codec {
    /// Ticks of a time stamp in a second, the same as in RTP.
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H264 => 90_000,
        }
    }

    /// Whether it is a picture, not a sound.
    pub fn is_video(self) -> bool {
        self != Self::Opus
    }

    /// Extension of a file that holds it.
    pub fn file_extension(self) -> &'static str {
        match self {
            Self::Opus => "ogg",
            Self::Vp8 | Self::Vp9 | Self::Av1 => "ivf",
            Self::H264 => "h264",
        }
    }

    pub(crate) fn to_str0m(self) -> str0m::format::Codec {
        match self {
            Self::Opus => str0m::format::Codec::Opus,
            Self::Vp8 => str0m::format::Codec::Vp8,
            Self::Vp9 => str0m::format::Codec::Vp9,
            Self::Av1 => str0m::format::Codec::Av1,
            Self::H264 => str0m::format::Codec::H264,
        }
    }

    pub(crate) fn from_str0m(codec: str0m::format::Codec) -> Option<Self> {
        match codec {
            str0m::format::Codec::Opus => Some(Self::Opus),
            str0m::format::Codec::Vp8 => Some(Self::Vp8),
            str0m::format::Codec::Vp9 => Some(Self::Vp9),
            str0m::format::Codec::Av1 => Some(Self::Av1),
            str0m::format::Codec::H264 => Some(Self::H264),
            _ => None,
        }
    }
}

/// Why a file cannot be published or recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaFileError {
    /// The file system said no.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: String,
        /// What it said.
        error: std::io::Error,
    },
    /// Neither Ogg, nor IVF, nor Annex B.
    #[error("not a media file that can be published: give Opus in Ogg, VP8, VP9 or AV1 in IVF, or H.264 in Annex B")]
    UnknownFormat,
    /// The container holds something else.
    #[error("the file holds {found}: give Opus in Ogg, VP8, VP9 or AV1 in IVF, or H.264 in Annex B")]
    UnknownCodec {
        /// What it holds.
        found: String,
    },
    /// The container is damaged.
    #[error("the file is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where.
        offset: usize,
        /// What was wrong.
        what: &'static str,
    },
    /// There is nothing to play.
    #[error("the file holds no frame")]
    Empty,
    /// The file starts with a frame that needs others, or never has one that does not.
    #[error("the file holds no keyframe: encode it with short groups of pictures, one keyframe a second or more")]
    NoKeyframe,
    /// Larger than [`FILE_BYTES_MAX`] or longer than [`FRAMES_MAX`].
    #[error("the file is too large: at most {FILE_BYTES_MAX} bytes and {FRAMES_MAX} frames")]
    TooLarge,
}

/// One frame of a file.
#[derive(Clone, Debug)]
pub struct FileFrame {
    /// Since the start of the file, in ticks of [`Codec::clock_hz`].
    pub time: u64,
    /// Whether decoding can start here. Always true for audio.
    pub keyframe: bool,
    /// The frame as its codec defines it; Annex B with start codes for H.264.
    pub data: Arc<[u8]>,
}

/// A file in memory, ready to be published. Cheap to share: put it into an [`Arc`].
///
/// ```no_run
/// use std::sync::Arc;
/// use boltorezka_sdk::media::MediaFile;
///
/// let voice = Arc::new(MediaFile::open("voice.ogg")?);
/// assert!(!voice.codec.is_video());
/// # Ok::<(), boltorezka_sdk::media::MediaFileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MediaFile {
    /// What its frames are.
    pub codec: Codec,
    /// In order of time; never empty.
    pub frames: Vec<FileFrame>,
    /// From the first frame to the end of the last, in ticks of [`Codec::clock_hz`]; more than 0.
    pub duration: u64,
    /// Height of the picture in pixels, when the container tells.
    pub height: Option<u32>,
}

impl MediaFile {
    /// Reads a file; Annex B streams play at [`ANNEX_B_FPS_DEFAULT`].
    ///
    /// # Errors
    /// [`MediaFileError`] when it cannot be read or is not one of the known forms.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, MediaFileError> {
        Self::open_at_fps(path, ANNEX_B_FPS_DEFAULT)
    }

    /// Reads a file; Annex B streams play at `fps` frames a second.
    ///
    /// # Errors
    /// As [`MediaFile::open`].
    pub fn open_at_fps(path: impl AsRef<Path>, fps: u32) -> Result<Self, MediaFileError> {
        let path = path.as_ref();
        let io = |error| MediaFileError::Io { path: path.display().to_string(), error };
        if std::fs::metadata(path).map_err(io)?.len() > FILE_BYTES_MAX {
            return Err(MediaFileError::TooLarge);
        }
        Self::parse(&std::fs::read(path).map_err(io)?, fps)
    }

    /// Reads a file from memory. The form is told by its first bytes; `fps` is for Annex B.
    ///
    /// # Errors
    /// As [`MediaFile::open`].
    pub fn parse(bytes: &[u8], fps: u32) -> Result<Self, MediaFileError> {
        let file = if bytes.starts_with(b"OggS") {
            ogg_opus::read(bytes)?
        } else if bytes.starts_with(b"DKIF") {
            ivf::read(bytes)?
        } else if bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1]) {
            annexb::read(bytes, fps)?
        } else {
            return Err(MediaFileError::UnknownFormat);
        };
        if file.frames.is_empty() {
            return Err(MediaFileError::Empty);
        }
        if !file.frames.iter().any(|frame| frame.keyframe) {
            return Err(MediaFileError::NoKeyframe);
        }
        Ok(file)
    }

    /// Index of the first keyframe at or after `from`, starting again at the front.
    pub(crate) fn keyframe_at_or_after(&self, from: usize) -> usize {
        let is_key = |(_, frame): &(usize, &FileFrame)| frame.keyframe;
        let after = self.frames.iter().enumerate().skip(from).find(is_key);
        after.or_else(|| self.frames.iter().enumerate().find(is_key)).map_or(0, |(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_unknown_file_is_refused_with_the_cure() {
        let error = MediaFile::parse(b"RIFF....WAVE", 30).unwrap_err();
        assert!(error.to_string().contains("Opus in Ogg"), "{error}");
        assert!(matches!(MediaFile::open("/nonexistent/x.ogg"), Err(MediaFileError::Io { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn garbage_never_panics(kind in 0usize..4, garbage in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut bytes = [&b"OggS\0"[..], b"DKIF\0\0\x20\0VP80", b"\0\0\0\x01\x67", b""][kind].to_vec();
            bytes.extend(garbage);
            let _ = MediaFile::parse(&bytes, 30);
        }
    }
}
