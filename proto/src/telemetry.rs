//! `POST /v1/telemetry`: what only clients know of how it goes. It is counted and not kept, so that it holds nothing of
//! rooms or people.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Most events in one request: a client that was offline for long says the newest.
pub const TELEMETRY_EVENTS_MAX: usize = 100;

/// `POST /v1/telemetry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TelemetryRequest {
    /// 1 to 100, in whatever order.
    #[schema(min_items = 1, max_items = 100)]
    pub events: Vec<TelemetryEvent>,
}

/// Something that happened to a client. A session is the time in which a page holds a socket or looks for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum TelemetryEvent {
    /// A session began.
    SessionBegan,
    /// A session ended as it should.
    SessionEnded,
    /// An earlier session went without an end: found when its page came back.
    SessionCrashed,
    /// An open socket was lost, and another was looked for. Once for each loss.
    ReconnectTried,
    /// A lost socket was replaced within 30 s, as long as a seat is kept.
    ReconnectSucceeded,
    /// Media could flow: the channel of a new connection is open. Also when a call came back by a new connection.
    CallSetUp,
    /// A new connection did not come about.
    CallFailed {
        /// How far it came.
        reason: CallFailure,
    },
    /// A connection found no path to the media node, or lost it and found no other. Once for each connection.
    IceFailed,
}

/// Why a call could not be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    /// The server said no, and rightly: it may not be, or has ended.
    Refused,
    /// The server said that it has no media node, or none with room.
    Unavailable,
    /// The offer or its answer did not come through in time.
    NoAnswer,
    /// The answer came, and no path to the media node was found.
    NoPath,
    /// There was a path, and the channel did not open in time.
    NoChannel,
    /// The client could not make an offer, or not take the answer.
    Other,
}

impl CallFailure {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Refused, Self::Unavailable, Self::NoAnswer, Self::NoPath, Self::NoChannel, Self::Other];

    /// The name in JSON, and as a label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::NoAnswer => "no_answer",
            Self::NoPath => "no_path",
            Self::NoChannel => "no_channel",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_named_as_in_json() {
        for failure in CallFailure::ALL {
            assert_eq!(serde_json::to_value(failure).unwrap(), failure.name());
        }
    }
}
