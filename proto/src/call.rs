//! In-call messages: JSON texts on the data channel labelled [`CHANNEL_LABEL`] between a client and its media shard.
//!
//! Each message holds whole state under a revision that grows; the receiver takes it when the revision is newer than
//! the one it has, and acknowledges it. What stays unacknowledged is sent again. A client that never opens the channel
//! still takes part: see the rules at [`Publication`] and [`SlotWish`].

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::data::{DataKind, DataRefusal};
pub use crate::permissions::MediaPermissions;
use crate::{ParticipantId, TrackNumber};

/// Label of the ordered, reliable data channel that carries these messages.
pub const CHANNEL_LABEL: &str = "boltorezka";

/// Largest in-call message in bytes, either way. Larger ones from a client are refused.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Height of a picture whose publisher does not tell: the usual capture of a camera.
pub const HEIGHT_ASSUMED: u32 = 720;

/// What a track shows or sounds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum TrackSource {
    /// A voice.
    Microphone,
    /// A face.
    Camera,
    /// A shared screen or window.
    Screen,
    /// The sound of a shared screen.
    ScreenAudio,
}

impl TrackSource {
    /// Whether it is a picture, not a sound.
    pub fn is_video(self) -> bool {
        matches!(self, Self::Camera | Self::Screen)
    }
}

/// From a client to its shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientCallMessage {
    /// What the client sends. Sections that are not listed publish nothing.
    Publish {
        /// Grows with each `publish`.
        rev: u32,
        /// At most one entry for each sending section of the offer.
        tracks: Vec<Publication>,
    },
    /// What the client wants to receive. Slots that are not listed are filled by the default rule.
    Subscribe {
        /// Grows with each `subscribe`.
        rev: u32,
        /// At most one entry for each receiving section of the offer.
        slots: Vec<SlotWish>,
    },
    /// The client has taken a server's message.
    Ack {
        /// What it has taken.
        of: ServerStateKind,
        /// Its revision.
        rev: u32,
    },
}

impl ClientCallMessage {
    /// The state that it holds, with its revision.
    pub fn state(&self) -> Option<(ClientStateKind, u32)> {
        match self {
            Self::Publish { rev, .. } => Some((ClientStateKind::Publish, *rev)),
            Self::Subscribe { rev, .. } => Some((ClientStateKind::Subscribe, *rev)),
            Self::Ack { .. } => None,
        }
    }
}

/// One sending section of the client's offer, and what it carries.
///
/// Until a client has sent `publish`, a section that media arrives on is published by its place: the first audio
/// section is the microphone, the second a screen's sound; the first video section is the camera, the second a screen;
/// and it is withdrawn when nothing arrived for 5 s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct Publication {
    /// The section's `a=mid`.
    pub mid: String,
    /// What it carries.
    pub source: TrackSource,
    /// While true nothing of it is forwarded, whatever arrives.
    pub muted: bool,
    /// Height in pixels of the largest encoding, for pictures. Each smaller encoding is taken to have half the height
    /// of the next. [`HEIGHT_ASSUMED`] when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Heights in pixels of all encodings, in the order of the offer, instead of `height`. Of two with the same height the
    /// later one is the better.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<u32>>")]
    pub heights: Vec<u32>,
}

/// What a client wants in one of its receiving sections (a slot).
///
/// The default rule fills slots with screen shares first, then active speakers, then by order of arrival; a slot keeps
/// what it shows while that still qualifies. Audio slots carry the loudest voices and sounds of shared screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct SlotWish {
    /// The section's `a=mid`.
    pub mid: String,
    /// How the slot is filled.
    pub mode: SlotMode,
    /// The track of a pinned slot; ignored in other modes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackNumber>,
    /// Largest useful height in pixels of what is shown; no limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_max: Option<u32>,
    /// Higher is served first when bandwidth is short; when absent 2 for a screen, 1 for a camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

/// How a slot is filled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SlotMode {
    /// By the default rule.
    Auto,
    /// With one track, while it is published.
    Pinned,
    /// Not at all.
    Off,
}

/// The states that a shard sends under a revision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ServerStateKind {
    /// [`ServerCallMessage::Tracks`].
    Tracks,
    /// [`ServerCallMessage::Slots`].
    Slots,
    /// [`ServerCallMessage::Wanted`].
    Wanted,
}

/// From a shard to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(optional_fields)]
pub enum ServerCallMessage {
    /// First on the channel.
    Welcome {
        /// Who the client is in the room.
        participant_id: ParticipantId,
        /// What it may do. Sent again when it changes.
        permissions: MediaPermissions,
    },
    /// All tracks of the room but the client's own.
    Tracks {
        /// Grows with each `tracks` on this connection.
        rev: u32,
        /// By order of arrival.
        tracks: Vec<TrackInfo>,
    },
    /// What each slot carries now.
    Slots {
        /// Grows with each `slots` on this connection.
        rev: u32,
        /// One for each receiving section, in the order of the offer.
        slots: Vec<SlotState>,
    },
    /// What is wanted of the client's own pictures.
    Wanted {
        /// Grows with each `wanted` on this connection.
        rev: u32,
        /// One for each picture that the client publishes.
        tracks: Vec<WantedTrack>,
    },
    /// Who is heard speaking, loudest first. Sent when it changes.
    Speakers {
        /// Without those that the level says are silent.
        participant_ids: Vec<ParticipantId>,
    },
    /// What the shard knows about the connection. Sent once a second while it changes.
    Quality {
        /// Estimated bandwidth towards the client, in bits per second.
        downlink_bps: u64,
        /// Share of the client's packets that did not arrive, 0 to 1.
        uplink_loss_ratio: f32,
        /// Round-trip time, when it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rtt_ms: Option<u32>,
    },
    /// The shard has taken a client's message.
    Ack {
        /// `publish` or `subscribe`.
        of: ClientStateKind,
        /// Its revision.
        rev: u32,
    },
    /// A client's message was refused; what was in force stays.
    Refused {
        /// `publish` or `subscribe`; absent for what was not understood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<ClientStateKind>,
        /// Its revision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rev: Option<u32>,
        /// What was wrong, and the cure.
        message: String,
    },
    /// With this alone the client can restart ICE when its signalling connection is gone: `POST /v1/calls/resume`. First
    /// behind `welcome`, and again before it expires; the latest counts.
    Resume {
        /// To be kept secret: whoever has it can make the call stand still.
        token: String,
        /// How long it counts from now.
        valid_ms: u64,
    },
    /// The node is being emptied, or (without a time) is not any more. The call goes on until `ended`.
    Draining {
        /// When everybody who is left is ended, from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ms: Option<u64>,
    },
    /// Data messages of the client's were refused. Said once a second at most.
    DataRefused {
        /// On which channel the last of them came.
        kind: DataKind,
        /// Why it was refused.
        reason: DataRefusal,
        /// What was wrong with it, and the cure.
        message: String,
        /// How many were refused since this was said last.
        count: u32,
    },
    /// The connection ends here.
    Ended {
        /// Why.
        reason: EndReason,
    },
}

/// The states that a client sends under a revision.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ClientStateKind {
    /// [`ClientCallMessage::Publish`].
    Publish,
    /// [`ClientCallMessage::Subscribe`].
    Subscribe,
}

/// A track of the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TrackInfo {
    /// Its number, as in the CSRC list of its packets.
    pub track: TrackNumber,
    /// Who publishes it.
    pub participant_id: ParticipantId,
    /// What it carries.
    pub source: TrackSource,
    /// Whether nothing of it is forwarded now.
    pub muted: bool,
}

/// What is wanted of a published picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct WantedTrack {
    /// The section's `a=mid`.
    pub mid: String,
    /// Its encodings, in the order of the offer; one without simulcast.
    pub encodings: Vec<WantedEncoding>,
    /// What the best subscriber can take, in bits per second. No limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
    /// The codec to send, since somebody takes no other. The client's choice when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<VideoCodec>,
}

/// Whether an encoding is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct WantedEncoding {
    /// Its `a=rid`, for simulcast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// False when nobody watches it: the client need not send it.
    pub wanted: bool,
}

/// A codec that the server asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum VideoCodec {
    /// What every browser can decode.
    Vp8,
}

/// What a slot carries now, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(optional_fields)]
pub struct SlotState {
    /// The section's `a=mid`.
    pub mid: String,
    /// The track; absent when the slot is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<TrackNumber>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_id: Option<ParticipantId>,
    /// What it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TrackSource>,
    /// Encoding that is forwarded (`a=rid`), for simulcast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Why it is that encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<LayerReason>,
}

/// Why a slot has the layer it has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum LayerReason {
    /// It is the best that the publisher sends.
    Best,
    /// The estimated bandwidth does not carry a higher one.
    Bandwidth,
    /// What is shown is too small to profit from a higher one.
    Size,
    /// Not even the lowest fits: nothing is sent for now.
    Paused,
    /// The client does not take the codec: nothing is sent until the publisher, which was asked, sends another.
    Codec,
}

/// Why a participant's part in a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// It left by itself.
    Left,
    /// A moderator removed it; it may come back.
    Kicked,
    /// A moderator removed it for good.
    Banned,
    /// Its right to be there ended.
    Revoked,
    /// The room is gone.
    RoomDeleted,
    /// The workspace switched calls off.
    FeatureDisabled,
    /// Nothing was heard of it for too long.
    Timeout,
    /// The same identity joined again elsewhere.
    Replaced,
    /// The node is being emptied; join again.
    Drain,
    /// The connection broke a rule or failed.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_a_flat_type() {
        let wish = SlotWish {
            mid: "4".into(),
            mode: SlotMode::Pinned,
            track: Some(TrackNumber(7)),
            height_max: Some(360),
            priority: None,
        };
        let json = serde_json::to_value(ClientCallMessage::Subscribe { rev: 2, slots: vec![wish] }).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "subscribe", "rev": 2,
                "slots": [{"mid": "4", "mode": "pinned", "track": 7, "heightMax": 360}],
            })
        );
    }
}
