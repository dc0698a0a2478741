//! From texts to values. Each error says what would be right.

use std::fmt::Display;
use std::str::FromStr;

/// Texts that stand in examples until somebody puts in a value.
const PLACEHOLDERS: [&str; 9] =
    ["changeme", "change-me", "change_me", "replaceme", "replace-me", "placeholder", "todo", "secret", "password"];

/// Whether a value, or the password inside an address, was never filled in.
pub fn is_placeholder(value: &str) -> bool {
    let unfilled = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let bracketed = |open: &str, close: char| text.starts_with(open) && text.ends_with(close);
        PLACEHOLDERS.contains(&text.as_str()) || bracketed("<", '>') || bracketed("${", '}') || bracketed("{{", '}')
    };
    let password = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next())
        .and_then(|authority| authority.rsplit_once('@'))
        .and_then(|(user_info, _)| user_info.split_once(':'))
        .map(|(_, password)| password);
    unfilled(value) || password.is_some_and(unfilled)
}

/// The only text of a key that is given once.
pub fn one(values: &[String]) -> Result<&str, String> {
    match values {
        [value] if value.trim().is_empty() => Err("it is empty. Give a value, or leave the key out.".to_owned()),
        [value] => Ok(value.trim()),
        _ => Err("it was given more than once. Give it once.".to_owned()),
    }
}

/// A value whose type reads itself.
pub fn from_str<T: FromStr<Err: Display>>(values: &[String], wanted: &str) -> Result<T, String> {
    one(values)?.parse().map_err(|error| format!("{error}. Give {wanted}."))
}

/// A whole number within bounds.
pub fn number(values: &[String], min: u64, max: u64) -> Result<u64, String> {
    let value: Result<u64, _> = one(values)?.parse();
    match value {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(format!("it is not a whole number from {min} to {max}. Give one.")),
    }
}

/// One of a few words.
pub fn choice<T: Copy>(values: &[String], choices: &[(&str, T)]) -> Result<T, String> {
    let value = one(values)?;
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        format!("it is not one of {}. Give one of them.", names.join(", "))
    })
}

/// Origins, as browsers write them.
pub fn origins(values: &[String]) -> Result<Vec<String>, String> {
    let origins: Vec<String> = list(values, "an origin")?;
    match origins.iter().find(|origin| !is_origin(origin)) {
        Some(wrong) => Err(format!(
            "{wrong:?} is not an origin. Give scheme, host and port alone, in lower case and without a slash at the end, such as https://push.intern.example."
        )),
        None => Ok(origins),
    }
}

fn is_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).unwrap_or_default();
    let is_lower = !origin.contains(|letter: char| letter.is_ascii_uppercase());
    is_lower && !host.is_empty() && !host.contains(['/', '?', '#', '@', ' '])
}

/// Several values, repeated or separated by commas.
pub fn list<T: FromStr<Err: Display>>(values: &[String], wanted: &str) -> Result<Vec<T>, String> {
    values
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .map(|value| value.parse().map_err(|error| format!("{value:?}: {error}. Give {wanted}.")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[test]
    fn placeholders_are_recognised_alone_and_as_a_password() {
        for text in ["changeme", "CHANGE-ME", "<password>", "${TOKEN}", "postgres://app:changeme@db/app"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["info", "./data", "postgres://app:x9!k2@db/app", "postgres://app@db/secret", "sqlite:///a.db"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn a_list_may_be_repeated_or_separated() {
        let values = ["1,2".to_owned(), "3".to_owned()];
        assert_eq!(list::<u8>(&values, "numbers"), Ok(vec![1, 2, 3]));
        assert!(list::<u8>(&given("1,,2"), "numbers").is_err());
    }
}
