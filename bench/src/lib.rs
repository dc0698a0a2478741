//! The load generator: puts people into a media server, measures what that costs the server and what they get for it.
//!
//! - [`plan`]: a scenario as a list of seats, made before anything starts.
//! - [`target`]: how one enters a server. One adapter for each kind of server; the media stack knows none of them.
//! - [`media`]: a light WebRTC stack; one thread drives all clients over one socket.
//! - [`load`]: a run: start, joins, warm-up, the measured window.
//! - [`floor`]: what copying, sealing and sending the same packets costs at least.
//! - [`compare`], [`find_limit`]: several runs, each a process of its own ([`child`]), over the same [`link`].
//! - [`signal`]: a load on the realtime gateway, without media.
//! - [`report`]: a run's result, as JSON, as a table, as a page.

pub mod child;
pub mod compare;
pub mod error;
pub mod find_limit;
pub mod floor;
pub mod link;
pub mod load;
pub mod media;
pub mod options;
pub mod plan;
pub mod process;
pub mod report;
pub mod signal;
mod socket;
pub mod target;
mod turn;
pub mod veth;

pub use error::BenchError;
