//! A set of actions.

use super::Action;

/// Enough for every action; a test counts them.
const WORDS: usize = 4;

/// A set of actions. Numbers of actions change between versions, so that names are what is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActionSet([u64; WORDS]);

impl ActionSet {
    /// Every action.
    pub const ALL: Self = Self([u64::MAX; WORDS]);
    /// None.
    pub const NONE: Self = Self([0; WORDS]);

    /// Whether `action` is in it.
    pub fn has(self, action: Action) -> bool {
        let (word, bit) = place(action);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

impl FromIterator<Action> for ActionSet {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        actions.into_iter().fold(Self::NONE, |mut set, action| {
            let (word, bit) = place(action);
            if let Some(word) = set.0.get_mut(word) {
                *word |= bit;
            }
            set
        })
    }
}

fn place(action: Action) -> (usize, u64) {
    let number = action as usize;
    (number / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_place() {
        assert!(Action::ALL.len() <= WORDS * 64);
        assert!(Action::ALL.iter().all(|action| ActionSet::ALL.has(*action) && !ActionSet::NONE.has(*action)));
    }
}
