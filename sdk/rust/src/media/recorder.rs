//! Writes what is received into files, one for each track.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use boltorezka_proto::call::TrackSource;
use boltorezka_proto::{ParticipantId, TrackNumber};

use super::{Codec, IvfHeader, IvfWriter, MediaFileError, OggOpusWriter};
use crate::call::SlotFrame;

/// Most files of one recording, so that a room where people come and go does not use up all file handles.
const FILES_MAX: usize = 256;
/// A jump of the time stamps beyond the passing of time, from which on they are taken to have started anew.
const JUMP_MAX: Duration = Duration::from_secs(2);
/// AV1 files begin each frame with a temporal delimiter, which is not sent over RTP.
const AV1_TEMPORAL_DELIMITER: &[u8] = &[0x12, 0x00];

/// Records tracks into `DIR/{participantId}-{source}.{ext}`, with `-2`, `-3`… before the extension when a participant
/// publishes a source again or in another codec. A picture is recorded from its first keyframe on.
///
/// Writing is buffered and happens on the caller's thread; files are complete after [`Recorder::finish`].
pub struct Recorder {
    directory: PathBuf,
    tracks: HashMap<(TrackNumber, Codec), TrackFile>,
    /// Files made so far for a participant's source.
    names: HashMap<(ParticipantId, TrackSource), u32>,
    frames_skipped: u64,
}

/// A file that [`Recorder::finish`] has completed.
#[derive(Clone, Debug)]
pub struct RecordedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whose track it was.
    pub participant_id: ParticipantId,
    /// What it showed or sounded.
    pub source: TrackSource,
    /// How it is encoded.
    pub codec: Codec,
    /// Frames in it.
    pub frames: u64,
    /// From its first to its last frame.
    pub duration: Duration,
}

struct TrackFile {
    info: RecordedFile,
    writer: Option<Writer>,
    clock: Clock,
}

enum Writer {
    Ogg(OggOpusWriter<BufWriter<File>>),
    Ivf(IvfWriter<BufWriter<File>>),
    AnnexB(BufWriter<File>),
}

impl Recorder {
    /// Makes the directory when it is not there.
    ///
    /// # Errors
    /// [`MediaFileError::Io`].
    pub fn new(directory: impl AsRef<Path>) -> Result<Self, MediaFileError> {
        let directory = directory.as_ref().to_owned();
        std::fs::create_dir_all(&directory)
            .map_err(|error| MediaFileError::Io { path: directory.display().to_string(), error })?;
        Ok(Self { directory, tracks: HashMap::new(), names: HashMap::new(), frames_skipped: 0 })
    }

    /// Frames that were not recorded: before a first keyframe, of a track that is not known yet, or after
    /// 256 files.
    pub fn frames_skipped(&self) -> u64 {
        self.frames_skipped
    }

    /// Records a frame.
    ///
    /// # Errors
    /// [`MediaFileError::Io`] when it cannot be written; the track's file then takes no more.
    pub fn write(&mut self, frame: &SlotFrame) -> Result<(), MediaFileError> {
        let (Some(track), Some(participant_id), Some(source)) = (frame.track, frame.participant_id, frame.source)
        else {
            self.frames_skipped += 1;
            return Ok(());
        };
        let key = (track, frame.codec);
        if !self.tracks.contains_key(&key) {
            if !frame.keyframe || self.tracks.len() >= FILES_MAX {
                self.frames_skipped += 1;
                return Ok(());
            }
            let number = self.names.entry((participant_id, source)).or_insert(0);
            *number += 1;
            let path = self.directory.join(file_name(participant_id, source, *number, frame.codec));
            let file = TrackFile::create(path, participant_id, source, frame)?;
            self.tracks.insert(key, file);
        }
        match self.tracks.get_mut(&key) {
            Some(file) => file.write(frame),
            None => Ok(()),
        }
    }

    /// Completes all files.
    ///
    /// # Errors
    /// The first [`MediaFileError::Io`]; the other files are completed nevertheless.
    pub fn finish(self) -> Result<Vec<RecordedFile>, MediaFileError> {
        let mut files = Vec::new();
        let mut first_error = None;
        for mut file in self.tracks.into_values() {
            if let Some(writer) = file.writer.take()
                && let Err(error) = writer.finish()
            {
                first_error.get_or_insert_with(|| file.io_error(error));
            }
            files.push(file.info);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        first_error.map_or(Ok(files), Err)
    }
}

fn file_name(participant_id: ParticipantId, source: TrackSource, number: u32, codec: Codec) -> String {
    let source = match source {
        TrackSource::Microphone => "microphone",
        TrackSource::Camera => "camera",
        TrackSource::Screen => "screen",
        TrackSource::ScreenAudio => "screenAudio",
    };
    let suffix = if number > 1 { format!("-{number}") } else { String::new() };
    format!("{participant_id}-{source}{suffix}.{}", codec.file_extension())
}

impl TrackFile {
    fn create(
        path: PathBuf,
        participant_id: ParticipantId,
        source: TrackSource,
        frame: &SlotFrame,
    ) -> Result<Self, MediaFileError> {
        let info =
            RecordedFile { path, participant_id, source, codec: frame.codec, frames: 0, duration: Duration::ZERO };
        let clock = Clock::new(frame.codec.clock_hz(), frame.time, frame.received_at);
        let mut file = Self { info, writer: None, clock };
        match Writer::create(&file.info.path, frame) {
            Ok(writer) => file.writer = Some(writer),
            Err(error) => return Err(file.io_error(error)),
        }
        Ok(file)
    }

    fn write(&mut self, frame: &SlotFrame) -> Result<(), MediaFileError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let time = self.clock.position(frame.slot, frame.time, frame.received_at);
        if let Err(error) = writer.write(time, frame) {
            self.writer = None;
            return Err(self.io_error(error));
        }
        self.info.frames += 1;
        self.info.duration = Duration::from_secs_f64(time as f64 / f64::from(frame.codec.clock_hz()));
        Ok(())
    }

    fn io_error(&self, error: io::Error) -> MediaFileError {
        MediaFileError::Io { path: self.info.path.display().to_string(), error }
    }
}

impl Writer {
    fn create(path: &Path, frame: &SlotFrame) -> io::Result<Self> {
        let out = BufWriter::new(File::create(path)?);
        Ok(match frame.codec {
            Codec::Opus => {
                // RFC 6716, section 3.1: bit 2 of the first byte is set for stereo.
                let is_stereo = frame.data.first().is_some_and(|toc| toc & 0b100 != 0);
                Self::Ogg(OggOpusWriter::new(out, if is_stereo { 2 } else { 1 }, 1)?)
            }
            Codec::H264 => Self::AnnexB(out),
            Codec::Vp8 | Codec::Vp9 | Codec::Av1 => {
                let (width, height) = vp8_size(frame).unwrap_or((0, 0));
                let header = IvfHeader { codec: frame.codec, width, height, rate: frame.codec.clock_hz(), scale: 1 };
                Self::Ivf(IvfWriter::new(out, header)?)
            }
        })
    }

    fn write(&mut self, time: u64, frame: &SlotFrame) -> io::Result<()> {
        match self {
            Self::Ogg(writer) => writer.write_packet(time, &frame.data),
            Self::Ivf(writer) if frame.codec == Codec::Av1 => {
                writer.write_frame(time, &[AV1_TEMPORAL_DELIMITER, &frame.data])
            }
            Self::Ivf(writer) => writer.write_frame(time, &[&frame.data]),
            Self::AnnexB(out) => io::Write::write_all(out, &frame.data),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Ogg(writer) => writer.finish().map(drop),
            Self::Ivf(writer) => writer.finish().map(drop),
            Self::AnnexB(mut out) => io::Write::flush(&mut out),
        }
    }
}

/// Width and height of a VP8 keyframe (RFC 6386, section 9.1). Decoders of VP9 and AV1 do not rely on the file's header.
fn vp8_size(frame: &SlotFrame) -> Option<(u16, u16)> {
    if frame.codec != Codec::Vp8 {
        return None;
    }
    let size = |at: usize| frame.data.get(at..at + 2)?.try_into().ok().map(|bytes| u16::from_le_bytes(bytes) & 0x3fff);
    Some((size(6)?, size(8)?))
}

/// Turns the time stamps of slots into one time of a track. Time stamps run on within a slot, but not from one slot to
/// another, nor after a slot has lain idle: there the passing of time decides.
struct Clock {
    hz: u32,
    slot: usize,
    last_stamp: u64,
    last_position: u64,
    last_at: Instant,
}

impl Clock {
    fn new(hz: u32, stamp: u64, at: Instant) -> Self {
        Self { hz, slot: usize::MAX, last_stamp: stamp, last_position: 0, last_at: at }
    }

    fn position(&mut self, slot: usize, stamp: u64, at: Instant) -> u64 {
        let is_first = self.slot == usize::MAX;
        let elapsed = at.saturating_duration_since(self.last_at);
        let elapsed_ticks = (elapsed.as_secs_f64() * f64::from(self.hz)) as u64;
        let step = stamp.wrapping_sub(self.last_stamp);
        let jump_ticks = u64::from(self.hz) * JUMP_MAX.as_secs();
        let runs_on = self.slot == slot && step < elapsed_ticks + jump_ticks;
        let step = if is_first || runs_on { step } else { elapsed_ticks };
        // Two frames never share a position: players take the second for a repetition.
        let step = if is_first { step } else { step.max(1) };
        self.slot = slot;
        self.last_stamp = stamp;
        self.last_at = at;
        self.last_position += step;
        self.last_position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_stamps_within_a_slot_and_time_between_slots() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut clock = Clock::new(90_000, 5_000, start);
        assert_eq!(clock.position(0, 5_000, start), 0);
        assert_eq!(clock.position(0, 8_000, at(40)), 3_000);
        assert_eq!(clock.position(1, 777_777, at(140)), 12_000, "another slot: 100 ms later");
        assert_eq!(clock.position(1, 780_777, at(150)), 15_000);
        assert_eq!(clock.position(1, 780_777 + 90_000 * 60, at(1_150)), 105_000, "a jump: 1 s passed");
    }

    #[test]
    fn names_tell_participant_source_and_number() {
        let id = ParticipantId::generate();
        assert_eq!(file_name(id, TrackSource::Camera, 1, Codec::Vp8), format!("{id}-camera.ivf"));
        assert_eq!(file_name(id, TrackSource::ScreenAudio, 2, Codec::Opus), format!("{id}-screenAudio-2.ogg"));
    }
}
