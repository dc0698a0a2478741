//! A client's offer, as far as it is control's business: whether it is one, its way, its ICE credentials. Pure.
//!
//! The media node reads the rest. What is checked here is what RFC 9725 wants told apart: a text that is no session
//! description is a bad request, one that cannot be answered is not.

use boltorezka_proto::ErrorCode;

use super::Kind;
use super::ice::Credentials;
use crate::error::ApiError;

/// Candidates are of no use to the node, which is ICE-lite and learns addresses from checks, and grow old in what is kept.
const NOT_KEPT: [&str; 2] = ["a=candidate:", "a=end-of-candidates"];

/// An offer with a session id of our own.
///
/// The node knows a connection by the session id of its offers (`o=`). Encoders write the same one each time they start, so
/// that a new session would look like a change of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    text: String,
    credentials: Credentials,
}

impl Offer {
    /// Reads what a client posted; `session_id` names the connection.
    ///
    /// # Errors
    /// `malformed` when it is no session description for WebRTC, `unacceptable_offer` when nothing in it goes the way of
    /// `kind`.
    pub fn read(text: &str, kind: Kind, session_id: u64) -> Result<Self, ApiError> {
        let lines = lines(text)?;
        let (first, origin) = (lines.first(), lines.get(1));
        if first != Some(&"v=0") || !origin.is_some_and(|line| line.starts_with("o=") && line.split(' ').count() == 6) {
            return Err(malformed("a session description begins with v=0 and o= (RFC 8866)"));
        }
        let sections = || lines.iter().filter(|line| line.starts_with("m="));
        if sections().next().is_none() {
            return Err(malformed("the session description has no media section"));
        }
        if !lines.iter().any(|line| line.starts_with("a=fingerprint:")) {
            return Err(malformed("the session description has no a=fingerprint: it is for WebRTC (RFC 8827)"));
        }
        let credentials = Credentials::find(&lines)?
            .ok_or_else(|| malformed("the session description has no a=ice-ufrag and a=ice-pwd (RFC 8839)"))?;
        if !goes(&lines, kind) {
            let detail = match kind {
                Kind::Whip => "the offer sends nothing: WHIP needs an audio or video section that is sendonly",
                Kind::Whep => "the offer receives nothing: WHEP needs an audio or video section that is recvonly",
            };
            return Err(ApiError::because(ErrorCode::UnacceptableOffer, detail));
        }
        let kept = lines.iter().enumerate().filter(|(_, line)| !NOT_KEPT.iter().any(|start| line.starts_with(start)));
        let text = kept.map(|(place, line)| if place == 1 { with_session_id(line, session_id) } else { crlf(line) });
        Ok(Self { text: text.collect(), credentials })
    }

    /// An offer that was kept.
    pub fn kept(text: String) -> Result<Self, ApiError> {
        let credentials = Credentials::find(&lines(&text)?)?;
        let credentials = credentials.ok_or_else(|| ApiError::new(ErrorCode::Internal))?;
        Ok(Self { text, credentials })
    }

    /// The same offer for another ICE session (RFC 8839, section 4.4.3.1).
    pub fn restarted(&self, credentials: Credentials) -> Self {
        let line = |line: &str| {
            if line.starts_with("a=ice-ufrag:") {
                return crlf(&format!("a=ice-ufrag:{}", credentials.ufrag));
            }
            if line.starts_with("a=ice-pwd:") {
                return crlf(&format!("a=ice-pwd:{}", credentials.password));
            }
            crlf(line)
        };
        Self { text: self.text.lines().map(line).collect(), credentials }
    }

    /// As the node is given it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The client's ICE credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// The lines of a session description or of a part of one.
///
/// # Errors
/// `malformed`, when one is not of the form `x=…`.
pub fn lines(text: &str) -> Result<Vec<&str>, ApiError> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let is_line = |line: &&str| matches!(line.as_bytes(), [b'a'..=b'z', b'=', ..]);
    match lines.iter().find(|line| !is_line(line)) {
        Some(wrong) => Err(malformed(&format!("{wrong:.40} is not a line of a session description (RFC 8866)"))),
        None => Ok(lines),
    }
}

/// What is malformed, and how it should be.
pub fn malformed(detail: &str) -> ApiError {
    ApiError::because(ErrorCode::Malformed, detail)
}

fn crlf(line: &str) -> String {
    format!("{line}\r\n")
}

fn with_session_id(origin: &str, session_id: u64) -> String {
    let id = session_id.to_string();
    let words = origin.split(' ').enumerate().map(|(place, word)| if place == 1 { id.as_str() } else { word });
    crlf(&words.collect::<Vec<_>>().join(" "))
}

/// Whether some section of sound or pictures goes the way of `kind`. Without a word it goes both ways (RFC 8866, section 6.7).
fn goes(lines: &[&str], kind: Kind) -> bool {
    let mut sections = lines.chunk_by(|_, next| !next.starts_with("m=")).peekable();
    let direction = |section: &[&str]| {
        let is = |wanted: &str| section.iter().any(|line| line.strip_prefix("a=") == Some(wanted));
        ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().find(|name| is(name))
    };
    let of_session = sections.next_if(|section| !section.iter().any(|line| line.starts_with("m=")));
    let of_session = of_session.and_then(direction).unwrap_or("sendrecv");
    let wanted = match kind {
        Kind::Whip => ["sendonly", "sendrecv"],
        Kind::Whep => ["recvonly", "sendrecv"],
    };
    sections.any(|section| {
        let is_media = section.first().is_some_and(|line| line.starts_with("m=audio ") || line.starts_with("m=video "));
        is_media && wanted.contains(&direction(section).unwrap_or(of_session))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
        a=fingerprint:sha-256 00:11\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n\
        a=mid:0\r\na=sendonly\r\n";

    fn code(text: &str, kind: Kind) -> ErrorCode {
        Offer::read(text, kind, 7).unwrap_err().code
    }

    #[test]
    fn the_session_is_ours_and_candidates_are_left_out() {
        let offer = Offer::read(OFFER, Kind::Whip, 7).unwrap();
        assert!(offer.text().starts_with("v=0\r\no=FFmpeg 7 2 IN IP4 127.0.0.1\r\ns=-\r\n"), "{}", offer.text());
        assert!(!offer.text().contains("candidate"));
        assert_eq!(offer.credentials().ufrag, "abcd");
        assert_eq!(Offer::kept(offer.text().to_owned()).unwrap(), offer);
    }

    #[test]
    fn the_documents_example_is_an_offer() {
        let document = include_str!("../../../docs/protocol.md");
        let examples: Vec<&str> =
            document.split("\n```sdp\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert_eq!(examples.len(), 1);
        let offer = Offer::read(examples[0], Kind::Whip, 7).unwrap();
        assert_eq!(offer.credentials().ufrag, "EsAw");
    }

    #[test]
    fn a_restart_changes_the_credentials_alone() {
        let offer = Offer::read(OFFER, Kind::Whip, 7).unwrap();
        let next = Credentials { ufrag: "efgh".to_owned(), password: "0123456789012345678901".to_owned() };
        let again = offer.restarted(next.clone());
        let expected = offer.text().replace("abcd\r", "efgh\r").replace("abcdefghijklmnopqrstuv", &next.password);
        assert_eq!((again.text(), again.credentials()), (expected.as_str(), &next));
    }

    #[test]
    fn what_is_no_offer_is_told_from_what_cannot_be_answered() {
        let without = |start: &str| -> String {
            OFFER.lines().filter(|line| !line.starts_with(start)).map(|line| format!("{line}\n")).collect()
        };
        for start in ["v=", "o=", "a=ice-ufrag", "a=ice-pwd", "a=fingerprint"] {
            assert_eq!(code(&without(start), Kind::Whip), ErrorCode::Malformed, "{start}");
        }
        for text in ["hello", "", "v=0\r\n", "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n", "{\"sdp\":\"v=0\"}"] {
            assert_eq!(code(text, Kind::Whip), ErrorCode::Malformed, "{text}");
        }
        assert_eq!(code(OFFER, Kind::Whep), ErrorCode::UnacceptableOffer);
        let recvonly = OFFER.replace("sendonly", "recvonly");
        assert_eq!(code(&recvonly, Kind::Whip), ErrorCode::UnacceptableOffer);
        assert!(Offer::read(&recvonly, Kind::Whep, 7).is_ok());
        let both = without("a=sendonly");
        assert!(Offer::read(&both, Kind::Whip, 7).is_ok() && Offer::read(&both, Kind::Whep, 7).is_ok());
        let of_session = both.replace("t=0 0", "t=0 0\na=recvonly");
        assert_eq!(code(&of_session, Kind::Whip), ErrorCode::UnacceptableOffer);
        let data = OFFER.replace("m=audio", "m=application");
        assert_eq!(code(&data, Kind::Whip), ErrorCode::UnacceptableOffer);
    }
}
