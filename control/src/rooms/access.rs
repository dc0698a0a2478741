//! What somebody is in a room, and whom it may moderate there.

use boltorezka_proto::rest::RoomKind;
use boltorezka_proto::{ErrorCode, RoomSlug, UserId};

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::store::{RoomRecord, Standing};

/// Finds the room and checks that the caller may do `action` in it.
///
/// # Errors
/// `not_found`, `banned`, `forbidden`.
pub async fn authorize(
    app: &App,
    caller: &WorkspaceCaller,
    slug: &str,
    action: Action,
) -> Result<(RoomRecord, Standing), ApiError> {
    let no_room = || ApiError::because(ErrorCode::NotFound, "there is no such room");
    let slug = RoomSlug::new(slug).map_err(|_| no_room())?;
    let room = app.store.room(&slug).await?.ok_or_else(no_room)?;
    let standing = match caller.user_id() {
        Some(user_id) => app.store.standing(room.id, user_id).await?.ok_or_else(no_room)?,
        // A direct room is there for its two alone.
        None if room.kind == RoomKind::Direct => return Err(no_room()),
        None => caller.who().standing(),
    };
    action.check(caller.who(), Some(standing))?;
    Ok((room, standing))
}

/// Checks that `actor` stands above `target`.
///
/// # Errors
/// `forbidden`.
pub fn check_outranks(
    actor: Standing,
    actor_id: Option<UserId>,
    target: Standing,
    target_id: UserId,
) -> Result<(), ApiError> {
    if actor_id == Some(target_id) {
        return Err(ApiError::because(ErrorCode::Forbidden, "this is you; leave the room instead"));
    }
    if actor.outranks(target) {
        Ok(())
    } else {
        Err(ApiError::because(ErrorCode::Forbidden, "only somebody with a lower role can be moderated"))
    }
}

#[cfg(test)]
mod tests {
    use boltorezka_proto::rest::{Role, RoomRole};
    use boltorezka_proto::workspaces::WorkspaceRole;

    use super::*;

    fn standing(server_role: Role, member_role: Option<RoomRole>) -> Standing {
        let workspace_role = match server_role {
            Role::User => WorkspaceRole::Member,
            Role::Admin => WorkspaceRole::Admin,
            Role::SuperAdmin => WorkspaceRole::Owner,
        };
        Standing::new(server_role, workspace_role, member_role, false)
    }

    #[test]
    fn nobody_is_moderated_by_an_equal() {
        let ladder = [
            standing(Role::User, Some(RoomRole::Listener)),
            standing(Role::User, None),
            standing(Role::User, Some(RoomRole::Moderator)),
            standing(Role::User, Some(RoomRole::Owner)),
            standing(Role::Admin, None),
            standing(Role::SuperAdmin, None),
        ];
        for (above, actor) in ladder.iter().enumerate() {
            for (below, target) in ladder.iter().enumerate() {
                let outcome = check_outranks(*actor, Some(UserId::generate()), *target, UserId::generate());
                assert_eq!(outcome.is_ok(), above > below, "{actor:?} over {target:?}");
            }
        }
        let me = UserId::generate();
        let admin = standing(Role::SuperAdmin, None);
        assert!(check_outranks(admin, Some(me), standing(Role::User, None), me).is_err());
    }
}
