//! Rooms, their members and their moderation.

mod access;
mod member_routes;
mod moderation;
mod participant_routes;
mod room_routes;

use utoipa_axum::router::OpenApiRouter;

pub use access::authorize;
pub use moderation::refresh_roles;

use crate::app::App;

/// The routes of this feature.
pub fn routes() -> OpenApiRouter<App> {
    room_routes::routes().merge(member_routes::routes()).merge(participant_routes::routes())
}
