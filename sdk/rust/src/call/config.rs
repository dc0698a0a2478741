//! What a call sends and receives.

use std::sync::Arc;

use boltorezka_proto::call::TrackSource;

use super::CallError;
use crate::media::{Codec, MediaFile};

/// Most receive slots of a kind: above that, offers grow past what the gateway takes.
pub const SLOTS_MAX: usize = 25;

/// Restriction ids of simulcast encodings, smallest picture first.
pub const RIDS: [&str; 3] = ["q", "h", "f"];

/// What the offer asks for. It cannot change during a call; what the sections carry can.
///
/// ```
/// use boltorezka_sdk::call::CallConfig;
///
/// let listener = CallConfig { audio_slots: 3, ..CallConfig::default() };
/// let speaker = CallConfig { microphone: true, camera: Some(3), audio_slots: 3, video_slots: 4, ..listener };
/// assert!(speaker.validate().is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallConfig {
    /// Offer to send a microphone.
    pub microphone: bool,
    /// Offer to send a camera with 1 or 3 encodings.
    pub camera: Option<u8>,
    /// Offer to send a screen.
    pub screen: bool,
    /// Offer to send a screen's sound.
    pub screen_audio: bool,
    /// Sections that receive sound, 25 at most.
    pub audio_slots: usize,
    /// Sections that receive pictures, 25 at most.
    pub video_slots: usize,
    /// Open channels for data messages.
    pub data: bool,
    /// What media go over.
    pub transport: MediaTransport,
    /// For tests of servers: after the server has ended the call, go on sending and listening as if it had not.
    #[doc(hidden)]
    pub ignore_end: bool,
}

/// What media go over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaTransport {
    /// UDP: a lost packet holds up no other.
    #[default]
    Udp,
    /// One TCP connection (RFC 6544), for networks that let nothing else through.
    Tcp,
}

impl CallConfig {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`CallError::Config`] naming what is wrong.
    pub fn validate(&self) -> Result<(), CallError> {
        if !matches!(self.camera, None | Some(1 | 3)) {
            return Err(CallError::Config("a camera has 1 or 3 encodings".into()));
        }
        if self.audio_slots > SLOTS_MAX || self.video_slots > SLOTS_MAX {
            return Err(CallError::Config(format!("at most {SLOTS_MAX} audio and {SLOTS_MAX} video slots")));
        }
        Ok(())
    }

    pub(crate) fn encodings(&self, source: TrackSource) -> usize {
        match source {
            TrackSource::Microphone => usize::from(self.microphone),
            TrackSource::Camera => self.camera.map_or(0, usize::from),
            TrackSource::Screen => usize::from(self.screen),
            TrackSource::ScreenAudio => usize::from(self.screen_audio),
        }
    }
}

/// What to play into a sending section.
///
/// Frames are sent when their time has come, by the time stamps of the file. A file whose sender is asked for a
/// keyframe jumps forward to its next one, so encode with short groups of pictures (a second or less). Opus packets of
/// two bytes or less say that nothing is heard (DTX): they are not sent.
#[derive(Clone, Debug)]
pub struct Playback {
    /// Which section.
    pub source: TrackSource,
    /// One file; or three for a camera that was offered with three encodings, smallest picture first, of one codec.
    pub files: Vec<Arc<MediaFile>>,
    /// The same in VP8, played instead while somebody in the room cannot take the codec of `files`: as many, or none.
    pub fallback: Vec<Arc<MediaFile>>,
    /// Start again at the end.
    pub repeat: bool,
    /// Level of the sound in dBov, 0 the loudest, -127 silence. Files are not decoded, so their sender has to say how
    /// loud they are; the server forwards the loudest. Levels of -127 are marked as no voice.
    pub audio_level_dbov: i8,
    /// Height in pixels of the largest picture, for files that do not tell theirs (Annex B).
    pub height: Option<u32>,
}

/// Level of a voice at a usual distance.
pub const AUDIO_LEVEL_DEFAULT_DBOV: i8 = -30;

impl Playback {
    /// Plays `files` again and again at a usual level.
    pub fn new(source: TrackSource, files: Vec<Arc<MediaFile>>) -> Self {
        Self {
            source,
            files,
            fallback: Vec::new(),
            repeat: true,
            audio_level_dbov: AUDIO_LEVEL_DEFAULT_DBOV,
            height: None,
        }
    }

    /// What is to be played.
    pub(crate) fn files(&self, falls_back: bool) -> &[Arc<MediaFile>] {
        if falls_back && !self.fallback.is_empty() { &self.fallback } else { &self.files }
    }

    pub(crate) fn validate(&self, encodings: usize) -> Result<(), CallError> {
        let source = self.source;
        if encodings == 0 {
            return Err(CallError::NotOffered(source));
        }
        let Some(first) = self.files.first() else {
            return Err(CallError::Config(format!("no file for {source:?}")));
        };
        if self.files.len() != encodings {
            let given = self.files.len();
            return Err(CallError::Config(format!("{source:?} was offered with {encodings} encodings, not {given}")));
        }
        if self.files.iter().any(|file| file.codec != first.codec) {
            return Err(CallError::Config("all encodings of a track must be of one codec".into()));
        }
        if !self.fallback.is_empty()
            && (self.fallback.len() != encodings || self.fallback.iter().any(|file| file.codec != Codec::Vp8))
        {
            return Err(CallError::Config(format!("the fallback of {source:?} must be {encodings} files of VP8")));
        }
        if first.codec.is_video() != source.is_video() {
            return Err(CallError::Config(format!("{source:?} cannot carry {:?}", first.codec)));
        }
        Ok(())
    }

    pub(crate) fn height(&self) -> Option<u32> {
        self.height.or_else(|| self.files.last().and_then(|file| file.height))
    }
}
