//! Rooms to try a new server out with.

use boltorezka_proto::rest::RoomKind;
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::{RoomSlug, RoomTitle};
use std::net::{IpAddr, Ipv4Addr};

use crate::app::App;
use crate::store::{Actor, Audit, NewRoom, StoreError};

/// Slug, title and kind of each.
pub const ROOMS: [(&str, &str, RoomKind); 3] =
    [("lobby", "Lobby", RoomKind::Video), ("voice", "Voice", RoomKind::Voice), ("notes", "Notes", RoomKind::Text)];

/// Makes the rooms that are missing. Returns how many were.
pub async fn seed(app: &App) -> Result<u32, StoreError> {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST).to_string();
    let audit = Audit { actor: Actor::OwnerLink, address, now_ms: app.clock.now_ms() };
    let mut made = 0;
    for (slug, title, kind) in ROOMS {
        let (Ok(slug), Ok(title)) = (RoomSlug::new(slug), RoomTitle::new(title)) else { continue };
        let settings = RoomSettingsChange::default();
        let room = NewRoom { slug, title, kind, capacity: None, settings, owner: None };
        made += u32::from(app.store.create_room(&room, &audit).await?.is_some());
    }
    Ok(made)
}
