//! `/v1/admin/participants`: who is in rooms now, in all workspaces, and how their connections do.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json as Body;
use boltorezka_proto::admin::{AdminParticipant, ParticipantConnection, ParticipantTrack};
use boltorezka_proto::call::LayerReason;
use boltorezka_proto::inspection::{InspectedConnection, InspectedTrack, MediaInspection};
use boltorezka_proto::rest::Page;
use boltorezka_proto::{ParticipantId, RoomId};
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::Pair;
use crate::app::App;
use crate::auth::WorkspaceCaller;
use crate::error::ApiError;
use crate::http::PageQuery;
use crate::permissions::Action;

/// How long the media node is asked for a page: people wait for it, and the database's part is worth showing without it.
const NODE_PATIENCE: Duration = Duration::from_secs(2);

/// What the node tells of each.
type Connections = HashMap<ParticipantId, ParticipantConnection>;

/// The routes of this part.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(list))
}

/// Lists who is in rooms, in all workspaces, with what the media node tells of them.
#[utoipa::path(get, path = "/admin/participants", operation_id = "listAllParticipants", security(("session" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of them, by room.", body = Page<AdminParticipant>)))]
async fn list(app: App, caller: WorkspaceCaller, page: PageQuery) -> Result<Body<Page<AdminParticipant>>, ApiError> {
    caller.may(Action::ListAllParticipants)?;
    let after = page.cursor_as::<Pair<RoomId, ParticipantId>>()?.map(|Pair(room, id)| (room, id));
    let mut found = app.store.all_participants(after, page.limit + 1).await?;
    let next_cursor = page.cut(&mut found).map(|(room, last)| Pair(room, last.participant_id).to_string());
    let mut rooms: Vec<RoomId> = found.iter().filter(|(_, seen)| seen.in_call).map(|(room, _)| *room).collect();
    rooms.dedup();
    let mut connections = Connections::new();
    // What came in time is shown, also when the rest did not.
    let _ = timeout(NODE_PATIENCE, ask(&app, &rooms, &mut connections)).await;
    let items = found.into_iter().map(|(_, participant)| {
        let connection = connections.remove(&participant.participant_id);
        AdminParticipant { connection, ..participant }
    });
    Ok(Body(Page { items: items.collect(), next_cursor }))
}

/// Asks for the whole node at once; where that is more than an answer holds, for a room at a time.
async fn ask(app: &App, rooms: &[RoomId], connections: &mut Connections) {
    let inspect = async |room| app.link.inspections().ask(app.link.next_request_id(), room).await;
    if rooms.is_empty() {
        return;
    }
    let only = if let [room] = rooms { Some(*room) } else { None };
    let Ok(all) = inspect(only).await else { return };
    let is_whole = !all.truncated || only.is_some();
    add(connections, all);
    if is_whole {
        return;
    }
    for room in rooms {
        let Ok(of_room) = inspect(Some(*room)).await else { return };
        add(connections, of_room);
    }
}

fn add(connections: &mut Connections, inspection: MediaInspection) {
    let MediaInspection { connections: inspected, tracks, .. } = inspection;
    for connection in inspected {
        let own = tracks.iter().filter(|track| track.participant_id == connection.participant_id);
        connections.insert(connection.participant_id, view(&connection, own));
    }
}

fn view<'a>(
    connection: &InspectedConnection,
    tracks: impl Iterator<Item = &'a InspectedTrack>,
) -> ParticipantConnection {
    let pictures = connection.slots.iter().filter_map(|slot| slot.reason);
    let is_limited = |reason: &LayerReason| matches!(reason, LayerReason::Bandwidth | LayerReason::Paused);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ParticipantConnection {
        state: connection.state,
        state_age_ms: connection.state_age_ms,
        carrier: connection.carrier,
        rtt_ms: connection.rtt_ms,
        estimate_bps: connection.estimate_bps,
        desired_bps: connection.desired_bps,
        pictures: count(pictures.clone().count()),
        pictures_limited: count(pictures.filter(is_limited).count()),
        tracks: tracks.map(track).collect(),
    }
}

fn track(track: &InspectedTrack) -> ParticipantTrack {
    let sent = track.encodings.iter().filter(|encoding| encoding.sent);
    let bitrate_bps = sent.fold(0_u64, |sum, encoding| sum.saturating_add(encoding.bitrate_bps));
    ParticipantTrack { source: track.source, muted: track.muted, bitrate_bps }
}
