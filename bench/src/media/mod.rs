//! A light WebRTC stack for many clients: hand-written SDP, ICE, DTLS by dimpl, SRTP by aws-lc-rs. It sends real
//! descriptors, sizes and timing, and answers as a browser does (feedback, reports, NACK, PLI), but decodes nothing and
//! decrypts a sample only.
//!
//! [`Transports`] is what adapters see. One thread, [`engine`], drives all transports over one socket.

mod client;
mod counters;
mod crypto;
pub mod engine;
mod feedback;
pub mod floor_source;
pub mod histogram;
pub mod negotiation;
mod random;
mod receiver;
mod rtcp;
pub mod rtp;
pub mod sdp;
mod sender;
pub mod session;
pub mod source;
pub mod srtp;
mod stun;
mod timers;
mod to_server;
pub mod transports;
mod vp8;

use thiserror::Error;

pub use counters::Counters;
pub use sender::SendingParameters;
pub use session::{Sections, Session};
pub use transports::{Transport, TransportState, Transports};

/// Why a transport could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MediaError {
    /// A session description from the target that cannot be used.
    #[error("the session description cannot be used: {0}")]
    Sdp(String),
    /// The range of client addresses is used up.
    #[error("there are no more addresses for clients: {0} are in use")]
    Addresses(u32),
    /// ICE or DTLS failed.
    #[error("the transport failed: {0}")]
    Failed(String),
    /// The thread of all clients has ended.
    #[error("the media thread has ended")]
    Ended,
    /// Keys, certificates or the DTLS configuration could not be made.
    #[error("cryptography failed: {0}")]
    Crypto(String),
}
