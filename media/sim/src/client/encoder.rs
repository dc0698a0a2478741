//! What a client sends: voices that pause, and pictures in layers.

use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::{Mid, Rid};

use super::descriptor::Descriptor;
use super::truth::Truth;
use crate::random::Random;

/// Bytes of a packet's payload at most.
const PAYLOAD_BYTES_MAX: usize = 1_100;
/// A keyframe is so many times as large as other pictures.
const KEYFRAME_RATIO: usize = 4;
/// Opus packs 20 ms; while nobody speaks, a packet every 400 ms (DTX).
const VOICE_PERIOD: Duration = Duration::from_millis(20);
const SILENCE_PERIOD: Duration = Duration::from_millis(400);
const VOICE_BYTES: (u64, u64) = (60, 120);
const SILENCE_BYTES: usize = 27;
const SILENT_DBOV: i8 = -127;
/// How long people speak, and pause.
const SPEECH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(6));
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

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
}

/// One encoding of a section.
#[derive(Debug)]
pub struct Encoder {
    /// The section.
    pub mid: Mid,
    /// The encoding, with simulcast.
    pub rid: Option<Rid>,
    /// How it is coded.
    pub codec: Codec,
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
    /// A picture.
    Video {
        /// Bits per second.
        bitrate_bps: u64,
        /// Time between pictures.
        period: Duration,
        /// The next is a keyframe.
        wants_keyframe: bool,
    },
}

impl Kind {
    /// Somebody who speaks now and then.
    pub fn voice(level_dbov: i8) -> Self {
        Self::Voice { level_dbov, speaks: false, until: None }
    }

    /// A picture of so many bits per second.
    pub fn video(bitrate_bps: u64, fps: u32) -> Self {
        Self::Video { bitrate_bps, period: Duration::from_secs(1) / fps.max(1), wants_keyframe: true }
    }
}

impl Encoder {
    /// An encoder that begins at once. `truth` says whose it is.
    pub fn new(mid: Mid, rid: Option<Rid>, codec: Codec, kind: Kind, truth: Truth, mut random: Random) -> Self {
        let (sequence, timestamp) = (random.below(0, 1 << 15), random.next_u64() as u32);
        Self { mid, rid, codec, kind, sequence, truth, timestamp, next: None, random }
    }

    /// Has the next picture be a keyframe.
    pub fn request_keyframe(&mut self) {
        if let Kind::Video { wants_keyframe, .. } = &mut self.kind {
            *wants_keyframe = true;
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
            Kind::Video { bitrate_bps, period, wants_keyframe } => {
                self.make_picture(due, bitrate_bps, period, wants_keyframe)
            }
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
        let truth = Truth { builds_on: self.truth.frame, packet: 0, packets: 1, ..self.truth };
        let mut payload = Vec::new();
        truth.write(&mut payload, bytes);
        let made = Made { payload, timestamp: self.timestamp, marker: speaks && is_over, level_dbov: Some(level) };
        self.timestamp = self.timestamp.wrapping_add((period.as_micros() * 48 / 1_000) as u32);
        self.truth.frame += 1;
        self.next = Some(now + period);
        vec![made]
    }

    fn make_picture(&mut self, now: Instant, bitrate_bps: u64, period: Duration, is_keyframe: bool) -> Vec<Made> {
        self.kind = Kind::Video { bitrate_bps, period, wants_keyframe: false };
        let usual = (bitrate_bps as f64 * period.as_secs_f64() / 8.0) as usize;
        let varied = (usual as f64 * (1.0 + 0.2 * self.random.normal()).clamp(0.3, 2.0)) as usize;
        let bytes = if is_keyframe { usual * KEYFRAME_RATIO } else { varied };
        let packets = bytes.div_ceil(PAYLOAD_BYTES_MAX).clamp(1, 200);
        let builds_on = if is_keyframe { self.truth.frame } else { self.truth.frame.wrapping_sub(1) };
        let made = (0..packets).map(|packet| {
            let mut payload =
                Descriptor { starts: packet == 0, picture_id: self.truth.frame as u16, is_keyframe }.write();
            let truth = Truth { builds_on, packet: packet as u8, packets: packets as u8, ..self.truth };
            truth.write(&mut payload, (bytes / packets).min(PAYLOAD_BYTES_MAX));
            Made { payload, timestamp: self.timestamp, marker: packet + 1 == packets, level_dbov: None }
        });
        let made = made.collect();
        self.timestamp = self.timestamp.wrapping_add((period.as_micros() * 90 / 1_000) as u32);
        self.truth.frame += 1;
        self.next = Some(now + period);
        made
    }
}
