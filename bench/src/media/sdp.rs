//! Session descriptions (RFC 8866, RFC 8829), as far as this stack makes and reads them.

use super::MediaError;
use super::session::{Received, Receiving, Remote};

/// Most sections, attributes of a section and bytes that are read: above what any target sends.
const SECTIONS_MAX: usize = 512;
const DESCRIPTION_BYTES_MAX: usize = 4 << 20;

/// A description, cut into its parts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Description {
    attributes: Attributes,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// One `m=` section.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Section {
    /// `audio`, `video`, `application`.
    pub kind: String,
    /// 0 when it is refused.
    pub port: u16,
    /// Payload types, in order of preference.
    pub formats: Vec<String>,
    /// Its attributes.
    pub attributes: Attributes,
}

/// Attributes, in order: name and value, empty when there is none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Values of an attribute.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Section {
    /// The payload type of a codec, such as `opus/48000/2`.
    pub fn payload_type(&self, codec: &str) -> Option<u8> {
        let maps = self.attributes.all("rtpmap").filter_map(|map| map.split_once(' '));
        let mut fitting = maps.filter(|(_, name)| name.trim().eq_ignore_ascii_case(codec));
        fitting.next().and_then(|(payload_type, _)| payload_type.parse().ok())
    }

    /// The payload type of the retransmissions of another one (RFC 4588).
    pub fn rtx_payload_type(&self, of: u8) -> Option<u8> {
        let apt = format!("apt={of}");
        let mut formats = self.attributes.all("fmtp").filter_map(|format| format.split_once(' '));
        let is_of = |parameters: &str| parameters.split(';').any(|parameter| parameter.trim() == apt);
        formats.find(|(_, parameters)| is_of(parameters)).and_then(|(payload_type, _)| payload_type.parse().ok())
    }

    /// The id of a header extension; 0 when it is not there.
    pub fn extension(&self, uri: &str) -> u8 {
        let maps = self.attributes.all("extmap").filter_map(|map| map.split_once(' '));
        let mut fitting = maps.filter(|(_, rest)| rest.split(' ').next() == Some(uri));
        let id = fitting.next().and_then(|(id, _)| id.split('/').next()?.parse().ok());
        // One-byte headers have 14 ids.
        id.filter(|id| (1..15).contains(id)).unwrap_or(0)
    }

    /// Whether the other side sends in it.
    pub fn sends(&self) -> bool {
        self.port != 0 && !["recvonly", "inactive"].iter().any(|word| self.attributes.get(word).is_some())
    }

    /// Whether the other side receives in it.
    pub fn receives(&self) -> bool {
        self.port != 0 && !["sendonly", "inactive"].iter().any(|word| self.attributes.get(word).is_some())
    }

    /// Adds what its payload types mean when receiving.
    pub fn add_to(&self, receiving: &mut Receiving) {
        let opus = self.payload_type(OPUS).map(|payload_type| (payload_type, Received::Audio));
        let vp8 = self.payload_type(VP8);
        let rtx = vp8.and_then(|vp8| self.rtx_payload_type(vp8)).map(|rtx| (rtx, Received::Repair));
        for entry in opus.into_iter().chain(vp8.map(|vp8| (vp8, Received::Video))).chain(rtx) {
            if !receiving.payload_types.contains(&entry) {
                receiving.payload_types.push(entry);
            }
        }
        if receiving.transport_wide == 0 {
            receiving.transport_wide = self.extension(TRANSPORT_WIDE);
        }
    }
}

/// Names of codecs.
pub const OPUS: &str = "opus/48000/2";
/// Names of codecs.
pub const VP8: &str = "VP8/90000";
/// Names of header extensions.
pub const TRANSPORT_WIDE: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Names of header extensions.
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// Names of header extensions.
pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// Names of header extensions.
pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// Names of header extensions.
pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// Reads a description.
///
/// # Errors
/// [`MediaError::Sdp`] when it is none.
pub fn parse(text: &str) -> Result<Description, MediaError> {
    if text.len() > DESCRIPTION_BYTES_MAX || !text.trim_start().starts_with("v=0") {
        return Err(MediaError::Sdp("it does not begin with v=0, or is too long".into()));
    }
    let mut description = Description::default();
    for line in text.lines().map(str::trim) {
        let Some((kind, value)) = line.split_once('=') else { continue };
        match kind {
            "m" => {
                if description.sections.len() >= SECTIONS_MAX {
                    return Err(MediaError::Sdp(format!("it has more than {SECTIONS_MAX} sections")));
                }
                let mut words = value.split(' ');
                let mut word = || words.next().unwrap_or_default().to_owned();
                let (kind, port, _) = (word(), word(), word());
                let port = port.split('/').next().and_then(|port| port.parse().ok()).unwrap_or(0);
                let formats = words.map(str::to_owned).collect();
                description.sections.push(Section { kind, port, formats, attributes: Attributes::default() });
            }
            "a" => {
                let (name, value) = value.split_once(':').unwrap_or((value, ""));
                let of_section = description.sections.last_mut().map(|section| &mut section.attributes);
                let attributes = of_section.unwrap_or(&mut description.attributes);
                attributes.0.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    Ok(description)
}

impl Description {
    /// An attribute of the session, or of the first section that has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let of_sections = || self.sections.iter().find_map(|section| section.attributes.get(name));
        self.attributes.get(name).or_else(of_sections)
    }

    /// The other side: its ICE credentials, certificate and address. Of several addresses the `preferred` one.
    ///
    /// # Errors
    /// [`MediaError::Sdp`] with what is missing.
    pub fn remote(&self, preferred: std::net::Ipv4Addr) -> Result<Remote, MediaError> {
        let missing = |what: &str| MediaError::Sdp(format!("there is no {what}"));
        let fingerprint = self.get("fingerprint").and_then(parse_fingerprint);
        let sections = self.sections.iter().flat_map(|section| section.attributes.all("candidate"));
        let candidates: Vec<_> = self.attributes.all("candidate").chain(sections).filter_map(parse_candidate).collect();
        let address = candidates.iter().find(|address| *address.ip() == preferred).or(candidates.first());
        Ok(Remote {
            ufrag: self.get("ice-ufrag").ok_or_else(|| missing("ice-ufrag"))?.to_owned(),
            password: self.get("ice-pwd").ok_or_else(|| missing("ice-pwd"))?.to_owned(),
            address: *address.ok_or_else(|| missing("UDP candidate with an IPv4 address"))?,
            fingerprint: fingerprint.ok_or_else(|| missing("SHA-256 fingerprint"))?,
        })
    }

    /// Whether the other side only answers checks.
    pub fn is_ice_lite(&self) -> bool {
        self.attributes.get("ice-lite").is_some()
    }
}

fn parse_fingerprint(value: &str) -> Option<[u8; 32]> {
    let (algorithm, digits) = value.split_once(' ')?;
    let bytes: Option<Vec<u8>> = digits.trim().split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    bytes?.try_into().ok().filter(|_| algorithm.eq_ignore_ascii_case("sha-256"))
}

/// The address of a UDP candidate of the first component (RFC 8839, section 5.1).
fn parse_candidate(value: &str) -> Option<std::net::SocketAddrV4> {
    let mut words = value.split(' ').skip(1);
    let (component, transport, _, ip, port) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let fits = component == "1" && transport.eq_ignore_ascii_case("udp");
    fits.then_some(std::net::SocketAddrV4::new(ip.parse().ok()?, port.parse().ok()?))
}

/// A certificate's fingerprint, as in descriptions.
pub fn fingerprint_text(fingerprint: &[u8; 32]) -> String {
    fingerprint.map(|byte| format!("{byte:02X}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:uf\r\na=ice-pwd:pw\r\n\
        a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
        a=candidate:1 1 udp 2130706175 10.0.0.1 7000 typ host\r\na=candidate:1 1 tcp 1 10.0.0.2 7000 typ host\r\n\
        a=candidate:2 1 UDP 2130706175 127.0.0.1 7000 typ host\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n\
        a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=extmap:15/sendonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 vp8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";

    #[test]
    fn the_other_side_is_read() {
        let description = parse(ANSWER).unwrap();
        let remote = description.remote("127.0.0.1".parse().unwrap()).unwrap();
        assert_eq!((remote.ufrag.as_str(), remote.password.as_str()), ("uf", "pw"));
        assert_eq!(remote.address, "127.0.0.1:7000".parse().unwrap());
        assert_eq!((remote.fingerprint[1], remote.fingerprint[31]), (1, 31));
        assert!(description.is_ice_lite());
        let first = description.remote("1.2.3.4".parse().unwrap()).unwrap();
        assert_eq!(first.address, "10.0.0.1:7000".parse().unwrap(), "another one when the preferred is not there");
    }

    #[test]
    fn sections_are_read() {
        let description = parse(ANSWER).unwrap();
        let [audio, video] = description.sections.as_slice() else { panic!("two sections") };
        assert_eq!((audio.payload_type(OPUS), video.payload_type(VP8)), (Some(111), Some(96)));
        assert_eq!(video.rtx_payload_type(96), Some(97));
        assert_eq!((audio.extension(TRANSPORT_WIDE), audio.extension(AUDIO_LEVEL)), (3, 0));
        assert!(audio.receives() && !audio.sends() && !video.sends());
        let mut receiving = Receiving::default();
        description.sections.iter().for_each(|section| section.add_to(&mut receiving));
        assert_eq!(receiving.transport_wide, 3);
        assert_eq!(receiving.payload_types.len(), 3);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(parse("hello").is_err());
        let without = ANSWER.replace("a=ice-pwd:pw\r\n", "");
        let error = parse(&without).unwrap().remote("127.0.0.1".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("ice-pwd"));
    }
}
