//! What both sides of a transport agreed on. Adapters of servers without SDP make it by themselves.

use std::net::SocketAddrV4;

/// What a client offers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sections {
    /// Send a microphone.
    pub microphone: bool,
    /// Send a camera with so many encodings: 1 or 3; 0 sends none.
    pub camera_encodings: u8,
    /// Sections that receive sound.
    pub audio_slots: u32,
    /// Sections that receive pictures.
    pub video_slots: u32,
}

/// Ids of the RTP header extensions that are used (RFC 8285); 0 when not agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`.
    pub mid: u8,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`.
    pub rid: u8,
    /// Transport-wide sequence numbers.
    pub transport_wide: u8,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level`.
    pub audio_level: u8,
}

/// A stream that is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sending {
    /// Whether it is a camera.
    pub is_video: bool,
    /// Its section.
    pub mid: String,
    /// Payload type.
    pub payload_type: u8,
    /// Payload type of its retransmissions, where agreed on.
    pub rtx_payload_type: Option<u8>,
    /// One entry for each encoding, the smallest picture first.
    pub encodings: Vec<SendingEncoding>,
    /// Header extensions.
    pub extensions: ExtensionIds,
}

/// An encoding of a stream that is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendingEncoding {
    /// Restriction id; absent without simulcast.
    pub rid: Option<String>,
    /// Its stream.
    pub ssrc: u32,
    /// The stream of its retransmissions.
    pub rtx_ssrc: u32,
}

/// What a payload type means when receiving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Received {
    /// Opus.
    Audio,
    /// VP8.
    Video,
    /// Retransmissions of VP8 (RFC 4588).
    Repair,
}

/// What is received.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Receiving {
    /// Meaning of payload types.
    pub payload_types: Vec<(u8, Received)>,
    /// Id of the transport-wide sequence number; 0 when not agreed on. All sections share it.
    pub transport_wide: u8,
}

/// The other side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub password: String,
    /// Its UDP candidate.
    pub address: SocketAddrV4,
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
}

/// What both sides agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The other side.
    pub remote: Remote,
    /// Whether this side begins DTLS.
    pub is_dtls_client: bool,
    /// Whether this side decides on the pair of candidates. The other does when it offered and is not ICE-lite.
    pub is_controlling: bool,
    /// What is sent.
    pub sending: Vec<Sending>,
    /// What is received.
    pub receiving: Receiving,
}
