//! The envelope: what every subscriber's forwarder needs to know of a packet, parsed once.

use std::sync::Arc;
use std::time::Instant;

use boltorezka_proto::TrackNumber;

use super::dependency::{Dependency, DependencyRewrite};
use super::layer::{Layer, TemporalSwitch};
use super::red::Redundancy;
use super::{Codec, Format, av1, h264, h265, vp8, vp9};

/// A received RTP packet on its way to its track's subscribers.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The track it belongs to.
    pub track: TrackNumber,
    /// Index of the encoding in the track, 0 without simulcast.
    pub encoding: u8,
    /// How the payload is coded.
    pub format: Format,
    /// Sequence number with its rollovers counted.
    pub sequence: u64,
    /// RTP timestamp, in ticks of the codec's clock.
    pub timestamp: u32,
    /// The marker bit: last packet of a picture, first of a talk spurt.
    pub marker: bool,
    /// What the payload says about itself.
    pub descriptor: Descriptor,
    /// Loudness in dBov, 0 to -127 (RFC 6464), where the sender tells.
    pub audio_level_dbov: Option<i8>,
    /// The sender's voice detector (RFC 6464).
    pub voice: Option<bool>,
    /// How the picture must be turned, where the sender tells: the two rotation bits of 3GPP TS 26.114, section 7.4.5.
    pub rotation: Option<u8>,
    /// What its Dependency Descriptor says, where it has one. Then it, not the payload, has told `descriptor` about frames,
    /// layers and keyframes: the payload may be encrypted.
    pub dependency: Option<Dependency>,
    /// When it came in.
    pub arrival: Instant,
    /// The payload, shared by all subscriptions.
    pub payload: Arc<[u8]>,
}

/// The parts of a payload that forwarding needs. A frame is one spatial layer of a picture; without spatial layers it is
/// the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Descriptor {
    /// A decoder can start here.
    pub keyframe_start: bool,
    /// First packet of a frame, where the payload tells.
    pub starts_frame: bool,
    /// Last packet of a frame, where the payload tells.
    pub ends_frame: bool,
    /// The frame uses no earlier picture (VP9; also upper spatial layers of a key picture do not).
    pub is_independent: bool,
    /// The layer that it belongs to.
    pub layer: Layer,
    /// Whether temporal layers may be added here.
    pub temporal_switch: TemporalSwitch,
    /// Number of the picture, and whether its field has 15 bits (VP8, VP9).
    pub picture_id: Option<(u16, bool)>,
    /// `TL0PICIDX` of VP8 and VP9.
    pub tl0_pic_idx: Option<u8>,
    /// What the packet repeats of earlier ones (RFC 2198).
    pub redundancy: Option<Redundancy>,
}

impl Descriptor {
    /// The same with what a Dependency Descriptor says.
    #[must_use]
    pub fn described_by(self, dependency: &Dependency) -> Self {
        Self {
            keyframe_start: dependency.starts_sequence(),
            starts_frame: dependency.starts_frame,
            ends_frame: dependency.ends_frame,
            layer: dependency.layer,
            ..self
        }
    }

    /// Reads what `codec` puts in front of, or at the start of, its payload. A malformed payload gives the default: it
    /// is forwarded as it is, and never starts a picture.
    pub fn parse(codec: Codec, payload: &[u8]) -> Self {
        match codec {
            Codec::Opus => Self { keyframe_start: true, ..Self::default() },
            Codec::Vp8 => vp8::parse(payload).unwrap_or_default(),
            Codec::Vp9 => vp9::parse(payload).unwrap_or_default(),
            Codec::H264 => Self { keyframe_start: h264::starts_keyframe(payload), ..Self::default() },
            Codec::H265 => Self { keyframe_start: h265::starts_keyframe(payload), ..Self::default() },
            Codec::Av1 => Self { keyframe_start: av1::starts_keyframe(payload), ..Self::default() },
        }
    }
}

/// New values for descriptor fields; fields that a payload lacks stay lacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rewrite {
    /// New number of the picture.
    pub picture_id: Option<u16>,
    /// New `TL0PICIDX`.
    pub tl0_pic_idx: Option<u8>,
    /// What it repeats is of before the source that the slot has now, and must not leave.
    pub strips_redundancy: bool,
    /// New values for the Dependency Descriptor.
    pub dependency: Option<DependencyRewrite>,
}
