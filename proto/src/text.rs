//! Texts that people write, with the rules that each side checks in the same way.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;
use ts_rs::TS;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{RoomId, schema};

/// A text that breaks its rule. The message names the field, the rule and the cure.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvalidText {
    /// Too short or too long, counted in Unicode scalar values after trimming.
    #[error("{field} must have {min} to {max} characters, this one has {actual}")]
    Length {
        /// What the text is for.
        field: &'static str,
        /// Shortest allowed.
        min: usize,
        /// Longest allowed.
        max: usize,
        /// What was given.
        actual: usize,
    },
    /// A character that the field does not take.
    #[error("{field} may hold {allowed} only, not {found:?}")]
    Character {
        /// What the text is for.
        field: &'static str,
        /// The characters that may be used, in words.
        allowed: &'static str,
        /// The first offending character.
        found: char,
    },
}

macro_rules! text {
    (
        $(#[doc = $doc:literal])*
        $name:ident, $field:literal, $min:literal ..= $max:literal, $allowed:literal, $pattern:literal, $is_allowed:expr
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, TS)]
        #[serde(transparent)]
        #[ts(type = "string")]
        pub struct $name(String);

        impl $name {
            /// Trims and checks `text`.
            ///
            /// # Errors
            /// [`InvalidText`] when the length or a character is not allowed.
            pub fn new(text: &str) -> Result<Self, InvalidText> {
                let text = text.trim();
                let actual = text.chars().count();
                if !($min..=$max).contains(&actual) {
                    return Err(InvalidText::Length { field: $field, min: $min, max: $max, actual });
                }
                let is_allowed: fn(char) -> bool = $is_allowed;
                match text.chars().find(|&c| !is_allowed(c)) {
                    Some(found) => Err(InvalidText::Character { field: $field, allowed: $allowed, found }),
                    None => Ok(Self(text.to_owned())),
                }
            }

            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let description = concat!($($doc),*, " It may hold ", $allowed, "; spaces around it are taken off.");
                schema::text(description, $min, $max, Some($pattern))
            }
        }

        impl ToSchema for $name {}

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

text! {
    /// The name of a room in addresses.
    RoomSlug, "slug", 3..=48, "lower-case letters, digits and hyphens", "^[a-z0-9-]+$",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
impl RoomSlug {
    /// In front of the 32 digits of a direct room's slug.
    const DIRECT_PREFIX: &'static str = "direct-";

    /// The name of the direct room with this id.
    pub fn of_direct(room_id: RoomId) -> Self {
        Self(format!("{}{}", Self::DIRECT_PREFIX, room_id.0.simple()))
    }

    /// Whether it has the form of a direct room's name, which nobody can give to another room. A hint: what a room is, its kind says.
    pub fn looks_direct(&self) -> bool {
        let digits = self.0.strip_prefix(Self::DIRECT_PREFIX);
        digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}
text! {
    /// The name of a workspace in addresses.
    WorkspaceSlug, "slug", 3..=48, "lower-case letters, digits and hyphens", "^[a-z0-9-]+$",
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}
text! {
    /// What people call a workspace.
    WorkspaceTitle, "title", 1..=120, "printable characters", r"^[^\x00-\x1f\x7f-\x9f]*$", |c| !c.is_control()
}
text! {
    /// What people call a custom role.
    CustomRoleName, "name", 1..=40, "printable characters", r"^[^\x00-\x1f\x7f-\x9f]*$", |c| !c.is_control()
}
text! {
    /// What people call a room.
    RoomTitle, "title", 1..=120, "printable characters", r"^[^\x00-\x1f\x7f-\x9f]*$", |c| !c.is_control()
}
text! {
    /// What rooms are listed under. The empty text is no category.
    RoomCategory, "category", 0..=60, "printable characters", r"^[^\x00-\x1f\x7f-\x9f]*$", |c| !c.is_control()
}
text! {
    /// What people call a person.
    DisplayName, "displayName", 1..=64, "printable characters", r"^[^\x00-\x1f\x7f-\x9f]*$", |c| !c.is_control()
}
text! {
    /// What people call a passkey of theirs.
    PasskeyName, "name", 1..=64, "printable characters", r"^[^\x00-\x1f\x7f-\x9f]*$", |c| !c.is_control()
}
text! {
    /// What a chat message says.
    MessageText, "text", 1..=4000, "printable characters and line breaks",
    r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
    |c| !c.is_control() || c == '\n' || c == '\t'
}
text! {
    /// Why somebody reports a message.
    ReportReason, "reason", 1..=1000, "printable characters and line breaks",
    r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$",
    |c| !c.is_control() || c == '\n' || c == '\t'
}
text! {
    /// What a file is called: a text, and never a path.
    FileName, "name", 1..=200, "printable characters but slashes and marks of direction",
    r"^[^\x00-\x1f\x7f-\x9f/\\\u202a-\u202e\u2066-\u2069]*$",
    |c| !c.is_control() && !matches!(c, '/' | '\\' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
text! {
    /// What people react with: commonly one emoji, of several characters where it is put together.
    ReactionEmoji, "emoji", 1..=16, "characters without spaces", r"^[^\x00-\x20\x7f-\xa0]*$",
    |c| !c.is_control() && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_names_what_is_wrong() {
        assert_eq!(RoomSlug::new(" stand-up-2 ").unwrap().as_str(), "stand-up-2");
        assert!(matches!(RoomSlug::new("ab"), Err(InvalidText::Length { actual: 2, .. })));
        assert!(matches!(RoomSlug::new("Stand up"), Err(InvalidText::Character { found: 'S', .. })));
    }

    #[test]
    fn a_file_name_is_no_path_and_reads_one_way() {
        assert_eq!(FileName::new(" зима 2026.tar.gz ").unwrap().as_str(), "зима 2026.tar.gz");
        for name in ["../passwd", "C:\\x", "a/b", "gpj.\u{202e}exe", "a\0b", "", " "] {
            assert!(FileName::new(name).is_err(), "{name:?}");
        }
        assert!(FileName::new("..").is_ok(), "it is only a text");
    }

    #[test]
    fn a_message_may_have_lines_but_no_other_control_characters() {
        assert!(MessageText::new("one\ntwo").is_ok());
        assert!(MessageText::new("a\u{0}b").is_err());
        assert!(MessageText::new(&"я".repeat(4000)).is_ok());
        assert!(serde_json::from_str::<MessageText>("\"  \"").is_err());
    }
}
