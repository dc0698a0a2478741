//! Webhooks: servers of the operator are told what happened, at least once, with the event's id on each try.
//!
//! What is to be told is written in the transaction that made it true (`store/sql/webhooks.rs`); [`deliver`] takes it from there.

mod deliver;
mod request;
mod routes;

pub use deliver::{deliver, tidy};
pub use routes::routes;
