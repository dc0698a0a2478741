//! Offers and answers of one transport.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::sdp::{self, AUDIO_LEVEL, Description, MID, OPUS, REPAIRED_RID, RID, Section, TRANSPORT_WIDE, VP8};
use super::session::{ExtensionIds, Receiving, Sections, Sending, SendingEncoding, Session};
use super::{MediaError, random};

/// Payload types and extension ids that are offered, those of Chromium.
const OPUS_TYPE: u8 = 111;
const VP8_TYPE: u8 = 96;
const RTX_TYPE: u8 = 97;
const EXTENSIONS_AUDIO: [(u8, &str); 3] = [(1, AUDIO_LEVEL), (3, TRANSPORT_WIDE), (4, MID)];
const EXTENSIONS_VIDEO: [(u8, &str); 4] = [(3, TRANSPORT_WIDE), (4, MID), (10, RID), (11, REPAIRED_RID)];
/// Restriction ids of simulcast encodings, the smallest picture first.
const RIDS: [&str; 3] = ["q", "h", "f"];

/// This side of a transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The client's address.
    pub address: SocketAddrV4,
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub password: String,
    /// SHA-256 of the certificate that all clients share.
    pub fingerprint: [u8; 32],
    /// Of several candidates of the other side, the address to take.
    pub preferred_remote: Ipv4Addr,
    session_id: u32,
}

impl Local {
    /// A new transport at an address.
    ///
    /// # Errors
    /// [`MediaError::Crypto`] when there is no randomness.
    pub fn new(address: SocketAddrV4, fingerprint: [u8; 32], preferred_remote: Ipv4Addr) -> Result<Self, MediaError> {
        let session_id = u32::from_be_bytes(random::bytes()?);
        let (ufrag, password) = (random::text::<4>()?, random::text::<12>()?);
        Ok(Self { address, ufrag, password, fingerprint, preferred_remote, session_id })
    }
}

/// What is offered in a section.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Offered {
    is_video: bool,
    /// Streams that are sent; none in a section that receives.
    encodings: Vec<SendingEncoding>,
}

/// Makes offers and answers, and what follows from them.
#[derive(Debug)]
pub struct Negotiation {
    local: Local,
    offered: Vec<Offered>,
    next_ssrc: u32,
    version: u32,
}

impl Negotiation {
    /// Of a new transport.
    pub fn new(local: Local) -> Self {
        // A block of streams for each address, so that no two clients of a run share one.
        let next_ssrc = u32::from(*local.address.ip()).wrapping_mul(64);
        Self { local, offered: Vec::new(), next_ssrc, version: 0 }
    }

    /// This side.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// An offer.
    pub fn offer(&mut self, sections: &Sections) -> String {
        let sending = |is_video, count: u8| (count > 0).then_some((is_video, count));
        let mut wanted: Vec<(bool, u8)> = Vec::new();
        wanted.extend(sending(false, u8::from(sections.microphone)));
        wanted.extend(sending(true, sections.camera_encodings.min(RIDS.len() as u8)));
        wanted.extend((0..sections.audio_slots).map(|_| (false, 0)));
        wanted.extend((0..sections.video_slots).map(|_| (true, 0)));
        self.offered = wanted.into_iter().map(|(is_video, count)| self.offered_section(is_video, count)).collect();

        let mut text = self.session_lines((0..self.offered.len()).map(|mid| mid.to_string()));
        for (mid, offered) in self.offered.iter().enumerate() {
            self.section_lines(&mut text, mid, offered);
        }
        text
    }

    /// What follows from the answer to the last offer.
    ///
    /// # Errors
    /// [`MediaError::Sdp`] when it does not fit.
    pub fn accept_answer(&mut self, answer: &str) -> Result<Session, MediaError> {
        let answer = sdp::parse(answer)?;
        if answer.sections.len() != self.offered.len() {
            let (got, offered) = (answer.sections.len(), self.offered.len());
            return Err(MediaError::Sdp(format!("it answers {got} sections of {offered}")));
        }
        let mut session = self.session(&answer, true)?;
        for (mid, (offered, section)) in self.offered.iter().zip(&answer.sections).enumerate() {
            if offered.encodings.is_empty() {
                if section.sends() {
                    section.add_to(&mut session.receiving);
                }
            } else if section.receives() {
                session.sending.push(sending(mid, offered, section)?);
            }
        }
        Ok(session)
    }

    /// Answers an offer to send, and what follows from it.
    ///
    /// # Errors
    /// [`MediaError::Sdp`] when it cannot be used.
    pub fn answer(&mut self, offer: &str) -> Result<(String, Session), MediaError> {
        let offer = sdp::parse(offer)?;
        let mut session = self.session(&offer, false)?;
        let mids: Vec<&str> =
            offer.sections.iter().map(|section| section.attributes.get("mid").unwrap_or("0")).collect();
        let bundled = offer.sections.iter().zip(&mids).filter(|(section, _)| is_wanted(section));
        let mut text = self.session_lines(bundled.map(|(_, mid)| (*mid).to_owned()));
        for (section, mid) in offer.sections.iter().zip(&mids) {
            if is_wanted(section) {
                section.add_to(&mut session.receiving);
            }
            self.answer_lines(&mut text, section, mid);
        }
        Ok((text, session))
    }

    fn session(&self, remote: &Description, is_offerer: bool) -> Result<Session, MediaError> {
        Ok(Session {
            remote: remote.remote(self.local.preferred_remote)?,
            // Whoever answers begins, unless the answer says otherwise (RFC 8842, section 5).
            is_dtls_client: !is_offerer || remote.get("setup") != Some("active"),
            is_controlling: is_offerer || remote.is_ice_lite(),
            sending: Vec::new(),
            receiving: Receiving::default(),
        })
    }

    fn offered_section(&mut self, is_video: bool, count: u8) -> Offered {
        let mut take = || {
            self.next_ssrc = self.next_ssrc.wrapping_add(1);
            self.next_ssrc
        };
        let rid = |n: u8| (count > 1).then(|| RIDS.get(usize::from(n)).copied().unwrap_or_default().to_owned());
        let encodings = (0..count).map(|n| SendingEncoding { rid: rid(n), ssrc: take(), rtx_ssrc: take() });
        Offered { is_video, encodings: encodings.collect() }
    }

    fn session_lines(&mut self, mids: impl Iterator<Item = String>) -> String {
        self.version += 1;
        let (id, version) = (self.local.session_id, self.version);
        let bundle: String = mids.map(|mid| format!(" {mid}")).collect();
        format!("v=0\r\no=- {id} {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE{bundle}\r\n")
    }

    fn transport_lines(&self, text: &mut String, setup: &str) {
        let Local { address, ufrag, password, fingerprint, .. } = &self.local;
        let (ip, port, fingerprint) = (address.ip(), address.port(), sdp::fingerprint_text(fingerprint));
        let _ = write!(
            text,
            "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\n\
             a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\na=end-of-candidates\r\n\
             a=rtcp-mux\r\na=rtcp-rsize\r\n"
        );
    }

    fn section_lines(&self, text: &mut String, mid: usize, offered: &Offered) {
        let types = if offered.is_video { format!("{VP8_TYPE} {RTX_TYPE}") } else { OPUS_TYPE.to_string() };
        let kind = if offered.is_video { "video" } else { "audio" };
        let _ = write!(text, "m={kind} 9 UDP/TLS/RTP/SAVPF {types}\r\n");
        self.transport_lines(text, "actpass");
        let direction = if offered.encodings.is_empty() { "recvonly" } else { "sendonly" };
        let _ = write!(text, "a=mid:{mid}\r\na={direction}\r\n");
        if offered.is_video {
            for (id, uri) in EXTENSIONS_VIDEO {
                let _ = write!(text, "a=extmap:{id} {uri}\r\n");
            }
            let _ = write!(
                text,
                "a=rtpmap:{VP8_TYPE} {VP8}\r\na=rtpmap:{RTX_TYPE} rtx/90000\r\na=fmtp:{RTX_TYPE} apt={VP8_TYPE}\r\n"
            );
            for feedback in ["transport-cc", "ccm fir", "nack", "nack pli"] {
                let _ = write!(text, "a=rtcp-fb:{VP8_TYPE} {feedback}\r\n");
            }
        } else {
            for (id, uri) in EXTENSIONS_AUDIO {
                let _ = write!(text, "a=extmap:{id} {uri}\r\n");
            }
            let _ = write!(
                text,
                "a=rtpmap:{OPUS_TYPE} {OPUS}\r\na=fmtp:{OPUS_TYPE} minptime=10;useinbandfec=1;usedtx=1\r\n\
                 a=rtcp-fb:{OPUS_TYPE} transport-cc\r\n"
            );
        }
        let name = self.local.session_id;
        match offered.encodings.as_slice() {
            [] => {}
            [SendingEncoding { ssrc, rtx_ssrc, .. }] => {
                let _ = write!(text, "a=msid:bench-{name} bench-{name}-{mid}\r\n");
                if offered.is_video {
                    let _ =
                        write!(text, "a=ssrc-group:FID {ssrc} {rtx_ssrc}\r\na=ssrc:{rtx_ssrc} cname:bench-{name}\r\n");
                }
                let _ = write!(text, "a=ssrc:{ssrc} cname:bench-{name}\r\n");
            }
            several => {
                let rids: Vec<&str> = several.iter().filter_map(|encoding| encoding.rid.as_deref()).collect();
                let _ = write!(text, "a=msid:bench-{name} bench-{name}-{mid}\r\n");
                for rid in &rids {
                    let _ = write!(text, "a=rid:{rid} send\r\n");
                }
                let _ = write!(text, "a=simulcast:send {}\r\n", rids.join(";"));
            }
        }
    }

    fn answer_lines(&self, text: &mut String, section: &Section, mid: &str) {
        let mut receiving = Receiving::default();
        section.add_to(&mut receiving);
        let is_video = section.kind == "video";
        let types: Vec<u8> = receiving.payload_types.iter().map(|(payload_type, _)| *payload_type).collect();
        if !is_wanted(section) {
            let protocol = if section.kind == "application" { "UDP/DTLS/SCTP" } else { "UDP/TLS/RTP/SAVPF" };
            let format = section.formats.first().map_or("0", String::as_str);
            let _ = write!(
                text,
                "m={} 0 {protocol} {format}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=inactive\r\n",
                section.kind
            );
            return;
        }
        let list = types.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        let _ = write!(text, "m={} 9 UDP/TLS/RTP/SAVPF {list}\r\n", section.kind);
        self.transport_lines(text, "active");
        let _ = write!(text, "a=mid:{mid}\r\na=recvonly\r\n");
        for uri in [TRANSPORT_WIDE, MID] {
            let id = section.extension(uri);
            if id != 0 {
                let _ = write!(text, "a=extmap:{id} {uri}\r\n");
            }
        }
        let Some(main) = types.first() else { return };
        let _ = write!(text, "a=rtpmap:{main} {}\r\n", if is_video { VP8 } else { OPUS });
        let feedbacks: &[&str] =
            if is_video { &["transport-cc", "ccm fir", "nack", "nack pli"] } else { &["transport-cc"] };
        for feedback in feedbacks {
            let _ = write!(text, "a=rtcp-fb:{main} {feedback}\r\n");
        }
        if let Some(rtx) = types.get(1) {
            let _ = write!(text, "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={main}\r\n");
        }
    }
}

/// Whether an offered section sends something that this stack takes.
fn is_wanted(section: &Section) -> bool {
    let codec = if section.kind == "video" { VP8 } else { OPUS };
    section.sends() && section.payload_type(codec).is_some()
}

fn sending(mid: usize, offered: &Offered, section: &Section) -> Result<Sending, MediaError> {
    let codec = if offered.is_video { VP8 } else { OPUS };
    let refused = || MediaError::Sdp(format!("it takes no {codec}"));
    let payload_type = section.payload_type(codec).ok_or_else(refused)?;
    let mut encodings = offered.encodings.clone();
    if encodings.len() > 1 {
        // Encodings that the other side does not take are not sent (RFC 8853, section 5.3).
        let taken: Vec<&str> = section.attributes.all("rid").filter_map(|rid| rid.split(' ').next()).collect();
        encodings.retain(|encoding| encoding.rid.as_deref().is_some_and(|rid| taken.contains(&rid)));
    }
    if encodings.is_empty() {
        return Err(MediaError::Sdp("it takes none of the encodings".into()));
    }
    let extensions = ExtensionIds {
        mid: section.extension(MID),
        rid: section.extension(RID),
        transport_wide: section.extension(TRANSPORT_WIDE),
        audio_level: section.extension(AUDIO_LEVEL),
    };
    let rtx_payload_type = section.rtx_payload_type(payload_type);
    Ok(Sending {
        is_video: offered.is_video,
        mid: mid.to_string(),
        payload_type,
        rtx_payload_type,
        encodings,
        extensions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::session::Received;

    fn negotiation(ip: &str) -> Negotiation {
        let local = Local::new(SocketAddrV4::new(ip.parse().unwrap(), 5000), [7; 32], Ipv4Addr::LOCALHOST).unwrap();
        Negotiation::new(local)
    }

    /// The answer that a server would give: everything is accepted, in the other direction.
    fn mirror(offer: &str) -> String {
        let answer = offer.replace("sendonly", "x").replace("recvonly", "sendonly").replace("a=x", "a=recvonly");
        answer.replace("actpass", "passive").replace(" send", " recv").replace(":send", ":recv")
    }

    #[test]
    fn an_offer_and_its_answer_give_a_session() {
        let mut client = negotiation("127.16.0.1");
        let sections = Sections { microphone: true, camera_encodings: 3, audio_slots: 2, video_slots: 1 };
        let offer = client.offer(&sections);
        assert_eq!(sdp::parse(&offer).unwrap().sections.len(), 5);
        let session = client.accept_answer(&mirror(&offer)).unwrap();
        assert!(session.is_controlling && session.is_dtls_client);
        assert_eq!(session.remote.address, "127.16.0.1:5000".parse().unwrap());
        let [audio, video] = session.sending.as_slice() else { panic!("two streams") };
        assert_eq!((audio.payload_type, audio.extensions.audio_level, audio.mid.as_str()), (111, 1, "0"));
        let rids: Vec<_> = video.encodings.iter().filter_map(|encoding| encoding.rid.as_deref()).collect();
        assert_eq!(rids, ["q", "h", "f"]);
        assert_eq!((video.rtx_payload_type, video.extensions.rid), (Some(97), 10));
        let types = [(111, Received::Audio), (96, Received::Video), (97, Received::Repair)];
        assert_eq!(session.receiving.payload_types, types);
        assert_eq!(session.receiving.transport_wide, 3);
        assert!(client.accept_answer("v=0\r\n").is_err(), "too few sections");
    }

    #[test]
    fn an_offer_of_the_other_side_is_answered() {
        let mut server = negotiation("127.0.0.1");
        let offer = server.offer(&Sections { microphone: true, camera_encodings: 1, ..Sections::default() });
        let offer = offer + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\n";
        let mut client = negotiation("127.16.0.1");
        let (answer, session) = client.answer(&offer).unwrap();
        assert!(session.is_dtls_client && !session.is_controlling, "the other side offered and is no lite one");
        assert_eq!(session.receiving.payload_types.len(), 3);
        let answer = sdp::parse(&answer).unwrap();
        assert_eq!(answer.get("setup"), Some("active"));
        assert_eq!(answer.get("group"), Some("BUNDLE 0 1"));
        let ports: Vec<_> = answer.sections.iter().map(|section| section.port).collect();
        assert_eq!(ports, [9, 9, 0]);
        let (_, session) = client.answer(&offer.replace("s=-", "s=-\r\na=ice-lite")).unwrap();
        assert!(session.is_controlling);
    }

    #[test]
    fn streams_of_two_clients_differ() {
        let mut all = Vec::new();
        for ip in ["127.16.0.1", "127.16.0.2", "127.16.1.1"] {
            let mut client = negotiation(ip);
            client.offer(&Sections { microphone: true, camera_encodings: 3, ..Sections::default() });
            all.extend(client.offered.iter().flat_map(|offered| &offered.encodings).map(|encoding| encoding.ssrc));
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
