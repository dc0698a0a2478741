//! In-call messages: what a client says, and what it is told.

use std::time::{Duration, Instant};

use boltorezka_proto::call::{
    CHANNEL_LABEL, ClientCallMessage, ClientStateKind, MESSAGE_BYTES_MAX, Publication, ServerCallMessage,
    ServerStateKind, SlotMode, SlotWish, TrackInfo,
};
use boltorezka_proto::data::DataKind;
use str0m::channel::ChannelId;

use super::connection::{Connection, SECTIONS_MAX};
use super::resume::{self, ResumeGrant};
use super::{ConnectionKey, ShardCore};
use crate::router::slots::Wish;

/// Tracks that a client is told of: what fits a message. Of a larger room it learns the first, and those in its slots.
const TRACKS_TOLD_MAX: usize = 400;
/// A quality report goes out when a figure has moved by more than this share.
const QUALITY_CHANGE_RATIO: f64 = 0.1;

impl ShardCore {
    /// The client opened a data channel. Others than ours are ignored.
    pub(super) fn channel_opened(&mut self, now: Instant, key: ConnectionKey, channel: ChannelId, label: &str) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if let Some(kind) = DataKind::of_label(label) {
            return connection.data.open(kind, channel);
        }
        if label != CHANNEL_LABEL || connection.call.channel.is_some() {
            return;
        }
        connection.call.open(channel);
        let participant_id = connection.participant_id;
        connection.call.say(&ServerCallMessage::Welcome { participant_id, permissions: connection.permissions });
        connection.call.resume_due = Some(now);
        if let Some(ends_at) = self.ends_at {
            connection.call.say(&draining(now, Some(ends_at)));
        }
        self.give_resume_token(now, key);
        self.mark_dirty(key);
    }

    /// Gives a client the next resume token, when that is due.
    fn give_resume_token(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.call.resume_due.is_none_or(|due| due > now) {
            return;
        }
        let (participant_id, room) = (connection.participant_id, connection.room);
        let (shard, expires_at) = (self.config.shard, now + resume::VALID_FOR);
        let token = self.config.resume.sign(&ResumeGrant { participant_id, room, shard, expires_at });
        connection.call.resume_due = Some(now + resume::RENEW_AFTER);
        let valid_ms = resume::VALID_FOR.as_millis() as u64;
        connection.call.say(&ServerCallMessage::Resume { token, valid_ms });
        self.mark_dirty(key);
    }

    /// Gives resume tokens to all who are due.
    pub(super) fn give_resume_tokens(&mut self, now: Instant) {
        for key in self.connections.keys().collect::<Vec<_>>() {
            self.give_resume_token(now, key);
        }
    }

    /// The node is being emptied, or (without a time) is not any more: everybody is told.
    pub(super) fn tell_of_drain(&mut self, now: Instant, deadline: Option<Duration>) {
        self.ends_at = deadline.and_then(|deadline| now.checked_add(deadline));
        let message = draining(now, self.ends_at);
        for key in self.connections.keys().collect::<Vec<_>>() {
            self.with_call(key, |call| call.say(&message));
            self.mark_dirty(key);
        }
    }

    /// A data channel is gone. The client may open ours again, and is then told everything again.
    pub(super) fn channel_closed(&mut self, key: ConnectionKey, channel: ChannelId) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.data.close(channel);
        if connection.call.channel == Some(channel) {
            connection.call.close();
        }
    }

    /// The client said something. What is malformed or not allowed is answered with the reason, and changes nothing.
    pub(super) fn hear(&mut self, now: Instant, key: ConnectionKey, channel: ChannelId, data: &[u8]) {
        let Some(connection) = self.connections.get(key) else { return };
        if let Some(kind) = connection.data.kind_of(channel) {
            return self.take_data(now, key, kind, data);
        }
        if connection.call.channel != Some(channel) {
            return self.counters.drop("unknown_channel");
        }
        let Some(connection) = self.connections.get_mut(key) else { return };
        if !connection.call.may_hear(now) {
            return self.counters.drop("in_call_rate");
        }
        let mut state = None;
        let heard = match serde_json::from_slice::<ClientCallMessage>(data) {
            _ if data.len() > MESSAGE_BYTES_MAX => Err(format!("a message may have {MESSAGE_BYTES_MAX} bytes")),
            Ok(message) => {
                state = message.state();
                self.take_message(now, key, message)
            }
            Err(error) => Err(format!("the message is not understood: {error}")),
        };
        if let (Err(message), Some(connection)) = (heard, self.connections.get_mut(key)) {
            let (of, rev) = state.unzip();
            connection.call.say(&ServerCallMessage::Refused { of, rev, message });
        }
        self.mark_dirty(key);
    }

    fn take_message(&mut self, now: Instant, key: ConnectionKey, message: ClientCallMessage) -> Result<(), String> {
        let Some(connection) = self.connections.get_mut(key) else { return Ok(()) };
        match message {
            ClientCallMessage::Publish { rev, tracks } => {
                if connection.call.publish_rev.is_none_or(|known| known < rev) {
                    connection.check_publications(&tracks)?;
                    connection.call.publish_rev = Some(rev);
                    connection.publications = Some(tracks);
                    self.apply_publications(now, key);
                }
                self.acknowledge(key, ClientStateKind::Publish);
            }
            ClientCallMessage::Subscribe { rev, slots } => {
                if connection.call.subscribe_rev.is_none_or(|known| known < rev) {
                    connection.apply_wishes(&slots)?;
                    connection.call.subscribe_rev = Some(rev);
                    self.fill_slots(now, key);
                    self.allocate_layers(now, key);
                }
                self.acknowledge(key, ClientStateKind::Subscribe);
            }
            ClientCallMessage::Ack { of, rev } => connection.call.acknowledge(of, rev),
        }
        Ok(())
    }

    fn acknowledge(&mut self, key: ConnectionKey, of: ClientStateKind) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let rev = match of {
            ClientStateKind::Publish => connection.call.publish_rev,
            ClientStateKind::Subscribe => connection.call.subscribe_rev,
        };
        connection.call.say(&ServerCallMessage::Ack { of, rev: rev.unwrap_or(0) });
    }

    /// Says what is due to a client, as far as its channel takes it.
    pub(super) fn speak(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key) else { return };
        for state in connection.call.due(now) {
            match state {
                ServerStateKind::Tracks => {
                    let tracks = self.track_infos(key);
                    self.with_call(key, |call| call.say_tracks(now, tracks));
                }
                ServerStateKind::Slots => {
                    let Some(connection) = self.connections.get(key) else { return };
                    let slots = self.slot_states(connection);
                    self.with_call(key, |call| call.say_slots(now, slots));
                }
                ServerStateKind::Wanted => {
                    let Some(connection) = self.connections.get(key) else { return };
                    let tracks = self.wanted_tracks(connection);
                    self.with_call(key, |call| call.say_wanted(now, tracks));
                }
            }
        }
        let Some(Connection { call, data, transport, .. }) = self.connections.get_mut(key) else { return };
        if let Some(refused) = data.take_refusals(now) {
            call.say(&refused);
        }
        call.flush(|channel, text| transport.write_text(channel, text));
        // After the call, so that it never waits for more than was on its way already.
        if !call.is_waiting() {
            data.flush(|channel, message| transport.write_data(channel, message));
        }
    }

    /// Marks the connections that have something to say.
    pub(super) fn find_speakable(&mut self, now: Instant) {
        let has_news = |Connection { call, data, .. }: &Connection| {
            call.is_waiting() || data.is_waiting() || call.due(now).count() > 0
        };
        let keys: Vec<_> =
            self.connections.iter().filter(|(_, connection)| has_news(connection)).map(|(key, _)| key).collect();
        for key in keys {
            self.mark_dirty(key);
        }
    }

    /// Figures about a connection came in.
    pub(super) fn measured(&mut self, key: ConnectionKey, uplink_loss_ratio: Option<f32>) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let rtt = connection.sender.rtt();
        let message = ServerCallMessage::Quality {
            downlink_bps: connection.chosen_for_bps,
            uplink_loss_ratio: uplink_loss_ratio.unwrap_or(0.0),
            rtt_ms: rtt.and_then(|rtt| u32::try_from(rtt.as_millis()).ok()),
        };
        if connection.call.quality.as_ref().is_none_or(|before| has_moved(before, &message)) {
            connection.call.say(&message);
            connection.call.quality = Some(message);
        }
    }

    fn track_infos(&self, key: ConnectionKey) -> Vec<TrackInfo> {
        let Some(connection) = self.connections.get(key) else { return Vec::new() };
        let Some(room) = self.rooms.get(&connection.room) else { return Vec::new() };
        let tracks = room.tracks.iter().filter_map(|number| self.tracks.get(number));
        let others = tracks.filter(|track| track.participant_id != connection.participant_id);
        others.take(TRACKS_TOLD_MAX).map(|track| track.info()).collect()
    }

    fn with_call(&mut self, key: ConnectionKey, act: impl FnOnce(&mut super::call::Call)) {
        if let Some(connection) = self.connections.get_mut(key) {
            act(&mut connection.call);
        }
    }
}

impl Connection {
    fn check_publications(&self, publications: &[Publication]) -> Result<(), String> {
        for (index, publication) in publications.iter().enumerate() {
            let Publication { mid, source, .. } = publication;
            let section = self.section_index(mid).and_then(|index| self.sections.get(index));
            let Some(section) = section else { return Err(format!("the offer has no sending section {mid:?}")) };
            if section.is_video != source.is_video() {
                return Err(format!("section {mid:?} cannot carry {source:?}: one is video, the other is audio"));
            }
            if !self.permissions.may_publish(*source) {
                return Err(format!("you may not publish {source:?} here"));
            }
            if publications.iter().take(index).any(|other| other.mid == *mid) {
                return Err(format!("section {mid:?} is named twice"));
            }
        }
        Ok(())
    }

    fn apply_wishes(&mut self, wishes: &[SlotWish]) -> Result<(), String> {
        if wishes.len() > SECTIONS_MAX {
            return Err(format!("at most {SECTIONS_MAX} slots can be named"));
        }
        if let Some(unknown) = wishes.iter().find(|wish| self.slot_index(&wish.mid).is_none()) {
            return Err(format!("the offer has no receiving section {:?}", unknown.mid));
        }
        for slot in &mut self.slots {
            let wish = wishes.iter().find(|wish| *wish.mid == *slot.mid);
            slot.wish = match wish.map(|wish| (wish.mode, wish.track)) {
                None | Some((SlotMode::Auto, _)) => Wish::Auto,
                Some((SlotMode::Pinned, Some(track))) => Wish::Pinned(track),
                Some((SlotMode::Pinned, None) | (SlotMode::Off, _)) => Wish::Off,
            };
            slot.height_max = wish.and_then(|wish| wish.height_max);
            slot.priority = wish.and_then(|wish| wish.priority);
        }
        Ok(())
    }
}

fn draining(now: Instant, ends_at: Option<Instant>) -> ServerCallMessage {
    let left = ends_at.map(|ends_at| ends_at.saturating_duration_since(now));
    ServerCallMessage::Draining { deadline_ms: left.map(|left| left.as_millis() as u64) }
}

fn has_moved(before: &ServerCallMessage, after: &ServerCallMessage) -> bool {
    let figures = |message: &ServerCallMessage| match *message {
        ServerCallMessage::Quality { downlink_bps, uplink_loss_ratio, rtt_ms } => {
            [downlink_bps as f64, f64::from(uplink_loss_ratio), f64::from(rtt_ms.unwrap_or(0))]
        }
        _ => [0.0; 3],
    };
    let pairs = figures(before).into_iter().zip(figures(after));
    pairs.into_iter().any(|(a, b)| (a - b).abs() > QUALITY_CHANGE_RATIO * a.abs().max(b.abs()).max(0.01))
}
