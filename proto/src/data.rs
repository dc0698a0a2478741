//! Data messages: what programs in a room send each other, on two data channels beside the one of the call.
//!
//! A message is one binary message of its channel: two bytes with the length of a header (big-endian), the header as JSON,
//! and then the payload, any bytes. The header is all that the server reads.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use ts_rs::TS;

use crate::ParticipantId;

/// Largest payload of a reliable message. What begins to be sent is sent to its end, and in-call messages wait for it: so
/// much takes 130 ms at 1 Mb/s. Larger things are sent in parts.
pub const RELIABLE_BYTES_MAX: usize = 16 * 1024;
/// Largest payload of a lossy message: with the longest header it fits one datagram, so that one loss costs one message.
pub const LOSSY_BYTES_MAX: usize = 900;
/// Participants that a message may name. What goes to more goes to the room.
pub const RECIPIENTS_MAX: usize = 64;
/// Longest topic in bytes.
pub const TOPIC_BYTES_MAX: usize = 64;
/// Longest header in bytes: [`RECIPIENTS_MAX`] ids and a topic, with room for fields to come.
pub const HEADER_BYTES_MAX: usize = 4 * 1024;

/// The length before the header.
const PREFIX_BYTES: usize = 2;

/// Which of the two channels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum DataKind {
    /// Everything arrives, in the order in which it was sent, or the receiver is told how much does not.
    Reliable,
    /// What is lost, or would have to wait, does not arrive.
    Lossy,
}

impl DataKind {
    /// The channel's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reliable => "boltorezka.reliable",
            Self::Lossy => "boltorezka.lossy",
        }
    }

    /// The channel with this label.
    pub fn of_label(label: &str) -> Option<Self> {
        [Self::Reliable, Self::Lossy].into_iter().find(|kind| kind.label() == label)
    }

    /// Largest payload.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Reliable => RELIABLE_BYTES_MAX,
            Self::Lossy => LOSSY_BYTES_MAX,
        }
    }
}

/// The header of a message that a client sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct DataTo {
    /// For whom; the whole room when absent. Who is not there gets nothing, and the sender is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<ParticipantId>>,
    /// What it is about, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// The header of a message that a client receives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[ts(optional_fields)]
pub enum DataFrom {
    /// Somebody's message.
    Message {
        /// Who sent it: the server says so, not the sender.
        from: ParticipantId,
        /// What it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
    },
    /// Messages that stood here and were dropped, since the client took them too slowly. Without payload.
    Missed {
        /// How many.
        missed: u32,
    },
}

/// Why a data message was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum DataRefusal {
    /// The right `data` is missing.
    Forbidden,
    /// The message is not of the form described here.
    Malformed,
    /// The payload is larger than its channel takes.
    TooLarge,
    /// Too many messages, or bytes, in too short a time.
    TooFast,
}

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DataError {
    /// It is shorter than it says.
    #[error("a data message begins with the length of its header in two bytes, big-endian, and the header")]
    Truncated,
    /// The header is too long.
    #[error("the header of a data message may have {HEADER_BYTES_MAX} bytes")]
    LongHeader,
    /// The header is not what it should be.
    #[error("the header of a data message is not understood: {0}")]
    Header(String),
    /// It names too many.
    #[error("a data message may name {RECIPIENTS_MAX} participants; leave `to` out to reach the whole room")]
    Recipients,
    /// The topic is too long.
    #[error("the topic of a data message may have {TOPIC_BYTES_MAX} bytes and no control characters")]
    Topic,
    /// The payload is too large.
    #[error(
        "the payload of a data message may have {RELIABLE_BYTES_MAX} bytes, {LOSSY_BYTES_MAX} of a lossy one; send it in parts"
    )]
    Payload,
}

impl DataTo {
    /// Checks the bounds of a message that is to be sent.
    ///
    /// # Errors
    /// [`DataError`]
    pub fn check(&self, kind: DataKind, payload: &[u8]) -> Result<(), DataError> {
        if self.to.as_ref().is_some_and(|to| to.len() > RECIPIENTS_MAX) {
            return Err(DataError::Recipients);
        }
        let is_too_long = |topic: &String| topic.len() > TOPIC_BYTES_MAX || topic.chars().any(char::is_control);
        if self.topic.as_ref().is_some_and(is_too_long) {
            return Err(DataError::Topic);
        }
        match payload.len() <= kind.bytes_max() {
            true => Ok(()),
            false => Err(DataError::Payload),
        }
    }
}

/// Puts a message together.
pub fn write<H: Serialize>(header: &H, payload: &[u8]) -> Vec<u8> {
    let header = serde_json::to_vec(header).unwrap_or_default();
    let length = u16::try_from(header.len()).unwrap_or_default();
    let mut message = Vec::with_capacity(PREFIX_BYTES + header.len() + payload.len());
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(header.get(..usize::from(length)).unwrap_or_default());
    message.extend_from_slice(payload);
    message
}

/// Takes a message apart.
///
/// # Errors
/// [`DataError`]
pub fn read<H: DeserializeOwned>(message: &[u8]) -> Result<(H, &[u8]), DataError> {
    let (length, rest) = message.split_first_chunk::<PREFIX_BYTES>().ok_or(DataError::Truncated)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length > HEADER_BYTES_MAX {
        return Err(DataError::LongHeader);
    }
    let (header, payload) = rest.split_at_checked(length).ok_or(DataError::Truncated)?;
    let header = serde_json::from_slice(header).map_err(|error| DataError::Header(error.to_string()))?;
    Ok((header, payload))
}

/// Takes a client's message apart, and checks its bounds.
///
/// # Errors
/// [`DataError`]
pub fn read_sent(kind: DataKind, message: &[u8]) -> Result<(DataTo, &[u8]), DataError> {
    let (header, payload): (DataTo, _) = read(message)?;
    header.check(kind, payload)?;
    Ok((header, payload))
}

impl DataError {
    /// What a sender is told.
    pub fn refusal(&self) -> DataRefusal {
        match self {
            Self::Payload => DataRefusal::TooLarge,
            _ => DataRefusal::Malformed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let header = DataTo { to: Some(vec![ParticipantId::generate(); 64]), topic: Some("cursor".into()) };
        let payload = [0, 255, b'{', 0];
        let message = write(&header, &payload);
        assert_eq!(read_sent(DataKind::Lossy, &message), Ok((header, &payload[..])));
        let bare = write(&DataTo::default(), &[]);
        assert_eq!(bare, b"\x00\x02{}");
        assert_eq!(read_sent(DataKind::Reliable, &bare), Ok((DataTo::default(), &[][..])));
    }

    #[test]
    fn what_is_not_a_message_says_what_is_wrong() {
        let of = |message: &[u8]| read_sent(DataKind::Reliable, message).unwrap_err();
        assert_eq!(of(b""), DataError::Truncated);
        assert_eq!(of(b"\x00\x03{}"), DataError::Truncated);
        assert_eq!(of(b"\xff\xff{}"), DataError::LongHeader);
        assert!(matches!(of(b"\x00\x02[}"), DataError::Header(_)));
        let many = DataTo { to: Some(vec![ParticipantId::generate(); 65]), topic: None };
        assert_eq!(of(&write(&many, &[])), DataError::Recipients);
        let topic = |topic: &str| DataTo { to: None, topic: Some(topic.to_owned()) };
        assert_eq!(of(&write(&topic(&"x".repeat(65)), &[])), DataError::Topic);
        assert_eq!(of(&write(&topic("a\nb"), &[])), DataError::Topic);
        let large = write(&DataTo::default(), &[0; RELIABLE_BYTES_MAX + 1]);
        assert_eq!(of(&large).refusal(), DataRefusal::TooLarge);
        assert_eq!(read_sent(DataKind::Lossy, &write(&DataTo::default(), &[0; 901])), Err(DataError::Payload));
    }

    #[test]
    fn the_longest_lossy_message_fits_a_datagram() {
        // What a datagram of str0m holds of a message: 1150 bytes without DTLS and SCTP headers.
        const SCTP_PAYLOAD: usize = 1150 - 80;
        let from = DataFrom::Message { from: ParticipantId::generate(), topic: Some("x".repeat(TOPIC_BYTES_MAX)) };
        assert!(write(&from, &[0; LOSSY_BYTES_MAX]).len() <= SCTP_PAYLOAD);
    }

    #[test]
    fn a_gap_is_told_from_a_message() {
        let missed = write(&DataFrom::Missed { missed: 3 }, &[]);
        assert_eq!(missed, b"\x00\x0c{\"missed\":3}");
        assert_eq!(read::<DataFrom>(&missed), Ok((DataFrom::Missed { missed: 3 }, &[][..])));
        let from = DataFrom::Message { from: ParticipantId::generate(), topic: None };
        assert_eq!(read(&write(&from, b"x")), Ok((from, &b"x"[..])));
    }
}
