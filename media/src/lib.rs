//! The media plane of Boltorezka: a selective forwarding unit that knows connections, tracks, subscriptions and layers,
//! and nothing of accounts or passwords.
//!
//! Modules depend one way, and a test holds it: `{rtp ← {router, bwe}, tcp} ← egress ← shard ← node`,
//! `net ← shard`.
//!
//! | module | what lives there |
//! |---|---|
//! | [`rtp`] | the envelope of a packet, payload descriptors, rewriting; pure |
//! | [`router`] | who gets what: speakers, slots, forwarders, keyframe requests; pure |
//! | [`bwe`] | how a subscriber's bandwidth is shared over its slots; pure |
//! | [`tcp`] | ICE-TCP without its sockets: frames, send queues, who may connect; pure |
//! | [`egress`] | what leaves: RTP under our own numbers and keys, retransmissions, reports; pure |
//! | [`net`] | the only system calls, and the only `unsafe` |
//! | [`shard`] | one thread's worth of connections: a sans-IO core and the loop that drives it |
//! | [`node`] | the shards of a process behind the admission contract |

pub mod bwe;
pub mod egress;
pub mod net;
pub mod node;
pub mod router;
pub mod rtp;
pub mod shard;
pub mod tcp;
