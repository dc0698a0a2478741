//! Rooms, their members and their moderation.

mod access;
mod ban_routes;
mod hiding;
mod invite_routes;
mod lobby;
mod lobby_routes;
mod member_routes;
mod moderation;
mod moving;
mod participant_routes;
mod retention;
mod room_routes;

use std::time::Duration;

use async_trait::async_trait;
use utoipa_axum::router::OpenApiRouter;

pub use access::authorize;
pub use moderation::{refresh_roles, refresh_roles_in};

use crate::app::App;
use crate::features::{Events, Feature, Routes, every};
use crate::presence;

/// Participants whose sockets vanished are looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The feature.
pub struct Rooms;

#[async_trait]
impl Feature for Rooms {
    fn name(&self) -> &'static str {
        "rooms"
    }

    fn title(&self) -> &'static str {
        "Rooms, their members and participants."
    }

    fn is_critical(&self) -> bool {
        true
    }

    fn migrations(&self) -> &'static [&'static str] {
        &["initial", "rooms", "lobby"]
    }

    fn routes(&self) -> Routes {
        Routes { in_workspace: routes(), ..Routes::default() }
    }

    fn events(&self) -> Events {
        Events {
            requests: &["room.join", "room.leave"],
            told: &["presence.update", "room.moved", "lobby.update", "room.admitted", "room.refused"],
        }
    }

    async fn start(&self, app: &App) -> Result<(), String> {
        presence::load(app).await.map_err(|error| error.to_string())?;
        app.tasks.spawn(presence::flush_loop(app.clone(), app.shutdown.child_token()));
        every(app, SWEEP_EVERY, "taking out those whose sockets vanished", async |app: App| {
            presence::sweep(&app).await?;
            hiding::take_out_strangers(&app, None).await
        });
        every(app, retention::ERASE_EVERY, "erasing what rooms do not keep", retention::erase_expired);
        Ok(())
    }
}

fn routes() -> OpenApiRouter<App> {
    let of_rooms = room_routes::routes().merge(member_routes::routes()).merge(participant_routes::routes());
    of_rooms.merge(ban_routes::routes()).merge(invite_routes::routes()).merge(lobby_routes::routes())
}
