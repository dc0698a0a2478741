//! What one API key may do, of what API keys may.

use super::action_set::ActionSet;
use super::{Action, Kind};

/// A set of actions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scopes(ActionSet);

impl Scopes {
    /// Everything that API keys may do.
    pub const ALL: Self = Self(ActionSet::ALL);

    /// The actions that `names` stand for: names of permissions, or their first words, such as `rooms` or
    /// `rooms.participant`.
    ///
    /// # Errors
    /// The first name that stands for nothing that an API key may do.
    pub fn parse(names: &[String]) -> Result<Self, String> {
        match names.iter().find(|name| !of_keys().any(|action| action.is_called(name))) {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(Self::known(names)),
        }
    }

    /// As [`Scopes::parse`]; names that stand for nothing (any more) give nothing.
    pub fn known(names: &[String]) -> Self {
        Self(of_keys().filter(|action| names.iter().any(|name| action.is_called(name))).collect())
    }

    /// Whether `action` is one of them.
    pub fn has(self, action: Action) -> bool {
        self.0.has(action)
    }
}

fn of_keys() -> impl Iterator<Item = Action> {
    Action::ALL.iter().copied().filter(|action| action.rule().callers.contains(&Kind::ApiKey))
}

impl Action {
    fn is_called(self, name: &str) -> bool {
        let rest = self.rule().name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Scopes = Scopes(ActionSet::NONE);

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_stands_for_what_begins_with_its_words() {
        let scopes = Scopes::parse(&names(&["rooms.participant", "accounts.join_token.create"])).unwrap();
        let has: Vec<Action> = Action::ALL.iter().copied().filter(|action| scopes.has(*action)).collect();
        let participant =
            [Action::ListParticipants, Action::Kick, Action::Ban, Action::Move, Action::Mute, Action::Unmute];
        assert_eq!(has, [&[Action::CreateJoinToken][..], &participant].concat());
        assert_eq!(Scopes::parse(&[]).unwrap(), NONE);
    }

    #[test]
    fn what_no_key_may_do_is_no_scope() {
        for unknown in ["", "room", "rooms.", "rooms.room.fly", "admin", "admin.user.promote", "accounts.user"] {
            assert_eq!(Scopes::parse(&names(&["rooms", unknown])), Err(unknown.to_owned()));
            assert_eq!(Scopes::known(&names(&[unknown])), NONE);
        }
    }
}
