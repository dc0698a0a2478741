//! What a client sends: voices that pause, and pictures in layers.

use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::{Mid, Rid};

use super::coding::{Coding, Plan};
use super::described::noise;
use super::descriptor::Writes;
use super::truth::Truth;
use crate::random::Random;

/// Bytes of a packet's payload at most.
const PAYLOAD_BYTES_MAX: usize = 1_100;
/// A keyframe is so many times as large as other pictures.
const KEYFRAME_RATIO: f64 = 4.0;
/// Opus packs 20 ms; while nobody speaks, a packet every 400 ms (DTX).
const VOICE_PERIOD: Duration = Duration::from_millis(20);
const SILENCE_PERIOD: Duration = Duration::from_millis(400);
const VOICE_BYTES: (u64, u64) = (60, 120);
const SILENCE_BYTES: usize = 27;
const SILENT_DBOV: i8 = -127;
/// How long people speak, and pause.
const SPEECH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(6));
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));
/// Longer than any seed.
const FOR_GOOD: Duration = Duration::from_secs(3600);

/// A packet to be sent.
#[derive(Debug)]
pub struct Made {
    /// With the codec's own header.
    pub payload: Vec<u8>,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// Loudness, for voices.
    pub level_dbov: Option<i8>,
    /// The Dependency Descriptor, where the encoder writes one.
    pub dependency: Option<Vec<u8>>,
}

/// One encoding of a section.
#[derive(Debug)]
pub struct Encoder {
    /// The section.
    pub mid: Mid,
    /// The encoding, with simulcast.
    pub rid: Option<Rid>,
    /// What it makes.
    pub kind: Kind,
    /// Sequence number of the packet that was sent last.
    pub sequence: u64,
    truth: Truth,
    timestamp: u32,
    next: Option<Instant>,
    random: Random,
}

/// What an encoder makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A voice: loud while it speaks.
    Voice {
        /// Its loudness.
        level_dbov: i8,
        /// Whether it speaks, and until when.
        speaks: bool,
        /// Until when.
        until: Option<Instant>,
    },
    /// Pictures.
    Video(Video),
}

/// What an encoder of pictures makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Video {
    /// Bits per second.
    pub bitrate_bps: u64,
    /// Pictures a second.
    pub fps: u32,
    /// Codec and layers.
    pub coding: Coding,
    /// The next is a keyframe.
    wants_keyframe: bool,
    /// The next picture, and how many it is behind a keyframe.
    picture: u32,
    since_keyframe: u32,
    /// Base layer pictures so far.
    base_pictures: u32,
}

impl Kind {
    /// Somebody who speaks now and then.
    pub fn voice(level_dbov: i8) -> Self {
        Self::Voice { level_dbov, speaks: false, until: None }
    }

    /// Pictures of so many bits per second.
    pub fn video(bitrate_bps: u64, fps: u32, coding: Coding) -> Self {
        let (wants_keyframe, picture, since_keyframe, base_pictures) = (true, 0, 0, 0);
        Self::Video(Video { bitrate_bps, fps, coding, wants_keyframe, picture, since_keyframe, base_pictures })
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        match self {
            Self::Voice { .. } => Codec::Opus,
            Self::Video(video) => video.coding.codec(),
        }
    }
}

impl Encoder {
    /// An encoder that begins at once. `truth` says whose it is.
    pub fn new(mid: Mid, rid: Option<Rid>, kind: Kind, truth: Truth, mut random: Random) -> Self {
        let (sequence, timestamp) = (random.below(0, 1 << 15), random.next_u64() as u32);
        Self { mid, rid, kind, sequence, truth, timestamp, next: None, random }
    }

    /// Has the next picture be a keyframe.
    pub fn request_keyframe(&mut self) {
        if let Kind::Video(video) = &mut self.kind {
            video.wants_keyframe = true;
        }
    }

    /// Has a voice speak, or be silent, from now on.
    pub fn speak(&mut self, speaks: bool) {
        if let (Kind::Voice { level_dbov, .. }, Some(next)) = (self.kind, self.next) {
            self.kind = Kind::Voice { level_dbov, speaks, until: Some(next + FOR_GOOD) };
        }
    }

    /// When the next picture or sound is due.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Makes what is due.
    pub fn poll(&mut self, now: Instant, elapsed: Duration) -> Vec<Made> {
        if self.next.is_some_and(|next| now < next) {
            return Vec::new();
        }
        self.truth.made_ms = elapsed.as_millis() as u32;
        let due = self.next.unwrap_or(now);
        match self.kind {
            Kind::Voice { level_dbov, speaks, until } => self.make_sound(due, level_dbov, speaks, until),
            Kind::Video(video) => self.make_picture(due, video),
        }
    }

    fn make_sound(&mut self, now: Instant, level_dbov: i8, speaks: bool, until: Option<Instant>) -> Vec<Made> {
        let is_over = until.is_none_or(|until| until <= now);
        let speaks = speaks != is_over;
        let (from, to) = if speaks { SPEECH } else { PAUSE };
        let until = if is_over { Some(now + self.random.duration(from, to)) } else { until };
        self.kind = Kind::Voice { level_dbov, speaks, until };
        let period = if speaks { VOICE_PERIOD } else { SILENCE_PERIOD };
        let level = if speaks { level_dbov } else { SILENT_DBOV };
        let bytes = if speaks { self.random.below(VOICE_BYTES.0, VOICE_BYTES.1) as usize } else { SILENCE_BYTES };
        let truth = Truth { builds_on: [self.truth.frame; 2], packet: 0, packets: 1, ..self.truth };
        let mut payload = Vec::new();
        truth.write(&mut payload, bytes);
        let (timestamp, marker) = (self.timestamp, speaks && is_over);
        let made = Made { payload, timestamp, marker, level_dbov: Some(level), dependency: None };
        self.timestamp = self.timestamp.wrapping_add((period.as_micros() * 48 / 1_000) as u32);
        self.truth.frame += 1;
        self.next = Some(now + period);
        vec![made]
    }

    fn make_picture(&mut self, now: Instant, mut video: Video) -> Vec<Made> {
        let is_keyframe = std::mem::take(&mut video.wants_keyframe);
        if is_keyframe {
            video.since_keyframe = 0;
        }
        let period = Duration::from_secs(1) / video.fps.max(1);
        let plans = video.coding.plan(video.since_keyframe);
        if plans.first().is_some_and(|plan| plan.temporal == 0) {
            video.base_pictures += 1;
        }
        let usual = video.bitrate_bps as f64 * period.as_secs_f64() / 8.0;
        let varied = usual * (1.0 + 0.2 * self.random.normal()).clamp(0.3, 2.0);
        let mut made = Vec::new();
        for plan in &plans {
            let bytes = if is_keyframe { usual * KEYFRAME_RATIO } else { varied } * plan.share as f64 / 1_000.0;
            self.make_frame(&video, *plan, is_keyframe, bytes as usize, &mut made);
        }
        if let Some(last) = made.last_mut() {
            last.marker = true;
        }
        self.timestamp = self.timestamp.wrapping_add((period.as_micros() * 90 / 1_000) as u32);
        video.picture += 1;
        video.since_keyframe += 1;
        self.kind = Kind::Video(video);
        self.next = Some(now + period);
        made
    }

    fn make_frame(&mut self, video: &Video, plan: Plan, is_keyframe: bool, bytes: usize, made: &mut Vec<Made>) {
        let layers = u32::from(video.coding.layers().0);
        let frame = 1 + video.picture * layers + u32::from(plan.spatial);
        let earlier = plan.distance.filter(|_| !is_keyframe).map_or(frame, |distance| frame - distance * layers);
        let below = if plan.uses_below { frame - 1 } else { frame };
        let packets = bytes.div_ceil(PAYLOAD_BYTES_MAX).clamp(1, 200);
        let (spatial, temporal) = (plan.spatial, plan.temporal);
        for packet in 0..packets {
            let (picture, base_pictures) = (video.picture, video.base_pictures);
            let (starts, ends) = (packet == 0, packet + 1 == packets);
            let mut payload = Writes { plan, picture, base_pictures, starts, ends, is_keyframe }.write(video.coding);
            let (packet, packets_of) = (packet as u8, packets as u8);
            let builds_on = [earlier, below];
            let truth = Truth { frame, builds_on, spatial, temporal, packet, packets: packets_of, ..self.truth };
            let dependency = match video.coding {
                Coding::Described(described) => {
                    payload.extend(noise(&truth));
                    Some(described.write(plan, frame, is_keyframe, starts, ends))
                }
                _ => None,
            };
            truth.write(&mut payload, (bytes / packets).min(PAYLOAD_BYTES_MAX));
            made.push(Made { payload, timestamp: self.timestamp, marker: false, level_dbov: None, dependency });
        }
    }
}
