//! ICE-TCP as far as it needs no socket (RFC 6544): where a frame begins and ends, what waits to be sent, who may keep a
//! connection open. No clock, no socket.

mod deframer;
mod doorway;
mod send_queue;

pub use deframer::{Deframer, FRAME_BYTES_MAX, FrameTooLong};
pub use doorway::{Doorway, Entry};
pub use send_queue::{Content, SendQueue};

/// A TCP connection of a shard. A number is used again only after four billion others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpId(pub u32);
