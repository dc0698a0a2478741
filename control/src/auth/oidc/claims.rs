//! What a provider says of a person.

use boltorezka_proto::DisplayName;
use boltorezka_proto::rest::EMAIL_BYTES_MAX;
use serde::Deserialize;

use crate::auth::check_email;
use crate::store::Identity;

/// The longest name of a person that a provider may give, in bytes (OpenID Connect Core 1.0, section 2).
const SUBJECT_BYTES_MAX: usize = 255;
const DISPLAY_NAME_CHARACTERS_MAX: usize = 64;
/// For who has no name at all.
const NAMELESS: &str = "Somebody";

/// Claims of a person, of an ID token or of the provider's UserInfo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PersonClaims {
    /// What the provider calls them.
    #[serde(default)]
    pub sub: String,
    /// Their address.
    pub email: Option<String>,
    /// Whether it is theirs. Some providers write a text.
    #[serde(default)]
    pub email_verified: Truth,
    name: Option<String>,
    preferred_username: Option<String>,
}

/// A boolean, or its word: providers of the past wrote `"true"`. Anything else is no.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "serde_json::Value")]
pub struct Truth(pub bool);

impl From<serde_json::Value> for Truth {
    fn from(value: serde_json::Value) -> Self {
        Self(value == serde_json::Value::Bool(true) || value.as_str() == Some("true"))
    }
}

impl PersonClaims {
    /// Whether the provider may call somebody this.
    pub fn has_subject(&self) -> bool {
        !self.sub.is_empty() && self.sub.len() <= SUBJECT_BYTES_MAX && !self.sub.chars().any(char::is_control)
    }

    /// The person as an identity of `issuer`. An address that is none is left out.
    pub fn identity(&self, issuer: &str) -> Option<Identity> {
        let email = self.email.as_deref().filter(|email| email.len() <= EMAIL_BYTES_MAX);
        let email = email.and_then(|email| check_email(email).ok());
        Some(Identity {
            issuer: issuer.to_owned(),
            subject: self.sub.clone(),
            email_verified: self.email_verified.0 && email.is_some(),
            display_name: self.display_name(email.as_deref())?,
            email,
        })
    }

    fn display_name(&self, email: Option<&str>) -> Option<DisplayName> {
        let local = email.and_then(|email| email.split('@').next());
        let candidates = [self.name.as_deref(), self.preferred_username.as_deref(), local, Some(NAMELESS)];
        candidates.into_iter().flatten().find_map(|name| {
            let printable = name.trim().chars().filter(|c| !c.is_control());
            let name: String = printable.take(DISPLAY_NAME_CHARACTERS_MAX).collect();
            DisplayName::new(&name).ok()
        })
    }

    /// Takes what is missing from what the provider says elsewhere of the same person.
    pub fn filled_by(self, other: Self) -> Self {
        Self {
            sub: self.sub,
            email: other.email,
            email_verified: other.email_verified,
            name: self.name.or(other.name),
            preferred_username: self.preferred_username.or(other.preferred_username),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(claims: serde_json::Value) -> Identity {
        serde_json::from_value::<PersonClaims>(claims).unwrap().identity("https://id.example").unwrap()
    }

    #[test]
    fn only_a_plain_yes_verifies_an_address() {
        let verified = |value: serde_json::Value| {
            person(serde_json::json!({ "sub": "1", "email": "Ann@Example.org", "email_verified": value }))
        };
        for yes in [serde_json::json!(true), "true".into()] {
            assert_eq!(
                (verified(yes.clone()).email_verified, verified(yes).email.unwrap().as_str()),
                (true, "ann@example.org")
            );
        }
        for no in
            [serde_json::json!(false), "false".into(), serde_json::json!(1), "yes".into(), serde_json::Value::Null]
        {
            assert!(!verified(no.clone()).email_verified, "{no}");
        }
        let broken = person(serde_json::json!({ "sub": "1", "email": "no address", "email_verified": true }));
        assert_eq!((broken.email, broken.email_verified), (None, false));
    }

    #[test]
    fn everybody_gets_a_name_that_can_be_shown() {
        let name = |claims| person(claims).display_name.as_str().to_owned();
        assert_eq!(name(serde_json::json!({ "sub": "1", "name": " Ann\u{0}a " })), "Anna");
        assert_eq!(name(serde_json::json!({ "sub": "1", "name": "", "preferred_username": "ann" })), "ann");
        assert_eq!(name(serde_json::json!({ "sub": "1", "email": "bob@example.org" })), "bob");
        assert_eq!(name(serde_json::json!({ "sub": "1" })), NAMELESS);
        assert_eq!(name(serde_json::json!({ "sub": "1", "name": "x".repeat(99) })).len(), DISPLAY_NAME_CHARACTERS_MAX);
    }
}
