//! Codecs and the parameters that decide whether a receiver can take a stream as it is.

/// A codec that is forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 6716, RTP payload in RFC 7587.
    Opus,
    /// RFC 6386, RTP payload in RFC 7741.
    Vp8,
    /// RTP payload in RFC 9628.
    Vp9,
    /// RTP payload in RFC 6184.
    H264,
    /// RTP payload in RFC 7798.
    H265,
    /// The AOMedia RTP payload specification.
    Av1,
}

impl Codec {
    /// Ticks of the RTP clock in a second.
    pub fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::H265 | Self::Av1 => 90_000,
        }
    }

    /// Whether it carries pictures.
    pub fn is_video(self) -> bool {
        self != Self::Opus
    }
}

/// A codec with what its `a=fmtp` line says about compatibility.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Format {
    /// The codec.
    pub codec: Codec,
    /// H264: the two upper bytes of `profile-level-id`. VP9 and H265: `profile-id`. Else 0.
    pub profile: u16,
    /// H264: `packetization-mode`. Else 0.
    pub packetization_mode: u8,
    /// Packets repeat what earlier ones carried (RFC 2198).
    pub is_redundant: bool,
}

impl Format {
    /// A format without parameters.
    pub fn plain(codec: Codec) -> Self {
        Self { codec, profile: 0, packetization_mode: 0, is_redundant: false }
    }

    /// The same with redundancy, or without.
    #[must_use]
    pub fn redundant(self, is_redundant: bool) -> Self {
        Self { is_redundant, ..self }
    }

    /// How well a receiver that offered `self` takes a stream of `source`: `None` not at all, higher is better.
    ///
    /// A decoder for one H264 profile plays the streams that browsers send under another, so that the profile only
    /// breaks ties; a packetization mode 1 stream does not fit a mode 0 receiver.
    pub fn fit(self, source: Self) -> Option<u8> {
        let is_other = self.codec != source.codec || self.is_redundant != source.is_redundant;
        if is_other || self.packetization_mode < source.packetization_mode {
            return None;
        }
        let same_mode = u8::from(self.packetization_mode == source.packetization_mode);
        let same_profile = u8::from(self.profile == source.profile);
        let profiles_differ = matches!(self.codec, Codec::Vp9 | Codec::H265) && same_profile == 0;
        if profiles_differ { None } else { Some(same_mode + 2 * same_profile) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_format_wins() {
        let source = Format { profile: 0x42e0, packetization_mode: 1, ..Format::plain(Codec::H264) };
        let exact = source;
        let other_profile = Format { profile: 0x6400, ..source };
        let mode_0 = Format { packetization_mode: 0, ..source };
        assert!(exact.fit(source) > other_profile.fit(source));
        assert_eq!(mode_0.fit(source), None);
        assert!(exact.fit(mode_0).is_some());
        assert_eq!(Format::plain(Codec::Vp8).fit(source), None);
    }

    #[test]
    fn profiles_of_vp9_and_h265_do_not_mix() {
        for codec in [Codec::Vp9, Codec::H265] {
            let profile_2 = Format { profile: 2, ..Format::plain(codec) };
            assert_eq!(Format::plain(codec).fit(profile_2), None);
            assert!(profile_2.fit(profile_2).is_some());
        }
    }
}
