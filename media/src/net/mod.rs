//! The only system calls of the media plane, and its only `unsafe`: each says why it is sound.

#![allow(unsafe_code)]

mod addresses;
mod affinity;
mod control;
mod udp;
mod wake;

pub use addresses::host_addresses;
pub use affinity::pin_to_core;
pub use udp::{BATCH_MAX, Message, Received, Sent, UdpSocket};
pub use wake::{Waker, wait};
