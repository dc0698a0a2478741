//! Errors as clients see them: one list of codes for HTTP problems (RFC 9457) and for `nack`s of the socket.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal, $title:literal;)*) => {
        /// A stable reason that programs may act on. In JSON it is written in snake_case.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// The HTTP status that goes with the code.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// A short English summary, the same for each occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Every code, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }
    };
}

error_codes! {
    /// The request is not of the documented form.
    Malformed = 400, "The request is malformed";
    /// A message of a type that this server does not know.
    UnknownType = 400, "Unknown message type";
    /// The caller is not signed in, or the session has ended.
    Unauthenticated = 401, "Sign in first";
    /// E-mail or password is wrong.
    InvalidCredentials = 401, "E-mail or password is wrong";
    /// The password is right; a code of the second factor is needed too.
    SecondFactorRequired = 401, "A code of the second factor is needed";
    /// A token is unknown, used or expired.
    InvalidToken = 401, "The token is unknown, used or expired";
    /// The caller may not do this.
    Forbidden = 403, "Not allowed";
    /// The account is blocked.
    AccountBlocked = 403, "The account is blocked";
    /// The account waits for an admin.
    AccountPending = 403, "The account waits for an admin";
    /// The server takes no registrations from this caller.
    RegistrationClosed = 403, "Registration is closed";
    /// The caller is banned from the room.
    Banned = 403, "Banned from this room";
    /// Somebody who moderates has to let the caller into the room first.
    Lobby = 403, "The room has a lobby";
    /// Somebody who moderates did not let the caller into the room.
    Refused = 403, "Not let into this room";
    /// Only moderators say something in this room.
    ReadOnly = 403, "The room is read-only";
    /// One of the two refuses the other's direct messages.
    DirectRefused = 403, "Direct messages between you are refused";
    /// The other one of a direct room has left the workspace, is blocked, or is erased.
    RecipientGone = 403, "The other one is not here any more";
    /// The cross-site check failed.
    ForeignOrigin = 403, "The request came from a foreign origin";
    /// There is no such thing, or the caller may not know of it.
    NotFound = 404, "Not found";
    /// The workspace has switched the feature off.
    FeatureDisabled = 404, "The feature is switched off";
    /// The method is not one of the route's.
    MethodNotAllowed = 405, "Method not allowed";
    /// The address, e-mail or slug is taken, or an idempotency key was used with another payload.
    Conflict = 409, "In conflict with what is there";
    /// The server has been set up already.
    AlreadySetUp = 409, "The server is set up already";
    /// The participant has not joined the room.
    NotJoined = 409, "Join the room first";
    /// What `If-Match` names is not the state of now.
    PreconditionFailed = 412, "The resource has changed";
    /// The body is larger than the limit.
    TooLarge = 413, "The request is too large";
    /// The body is of another type than the route takes.
    UnsupportedMediaType = 415, "The body is of an unsupported type";
    /// The form is right, a value is not.
    Invalid = 422, "A value is not acceptable";
    /// The session description cannot be answered.
    UnacceptableOffer = 422, "The offer cannot be accepted";
    /// The request has no `If-Match` and needs one.
    PreconditionRequired = 428, "The request must name the state that it changes";
    /// Too many requests; try again later.
    RateLimited = 429, "Too many requests";
    /// The room wants a pause between two messages of one sender.
    SlowMode = 429, "Wait before the next message";
    /// The room has no free seat.
    RoomFull = 429, "The room is full";
    /// Something failed that is not the caller's fault.
    Internal = 500, "Something went wrong here";
    /// The media plane cannot be reached now, or has no room for more.
    MediaUnavailable = 503, "Calls are not available right now";
    /// The media node has so much to do that those inside would feel another.
    Overloaded = 503, "The server is at its limit";
    /// The server is stopping or a dependency is down.
    Unavailable = 503, "Not available right now";
}

/// The body of an HTTP error, `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable reason.
    pub code: ErrorCode,
    /// The same words for each occurrence of the code.
    pub title: String,
    /// What is wrong in this case, and the cure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

impl Problem {
    /// The problem for `code`, with what is special about this case.
    pub fn new(code: ErrorCode, detail: Option<String>) -> Self {
        Self { status: code.status(), code, title: code.title().to_owned(), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_snake_case_and_have_an_error_status() {
        for code in ErrorCode::ALL {
            assert!((400..=599).contains(&code.status()), "{code:?}");
        }
        assert_eq!(serde_json::to_string(&ErrorCode::RoomFull).unwrap(), "\"room_full\"");
    }
}
