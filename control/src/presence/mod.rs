//! Who is in a room now, and telling it: a list at the start, then numbered changes.
//!
//! The database says who is in; this module adds what is only true now (sockets, calls) and tells the sockets. Every
//! change of who is in a room happens under the room's gate, so that memory and database agree.

mod hub;
mod lobby;
mod removal;
mod room;
mod service;
mod waiting;

pub use hub::{Hub, LiveRoom, LiveWorkspace};
pub use removal::{end_calls, end_deleted, end_stay, take_out};
pub use room::{CallOwner, Seat};
pub use service::{
    flush_loop, join, join_without_socket, keep_seat, leave, leave_call, load, remove, socket_gone, sweep,
};
pub use waiting::{stop_waiting, tell_admitted, tell_refused};
