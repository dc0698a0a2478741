//! Looking for messages by their words.

use async_trait::async_trait;
use boltorezka_proto::RoomId;

use super::{MessageRecord, StoreError};

/// What is looked for: one word or more, each of characters that mean nothing to any database. A message is found when it has words that
/// begin with each of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchWords(Vec<String>);

impl SearchWords {
    /// The words of a text: what is between spaces, control characters and ASCII punctuation. `None` when there is none.
    pub fn of(text: &str) -> Option<Self> {
        let is_gap = |c: char| c.is_whitespace() || c.is_control() || c.is_ascii_punctuation();
        let words: Vec<String> =
            text.split(is_gap).filter(|word| word.chars().any(char::is_alphanumeric)).map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Looking for messages.
#[async_trait]
pub trait SearchStore: Send + Sync {
    /// Messages of a room that hold all of `words`, before number `before`, newest first, at most `limit`.
    async fn search(
        &self,
        room_id: RoomId,
        words: &SearchWords,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_gaps_and_words_are_words() {
        let words = |text| SearchWords::of(text).map(|words| words.0.join("|"));
        assert_eq!(words(" Hello, \"world\"* ").as_deref(), Some("Hello|world"));
        assert_eq!(words("a AND text:b^2 NEAR(c d)").as_deref(), Some("a|AND|text|b|2|NEAR|c|d"));
        assert_eq!(words("x\0y'; DROP TABLE messages\\").as_deref(), Some("x|y|DROP|TABLE|messages"));
        assert_eq!(words("हिन्दी «привет»").as_deref(), Some("हिन्दी|«привет»"));
        for none in ["", " \t", "\"\"", "*", "\0", "(-_-)", "…"] {
            assert_eq!(words(none), None, "{none:?}");
        }
    }
}
