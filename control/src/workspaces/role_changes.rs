//! What changes custom roles, and who holds them. Each is committed with its orders to the media node while nobody can enter a room or a call of
//! the workspace, then memory follows.

use std::collections::HashSet;

use boltorezka_proto::{CustomRoleId, ErrorCode, UserId};

use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::rooms::refresh_roles_in;
use crate::store::{CUSTOM_ROLES_MAX, CustomRoleChange, CustomRoleRecord, CustomRoleUpdate, HELD_ROLES_MAX};

use super::changes::{no_member, to_its_end};

/// Changes a role.
///
/// # Errors
/// `not_found`, `conflict`.
pub async fn update(
    app: App,
    caller: WorkspaceCaller,
    id: CustomRoleId,
    update: CustomRoleUpdate,
) -> Result<CustomRoleRecord, ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        let (record, holders) = {
            let _door = workspace.door.write().await;
            let audit = caller.audit(app.clock.now_ms());
            done(app.store.update_custom_role(id, &update, &audit).await?)?
        };
        follow(&app, holders).await?;
        Ok(record)
    })
    .await
}

/// Deletes a role, whoever holds it.
///
/// # Errors
/// `not_found`.
pub async fn delete(app: App, caller: WorkspaceCaller, id: CustomRoleId) -> Result<(), ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        let holders = {
            let _door = workspace.door.write().await;
            done(app.store.delete_custom_role(id, &caller.audit(app.clock.now_ms())).await?)?
        };
        follow(&app, holders).await
    })
    .await
}

/// Gives somebody a role, or takes it away.
///
/// # Errors
/// `not_found`, `forbidden`, `conflict`.
pub async fn set_held(
    app: App,
    caller: WorkspaceCaller,
    user_id: UserId,
    id: CustomRoleId,
    held: bool,
) -> Result<(), ApiError> {
    to_its_end(async move {
        let workspace = app.live_workspace();
        {
            let _door = workspace.door.write().await;
            let (by, audit) = (caller.who().workspace_role(), caller.audit(app.clock.now_ms()));
            done(app.store.set_custom_role(user_id, id, held, by, &audit).await?)?;
        }
        Ok(refresh_roles_in(&app, &HashSet::from([user_id])).await?)
    })
    .await
}

async fn follow(app: &App, holders: Vec<UserId>) -> Result<(), ApiError> {
    Ok(refresh_roles_in(app, &holders.into_iter().collect()).await?)
}

/// What was wished for, or why it is not so.
///
/// # Errors
/// `not_found`, `forbidden`, `conflict`.
pub fn done<T>(change: CustomRoleChange<T>) -> Result<T, ApiError> {
    let conflict = |detail: String| Err(ApiError::because(ErrorCode::Conflict, detail));
    match change {
        CustomRoleChange::Done(done) => Ok(done),
        CustomRoleChange::NoRole => Err(no_role()),
        CustomRoleChange::NoMember => Err(no_member()),
        CustomRoleChange::NameTaken => conflict("another custom role has this name; choose another".to_owned()),
        CustomRoleChange::TooMany => {
            conflict(format!("there are {CUSTOM_ROLES_MAX} custom roles, as many as a workspace has; delete one first"))
        }
        CustomRoleChange::TooManyHeld => {
            conflict(format!("it holds {HELD_ROLES_MAX} custom roles, as many as a member has; take one away first"))
        }
        CustomRoleChange::TooHigh => {
            let detail =
                "admins give custom roles to those below them, and take them from those; owners to and from all";
            Err(ApiError::because(ErrorCode::Forbidden, detail))
        }
    }
}

/// The answer when this workspace has no such role, whatever others have.
pub fn no_role() -> ApiError {
    ApiError::because(ErrorCode::NotFound, "there is no such custom role in this workspace")
}
