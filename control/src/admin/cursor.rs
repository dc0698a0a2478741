//! Cursors of lists that are ordered by two values.

use std::fmt::{self, Display};
use std::str::FromStr;

/// Two values with a dot between. No id, slug or number has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair<A, B>(pub A, pub B);

impl<A: Display, B: Display> Display for Pair<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl<A: FromStr, B: FromStr> FromStr for Pair<A, B> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, second) = text.split_once('.').ok_or(())?;
        Ok(Self(first.parse().map_err(drop)?, second.parse().map_err(drop)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_read_as_it_is_written() {
        let pair = Pair(-3_i64, "acme".to_owned());
        assert_eq!(pair.to_string().parse(), Ok(pair));
        for text in ["", "1", "1-2", "x.2", ".2"] {
            assert_eq!(text.parse::<Pair<i64, i64>>(), Err(()), "{text}");
        }
    }
}
