//! Identifiers. All but track numbers are UUIDv7, so that they sort by time of creation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::schema;

macro_rules! uuid_id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, made of the current time and random bits (RFC 9562, section 5.7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                schema::uuid(concat!($($doc),*))
            }
        }

        impl ToSchema for $name {}

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }
    };
}

uuid_id! {
    /// An account, or the identity that a join token names.
    UserId
}
uuid_id! {
    /// One identity in one room, from its join until it has left. It outlives connections: a reload keeps it. It is
    /// never used again after it was revoked.
    ParticipantId
}
uuid_id! {
    /// A room. People name it by its slug.
    RoomId
}
uuid_id! {
    /// A tenant. People name it by its slug.
    WorkspaceId
}
uuid_id! {
    /// A chat message.
    MessageId
}
uuid_id! {
    /// A file that was uploaded for a message.
    AttachmentId
}
uuid_id! {
    /// Something that an account is to see.
    NotificationId
}
uuid_id! {
    /// A call that rings in a direct room.
    CallId
}
uuid_id! {
    /// A report of a message.
    ReportId
}
uuid_id! {
    /// Somebody who is told of events over HTTP.
    WebhookId
}
uuid_id! {
    /// Something that happened: the same for all who are told of it, and each time that it is told.
    EventId
}
uuid_id! {
    /// One open socket of the realtime gateway.
    SessionId
}
uuid_id! {
    /// An invite to make an account, or into a room.
    InviteId
}
uuid_id! {
    /// A key of one of the operator's servers.
    ApiKeyId
}
uuid_id! {
    /// An entry of the audit log.
    AuditId
}
uuid_id! {
    /// A place where an account is signed in: a session of its cookie.
    LoginId
}
uuid_id! {
    /// A passkey of an account.
    PasskeyId
}
uuid_id! {
    /// A custom role of a workspace.
    CustomRoleId
}
uuid_id! {
    /// A browser that an account is pushed to.
    PushSubscriptionId
}

/// A published track, unique on its node while the node runs.
///
/// Each forwarded RTP packet carries it as its only CSRC, so that media which overtakes the slot map is never shown
/// under a wrong name. The upper 8 bits are the shard of the publisher, the lower 24 a counter that skips zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(type = "number")]
pub struct TrackNumber(pub u32);

impl TrackNumber {
    /// Bits of the counter below the shard.
    pub const COUNTER_BITS: u32 = 24;

    /// The `counter`-th track of `shard`. Counters wrap within their 24 bits.
    pub fn new(shard: u8, counter: u32) -> Self {
        let mask = (1 << Self::COUNTER_BITS) - 1;
        Self((u32::from(shard) << Self::COUNTER_BITS) | (counter & mask))
    }

    /// The shard that the publisher is connected to.
    pub fn shard(self) -> u8 {
        (self.0 >> Self::COUNTER_BITS) as u8
    }
}

impl PartialSchema for TrackNumber {
    fn schema() -> RefOr<Schema> {
        schema::whole_number("A published track, unique on its node while the node runs.", 0, u32::MAX)
    }
}

impl ToSchema for TrackNumber {}

impl fmt::Display for TrackNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_number_keeps_shard_and_counter_apart() {
        let number = TrackNumber::new(3, 0x0100_0007);
        assert_eq!(number.shard(), 3);
        assert_eq!(number, TrackNumber::new(3, 7));
        assert_ne!(number, TrackNumber::new(4, 7));
    }

    #[test]
    fn ids_are_plain_strings_in_json() {
        let id = UserId::generate();
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
    }
}
