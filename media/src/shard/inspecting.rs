//! What the shard does with each connection, and why: for operators.

use std::time::{Duration, Instant};

use boltorezka_proto::RoomId;
use boltorezka_proto::call::SlotMode;
use boltorezka_proto::inspection::{
    Carrier, InspectedConnection, InspectedEncoding, InspectedLayer, InspectedRung, InspectedSlot, InspectedTrack,
    MediaInspection,
};

use super::ShardCore;
use super::connection::{Connection, Slot};
use super::subscribing::DESIRED_BPS_STEP;
use super::track::{Origin, Track};
use crate::egress::Via;
use crate::router::slots::Wish;
use crate::rtp::Layer;

impl ShardCore {
    /// All connections and tracks of the shard, or those of one room, as far as an answer holds them.
    pub(super) fn inspect(&self, now: Instant, room: Option<RoomId>) -> MediaInspection {
        let is_meant = |of: RoomId| room.is_none_or(|room| room == of);
        let mut inspection = MediaInspection::default();
        for connection in self.connections.values().filter(|connection| is_meant(connection.room)) {
            inspection.add_connection(self.inspect_connection(now, connection));
        }
        for track in self.tracks.values().filter(|track| track.is_local() && is_meant(track.room)) {
            inspection.add_track(track.inspect());
        }
        inspection
    }

    fn inspect_connection(&self, now: Instant, connection: &Connection) -> InspectedConnection {
        let slots = connection.slots.iter().filter(|slot| slot.is_open);
        InspectedConnection {
            participant_id: connection.participant_id,
            room: connection.room,
            shard: self.config.shard,
            state: connection.state,
            state_age_ms: milliseconds(now.saturating_duration_since(connection.state_since)),
            permissions: connection.permissions,
            carrier: connection.sender.path().map(|path| match path.via {
                Via::Udp => Carrier::Udp,
                Via::Tcp(_) => Carrier::Tcp,
            }),
            has_channel: connection.call.channel.is_some(),
            estimate_bps: connection.chosen_for_bps,
            desired_bps: connection.desired_steps * DESIRED_BPS_STEP,
            rtt_ms: connection.sender.rtt().and_then(|rtt| u32::try_from(rtt.as_millis()).ok()),
            slots: slots.map(|slot| self.inspect_slot(now, slot)).collect(),
        }
    }

    fn inspect_slot(&self, now: Instant, slot: &Slot) -> InspectedSlot {
        let demand = self.demand(slot).filter(|_| slot.is_video);
        let rungs = demand.iter().flat_map(|demand| &demand.ladder);
        let chosen = slot.forwarder.target().map(|source| layer(source.encoding, slot.forwarder.layer()));
        InspectedSlot {
            mid: slot.mid.to_string(),
            mode: match slot.wish {
                Wish::Auto => SlotMode::Auto,
                Wish::Pinned(_) => SlotMode::Pinned,
                Wish::Off => SlotMode::Off,
            },
            track: slot.track,
            plays: slot.forwarder.playing().map(|(source, up_to)| layer(source.encoding, up_to)),
            chosen,
            reason: slot.track.filter(|_| slot.is_video).map(|_| slot.reason),
            height_max: slot.height_max,
            priority: demand.as_ref().map_or(0, |demand| demand.priority),
            takes_bps: slot.takes_bps,
            upgrade_in_ms: slot.hold.left(now).map(milliseconds),
            ladder: rungs
                .map(|rung| InspectedRung {
                    layer: layer(rung.encoding, rung.layer),
                    height: rung.height,
                    bitrate_bps: rung.bitrate_bps,
                })
                .collect(),
        }
    }
}

impl Track {
    fn inspect(&self) -> InspectedTrack {
        let (limit_bps, falls_back) = match &self.origin {
            Origin::Local { wanted, .. } => (wanted.limit_bps(), wanted.falls_back()),
            Origin::Remote { .. } => (None, false),
        };
        let encodings = self.encodings.iter().enumerate().map(|(index, encoding)| InspectedEncoding {
            rid: self.rids.get(index).cloned(),
            sent: encoding.last_packet.is_some(),
            resting: encoding.is_resting(),
            bitrate_bps: encoding.bitrates_bps.map_or(0, |rates| rates.total()),
        });
        InspectedTrack {
            track: self.number,
            room: self.room,
            participant_id: self.participant_id,
            source: self.source,
            muted: self.muted,
            subscriptions: u32::try_from(self.subscriptions.len()).unwrap_or(u32::MAX),
            encodings: encodings.collect(),
            limit_bps,
            falls_back,
        }
    }
}

/// Layers that stand for all there are, now and later, are left out.
fn layer(encoding: u8, up_to: Layer) -> InspectedLayer {
    let known = |layer: u8| (layer != Layer::TOP).then_some(layer);
    InspectedLayer { encoding, spatial: known(up_to.spatial), temporal: known(up_to.temporal) }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
