//! The only system calls of the media plane, and its only `unsafe`: each says why it is sound.

#![allow(unsafe_code)]

mod addresses;
mod affinity;
mod control;
mod poller;
mod prefetch;
mod sending;
mod steering;
mod tcp;
mod udp;
mod wake;

pub use addresses::host_addresses;
pub use affinity::pin_to_core;
pub use poller::{Poller, READY_MAX, Ready};
pub use prefetch::prefetch;
pub use sending::{Message, Sent};
pub use tcp::{TcpConnection, TcpListener};
pub use udp::{BATCH_MAX, Lane, Received, UdpSocket};
pub use wake::Waker;
