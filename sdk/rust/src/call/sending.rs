//! The sending sections of a call.

use std::sync::Arc;
use std::time::Instant;

use boltorezka_proto::call::{Publication, TrackSource, VideoCodec, WantedTrack};
use str0m::change::SdpApi;
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid, Pt, Rid, Simulcast, SimulcastLayer, Writer};
use str0m::{Rtc, RtcError};

use super::CallError;
use super::config::{CallConfig, Playback, RIDS};
use super::publisher::{DueFrame, Player};
use crate::media::{Codec, MediaFile};

/// Sections in the order of the offer: the server's default rule goes by it.
const SOURCES: [TrackSource; 4] =
    [TrackSource::Microphone, TrackSource::Camera, TrackSource::Screen, TrackSource::ScreenAudio];

pub(super) struct Sending(Vec<Section>);

struct Section {
    source: TrackSource,
    mid: Mid,
    /// One for each encoding; `None` without simulcast.
    rids: Vec<Option<Rid>>,
    playback: Option<Playback>,
    muted: bool,
    /// One for each encoding, once the call is connected.
    players: Vec<Player>,
    /// Encodings that somebody wants, as a bit mask.
    wanted: u8,
    /// Whether somebody needs VP8.
    falls_back: bool,
    /// Chosen at the first frame of a playback.
    payload_type: Option<Pt>,
}

/// A frame whose time has come, and where it goes.
pub(super) struct AddressedFrame {
    section: usize,
    rid: Option<Rid>,
    frame: DueFrame,
}

impl Sending {
    /// Adds the sections to the offer.
    pub(super) fn offer(config: &CallConfig, api: &mut SdpApi<'_>) -> Self {
        let mut sections = Vec::new();
        for source in SOURCES {
            let (rids, simulcast) = match config.encodings(source) {
                0 => continue,
                1 => (vec![None], None),
                _ => {
                    let send = RIDS.iter().map(|rid| SimulcastLayer::new(rid)).collect();
                    (RIDS.iter().map(|&rid| Some(rid.into())).collect(), Some(Simulcast { send, recv: vec![] }))
                }
            };
            let kind = if source.is_video() { MediaKind::Video } else { MediaKind::Audio };
            let mid = api.add_media(kind, Direction::SendOnly, None, None, simulcast);
            let (playback, players, payload_type) = (None, vec![], None);
            let (wanted, falls_back, muted) = (u8::MAX, false, false);
            sections.push(Section { source, mid, rids, playback, muted, players, wanted, falls_back, payload_type });
        }
        Self(sections)
    }

    pub(super) fn set_playback(&mut self, playback: Playback) -> Result<(), CallError> {
        let section = self.section_mut(playback.source)?;
        playback.validate(section.rids.len())?;
        section.playback = Some(playback);
        section.payload_type = None;
        section.players.clear();
        Ok(())
    }

    pub(super) fn remove_playback(&mut self, source: TrackSource) -> Result<(), CallError> {
        let section = self.section_mut(source)?;
        section.playback = None;
        section.players.clear();
        Ok(())
    }

    pub(super) fn set_muted(&mut self, source: TrackSource, muted: bool, now: Instant) -> Result<(), CallError> {
        let section = self.section_mut(source)?;
        section.muted = muted;
        if !muted {
            section.players.iter_mut().for_each(|player| player.request_keyframe(now));
        }
        Ok(())
    }

    /// Starts what is to be played and does not play yet. Times count from `start`.
    pub(super) fn start_players(&mut self, start: Instant, now: Instant) {
        for section in self.0.iter_mut().filter(|section| section.players.is_empty()) {
            let Some(playback) = &section.playback else { continue };
            let new_player = |file: &Arc<MediaFile>| Player::new(file.clone(), playback.repeat, start, now);
            section.players = playback.files(section.falls_back).iter().map(new_player).collect();
        }
    }

    /// Follows what is wanted: an encoding that is wanted again begins with a keyframe. A section that is not named is
    /// wanted as it is.
    pub(super) fn set_wanted(&mut self, tracks: &[WantedTrack], now: Instant) {
        for section in &mut self.0 {
            let named = tracks.iter().find(|track| *track.mid == *section.mid);
            let before = section.wanted;
            section.wanted = named.map_or(u8::MAX, |track| {
                let encodings = track.encodings.iter().enumerate();
                encodings.filter(|(_, encoding)| encoding.wanted).fold(0, |mask, (place, _)| mask | (1 << (place & 7)))
            });
            for (place, player) in section.players.iter_mut().enumerate() {
                if section.wanted & !before & (1 << place) != 0 {
                    player.request_keyframe(now);
                }
            }
            let falls_back = named.is_some_and(|track| track.codec == Some(VideoCodec::Vp8));
            let has_fallback = section.playback.as_ref().is_some_and(|playback| !playback.fallback.is_empty());
            if std::mem::replace(&mut section.falls_back, falls_back) != falls_back && has_fallback {
                section.players.clear();
                section.payload_type = None;
            }
        }
    }

    pub(super) fn stop_players(&mut self) {
        self.0.iter_mut().for_each(|section| section.players.clear());
    }

    /// Answers a request for a keyframe of one encoding with keyframes of all, as browsers do: so the encodings keep
    /// showing the same moment.
    pub(super) fn request_keyframe(&mut self, mid: Mid, now: Instant) {
        let section = self.0.iter_mut().find(|section| section.mid == mid);
        section.into_iter().flat_map(|section| &mut section.players).for_each(|player| player.request_keyframe(now));
    }

    /// What the server is told about the sections that carry something.
    pub(super) fn publications(&self) -> Vec<Publication> {
        let published = self.0.iter().filter_map(|section| {
            let playback = section.playback.as_ref()?;
            Some(Publication {
                mid: section.mid.to_string(),
                source: section.source,
                muted: section.muted,
                height: if section.source.is_video() { playback.height() } else { None },
                heights: Vec::new(),
            })
        });
        published.collect()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().flat_map(|section| &section.players).filter_map(Player::poll_timeout).min()
    }

    /// The next frame whose time has come, those of muted sections and of encodings that nobody wants left out.
    pub(super) fn poll_frame(&mut self, now: Instant) -> Option<AddressedFrame> {
        for (index, section) in self.0.iter_mut().enumerate() {
            for (place, (rid, player)) in section.rids.iter().zip(&mut section.players).enumerate() {
                while let Some(frame) = player.poll_frame(now) {
                    if !section.muted && section.wanted & (1 << place) != 0 {
                        return Some(AddressedFrame { section: index, rid: *rid, frame });
                    }
                }
            }
        }
        None
    }

    /// Hands a frame to str0m.
    pub(super) fn write(&mut self, rtc: &mut Rtc, addressed: AddressedFrame) -> Result<(), RtcError> {
        let AddressedFrame { section, rid, frame } = addressed;
        let Some(section) = self.0.get_mut(section) else { return Ok(()) };
        let Some(playback) = &section.playback else { return Ok(()) };
        let Some(codec) = playback.files(section.falls_back).first().map(|file| file.codec) else { return Ok(()) };
        let mut writer = rtc.writer(section.mid).ok_or(RtcError::NoSenderSource)?;
        let chosen = section.payload_type.or_else(|| choose_payload_type(&writer, codec));
        section.payload_type = chosen;
        let payload_type = chosen.ok_or(RtcError::NoSenderSource)?;
        if let Some(rid) = rid {
            writer = writer.rid(rid);
        }
        if codec == Codec::Opus {
            let level = playback.audio_level_dbov;
            writer = writer.audio_level(level, level > -127).start_of_talkspurt(frame.starts_talkspurt);
        }
        let frequency = if codec.is_video() { Frequency::NINETY_KHZ } else { Frequency::FORTY_EIGHT_KHZ };
        writer.write(payload_type, frame.due, MediaTime::new(frame.time, frequency), frame.data)
    }

    fn section_mut(&mut self, source: TrackSource) -> Result<&mut Section, CallError> {
        self.0.iter_mut().find(|section| section.source == source).ok_or(CallError::NotOffered(source))
    }
}

/// The payload type to send `codec` with: for H.264 one that allows fragments (RFC 6184, packetization mode 1), in
/// constrained baseline when there is a choice.
fn choose_payload_type(writer: &Writer<'_>, codec: Codec) -> Option<Pt> {
    const CONSTRAINED_BASELINE: u32 = 0x42e0;
    let candidates = writer.payload_params().filter(|params| params.spec().codec == codec.to_str0m());
    candidates
        .max_by_key(|params| {
            let format = params.spec().format;
            let is_baseline = format.profile_level_id.is_some_and(|id| id >> 8 == CONSTRAINED_BASELINE);
            (format.packetization_mode == Some(1), is_baseline)
        })
        .map(|params| params.pt())
}
