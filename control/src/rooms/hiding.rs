//! Hidden rooms: who is inside and may not see the room any more leaves it.

use boltorezka_proto::call::EndReason;

use crate::app::App;
use crate::presence;
use crate::store::{Audit, StoreError};

/// Takes out those from whom their room is hidden since a room, a role in one or a role in the workspace was changed: after each
/// such change, by whoever made it, and now and then, for a change after which the server ended.
///
/// # Errors
/// When the database fails; what is left goes the next time.
pub async fn take_out_strangers(app: &App, by: Option<&Audit>) -> Result<(), StoreError> {
    for stranger in app.store.strangers().await? {
        let app = app.of(stranger.workspace_id);
        let Some(live) = app.hub.find(stranger.room_id) else { continue };
        let _gate = live.gate.lock().await;
        let user_id = live.state().seat(stranger.participant_id).map(|seat| seat.view.user_id);
        let Some(user_id) = user_id else { continue };
        // It may have been let in meanwhile.
        if app.store.standing(live.id, user_id).await?.is_some() {
            continue;
        }
        let reason = EndReason::Revoked;
        match by {
            Some(audit) => drop(app.store.expel(live.id, stranger.participant_id, reason, audit).await?),
            None => drop(app.store.leave(stranger.participant_id, reason, app.clock.now_ms()).await?),
        }
        presence::end_stay(&app, &live, stranger.participant_id, reason);
    }
    Ok(())
}
