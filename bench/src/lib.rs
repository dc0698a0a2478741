//! The load generator: puts people into a media server, measures what that costs the server and what they get for it.
//!
//! - [`plan`]: a scenario as a list of seats, made before anything starts.
//! - [`target`]: how one enters a server. One adapter for each kind of server; the media stack knows none of them.
//! - [`media`]: a light WebRTC stack; one thread drives all clients over one socket.
//! - [`load`]: a run: start, joins, warm-up, the measured window.
//! - [`floor`]: what copying, sealing and sending the same packets costs at least.
//! - [`report`]: a run's result, as JSON, as a table, as a page.

pub mod error;
pub mod floor;
pub mod link;
pub mod load;
pub mod media;
pub mod options;
pub mod plan;
pub mod process;
pub mod report;
mod socket;
pub mod target;

pub use error::BenchError;
