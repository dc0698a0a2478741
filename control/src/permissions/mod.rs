//! Who may do what. A pure table, asked by each handler and each request of a socket; what it does not allow is refused.
//!
//! `docs/permissions.md` is written from it, and a test tries each cell of that document against the running server.

mod action_set;
mod document;
mod grants;
mod scopes;
mod table;

use boltorezka_proto::ErrorCode;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::workspaces::WorkspaceRole;

use crate::error::ApiError;
use crate::store::Standing;

pub use document::document;
pub use grants::{GRANTABLE, Grants};
pub use scopes::Scopes;
pub use table::Action;

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// A signed-in account with these roles on the server and in the workspace, and what its custom roles there give it.
    Account(Role, WorkspaceRole, Grants),
    /// A signed-in account that waits for an admin.
    Pending,
    /// A server of the operator, whose key may do this.
    ApiKey(Scopes),
    /// The holder of a join token.
    JoinToken,
}

impl Who {
    /// What it is on the whole server.
    pub fn role(self) -> Role {
        match self {
            Self::Account(role, ..) => role,
            Self::ApiKey(_) | Self::JoinToken | Self::Pending => Role::User,
        }
    }

    /// What it is in the workspace. An API key makes and moderates rooms of its workspace as an admin of it does.
    pub fn workspace_role(self) -> WorkspaceRole {
        match self {
            Self::Account(_, role, _) => role,
            Self::ApiKey(_) => WorkspaceRole::Admin,
            Self::JoinToken => WorkspaceRole::Member,
            Self::Pending => WorkspaceRole::Guest,
        }
    }

    /// What its custom roles in the workspace give it.
    pub fn grants(self) -> Grants {
        match self {
            Self::Account(.., grants) => grants,
            Self::ApiKey(_) | Self::JoinToken | Self::Pending => Grants::NONE,
        }
    }

    /// What it is in a room that has nothing of it on record.
    pub fn standing(self) -> Standing {
        Standing::new(self.role(), self.workspace_role(), None, false).granted(self.grants())
    }

    fn kind(self) -> Kind {
        match self {
            Self::Account(..) => Kind::Account,
            Self::Pending => Kind::Pending,
            Self::ApiKey(_) => Kind::ApiKey,
            Self::JoinToken => Kind::JoinToken,
        }
    }
}

/// How somebody proves who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Account,
    Pending,
    ApiKey,
    JoinToken,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Account => "a signed-in account",
            Self::Pending => "one that waits for an admin",
            Self::ApiKey => "an API key",
            Self::JoinToken => "a join token, which /v1/join-tokens issues",
        }
    }
}

/// The least that an action takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    /// A role on the server.
    Server(Role),
    /// A role in the workspace.
    Workspace(WorkspaceRole),
    /// A role in the room, and neither to be banned from it nor to have to wait in its lobby.
    Room(RoomRole),
    /// A role in the room.
    EvenBanned(RoomRole),
}

/// A row of the table.
struct Rule {
    /// `<feature>.<entity>.<action>`
    name: &'static str,
    /// What it is, for people.
    about: &'static str,
    /// The requests that ask for it.
    requests: &'static [&'static str],
    needs: Needs,
    callers: &'static [Kind],
}

impl Action {
    /// `<feature>.<entity>.<action>`
    pub fn name(self) -> &'static str {
        self.rule().name
    }

    /// The feature that it is of.
    pub fn feature(self) -> &'static str {
        self.name().split('.').next().unwrap_or_default()
    }

    /// Whether `who` may do it, as what it is in the room that the action is about.
    ///
    /// # Errors
    /// `forbidden`, `banned`. Without a standing, nothing is allowed that needs one.
    pub fn check(self, who: Who, standing: Option<Standing>) -> Result<(), ApiError> {
        self.check_kind(who)?;
        match (self.rule().needs, standing) {
            (Needs::Server(least), _) if who.role() >= least => Ok(()),
            (Needs::Workspace(least), _) if who.workspace_role() >= least || who.grants().has(self) => Ok(()),
            (Needs::Room(_), Some(Standing { banned: true, .. })) => Err(ErrorCode::Banned.into()),
            (Needs::Room(_), Some(Standing { outside: true, .. })) => Err(ErrorCode::Lobby.into()),
            (Needs::Room(_) | Needs::EvenBanned(_), Some(standing)) if self.is_open_to(standing) => Ok(()),
            _ => Err(self.refusal()),
        }
    }

    /// Whether callers of this kind may do it at all, wherever.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_kind(self, who: Who) -> Result<(), ApiError> {
        let Rule { name, callers, .. } = self.rule();
        match who {
            Who::ApiKey(scopes) if callers.contains(&Kind::ApiKey) && !scopes.has(self) => {
                return Err(forbidden(format!("this API key was not given {name}")));
            }
            _ if callers.contains(&who.kind()) => return Ok(()),
            _ => {}
        }
        if who == Who::Pending {
            return Err(ErrorCode::AccountPending.into());
        }
        let callers: Vec<&str> = callers.iter().map(|kind| kind.words()).collect();
        Err(forbidden(format!("{name} takes {}", callers.join(", or "))))
    }

    /// Whether it takes no more in a room than the role there, or a custom role, gives. False for what is done in no room.
    pub fn is_open_to(self, standing: Standing) -> bool {
        match self.rule().needs {
            Needs::Room(least) | Needs::EvenBanned(least) => standing.role >= least || standing.grants.has(self),
            Needs::Server(_) | Needs::Workspace(_) => false,
        }
    }

    /// What those hear whose role in the room is too low.
    pub fn refusal(self) -> ApiError {
        match self.rule().needs {
            Needs::Room(least) | Needs::EvenBanned(least) => {
                forbidden(format!("it takes the room role {}", snake_case(least)))
            }
            Needs::Server(least) => forbidden(format!("it takes the role {}", snake_case(least))),
            Needs::Workspace(least) => forbidden(format!("it takes the role {} in the workspace", snake_case(least))),
        }
    }
}

fn forbidden(detail: String) -> ApiError {
    ApiError::because(ErrorCode::Forbidden, detail)
}

/// A role as clients write it.
fn snake_case(role: impl serde::Serialize) -> String {
    serde_json::to_value(role).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_of_one_form_and_there_once() {
        let mut names = BTreeSet::new();
        for action in Action::ALL {
            let Rule { name, callers, requests, .. } = action.rule();
            let words: Vec<&str> = name.split('.').collect();
            let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(words.len() == 3 && words.iter().all(is_word), "{name}");
            assert!(!callers.is_empty() && !requests.is_empty(), "{name} is done by nobody");
            assert!(names.insert(name), "{name} is there twice");
        }
    }

    #[test]
    fn without_a_standing_nothing_is_allowed_in_a_room() {
        for action in
            Action::ALL.iter().filter(|action| matches!(action.rule().needs, Needs::Room(_) | Needs::EvenBanned(_)))
        {
            let owner = Who::Account(Role::SuperAdmin, WorkspaceRole::Owner, Grants::NONE);
            for who in [owner, Who::ApiKey(Scopes::ALL), Who::JoinToken] {
                assert_eq!(action.check(who, None).unwrap_err().code, ErrorCode::Forbidden, "{action:?} {who:?}");
            }
        }
    }

    #[test]
    fn who_waits_may_only_have_to_do_with_itself() {
        let owner = Standing::new(Role::User, WorkspaceRole::Owner, Some(RoomRole::Owner), false);
        for action in Action::ALL {
            let outcome = action.check(Who::Pending, Some(owner)).map_err(|error| error.code);
            let is_of_itself = action.rule().callers.contains(&Kind::Pending);
            assert_eq!(outcome, if is_of_itself { Ok(()) } else { Err(ErrorCode::AccountPending) }, "{action:?}");
            assert!(!is_of_itself || action.feature() == "accounts", "{action:?}");
        }
    }

    #[test]
    fn a_ban_counts_more_than_any_role() {
        let banned = Standing::new(Role::SuperAdmin, WorkspaceRole::Owner, Some(RoomRole::Owner), true);
        let who = Who::Account(Role::SuperAdmin, WorkspaceRole::Owner, Grants::NONE);
        assert_eq!(Action::UpdateRoom.check(who, Some(banned)).unwrap_err().code, ErrorCode::Banned);
        assert!(Action::ReadRoom.check(who, Some(banned)).is_ok());
    }

    #[test]
    fn who_has_to_wait_does_nothing_in_the_room() {
        let user = Who::Account(Role::User, WorkspaceRole::Member, Grants::NONE);
        let outside = Standing { outside: true, ..user.standing() };
        for action in Action::ALL.iter().filter(|action| matches!(action.rule().needs, Needs::Room(_))) {
            let outcome = action.check(user, Some(outside)).map_err(|error| error.code);
            assert!(matches!(outcome, Err(ErrorCode::Lobby | ErrorCode::Forbidden)), "{action:?} {outcome:?}");
        }
        assert!(Action::ReadRoom.check(user, Some(outside)).is_ok());
    }

    #[test]
    fn a_key_does_what_it_was_given_and_no_more() {
        let key = Who::ApiKey(Scopes::known(&["rooms.room".to_owned()]));
        assert!(Action::CreateRoom.check(key, None).is_ok());
        assert!(Action::UpdateRoom.check(key, Some(key.standing())).is_ok());
        for action in [Action::Kick, Action::CreateJoinToken, Action::Promote] {
            assert_eq!(action.check(key, Some(key.standing())).unwrap_err().code, ErrorCode::Forbidden, "{action:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_it_takes() {
        let detail = |action: Action, who| action.check(who, Some(who.standing())).unwrap_err().message();
        let user = Who::Account(Role::User, WorkspaceRole::Member, Grants::NONE);
        assert_eq!(detail(Action::Promote, user), "it takes the role super_admin");
        assert_eq!(detail(Action::Kick, user), "it takes the room role moderator");
        assert_eq!(detail(Action::CreateJoinToken, user), "accounts.join_token.create takes an API key");
    }
}
