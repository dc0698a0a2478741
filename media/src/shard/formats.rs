//! From str0m's negotiated payload types to formats.

use str0m::Rtc;
use str0m::format::{Codec as NegotiatedCodec, PayloadParams};
use str0m::media::{Mid, Pt};

use crate::rtp::{Codec, Format};

/// The format of a payload type; `None` for codecs that are not forwarded.
pub fn format_of(params: &PayloadParams) -> Option<Format> {
    let spec = params.spec();
    let codec = match spec.codec {
        NegotiatedCodec::Opus => Codec::Opus,
        NegotiatedCodec::Vp8 => Codec::Vp8,
        NegotiatedCodec::Vp9 => Codec::Vp9,
        NegotiatedCodec::H264 => Codec::H264,
        NegotiatedCodec::H265 => Codec::H265,
        NegotiatedCodec::Av1 => Codec::Av1,
        _ => return None,
    };
    let parameters = spec.format;
    let profile = match codec {
        Codec::Vp9 => parameters.profile_id.and_then(|id| u16::try_from(id).ok()).unwrap_or(0),
        Codec::H264 => parameters.profile_level_id.map_or(0, |id| (id >> 8) as u16),
        // Absent means the main profile (RFC 7798, section 7.1).
        Codec::H265 => parameters.h265_profile_tier_level.map_or(1, |ptl| u16::from(ptl.profile_id())),
        Codec::Opus | Codec::Vp8 | Codec::Av1 => 0,
    };
    let packetization_mode = parameters.packetization_mode.unwrap_or(0);
    Some(Format { codec, profile, packetization_mode, is_redundant: false })
}

/// The formats that the client receives in a section, with the payload types that it chose.
pub fn destination_formats(rtc: &Rtc, mid: Mid) -> Vec<(Format, Pt)> {
    let Some(media) = rtc.media(mid) else { return Vec::new() };
    let params = rtc.codec_config().params().iter();
    params
        .filter(|params| media.remote_pts().contains(&params.pt()))
        .filter_map(|params| Some((format_of(params)?, params)))
        .flat_map(|(format, params)| {
            let redundant = params.red().map(|pt| (format.redundant(true), pt));
            std::iter::once((format, params.pt())).chain(redundant)
        })
        .collect()
}

/// The payload type under which a packet of `source` format is sent to a client that takes `formats`.
pub fn payload_type(formats: &[(Format, Pt)], source: Format) -> Option<Pt> {
    let fitting = formats.iter().filter_map(|(format, pt)| Some((format.fit(source)?, *pt)));
    fitting.max_by_key(|(fit, _)| *fit).map(|(_, pt)| pt)
}
