//! What a media node does with each connection, and why: for operators. No addresses, no secrets, nothing of what people say.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::admission::ConnectionState;
use crate::call::{LayerReason, MediaPermissions, SlotMode, TrackSource};
use crate::{ParticipantId, RoomId, TrackNumber};

/// Connections in one answer, at most.
pub const CONNECTIONS_MAX: usize = 200;
/// Slots in one answer, at most: with their ladders they make some 2 MB.
pub const SLOTS_MAX: usize = 2_000;
/// Tracks in one answer, at most.
pub const TRACKS_MAX: usize = 1_000;

/// A node, or one room of it, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaInspection {
    /// Everybody who is connected, or about to be.
    pub connections: Vec<InspectedConnection>,
    /// What they publish.
    pub tracks: Vec<InspectedTrack>,
    /// Whether there was more than an answer holds: then name a room.
    pub truncated: bool,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedConnection {
    /// Who.
    pub participant_id: ParticipantId,
    /// Where.
    pub room: RoomId,
    /// The shard that it is on.
    pub shard: u8,
    /// How it does.
    pub state: ConnectionState,
    /// Since when, in milliseconds.
    pub state_age_ms: u64,
    /// What it may do.
    pub permissions: MediaPermissions,
    /// What carries it; none before it has a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub carrier: Option<Carrier>,
    /// Whether it has opened the channel of the call.
    pub has_channel: bool,
    /// Estimated bandwidth towards it.
    pub estimate_bps: u64,
    /// What all its slots at their best would take: what the estimator looks for.
    pub desired_bps: u64,
    /// Round-trip time, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rtt_ms: Option<u32>,
    /// What it receives.
    pub slots: Vec<InspectedSlot>,
}

/// What carries a connection's datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Carrier {
    /// UDP.
    Udp,
    /// ICE-TCP.
    Tcp,
}

/// One slot, and the allocator's last decision about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedSlot {
    /// The section's `a=mid`.
    pub mid: String,
    /// How the client wants it filled.
    pub mode: SlotMode,
    /// The track that it is to carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub track: Option<TrackNumber>,
    /// What is forwarded now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plays: Option<InspectedLayer>,
    /// What was chosen. It differs from `plays` while a keyframe, or the beginning of a layer, is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub chosen: Option<InspectedLayer>,
    /// Why it is no better, for pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<LayerReason>,
    /// Largest useful height in pixels, as the client said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub height_max: Option<u32>,
    /// Higher is served first.
    pub priority: u8,
    /// What the estimate leaves for it beside the other slots.
    pub takes_bps: u64,
    /// No higher layer for so long, since it fell for want of bandwidth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub upgrade_in_ms: Option<u64>,
    /// What could be chosen, the cheapest first.
    pub ladder: Vec<InspectedRung>,
}

/// An encoding up to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedLayer {
    /// The encoding's place in the offer.
    pub encoding: u8,
    /// Highest spatial layer; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub spatial: Option<u8>,
    /// Highest temporal layer; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub temporal: Option<u8>,
}

/// What a slot could carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedRung {
    /// Which.
    #[serde(flatten)]
    pub layer: InspectedLayer,
    /// Its height in pixels.
    pub height: u32,
    /// What it takes.
    pub bitrate_bps: u64,
}

/// One track, as its publisher's shard knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedTrack {
    /// Its number.
    pub track: TrackNumber,
    /// Where.
    pub room: RoomId,
    /// Who publishes it.
    pub participant_id: ParticipantId,
    /// What it carries.
    pub source: TrackSource,
    /// Whether nothing of it is forwarded.
    pub muted: bool,
    /// Slots on the publisher's shard that it goes to.
    pub subscriptions: u32,
    /// Its encodings, in the order of the offer.
    pub encodings: Vec<InspectedEncoding>,
    /// What the publisher was told that the best subscriber can take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub limit_bps: Option<u64>,
    /// Whether the publisher was asked for VP8.
    pub falls_back: bool,
}

/// One encoding of a track.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InspectedEncoding {
    /// `a=rid`, for simulcast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rid: Option<String>,
    /// Whether packets come.
    pub sent: bool,
    /// Whether the publisher was told that nobody needs it, and stopped.
    pub resting: bool,
    /// Its measured rate, the last one while it is not sent.
    pub bitrate_bps: u64,
}

impl MediaInspection {
    /// Adds what another shard says, as far as an answer holds it.
    pub fn add(&mut self, other: Self) {
        self.truncated |= other.truncated;
        for connection in other.connections {
            self.add_connection(connection);
        }
        for track in other.tracks {
            self.add_track(track);
        }
    }

    /// Adds a connection, where there is room.
    pub fn add_connection(&mut self, connection: InspectedConnection) {
        let slots: usize = self.connections.iter().map(|known| known.slots.len()).sum();
        if self.connections.len() < CONNECTIONS_MAX && slots + connection.slots.len() <= SLOTS_MAX {
            self.connections.push(connection);
        } else {
            self.truncated = true;
        }
    }

    /// Adds a track, where there is room.
    pub fn add_track(&mut self, track: InspectedTrack) {
        if self.tracks.len() < TRACKS_MAX {
            self.tracks.push(track);
        } else {
            self.truncated = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_bounded() {
        let connection = |slots: usize| InspectedConnection {
            participant_id: ParticipantId::generate(),
            room: RoomId::generate(),
            shard: 0,
            state: ConnectionState::Connected,
            state_age_ms: 0,
            permissions: MediaPermissions::ALL,
            carrier: Some(Carrier::Udp),
            has_channel: true,
            estimate_bps: 0,
            desired_bps: 0,
            rtt_ms: None,
            slots: vec![slot(); slots],
        };
        let mut inspection = MediaInspection::default();
        for _ in 0..50 {
            inspection.add(MediaInspection { connections: vec![connection(96)], ..MediaInspection::default() });
        }
        assert_eq!((inspection.connections.len(), inspection.truncated), (20, true));
        let longest = serde_json::to_string(&inspection).unwrap().len();
        assert!(longest < crate::admission::LINE_BYTES_MAX / 2, "{longest}");
        let mut inspection = MediaInspection::default();
        (0..=CONNECTIONS_MAX).for_each(|_| inspection.add_connection(connection(0)));
        assert_eq!((inspection.connections.len(), inspection.truncated), (CONNECTIONS_MAX, true));
    }

    fn slot() -> InspectedSlot {
        let layer = InspectedLayer { encoding: 7, spatial: Some(2), temporal: Some(2) };
        InspectedSlot {
            mid: "100".into(),
            mode: SlotMode::Pinned,
            track: Some(TrackNumber(u32::MAX)),
            plays: Some(layer),
            chosen: Some(layer),
            reason: Some(LayerReason::Bandwidth),
            height_max: Some(1080),
            priority: 255,
            takes_bps: u64::from(u32::MAX),
            upgrade_in_ms: Some(3000),
            ladder: vec![InspectedRung { layer, height: 1080, bitrate_bps: 2_000_000 }; 9],
        }
    }
}
