//! What leaves towards clients: RTP under our own numbers and keys, retransmissions, sender reports, and what receivers
//! say about it. No clock, no socket, no str0m.
//!
//! A [`Sender`] belongs to one connection. At the end of a turn it gets, slot by slot, what came in meanwhile, and writes
//! and seals all of it at once: what a slot gets leaves as one message.

mod batch;
mod content;
mod header;
mod history;
mod pacer;
mod path;
mod replay;
pub mod rtcp;
mod rtx_budget;
mod sender;
mod srtp;
mod stream;

pub use batch::{Outgoing, SendBatch};
pub use header::ExtensionIds;
pub use history::History;
pub use pacer::{Pacer, Waiting};
pub use path::{Path, Via};
pub use sender::{Queued, Request, Sender, Written};
pub use srtp::{Opener, Profile, Sealer, SrtpError, association};
pub use stream::{Stream, StreamConfig};
