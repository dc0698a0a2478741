//! A whole media node and real str0m clients on a simulated network, in virtual time, from one seed.
//!
//! [`host`] makes a thread deterministic, whatever library it runs: time and random bytes come from the simulation.
//! [`world`] moves time; [`link`] and [`network`] delay, lose and reorder; [`client`] publishes pictures that say what they
//! build on, and checks what it is shown; [`rights`] knows who may receive what; [`scenario`] makes a story of a seed; [`scoreboard`] says how well
//! receivers are served on links as people have them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a simulation ends at the first thing that cannot be, and says where; nobody's call depends on it"
)]

pub mod client;
pub mod downlink;
pub mod dtls;
pub mod host;
pub mod link;
pub mod messages;
pub mod network;
pub mod node;
pub mod parallel;
pub mod random;
pub mod rights;
pub mod scenario;
pub mod scoreboard;
pub mod tcp;
pub mod trace;
pub mod world;
