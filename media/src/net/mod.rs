//! The only system calls of the media plane, and its only `unsafe`: each says why it is sound.

#![allow(unsafe_code)]

mod addresses;
mod affinity;
mod control;
mod prefetch;
mod sending;
mod steering;
mod udp;
mod wake;

pub use addresses::host_addresses;
pub use affinity::pin_to_core;
pub use prefetch::prefetch;
pub use sending::{Message, Sent};
pub use udp::{BATCH_MAX, Lane, Received, UdpSocket};
pub use wake::Waker;
