//! WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): a call without a socket, for encoders, players and any WebRTC stack.
//!
//! Both are thin fronts of the one join: a seat in the room, an admission, the node's answer. What differs from a socket
//! is the seat's life. A session holds it for as long as its media lives or until its client deletes it, and the seat's
//! row holds the session: whoever is kicked or banned has none any more.

mod feature;
mod ice;
mod offer;
mod routes;
mod service;

use boltorezka_proto::call::MediaPermissions;

pub use feature::Whip;
use routes::routes;
pub use routes::{SESSION_PARAMETER, for_all_sites};

/// Which way the media goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The client publishes.
    Whip,
    /// The client subscribes.
    Whep,
}

impl Kind {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Whip, Self::Whep];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }

    /// The most that a session may do.
    fn permissions(self) -> MediaPermissions {
        match self {
            Self::Whip => MediaPermissions { subscribe: false, data: false, ..MediaPermissions::ALL },
            Self::Whep => MediaPermissions { subscribe: true, ..MediaPermissions::default() },
        }
    }
}
