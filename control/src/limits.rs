//! Every rate, capacity and interval that an operator may change, with its reason.

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

/// A limit was set by a key or to a value that does not exist.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum LimitError {
    /// No limit has this name.
    #[error("limits.{key} is not known; known are: {known}")]
    UnknownKey {
        /// What was given.
        key: String,
        /// Every key, for the message.
        known: String,
    },
    /// The value is neither a number from 1 up nor `off`.
    #[error("limits.{key} must be a whole number from 1 to {max} or \"off\", not {value:?}")]
    BadValue {
        /// Which limit.
        key: &'static str,
        /// What was given.
        value: String,
        /// The largest number that is taken.
        max: u32,
    },
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $name:ident = $default:expr;)*) => {
        /// Limits. `None` switches one off, which is meant for load tests. In files and variables each is a whole
        /// number from 1 up, or `"off"`.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Limits {
            $($(#[doc = $doc])* #[serde(deserialize_with = "number_or_off")] pub $name: Option<u32>,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: Some($default),)* }
            }
        }

        impl Limits {
            /// The names, as in `limits.<name>`.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($name),)*];

            /// Key as in settings, default and meaning of each, for documentation.
            pub const SETTINGS: &'static [(&'static str, u32, &'static str)] =
                &[$((concat!("limits.", stringify!($name)), $default, concat!($($doc),*)),)*];

            /// Nothing is limited.
            pub fn off() -> Self {
                Self { $($name: None,)* }
            }

            /// Sets the limit called `key` from text.
            ///
            /// # Errors
            /// [`LimitError`] when there is no such key, or the value is neither a number from 1 up nor `off`.
            pub fn set(&mut self, key: &str, value: &str) -> Result<(), LimitError> {
                match key {
                    $(stringify!($name) => {
                        self.$name = parse(value).ok_or_else(|| LimitError::BadValue {
                            key: stringify!($name), value: value.to_owned(), max: u32::MAX,
                        })?;
                        Ok(())
                    })*
                    _ => Err(LimitError::UnknownKey { key: key.to_owned(), known: Self::KEYS.join(", ") }),
                }
            }
        }
    };
}

limits! {
    /// Log-ins tried from one address (an IPv6 /64 counts as one) a minute; as many at once. Guessing is slow, an
    /// office behind one address still gets in.
    login_per_address_per_minute = 60;
    /// Log-ins tried on one account a minute; as many at once.
    login_per_account_per_minute = 10;
    /// Registrations and uses of the owner link from one address a minute.
    register_per_address_per_minute = 30;
    /// Requests from one address a second; ten times as many at once.
    requests_per_address_per_s = 100;
    /// Password hashes computed at the same time. Each takes 19 MiB and some 20 ms of a core.
    password_hashes_parallel = 2;
    /// Password hashes that wait for their turn; more are told to come back.
    password_hashes_waiting = 64;
    /// Tickets issued to one user, and sessions of WHIP and WHEP opened, a minute; as many at once.
    tickets_per_user_per_minute = 60;
    /// Join tokens issued to one API key a second; ten times as many at once.
    join_tokens_per_key_per_s = 100;
    /// Requests with telemetry of one user a minute; as many at once. Clients send one a minute and one at their end.
    telemetry_per_user_per_minute = 30;
    /// Requests with telemetry from one address a minute; as many at once: an office behind one address.
    telemetry_per_address_per_minute = 600;
    /// Webhooks: each event is written once more for each that is told of it.
    webhooks_total = 16;
    /// Open sockets of one user; beside them as many rooms with a session of WHIP or WHEP.
    sockets_per_user = 10;
    /// Open sockets in all. Below the 20,000 files that a process may commonly open.
    sockets_total = 15_000;
    /// Rooms that one socket may be in at the same time.
    rooms_per_socket = 50;
    /// Requests on one socket a second; four times as many at once.
    requests_per_socket_per_s = 50;
    /// Requests on all sockets of one user a second; four times as many at once.
    requests_per_user_per_s = 100;
    /// Messages of one user a second; ten times as many at once, for a client that sends what it kept while offline.
    messages_per_user_per_s = 10;
    /// Edits, deletions, reactions and pins of one user a second; ten times as many at once.
    message_changes_per_user_per_s = 5;
    /// How often a second one user is told to others as writing; four times as many at once. Clients tell it each few seconds.
    typing_per_user_per_s = 1;
    /// How often a second one user may say up to where it has read; four times as many at once. Each is a write.
    reads_per_user_per_s = 2;
    /// Searches of one account or API key a second; ten times as many at once. Each may read a room's whole index.
    searches_per_user_per_s = 3;
    /// Messages that one user reports a minute; as many at once. Somebody reads each of them.
    reports_per_user_per_minute = 10;
    /// Direct rooms that one account begins, and blocks that it sets or lifts, a minute; as many at once. Nobody writes to a whole workspace one by one.
    direct_rooms_per_user_per_minute = 20;
    /// Direct rooms that one account has begun in a workspace.
    direct_rooms_per_user = 1_000;
    /// Browsers that one account is pushed to. Another one takes the place of the oldest.
    push_subscriptions_per_user = 10;
    /// How often a minute one account subscribes a browser; as many at once. Pages do it once a session.
    push_subscribed_per_user_per_minute = 30;
    /// Largest file of a message in bytes.
    attachment_bytes = 25 * 1024 * 1024;
    /// Files that one account uploads a minute; as many at once.
    attachments_per_user_per_minute = 60;
    /// What the files of one account take in all, in MiB.
    attachments_mib_per_user = 2 * 1024;
    /// What the files of one room take in all, in MiB.
    attachments_mib_per_room = 10 * 1024;
    /// Uploads of one account that run at the same time.
    uploads_per_user = 4;
    /// Uploads that run at the same time. Each may take as much of the disk as a file may have before it is counted.
    uploads_total = 64;
    /// Changes of a room's chat that a client may be behind and still gets them alone; who is further behind gets the newest messages.
    resume_changes = 1_000;
    /// Messages that may be pinned in a room.
    pins_per_room = 50;
    /// Rooms of the workspace, without direct rooms.
    rooms_total = 10_000;
    /// Largest HTTP body in bytes.
    body_bytes = 64 * 1024;
    /// Participants that the media node serves at the same time.
    participants_in_calls = 10_000;
    /// Voices of a room that are heard at the same time, the loudest. Nobody follows more than three, and listeners' cost
    /// does not grow with the microphones. Off: all are heard.
    voices_heard = 3;
    /// Silence after which a socket is closed, in milliseconds: two heartbeats and some.
    socket_idle_ms = 45_000;
    /// Time between the server's pings, in milliseconds.
    heartbeat_ms = 20_000;
    /// Time that a participant whose sockets vanished keeps its seat, in milliseconds: a phone changes networks, a
    /// laptop wakes. Off: it keeps the seat for ever.
    participant_grace_ms = 30_000;
}

fn parse(text: &str) -> Option<Option<u32>> {
    match text.trim() {
        "off" => Some(None),
        number => number.parse().ok().filter(|&number: &u32| number > 0).map(Some),
    }
}

fn number_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Number(u32),
        Text(String),
    }
    let text = match Value::deserialize(deserializer) {
        Ok(Value::Number(number)) => number.to_string(),
        Ok(Value::Text(text)) => text,
        Err(_) => return Err(de::Error::custom("a limit must be a whole number from 1 up or \"off\"")),
    };
    parse(&text).ok_or_else(|| de::Error::custom("a limit must be a whole number from 1 up or \"off\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_off() {
        let mut limits = Limits::default();
        limits.set("sockets_per_user", "3").unwrap();
        limits.set("body_bytes", "off").unwrap();
        assert_eq!((limits.sockets_per_user, limits.body_bytes), (Some(3), None));
        assert!(matches!(limits.set("sockets_per_user", "0"), Err(LimitError::BadValue { .. })));
        assert!(matches!(limits.set("sockets", "1"), Err(LimitError::UnknownKey { .. })));
        assert_eq!(limits.sockets_per_user, Some(3));
    }

    #[test]
    fn a_limit_reads_from_files() {
        let limits: Limits = serde_json::from_str(r#"{"sockets_per_user": 4, "rooms_total": "off"}"#).unwrap();
        assert_eq!((limits.sockets_per_user, limits.rooms_total), (Some(4), None));
        assert!(serde_json::from_str::<Limits>(r#"{"rooms_total": 0}"#).is_err());
        assert!(serde_json::from_str::<Limits>(r#"{"rooms": 1}"#).is_err());
    }
}
