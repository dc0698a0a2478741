//! Passkeys (Web Authentication, level 3): signing in by a key that a device holds, without an address and a password.
//!
//! A passkey is discoverable, and its device has to check that it is its owner who uses it: that check is the second factor,
//! and none other is asked for. Of attestation nothing is asked for, checked or kept: any device will do. The browser's half of
//! a ceremony, its challenge, lies sealed in a cookie: nobody ends what another browser began.
//!
//! | file | job |
//! |---|---|
//! | `party.rs` | the name that passkeys are for, and the origin that they are used at |
//! | `challenge.rs` | the browser's half of a ceremony |
//! | `ceremony.rs` | checking what a browser brings: a new passkey, a signature |
//! | `authenticator_data.rs` | reading what a device says |
//! | `cose.rs` | reading public keys, checking signatures |
//! | `routes.rs`, `sign_in.rs` | one's own passkeys, the way in |

mod authenticator_data;
mod ceremony;
mod challenge;
mod cose;
mod party;
mod routes;
mod sign_in;

pub use routes::{passkey_view, routes};
