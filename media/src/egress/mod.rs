//! What leaves towards clients: RTP under our own numbers and keys, retransmissions, sender reports, and what receivers
//! say about it. No clock, no socket, no str0m.
//!
//! A [`Sender`] belongs to one connection. In a turn it collects what is to go out; at the end of the turn it writes,
//! seals and batches all of it at once: what one receiver gets leaves as one message.

mod batch;
mod header;
mod history;
mod replay;
pub mod rtcp;
mod sender;
mod srtp;
mod stream;

pub use batch::{Outgoing, SendBatch};
pub use header::ExtensionIds;
pub use history::History;
pub use sender::{Flushed, Path, Queued, Request, Sender};
pub use srtp::{Opener, Profile, Sealer, SrtpError, association};
pub use stream::{Stream, StreamConfig};
