//! What custom roles can give, and what somebody has by those that it holds.

use boltorezka_proto::rest::RoomRole;

use super::action_set::ActionSet;
use super::{Action, Kind, Who, snake_case};

/// What a custom role can give: of the table, what members, moderators and owners of rooms and admins of the workspace do. Whoever makes a
/// custom role holds all of it, as an admin of the workspace.
pub const GRANTABLE: [Action; 38] = [
    Action::UpdateWorkspace,
    Action::ListWorkspaceMembers,
    Action::SetWorkspaceMember,
    Action::DeleteWorkspaceMember,
    Action::SetFeature,
    Action::CreateRoom,
    Action::UpdateRoom,
    Action::DeleteRoom,
    Action::Kick,
    Action::Ban,
    Action::Move,
    Action::ListBans,
    Action::LiftBan,
    Action::ListRoomInvites,
    Action::CreateRoomInvite,
    Action::RevokeRoomInvite,
    Action::PassLobby,
    Action::ListWaiting,
    Action::AdmitWaiting,
    Action::RefuseWaiting,
    Action::Mute,
    Action::Unmute,
    Action::UploadAttachment,
    Action::BeginDirectRoom,
    Action::ListReports,
    Action::ResolveReport,
    Action::TellTyping,
    Action::SendMessage,
    Action::SendUnrestrained,
    Action::EditMessage,
    Action::DeleteMessage,
    Action::ModerateMessage,
    Action::React,
    Action::PinMessage,
    Action::PublishMicrophone,
    Action::SendData,
    Action::PublishCamera,
    Action::PublishScreen,
];

/// What takes more than everybody has, and still is in no custom role: who gives roles could give itself more, and a webhook goes on
/// telling somebody outside, of hidden rooms too, when its maker has lost the role.
#[cfg(test)]
const WITHHELD: [Action; 13] = [
    Action::SetMember,
    Action::DeleteMember,
    Action::ListRoles,
    Action::CreateRole,
    Action::UpdateRole,
    Action::DeleteRole,
    Action::AssignRole,
    Action::UnassignRole,
    Action::ListWebhooks,
    Action::CreateWebhook,
    Action::DeleteWebhook,
    Action::ReplayWebhook,
    Action::ListDeliveries,
];

/// What custom roles give: some actions, and a role that its holder has at least in every room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grants {
    actions: ActionSet,
    room_role: RoomRole,
}

impl Grants {
    /// Of who holds none.
    pub const NONE: Self = Self { actions: ActionSet::NONE, room_role: RoomRole::Listener };

    /// Those of a role.
    pub fn new(actions: &[Action], room_role: RoomRole) -> Self {
        Self { actions: actions.iter().copied().filter(|action| GRANTABLE.contains(action)).collect(), room_role }
    }

    /// From what is kept: names of permissions and of roles in rooms, with blanks between them, of one role or of several. What this version
    /// does not know, or does not grant any more, gives nothing.
    pub fn read(words: Option<&str>) -> Self {
        let Some(words) = words else { return Self::NONE };
        let words: Vec<&str> = words.split(' ').collect();
        let actions = GRANTABLE.into_iter().filter(|action| words.contains(&action.name())).collect();
        let ladder = [RoomRole::Member, RoomRole::Moderator, RoomRole::Owner];
        let given = ladder.into_iter().filter(|role| words.contains(&snake_case(role).as_str()));
        Self { actions, room_role: given.max().unwrap_or(RoomRole::Listener) }
    }

    /// As it is kept, without the role in rooms.
    pub fn words(self) -> String {
        self.names().join(" ")
    }

    /// The names of what it gives, in the order of the table.
    pub fn names(self) -> Vec<&'static str> {
        self.actions().map(Action::name).collect()
    }

    /// What it gives.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        GRANTABLE.into_iter().filter(move |action| self.has(*action))
    }

    /// Whether it gives this.
    pub fn has(self, action: Action) -> bool {
        self.actions.has(action)
    }

    /// The least that its holder is in every room that it sees.
    pub fn room_role(self) -> RoomRole {
        self.room_role
    }
}

impl Action {
    /// The permission of this name, if a custom role can give it.
    pub fn grantable(name: &str) -> Option<Self> {
        GRANTABLE.into_iter().find(|action| action.name() == name)
    }

    /// What it is, for people.
    pub fn about(self) -> &'static str {
        self.rule().about.trim()
    }

    /// Whether `who` may do it in the whole workspace, where nothing is on record of it in a room.
    pub fn is_held_by(self, who: Who) -> bool {
        self.rule().callers.contains(&Kind::Account) && self.check(who, Some(who.standing())).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use boltorezka_proto::ErrorCode;
    use boltorezka_proto::rest::Role;
    use boltorezka_proto::workspaces::WorkspaceRole;

    use super::super::Needs;
    use super::*;
    use crate::store::Standing;

    fn guest(grants: Grants) -> Who {
        Who::Account(Role::User, WorkspaceRole::Guest, grants)
    }

    /// Whether it takes more than everybody in the workspace has, and no more than its admins have.
    fn is_between(action: Action) -> bool {
        let more = match action.rule().needs {
            Needs::Server(_) => false,
            Needs::Workspace(least) => least > WorkspaceRole::Guest && least < WorkspaceRole::Owner,
            Needs::Room(least) | Needs::EvenBanned(least) => least > RoomRole::Listener,
        };
        more && action.rule().callers.contains(&Kind::Account)
    }

    #[test]
    fn each_row_of_the_table_is_granted_or_withheld() {
        for action in Action::ALL {
            let places = [GRANTABLE.contains(action), WITHHELD.contains(action)];
            let decided = places.iter().filter(|is_there| **is_there).count();
            let name = action.name();
            assert_eq!(
                decided,
                usize::from(is_between(*action)),
                "{name}: say in grants.rs whether a custom role gives it"
            );
        }
    }

    #[test]
    fn admins_of_a_workspace_hold_all_that_can_be_given_and_members_nothing_of_it_that_is_theirs() {
        let admin = Who::Account(Role::User, WorkspaceRole::Admin, Grants::NONE);
        for action in GRANTABLE {
            assert!(action.is_held_by(admin), "{action:?}");
            assert!(!action.is_held_by(guest(Grants::NONE)), "{action:?}");
            assert!(action.is_held_by(guest(Grants::new(&[action], RoomRole::Listener))), "{action:?}");
        }
    }

    #[test]
    fn what_is_given_is_that_and_no_more() {
        let who = guest(Grants::new(&[Action::SendMessage, Action::CreateRoom], RoomRole::Listener));
        for action in Action::ALL {
            let without = action.check(guest(Grants::NONE), Some(guest(Grants::NONE).standing())).is_ok();
            let given = matches!(action, Action::SendMessage | Action::CreateRoom);
            assert_eq!(action.check(who, Some(who.standing())).is_ok(), without || given, "{action:?}");
        }
        assert_eq!(who.standing().role, RoomRole::Listener, "a permission is no rank");
    }

    #[test]
    fn bans_lobbies_and_approval_come_first() {
        let all = Grants::new(&GRANTABLE, RoomRole::Owner);
        let standing = guest(all).standing();
        assert_eq!(standing.role, RoomRole::Owner);
        let banned = Standing { banned: true, ..standing };
        let outside = Standing { outside: true, ..standing };
        let refusal = |action: Action, who, standing| action.check(who, Some(standing)).map_err(|error| error.code);
        for action in GRANTABLE.into_iter().filter(|action| matches!(action.rule().needs, Needs::Room(_))) {
            assert_eq!(refusal(action, guest(all), banned), Err(ErrorCode::Banned), "{action:?}");
            assert_eq!(refusal(action, guest(all), outside), Err(ErrorCode::Lobby), "{action:?}");
            assert_eq!(refusal(action, Who::Pending, standing), Err(ErrorCode::AccountPending), "{action:?}");
        }
    }

    #[test]
    fn roles_are_kept_by_their_names_and_several_are_one() {
        let one = Grants::new(&[Action::SendMessage, Action::Kick], RoomRole::Listener);
        assert_eq!(Grants::read(Some(&one.words())), one);
        assert_eq!(one.words(), "rooms.participant.kick chat.message.send");
        let both = Grants::read(Some("listener chat.message.send owner rooms.participant.kick moderator "));
        assert_eq!(both, Grants::new(&[Action::SendMessage, Action::Kick], RoomRole::Owner));
        for nothing in
            [None, Some(""), Some("listener "), Some("god chat.message.fly admin.user.promote rooms.member.set")]
        {
            assert_eq!(Grants::read(nothing), Grants::NONE, "{nothing:?}");
        }
        assert_eq!(Grants::new(&[Action::Promote], RoomRole::Listener), Grants::NONE);
    }
}
