//! A client's offer, read before it comes to a shard.
//!
//! str0m reads a description by trying one rule after the other, some 15,000 instructions a line, and a browser's offer has
//! hundreds of lines: that is done where no packet waits, and without the lines that nothing here would use.

use std::collections::HashSet;

use str0m::IceCreds;
use str0m::change::SdpOffer;
use thiserror::Error;

use super::connection::SECTIONS_MAX;
use super::contain::{Panicked, contain};
use super::credentials;

/// Codecs that are forwarded, as `a=rtpmap` names them.
const CODECS: [&str; 6] = ["opus", "VP8", "VP9", "H264", "H265", "AV1"];
/// Redundant audio (RFC 2198). Video has retransmissions instead.
const RED: &str = "red/48000";
/// Retransmissions (RFC 4588).
const RTX: &str = "rtx";
/// Feedback that is sent or understood (RFC 4585, draft-holmer-rmcat-transport-wide-cc-extensions).
const FEEDBACK: [&str; 3] = ["nack", "nack pli", "transport-cc"];
/// Header extensions that are used, by the end of their names.
const EXTENSIONS: [&str; 7] = [
    "ssrc-audio-level",
    "draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "sdes:mid",
    "sdes:rtp-stream-id",
    "sdes:repaired-rtp-stream-id",
    "video-orientation",
    "dependency-descriptor-rtp-header-extension",
];

/// An offer that can be answered.
#[derive(Debug)]
pub struct Offer {
    /// Session id (`o=`, RFC 8866, section 5.2), empty when there is none: a new one is a new connection.
    pub session: String,
    /// What is offered.
    pub(super) description: SdpOffer,
    /// Sections that are to play in step (`LS` in RFC 5888, section 7), by `a=mid`.
    pub(super) lip_sync: Vec<Vec<String>>,
    /// What the client will show in its checks.
    pub(super) credentials: Option<IceCreds>,
}

/// Why an offer cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OfferError {
    /// The text is not a session description.
    #[error("the offer is not a session description (RFC 8866)")]
    Syntax,
    /// It has too many sections.
    #[error("the offer has {0} sections, at most {SECTIONS_MAX} are allowed")]
    TooManySections(usize),
}

impl From<Panicked> for OfferError {
    fn from(_: Panicked) -> Self {
        Self::Syntax
    }
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`OfferError`]
    pub fn read(text: &str) -> Result<Self, OfferError> {
        let sections = text.lines().filter(|line| line.starts_with("m=")).count();
        if sections > SECTIONS_MAX {
            return Err(OfferError::TooManySections(sections));
        }
        let description = contain(|| {
            SdpOffer::from_sdp_string(&trimmed(text)).map_err(|error| {
                // str0m names an address in memory instead of a line: nothing for a client.
                tracing::debug!(%error, "an offer could not be read");
                OfferError::Syntax
            })
        })?;
        let (session, credentials) = (session(text).to_owned(), credentials::find(text));
        Ok(Self { session, description, lip_sync: lip_sync(text), credentials })
    }
}

fn session(offer: &str) -> &str {
    let origin = offer.lines().find_map(|line| line.strip_prefix("o="));
    origin.and_then(|origin| origin.split_whitespace().nth(1)).unwrap_or_default()
}

fn lip_sync(offer: &str) -> Vec<Vec<String>> {
    let groups = offer.lines().filter_map(|line| line.strip_prefix("a=group:LS "));
    groups.take(SECTIONS_MAX).map(|mids| mids.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The description without codecs, feedback, header extensions and attributes of sources that are not used here. A section
/// of which no codec would stay is left as it is: it is refused as a whole.
fn trimmed(offer: &str) -> String {
    let mut out = String::with_capacity(offer.len());
    let lines: Vec<&str> = offer.lines().collect();
    for section in lines.chunk_by(|_, next| !next.starts_with("m=")) {
        let payload_types = forwarded_payload_types(section);
        for line in section {
            let kept = match line.strip_prefix("m=") {
                Some(media) if !payload_types.is_empty() => media_line(media, &payload_types),
                _ if is_used(line, &payload_types) => (*line).to_owned(),
                _ => continue,
            };
            out.push_str(&kept);
            out.push_str("\r\n");
        }
    }
    out
}

/// The payload types of codecs that are forwarded, and of their retransmissions.
fn forwarded_payload_types<'a>(section: &[&'a str]) -> HashSet<&'a str> {
    let maps = || section.iter().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    let name = |codec: &'a str| codec.split('/').next().unwrap_or_default();
    let is_forwarded = |codec: &str| CODECS.iter().any(|known| known.eq_ignore_ascii_case(codec));
    let mut kept: HashSet<&str> = maps()
        .filter(|(_, codec)| is_forwarded(name(codec)) || codec.starts_with(RED))
        .map(|(payload_type, _)| payload_type)
        .collect();
    let repairs: Vec<&str> = maps()
        .filter(|(_, codec)| name(codec).eq_ignore_ascii_case(RTX))
        .map(|(payload_type, _)| payload_type)
        .filter(|payload_type| repaired(section, payload_type).is_some_and(|original| kept.contains(original)))
        .collect();
    kept.extend(repairs);
    kept
}

/// What a payload type of retransmissions repairs (`apt` in RFC 4588, section 8.1).
fn repaired<'a>(section: &[&'a str], payload_type: &str) -> Option<&'a str> {
    let parameters = section.iter().filter_map(|line| line.strip_prefix("a=fmtp:")?.split_once(' '));
    let mut parameters = parameters.filter(|(of, _)| *of == payload_type);
    parameters.find_map(|(_, all)| all.split(';').find_map(|one| one.trim().strip_prefix("apt=")))
}

fn media_line(media: &str, payload_types: &HashSet<&str>) -> String {
    // Kind, port and protocol stand before the payload types.
    let words = media.split(' ').enumerate();
    let kept: Vec<&str> =
        words.filter(|(place, word)| *place < 3 || payload_types.contains(word)).map(|(_, word)| word).collect();
    format!("m={}", kept.join(" "))
}

fn is_used(line: &str, payload_types: &HashSet<&str>) -> bool {
    let Some((attribute, value)) = line.strip_prefix("a=").and_then(|attribute| attribute.split_once(':')) else {
        return true;
    };
    let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
    match attribute {
        "rtpmap" | "fmtp" => payload_types.is_empty() || payload_types.contains(first),
        "rtcp-fb" => (first == "*" || payload_types.contains(first)) && FEEDBACK.contains(&rest.trim_end()),
        "extmap" => EXTENSIONS.iter().any(|name| rest.split(' ').next().is_some_and(|uri| uri.ends_with(name))),
        "ssrc" => rest.starts_with("cname:"),
        "group" => first == "BUNDLE",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 35 36 116 117\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:103 H265/90000\r\na=rtcp-fb:103 nack\r\na=rtpmap:104 rtx/90000\r\n\
        a=fmtp:104 apt=103\r\na=rtpmap:35 av1/90000\r\na=rtpmap:36 rtx/90000\r\na=fmtp:36 apt=35\r\na=rtpmap:116 red/90000\r\na=rtpmap:117 H266/90000\r\n\
        a=ssrc:7 cname:x\r\na=ssrc:7 msid:y z\r\n";

    #[test]
    fn only_what_is_used_is_read() {
        let text = trimmed(BROWSER);
        let has = |line: &str| text.lines().any(|known| known == line);
        assert!(has("m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 35 36"), "{text}");
        for kept in ["a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtpmap:35 av1/90000", "a=fmtp:97 apt=96"] {
            assert!(has(kept), "{kept}");
        }
        for kept in ["a=ssrc:7 cname:x", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=rtcp-mux"] {
            assert!(has(kept), "{kept}");
        }
        let gone = ["goog-remb", "ccm", "H266", "red", "toffset", "msid:"];
        assert!(gone.iter().all(|word| !text.contains(word)), "{text}");
    }

    #[test]
    fn a_section_without_a_codec_of_ours_stays_as_it_is() {
        let section = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\n";
        assert_eq!(trimmed(section), section);
        let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n";
        assert_eq!(trimmed(data), data);
    }

    #[test]
    fn an_offer_is_read_or_refused_with_a_reason() {
        assert_eq!(Offer::read(BROWSER).unwrap().session, "4611731400430051336");
        assert_eq!(Offer::read("hello").err(), Some(OfferError::Syntax));
        let many = format!("v=0\r\n{}", "m=video 9 X 96\r\n".repeat(97));
        assert_eq!(Offer::read(&many).err(), Some(OfferError::TooManySections(97)));
        assert_eq!(session("v=0\r\n"), "");
    }
}
