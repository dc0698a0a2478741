//! Published tracks, as a shard keeps them: its own and those of other shards.

use std::time::{Duration, Instant};

use boltorezka_proto::call::{TrackInfo, TrackSource};
use boltorezka_proto::{ParticipantId, RoomId, TrackNumber};
use str0m::media::{Mid, Rid};

use super::ConnectionKey;
use super::messages::TrackAnnouncement;
use crate::bwe::LayerRate;
use crate::egress::History;
use crate::router::{KeyframeThrottle, Needs, Wanted};
use crate::rtp::{Format, Layer, LayerRates, Packet};

/// An encoding that sent nothing for this long is not offered to subscribers. Screens at a standstill send a picture
/// each second or so.
const ENCODING_SILENT_AFTER: Duration = Duration::from_millis(2500);
/// The same where another encoding of the same camera goes on: some pictures came without this one. A browser gives up an
/// encoding from one picture to the next when its uplink is short, and who watches it would see it stand still meanwhile.
const ENCODING_LEFT_OUT_AFTER: Duration = Duration::from_millis(500);
/// An encoding that rested and is wanted again begins within this: a round trip and an encoder's start. One that does not is
/// not offered any more, until it is sent.
const STARTS_WITHIN: Duration = Duration::from_secs(5);
/// Weight of the newest second in an encoding's rate.
const RATE_SMOOTHING: f64 = 0.5;
/// Rate of an encoding that was not measured yet: that of a thumbnail, and four times as much for each larger one.
const BITRATE_ASSUMED_BPS: u64 = 120_000;
/// A layer that takes less is not there any more.
const LAYER_BPS_MIN: u64 = 1_000;

/// A track that somebody publishes.
#[derive(Debug)]
pub struct Track {
    /// Its number.
    pub number: TrackNumber,
    /// Where.
    pub room: RoomId,
    /// Who publishes it.
    pub participant_id: ParticipantId,
    /// What it carries.
    pub source: TrackSource,
    /// Whether nothing of it is forwarded.
    pub muted: bool,
    /// Height in pixels of the largest encoding.
    pub height: u32,
    /// Those of all its encodings, where its publisher says them; else each is taken to be half as high as the next.
    pub heights: Vec<u32>,
    /// Names of its encodings; empty without simulcast.
    pub rids: Vec<String>,
    /// What its encodings send.
    pub encodings: Vec<Encoding>,
    /// The newest packets of each encoding, for retransmission. Only pictures are sent again.
    pub histories: Vec<History>,
    /// When it was published.
    pub since: Instant,
    /// Where its packets come from.
    pub origin: Origin,
    /// Packets of this turn, to be sent at its end.
    pub turn: Vec<Packet>,
    /// The slots on this shard that may forward it.
    pub subscriptions: Vec<Subscription>,
    /// The format of its pictures that its publisher chose, before it was asked for another.
    pub chosen: Option<Format>,
    /// For tracks of other shards: what was last asked for.
    pub needs: Needs,
    /// Whether a tap listens to it.
    pub is_tapped: bool,
}

/// Where a track's packets come from.
#[derive(Debug)]
pub enum Origin {
    /// A connection of this shard.
    Local {
        /// The publisher's.
        connection: ConnectionKey,
        /// Its section.
        mid: Mid,
        /// What the publisher is told to send.
        wanted: Box<Wanted>,
        /// For each other shard, what it needs.
        wanted_by: Vec<Needs>,
        /// Keyframe requests towards the publisher.
        keyframes: KeyframeThrottle,
    },
    /// Another shard.
    Remote {
        /// Which.
        shard: u8,
    },
}

/// A slot that may forward a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// Whose.
    pub connection: ConnectionKey,
    /// Index of the slot there.
    pub slot: usize,
}

/// What one encoding sends.
#[derive(Debug, Default, Clone)]
pub struct Encoding {
    /// Smoothed rates of its layers, the last ones while it is silent; `None` before the first measurement.
    pub bitrates_bps: Option<LayerRates>,
    /// When a packet came last; `None` when it is silent.
    pub last_packet: Option<Instant>,
    /// What its pictures are coded with.
    pub format: Option<Format>,
    bytes: LayerRates,
    rest: Rest,
}

/// Why an encoding is not sent, and what may be hoped for.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Rest {
    /// It is sent, or its client does not send it by itself: then it is not offered.
    #[default]
    No,
    /// Its client was told that nobody wants it. It is offered, with the rates that it had, and comes when it is wanted.
    Told,
    /// It is wanted again, since then.
    Asked(Instant),
    /// It came, within this measuring interval: what that would measure is no rate of it.
    Began,
}

impl Encoding {
    /// An encoding of another shard's track, with the rates that were announced; `None` while it is silent.
    pub fn announced(bitrates_bps: Option<LayerRates>, format: Option<Format>, now: Instant) -> Self {
        Self { bitrates_bps, format, last_packet: bitrates_bps.map(|_| now), ..Self::default() }
    }

    /// Whether it is sent, or would be for who asks.
    pub fn is_offered(&self) -> bool {
        self.last_packet.is_some() || self.rest != Rest::No
    }

    /// Whether it was told to rest.
    pub fn is_resting(&self) -> bool {
        self.last_packet.is_none() && self.rest != Rest::No
    }

    /// Notes what its client is told.
    pub fn set_wanted(&mut self, now: Instant, is_wanted: bool) {
        self.rest = match (self.rest, is_wanted) {
            (Rest::No, false) if self.last_packet.is_none() => Rest::No,
            (_, false) => Rest::Told,
            (Rest::Told, true) => Rest::Asked(now),
            (rest, _) => rest,
        };
    }
}

impl Track {
    /// Its line in the room's list of tracks.
    pub fn info(&self) -> TrackInfo {
        TrackInfo { track: self.number, participant_id: self.participant_id, source: self.source, muted: self.muted }
    }

    /// Whether its packets come from a connection of this shard.
    pub fn is_local(&self) -> bool {
        matches!(self.origin, Origin::Local { .. })
    }

    /// What other shards are told of it.
    pub fn announcement(&self) -> TrackAnnouncement {
        let rate = |encoding: &Encoding| encoding.is_offered().then(|| encoding.bitrates_bps.unwrap_or_default());
        TrackAnnouncement {
            track: self.number,
            room: self.room,
            participant_id: self.participant_id,
            source: self.source,
            muted: self.muted,
            height: self.height,
            heights: self.heights.clone(),
            rids: self.rids.clone(),
            chosen: self.chosen,
            formats: self.encodings.iter().map(|encoding| encoding.format).collect(),
            bitrates_bps: self.encodings.iter().map(rate).collect(),
            since: self.since,
        }
    }

    /// Index of the encoding named `rid`.
    pub fn encoding_index(&self, rid: Option<Rid>) -> Option<u8> {
        let Some(rid) = rid else { return Some(0) };
        let index = self.rids.iter().position(|known| **known == *rid)?;
        u8::try_from(index).ok()
    }

    /// Counts a packet; says whether its encoding was silent before.
    pub fn count(&mut self, encoding: u8, layer: Layer, length: usize, now: Instant) -> bool {
        let Some(encoding) = self.encodings.get_mut(usize::from(encoding)) else { return false };
        encoding.bytes.add(layer, length as u64);
        let was_silent = encoding.last_packet.replace(now).is_none();
        if let Rest::Asked(_) = encoding.rest {
            encoding.rest = Rest::Began;
        }
        was_silent
    }

    /// Notes what a packet's pictures are coded with; says whether that is new. What was asked for is not the publisher's
    /// choice.
    pub fn note_format(&mut self, encoding: u8, format: Format) -> bool {
        let Some(encoding) = self.encodings.get_mut(usize::from(encoding)) else { return false };
        if encoding.format == Some(format) || !self.source.is_video() {
            return false;
        }
        encoding.format = Some(format);
        let is_asked_for = matches!(&self.origin, Origin::Local { wanted, .. } if wanted.falls_back());
        if !is_asked_for {
            self.chosen = Some(format);
        }
        true
    }

    /// The encodings that the client does not send by itself, as a bit mask.
    pub fn idle_encodings(&self) -> u8 {
        let encodings = self.encodings.iter().enumerate();
        encodings.filter(|(_, encoding)| !encoding.is_offered()).fold(0, |mask, (index, _)| mask | (1 << (index & 7)))
    }

    /// Keeps a packet for retransmission, where somebody receives it.
    pub fn keep(&mut self, packet: &Packet) {
        let encoding = usize::from(packet.encoding);
        if !self.source.is_video() || self.subscriptions.is_empty() || encoding >= self.encodings.len() {
            return;
        }
        self.histories.resize_with(self.encodings.len(), History::default);
        if let Some(history) = self.histories.get_mut(encoding) {
            history.push(packet);
        }
    }

    /// Closes a measuring interval; says whether an encoding fell silent.
    pub fn measure(&mut self, now: Instant, interval: Duration) -> bool {
        let (mut fell_silent, mut was_given_up) = (false, false);
        let is_camera = self.source == TrackSource::Camera;
        let newest = self.encodings.iter().filter_map(|encoding| encoding.last_packet).max();
        self.histories.iter_mut().for_each(|history| history.expire(now));
        for encoding in &mut self.encodings {
            let measured_bps = std::mem::take(&mut encoding.bytes).times(8.0 / interval.as_secs_f64().max(0.001));
            if let Rest::Asked(since) = encoding.rest
                && now.saturating_duration_since(since) > STARTS_WITHIN
            {
                encoding.rest = Rest::No;
                fell_silent = true;
            }
            let Some(last_packet) = encoding.last_packet else { continue };
            let behind = newest.map_or(Duration::ZERO, |newest| newest.saturating_duration_since(last_packet));
            let is_left_out = is_camera && behind > ENCODING_LEFT_OUT_AFTER;
            let is_quiet = is_left_out || now.saturating_duration_since(last_packet) > ENCODING_SILENT_AFTER;
            match encoding.rest {
                Rest::No => {}
                Rest::Began => {
                    encoding.rest = Rest::No;
                    continue;
                }
                Rest::Told | Rest::Asked(_) => {
                    encoding.last_packet = encoding.last_packet.filter(|_| !is_quiet);
                    continue;
                }
            }
            // A camera always has pictures: an encoding of it that pauses is about to be silent, and keeps its rate and with that
            // its place on the ladder.
            if measured_bps.total() > 0 || !is_camera {
                let before = encoding.bitrates_bps.unwrap_or(measured_bps);
                encoding.bitrates_bps = Some(before.towards(&measured_bps, RATE_SMOOTHING));
            }
            if is_quiet && self.source.is_video() {
                encoding.last_packet = None;
                fell_silent = true;
                was_given_up |= is_left_out;
            }
        }
        if was_given_up {
            // What rests would not come for who asks, either: who watched what was given up needs one that is sent.
            let unsent = self.encodings.iter_mut().filter(|encoding| encoding.last_packet.is_none());
            unsent.for_each(|encoding| encoding.rest = Rest::No);
        }
        fell_silent
    }

    /// What all its encodings send.
    pub fn sent_bps(&self) -> u64 {
        let sent = self.encodings.iter().filter(|encoding| encoding.last_packet.is_some());
        sent.filter_map(|encoding| encoding.bitrates_bps).map(|rates| rates.total()).sum()
    }

    /// The encodings that are sent now, or would be for who asks, by rising height, or rate where heights are not known, each
    /// with its layers.
    pub fn ladder(&self) -> Vec<LayerRate> {
        let known = self.encodings.iter().enumerate().map(|(index, encoding)| {
            let assumed_bps = BITRATE_ASSUMED_BPS << (2 * index.min(8));
            let measured = encoding.bitrates_bps.filter(|rates| rates.total() > 0);
            (index, measured.unwrap_or(LayerRates::single(assumed_bps)))
        });
        let mut known: Vec<_> = known.collect();
        // Rates alone are misleading while an encoding begins or ends.
        let told = |index: usize| self.heights.get(index).copied();
        known.sort_by_key(|(index, rates)| match told(*index) {
            Some(height) => (u64::from(height), *index as u64),
            None => (rates.total(), 0),
        });
        // The silent count for the heights: the middle of three stays half as high as the largest.
        let largest = known.len().saturating_sub(1);
        let is_sent = |index: usize| self.encodings.get(index).is_some_and(Encoding::is_offered);
        let mut ladder = Vec::new();
        for (place, (index, rates)) in known.into_iter().enumerate().filter(|(_, (index, _))| is_sent(*index)) {
            let height = told(index).unwrap_or(self.height >> (largest - place).min(31));
            add_layers(&mut ladder, index as u8, height, &rates);
        }
        ladder
    }
}

/// Adds an encoding's layers to a ladder, by rising resolution and frame rate. Each spatial layer is taken to be twice as
/// high as the one below it. The highest layers are wanted whatever comes on top of them, which is seen only later.
fn add_layers(ladder: &mut Vec<LayerRate>, encoding: u8, height: u32, rates: &LayerRates) {
    let top = rates.top(LAYER_BPS_MIN);
    let wanted = |layer: u8, top: u8| if layer == top { Layer::TOP } else { layer };
    for spatial in 0..=top.spatial {
        let level = ladder.last().map_or(0, |below: &LayerRate| below.level + 1);
        for temporal in 0..=top.temporal {
            ladder.push(LayerRate {
                encoding,
                layer: Layer { spatial: wanted(spatial, top.spatial), temporal: wanted(temporal, top.temporal) },
                level,
                bitrate_bps: rates.up_to(Layer { spatial, temporal }),
                height: height >> (top.spatial - spatial),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Layer = Layer { spatial: 0, temporal: 0 };

    fn track(rids: &[&str]) -> Track {
        Track {
            number: TrackNumber(1),
            room: RoomId::generate(),
            participant_id: ParticipantId::generate(),
            source: TrackSource::Camera,
            muted: false,
            height: 720,
            heights: Vec::new(),
            rids: rids.iter().map(|rid| (*rid).to_owned()).collect(),
            encodings: vec![Encoding::default(); rids.len().max(1)],
            histories: Vec::new(),
            turn: Vec::new(),
            since: Instant::now(),
            origin: Origin::Remote { shard: 1 },
            subscriptions: Vec::new(),
            chosen: None,
            needs: Needs::default(),
            is_tapped: false,
        }
    }

    #[test]
    fn rates_are_sorted_whatever_the_order_of_the_offer() {
        let mut track = track(&["f", "h", "q"]);
        let start = Instant::now();
        for (encoding, length) in [(0, 100_000), (1, 30_000), (2, 8_000)] {
            assert!(track.count(encoding, BASE, length, start), "was silent");
            assert!(!track.count(encoding, BASE, 0, start));
        }
        track.measure(start, Duration::from_secs(1));
        let rates = track.ladder();
        assert_eq!(rates.iter().map(|rate| rate.encoding).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!(rates.iter().map(|rate| rate.height).collect::<Vec<_>>(), [180, 360, 720]);
        assert_eq!(rates[2].bitrate_bps, 800_000);
    }

    #[test]
    fn an_encoding_that_stops_is_not_offered() {
        let mut track = track(&["q", "h"]);
        let start = Instant::now();
        track.count(0, BASE, 1_000, start);
        track.count(1, BASE, 1_000, start);
        assert!(!track.measure(start + ENCODING_SILENT_AFTER, Duration::from_secs(1)), "the link may stand");
        let later = start + Duration::from_secs(3);
        track.count(0, BASE, 1_000, later);
        assert!(track.measure(later, Duration::from_secs(1)));
        assert_eq!(track.ladder().len(), 1);
        assert!(!track.measure(later, Duration::from_secs(1)));
    }

    #[test]
    fn an_encoding_that_is_left_out_while_another_goes_on_is_not_offered_and_the_other_keeps_its_height() {
        let mut track = track(&["h", "f"]);
        let start = Instant::now();
        let half = Duration::from_millis(500);
        track.count(1, BASE, 20_000, start);
        let mut ladder_at = |step: u32| {
            track.count(0, BASE, 5_000, start + half * step);
            let fell_silent = track.measure(start + half * step, half);
            let rungs: Vec<_> = track.ladder().iter().map(|rung| (rung.encoding, rung.height)).collect();
            (fell_silent, rungs)
        };
        assert_eq!(ladder_at(0), (false, vec![(0, 360), (1, 720)]));
        assert_eq!(ladder_at(1), (false, vec![(0, 360), (1, 720)]), "a pause of a few pictures");
        assert_eq!(ladder_at(2), (true, vec![(0, 360)]));
        assert_eq!(ladder_at(5), (false, vec![(0, 360)]));
    }

    #[test]
    fn who_gives_up_an_encoding_has_no_room_for_one_that_rests() {
        let mut track = track(&["q", "h", "f"]);
        let start = Instant::now();
        let half = Duration::from_millis(500);
        let mut offered_at = |step: u32, sent: &[u8], is_half_wanted: bool| {
            let now = start + half * step;
            for encoding in sent {
                track.count(*encoding, BASE, 5_000, now);
            }
            track.measure(now, half);
            track.encodings[1].set_wanted(now, is_half_wanted);
            track.ladder().iter().map(|rung| rung.encoding).collect::<Vec<_>>()
        };
        assert_eq!(offered_at(0, &[0, 1, 2], false), [0, 1, 2]);
        assert_eq!(offered_at(2, &[0, 2], false), [0, 1, 2], "it rests");
        assert_eq!(offered_at(4, &[0], false), [0]);
        assert_eq!(offered_at(5, &[0], true), [0], "it may begin, and does not");
        assert_eq!(offered_at(6, &[0, 1], true), [0, 1]);
    }

    #[test]
    fn what_the_publisher_says_of_heights_goes_before_rates() {
        let ladder = |heights: [u32; 3]| {
            let mut track = Track { heights: heights.to_vec(), ..track(&["q", "h", "f"]) };
            let start = Instant::now();
            // The last one just begins.
            for (encoding, length) in [(0, 8_000), (1, 30_000), (2, 1_000)] {
                track.count(encoding, BASE, length, start);
            }
            track.measure(start, Duration::from_secs(1));
            let rungs = track.ladder();
            rungs.iter().map(|rung| (rung.encoding, rung.level, rung.height)).collect::<Vec<_>>()
        };
        assert_eq!(ladder([180, 360, 720]), [(0, 0, 180), (1, 1, 360), (2, 2, 720)]);
        assert_eq!(ladder([720, 360, 180]), [(2, 0, 180), (1, 1, 360), (0, 2, 720)]);
        assert_eq!(ladder([720; 3]), [(0, 0, 720), (1, 1, 720), (2, 2, 720)], "rates alone differ");
    }

    #[test]
    fn unmeasured_encodings_are_ordered_by_place() {
        let mut track = track(&["q", "h", "f"]);
        let now = Instant::now();
        track.count(2, BASE, 1, now);
        track.count(0, BASE, 1, now);
        let rates = track.ladder();
        assert_eq!(rates.iter().map(|rate| (rate.encoding, rate.height)).collect::<Vec<_>>(), [(0, 180), (2, 720)]);
    }

    #[test]
    fn an_encoding_is_offered_layer_by_layer() {
        let mut track = track(&["q", "f"]);
        let start = Instant::now();
        track.count(0, BASE, 10_000, start);
        for (spatial, temporal, length) in [(0, 0, 10_000), (0, 1, 5_000), (1, 0, 40_000), (1, 1, 20_000)] {
            track.count(1, Layer { spatial, temporal }, length, start);
        }
        track.measure(start, Duration::from_secs(1));
        let rungs: Vec<_> = track
            .ladder()
            .iter()
            .map(|rung| {
                (rung.encoding, rung.layer.spatial, rung.layer.temporal, rung.height, rung.level, rung.bitrate_bps)
            })
            .collect();
        let (top, kilo) = (Layer::TOP, 1_000);
        assert_eq!(
            rungs,
            [
                (0, top, top, 360, 0, 80 * kilo),
                (1, 0, 0, 360, 1, 80 * kilo),
                (1, 0, top, 360, 1, 120 * kilo),
                (1, top, 0, 720, 2, 400 * kilo),
                (1, top, top, 720, 2, 600 * kilo),
            ]
        );
        for second in 1..20 {
            track.count(1, BASE, 10_000, start + Duration::from_secs(second));
            track.measure(start + Duration::from_secs(second), Duration::from_secs(1));
        }
        assert_eq!(track.ladder().len(), 1, "layers that are not sent any more are not offered");
    }
}
