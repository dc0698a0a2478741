//! The schemas that OpenAPI shows for what a derive does not know: texts with rules, ids, times, numbers with limits.
//! The limits are the constants that the rules are checked with.

use serde_json::json;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{accounts, rest, rooms, webhooks};

/// A text of `min` to `max` Unicode scalar values.
pub fn text(description: &str, min: usize, max: usize, pattern: Option<&str>) -> RefOr<Schema> {
    string(description).min_length(Some(min)).max_length(Some(max)).pattern(pattern).into()
}

/// An id.
pub fn uuid(description: &str) -> RefOr<Schema> {
    string(description).format(Some(SchemaFormat::Custom("uuid".to_owned()))).into()
}

/// A point in time (RFC 3339).
pub fn date_time(description: &str) -> RefOr<Schema> {
    string(description).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into()
}

fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description.trim()))
}

/// A number of `min` to `max`.
pub fn whole_number(description: &str, min: u32, max: u32) -> RefOr<Schema> {
    let number = ObjectBuilder::new().schema_type(Type::Integer).description(Some(description));
    number.minimum(Some(min)).maximum(Some(max)).into()
}

/// Schemas without a type of their own in Rust: fields name them by `value_type`.
macro_rules! schemas {
    ($($name:ident = $schema:expr;)*) => {$(
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema
            }
        }

        impl ToSchema for $name {}
    )*};
}

schemas! {
    // The server counts bytes, and JSON Schema characters, of which there are never more.
    Email = text("An e-mail address, 254 bytes at most.", 3, rest::EMAIL_BYTES_MAX, Some(r"^[^@\s]+@[^@.\s][^@\s]*$"));
    Password = text("512 bytes at most.", rest::PASSWORD_CHARACTERS_MIN, rest::PASSWORD_BYTES_MAX, None);
    Identity = text("An identity of the caller's.", 1, rest::IDENTITY_CHARACTERS_MAX, None);
    JoinTokenSeconds = whole_number("Seconds.", 1, rest::JOIN_TOKEN_S_MAX);
    Capacity = whole_number("Seats.", 1, rest::CAPACITY_MAX);
    Position = whole_number("A place in a list.", 0, rooms::POSITION_MAX);
    SlowModeSeconds = whole_number("Seconds.", 1, rooms::SLOW_MODE_S_MAX);
    SlowModeSecondsChange = whole_number("Seconds; 0 is none.", 0, rooms::SLOW_MODE_S_MAX);
    RetentionDays = whole_number("Days.", 1, rooms::RETENTION_DAYS_MAX);
    RetentionDaysChange = whole_number("Days; 0 is for ever.", 0, rooms::RETENTION_DAYS_MAX);
    RoomInviteUses = whole_number("People.", 1, rooms::ROOM_INVITE_USES_MAX);
    RoomInviteSeconds = whole_number("Seconds.", 1, rooms::ROOM_INVITE_S_MAX);
    // The only role that the API gives.
    GivenRole = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([json!(rest::Role::Admin)])).into();
    WebhookUrl = text("An address, 2,000 bytes at most.", 8, webhooks::WEBHOOK_URL_BYTES_MAX, Some("^https?://"));
    InviteUses = whole_number("Accounts.", 1, accounts::INVITE_USES_MAX);
    InviteSeconds = whole_number("Seconds.", 1, accounts::INVITE_S_MAX);
    ApiKeyName = text("What it is for.", 1, accounts::API_KEY_NAME_CHARACTERS_MAX, None);
    DrainSeconds = whole_number("Seconds.", 0, rest::DRAIN_S_MAX);
}
