//! ICE sessions: credentials, and the fragments (RFC 8840, section 9) that `PATCH` takes and gives. Pure.

use super::offer::{lines, malformed};
use crate::error::ApiError;

/// Attributes of a session that a fragment repeats (RFC 8840, section 9; RFC 9725, section 4.3).
const OF_SESSION: [&str; 3] = ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE"];
/// Attributes of a section that a fragment holds.
const OF_SECTION: [&str; 6] = ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"];
/// Lengths of a user fragment and of a password (RFC 8839, section 5.4).
const UFRAG_LENGTHS: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD_LENGTHS: std::ops::RangeInclusive<usize> = 22..=256;

/// What one side shows in its checks (RFC 8445, section 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user fragment.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// The first ones in a description: sections of one bundle share them.
    ///
    /// # Errors
    /// `malformed`, when one half is missing, or of a length or of characters that no credentials have.
    pub fn find(lines: &[&str]) -> Result<Option<Self>, ApiError> {
        let first = |start: &str| lines.iter().find_map(|line| line.strip_prefix(start));
        match (first("a=ice-ufrag:"), first("a=ice-pwd:")) {
            (None, None) => Ok(None),
            (Some(ufrag), Some(password))
                if UFRAG_LENGTHS.contains(&ufrag.len())
                    && PASSWORD_LENGTHS.contains(&password.len())
                    && [ufrag, password].iter().all(|text| text.bytes().all(is_ice_character)) =>
            {
                Ok(Some(Self { ufrag: ufrag.to_owned(), password: password.to_owned() }))
            }
            _ => {
                Err(malformed("a=ice-ufrag and a=ice-pwd come together, with 4 and 22 characters at least (RFC 8839)"))
            }
        }
    }
}

fn is_ice_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// What a client patches its session with: the credentials that it names. Its candidates are not looked at.
///
/// # Errors
/// `malformed`.
pub fn read_fragment(text: &str) -> Result<Option<Credentials>, ApiError> {
    let lines = lines(text)?;
    if lines.is_empty() {
        return Err(malformed("the fragment is empty (RFC 8840, section 9)"));
    }
    Credentials::find(&lines)
}

/// The ICE side of an answer, for a client whose ICE session begins anew.
pub fn write_fragment(answer: &str) -> String {
    let lines: Vec<&str> = answer.lines().collect();
    let mut parts = lines.chunk_by(|_, next| !next.starts_with("m="));
    let starts = |line: &&&str, of: &[&str]| of.iter().any(|start| line.starts_with(start));
    let session = parts.next().unwrap_or_default().iter().filter(|line| starts(line, &OF_SESSION));
    let section = parts.next().unwrap_or_default().iter().filter(|line| starts(line, &OF_SECTION));
    session.chain(section).map(|line| format!("{line}\r\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_candidates_with_or_without_credentials() {
        let named = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
            a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n";
        let credentials = read_fragment(named).unwrap().unwrap();
        assert_eq!((credentials.ufrag.as_str(), credentials.password.len()), ("EsAw", 24));
        assert_eq!(read_fragment("a=mid:0\r\na=end-of-candidates\r\n"), Ok(None));
        for bad in ["", "hello", "a=ice-ufrag:EsAw\r\n", "a=ice-ufrag:E\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"] {
            assert!(read_fragment(bad).is_err(), "{bad}");
        }
        assert!(read_fragment(&named.replace("EsAw", "Es w")).is_err());
    }

    #[test]
    fn the_documents_examples_are_fragments() {
        let document = include_str!("../../../docs/protocol.md");
        let examples = document.split("\n```sdpfrag\n").skip(1).filter_map(|rest| rest.split("```").next());
        let read = examples.map(|text| read_fragment(text).unwrap().unwrap().ufrag).collect::<Vec<_>>();
        assert_eq!(read, ["EsAw", "ysXw"]);
        let (_, answer) = document.split_once("ETag: \"2\"\n\n").unwrap();
        let answer = answer.split("```").next().unwrap();
        assert_eq!(write_fragment(answer).replace("\r\n", "\n"), answer);
    }

    #[test]
    fn the_answer_of_a_restart_holds_the_first_sections_ice() {
        let answer = "v=0\r\no=x 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-lite\r\n\
            m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=candidate:1 1 udp 1 192.0.2.1 7000 typ host\r\n\
            a=end-of-candidates\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=setup:passive\r\na=mid:0\r\nm=video 9 X 96\r\na=ice-ufrag:u\r\n";
        let expected = "a=group:BUNDLE 0 1\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
            a=candidate:1 1 udp 1 192.0.2.1 7000 typ host\r\na=end-of-candidates\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=mid:0\r\n";
        assert_eq!(write_fragment(answer), expected);
    }
}
