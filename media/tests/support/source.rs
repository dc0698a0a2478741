//! What a client sends: packets that say whose they are.

use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::media::{Mid, Pt, Rid};
use str0m::rtp::{ExtensionValues, RtpWrite};

use super::descriptor::RawDescriptor;
use super::layered::Encoder;

/// What a client sends now.
pub struct Source {
    pub mid: Mid,
    pub rid: Option<Rid>,
    pub period: Duration,
    pub level_dbov: i8,
    pub payload_bytes: usize,
    /// Marks the payload, so that receivers know whose it is.
    pub mark: u8,
    /// For pictures with layers.
    pub encoder: Option<Encoder>,
    /// Repeats the packet before (RFC 2198).
    pub is_redundant: bool,
    /// Ticks in which nothing was sent.
    pub ticks_paused: u32,
    pub is_video: bool,
    pub next: Option<Instant>,
    pub sequence: u64,
    pub pictures: u32,
    pub block_type: u8,
    pub wants_keyframe: bool,
    pub was_wanted: bool,
    pub falls_back: bool,
}

impl Source {
    pub fn new(mid: Mid, rid: Option<Rid>, period: Duration, mark: u8, payload_bytes: usize, level_dbov: i8) -> Self {
        let is_video = period > Duration::from_millis(20);
        let (sequence, wants_keyframe) = (1_000 * u64::from(mark), true);
        Self {
            mid,
            rid,
            period,
            level_dbov,
            payload_bytes,
            mark,
            is_video,
            encoder: None,
            is_redundant: false,
            ticks_paused: 0,
            next: None,
            sequence,
            pictures: 0,
            block_type: 0,
            wants_keyframe,
            was_wanted: true,
            falls_back: false,
        }
    }

    pub fn write(&mut self, rtc: &mut Rtc, now: Instant, pt: Pt) {
        let mut direct = rtc.direct_api();
        let stream = direct.stream_tx_by_mid(self.mid, self.rid).unwrap();
        self.sequence += 1;
        let is_key = std::mem::take(&mut self.wants_keyframe);
        let picture = (self.sequence as u16) | 0x8000;
        // VP8: extended descriptor with a 15-bit picture id and TL0PICIDX, then the first byte of the payload header.
        let mut payload = match self.is_video {
            true => vec![0x90, 0xe0, (picture >> 8) as u8, picture as u8, self.sequence as u8, 0, u8::from(!is_key)],
            false => Vec::new(),
        };
        payload.resize(self.payload_bytes.max(payload.len() + 1), self.mark);
        if self.is_redundant {
            // Two blocks of 8 bytes: the packet before, 960 ticks ago, and this one.
            let block = |sequence: u64| [self.mark, sequence as u8, self.mark, self.mark, 0, 0, 0, self.mark];
            payload = vec![0x80 | self.block_type, 0x0f, 0x00, 8, self.block_type];
            payload.extend(block(self.sequence - 1));
            payload.extend(block(self.sequence));
        }
        let clock = if self.is_video { 3_600 } else { 960 };
        let extensions = ExtensionValues {
            audio_level: (!self.is_video).then_some(self.level_dbov),
            voice_activity: (!self.is_video).then_some(true),
            ..ExtensionValues::default()
        };
        // One clock for all that an encoder of pictures with layers sends.
        let timestamp = if self.encoder.is_some() {
            self.pictures += 1;
            self.pictures.wrapping_mul(clock)
        } else {
            (self.sequence as u32).wrapping_mul(clock).wrapping_add(self.ticks_paused)
        };
        let write = RtpWrite::new(pt, self.sequence.into(), timestamp, now, payload);
        stream.write_rtp(write.marker(true).ext_vals(extensions).nackable(self.is_video));
    }

    pub fn write_layers(&mut self, rtc: &mut Rtc, now: Instant, pt: Pt) {
        let Some(encoder) = &mut self.encoder else { return };
        let frames = encoder.encode(std::mem::take(&mut self.wants_keyframe));
        self.pictures += 1;
        let mut direct = rtc.direct_api();
        let stream = direct.stream_tx_by_mid(self.mid, self.rid).unwrap();
        for frame in frames {
            self.sequence += 1;
            let mut payload = frame.head;
            let bytes = self.payload_bytes << frame.spatial;
            payload.resize((bytes - 1 - frame.tail.len()).max(payload.len()), 0xee);
            payload.extend(frame.tail);
            payload.push(self.mark);
            let mut extensions = ExtensionValues::default();
            if let Some(descriptor) = frame.descriptor {
                extensions.user_values.set(RawDescriptor(descriptor));
            }
            let timestamp = self.pictures.wrapping_mul(3_600);
            let write = RtpWrite::new(pt, self.sequence.into(), timestamp, now, payload);
            stream.write_rtp(write.marker(frame.is_last).ext_vals(extensions).nackable(true));
        }
    }
}
