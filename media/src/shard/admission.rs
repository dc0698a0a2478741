//! Who is on this shard: joins, revocations, suspension, departure.

use std::time::{Duration, Instant};

use boltorezka_proto::admission::{Admitted, ConnectionState, ParticipantStatus, PublishedTrack};
use boltorezka_proto::call::{EndReason, MediaPermissions, ServerCallMessage};
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId};

use super::call::Call;
use super::connection::Connection;
use super::demux::Reach;
use super::messages::{PeerMessage, ShardEvent};
use super::offer::Offer;
use super::resume::{ResumeError, ResumeGrant};
use super::room::Room;
use super::transport::{Transport, TransportError};
use super::{ConnectionKey, ShardCore};
use crate::bwe::{Relief, Upcoming};
use crate::egress::{Pacer, Sender};

/// A connection that nothing was heard of for this long is suspended: its tracks are withdrawn and others are told. ICE
/// consent checks come each 5 s (RFC 7675), so that two of them were missed.
const SUSPEND_AFTER: Duration = Duration::from_secs(15);
/// A suspended connection keeps its place for this long: a train in a tunnel, a laptop that was moved.
const REMOVE_AFTER: Duration = Duration::from_secs(60);
/// Estimate before anything was measured: with more a narrow link begins with a second of losses, with less a wide one takes
/// longer to its best picture (`media/sim/scoreboard.md`).
const ESTIMATE_START_BPS: u64 = 1_000_000;
/// A client that was answered has this long to connect.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
impl ShardCore {
    /// Answers a client's offer: of a new connection, or of one that is there and changes.
    pub(super) fn admit(&mut self, now: Instant, request_id: u64, admitted: &Admitted, offer: Offer) {
        let outcome = self.try_admit(now, admitted, offer);
        self.answer(request_id, outcome);
    }

    /// Answers an offer that came with a resume token alone: one that restarts ICE of the connection that is there. The right to
    /// be here, and everything else, is what it was.
    pub(super) fn resume_by_token(&mut self, now: Instant, request_id: u64, grant: &ResumeGrant, offer: Offer) {
        let outcome = self.try_resume(now, grant, offer);
        self.answer(request_id, outcome);
    }

    fn try_resume(&mut self, now: Instant, grant: &ResumeGrant, offer: Offer) -> Result<String, (ErrorCode, String)> {
        if grant.expires_at <= now {
            return Err((ResumeError::Expired.code(), ResumeError::Expired.to_string()));
        }
        let key = self.participants.get(&grant.participant_id).copied();
        let known = key.and_then(|key| self.connections.get(key));
        match (key, known) {
            (Some(key), Some(known)) if known.offer_session == offer.session => self.offer_again(now, key, offer),
            // Without this a token that was overheard would bring somebody else into the call.
            (_, Some(_)) => Err((
                ErrorCode::UnacceptableOffer,
                "a resume token restarts ICE of the session that it was given in; join again for a new one".to_owned(),
            )),
            _ => Err((ErrorCode::NotFound, "the call has ended; join again".to_owned())),
        }
    }

    fn answer(&mut self, request_id: u64, outcome: Result<String, (ErrorCode, String)>) {
        self.events.push_back(match outcome {
            Ok(sdp) => ShardEvent::Answer { request_id, sdp },
            Err((code, message)) => ShardEvent::Refused { request_id, code, message },
        });
    }

    fn try_admit(&mut self, now: Instant, admitted: &Admitted, offer: Offer) -> Result<String, (ErrorCode, String)> {
        let participant_id = admitted.participant_id;
        let existing = self.participants.get(&participant_id).copied();
        if let Some(key) = existing
            && self.connections.get(key).is_some_and(|known| known.offer_session == offer.session)
        {
            self.set_permissions(now, participant_id, admitted.permissions);
            return self.offer_again(now, key, offer);
        }
        if existing.is_none() && self.connections.len() >= self.config.connections_max {
            return Err((ErrorCode::MediaUnavailable, "this media node is full; try again later".to_owned()));
        }
        let credentials = self.demux.credentials(&mut self.config.entropy);
        let cname = participant_id.to_string();
        let session = offer.session.clone();
        let (mut transport, answer) = Transport::accept(&self.config.transport, credentials, cname.clone(), offer, now)
            .map_err(|error| (ErrorCode::UnacceptableOffer, error.to_string()))?;
        if let Some(key) = existing {
            self.remove(now, key, EndReason::Replaced);
        }
        let ufrag = transport.ufrag();
        let key = self.connections.insert(Connection {
            participant_id,
            room: admitted.room,
            permissions: admitted.permissions,
            state: ConnectionState::Connecting,
            state_since: now,
            transport: Box::new(transport),
            sender: Sender::new(now, self.started, cname, ESTIMATE_START_BPS),
            reach: Reach::default(),
            offer_session: session,
            sections: Vec::new(),
            slots: Vec::new(),
            publications: None,
            call: Call::default(),
            data: Box::default(),
            last_heard: now,
            deadline: None,
            chosen_for_bps: ESTIMATE_START_BPS,
            desired_steps: 0,
            pacer: Pacer::default(),
            relief: Relief::default(),
            upcoming: Upcoming::default(),
            is_dirty: false,
            status_changed: true,
        });
        if let Some(connection) = self.connections.get_mut(key) {
            self.demux.expect(ufrag, key, &mut connection.reach);
        }
        self.participants.insert(participant_id, key);
        self.enter_room(key, admitted);
        self.mark_dirty(key);
        Ok(answer)
    }

    fn offer_again(&mut self, now: Instant, key: ConnectionKey, offer: Offer) -> Result<String, (ErrorCode, String)> {
        let Some(connection) = self.connections.get_mut(key) else {
            return Err((ErrorCode::NotFound, "the connection is gone; join again".to_owned()));
        };
        let before = connection.transport.ufrag();
        let answer = connection.transport.accept_again(offer, || self.demux.credentials(&mut self.config.entropy));
        let after = connection.transport.ufrag();
        if after != before {
            self.demux.expect(after, key, &mut connection.reach);
        }
        self.mark_dirty(key);
        if let Err(error @ TransportError::Panicked(_)) = &answer {
            self.connection_failed(now, key, error);
        }
        answer.map_err(|error| (ErrorCode::UnacceptableOffer, error.to_string()))
    }

    fn enter_room(&mut self, key: ConnectionKey, admitted: &Admitted) {
        let heard_max = self.config.heard_max;
        let room = self.rooms.entry(admitted.room).or_insert_with(|| Room::new(heard_max));
        let is_first = room.members.is_empty();
        room.members.push(key);
        if is_first {
            self.tell_all_shards(&PeerMessage::Interest { room: admitted.room, interested: true });
        }
    }

    /// ICE and DTLS are done.
    pub(super) fn connected(&mut self, now: Instant, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.enter(ConnectionState::Connected, now);
            if let Some(path) = connection.transport.path() {
                connection.sender.suggest_path(path);
            }
        }
    }

    /// The client's side is gone. It may come back with a new offer, as after a reload: its place is kept.
    pub(super) fn connection_closed(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        // Whatever it sent would fail: the next offer must make a new connection.
        connection.offer_session.clear();
        connection.transport.retire();
        self.demux.forget(key, &connection.reach);
        connection.reach = Reach::default();
        self.suspend(now, key);
    }

    /// The transport failed; the others are not touched.
    pub(super) fn connection_failed(&mut self, now: Instant, key: ConnectionKey, error: &TransportError) {
        let Some(connection) = self.connections.get(key) else { return };
        tracing::warn!(participant = %connection.participant_id, %error, "a connection failed");
        self.counters.connections_failed += 1;
        self.connection_closed(now, key);
    }

    fn suspend(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.enter(ConnectionState::Suspended, now) {
            // What is left out meanwhile must not look like a loss when it comes back.
            connection.slots.iter_mut().for_each(|slot| slot.forwarder.restart());
            self.unpublish_all(now, key);
        }
    }

    /// A suspended connection was heard of again.
    pub(super) fn resume(&mut self, now: Instant, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.enter(ConnectionState::Connected, now);
        self.apply_publications(now, key);
    }

    /// Ends a participant now, and what it published on another shard: packets of it may still be on their way.
    pub(super) fn revoke(&mut self, now: Instant, participant_id: ParticipantId, reason: EndReason) {
        self.revoked.insert(participant_id);
        self.forget_data(participant_id);
        let remote = self.tracks.values().filter(|track| track.participant_id == participant_id && !track.is_local());
        for number in remote.map(|track| track.number).collect::<Vec<_>>() {
            self.remove_track(now, number);
        }
        if let Some(&key) = self.participants.get(&participant_id) {
            self.remove(now, key, reason);
        }
    }

    /// Changes what a participant may do. What it may no longer publish is withdrawn at once.
    pub(super) fn set_permissions(
        &mut self,
        now: Instant,
        participant_id: ParticipantId,
        permissions: MediaPermissions,
    ) {
        let Some(&key) = self.participants.get(&participant_id) else { return };
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.permissions == permissions {
            return;
        }
        connection.permissions = permissions;
        if !permissions.subscribe {
            connection.data.clear();
        }
        connection.call.say(&ServerCallMessage::Welcome { participant_id, permissions });
        self.unpublish_forbidden(now, key);
        self.fill_slots(now, key);
        self.mark_dirty(key);
    }

    /// Suspends and removes connections whose time has come.
    pub(super) fn expire_connections(&mut self, now: Instant) {
        let mut silent = Vec::new();
        let mut gone = Vec::new();
        for (key, connection) in &self.connections {
            let state_age = now.saturating_duration_since(connection.state_since);
            match connection.state {
                ConnectionState::Connecting if state_age >= CONNECT_WITHIN => gone.push(key),
                ConnectionState::Connected if now.saturating_duration_since(connection.last_heard) >= SUSPEND_AFTER => {
                    silent.push(key);
                }
                ConnectionState::Suspended if state_age >= REMOVE_AFTER => gone.push(key),
                _ => {}
            }
        }
        for key in silent {
            self.suspend(now, key);
        }
        for key in gone {
            self.remove(now, key, EndReason::Timeout);
        }
    }

    /// Takes a connection away. Nothing of it is forwarded from here on; the client is told why, as far as one try goes.
    pub(super) fn remove(&mut self, now: Instant, key: ConnectionKey, reason: EndReason) {
        self.unpublish_all(now, key);
        self.unsubscribe_all(key);
        let Some(mut connection) = self.connections.remove(key) else { return };
        self.demux.forget(key, &connection.reach);
        if reason != EndReason::Replaced {
            self.participants.remove(&connection.participant_id);
            let (participant_id, room) = (connection.participant_id, connection.room);
            self.events.push_back(ShardEvent::Left { participant_id, room, reason });
        }
        connection.call.say(&ServerCallMessage::Ended { reason });
        let Connection { call, transport, .. } = &mut connection;
        call.flush(|channel, text| transport.write_text(channel, text));
        let mut events = Vec::new();
        // Two polls: the message first, then the goodbye.
        let told = transport.poll(now, &mut self.batch, &mut events);
        transport.close();
        if let Err(error) = told.and_then(|_| transport.poll(now, &mut self.batch, &mut events)) {
            tracing::debug!(%error, "a connection ended without a goodbye");
        }
        self.leave_room(key, connection.room);
    }

    fn leave_room(&mut self, key: ConnectionKey, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.members.retain(|member| *member != key);
        if room.members.is_empty() {
            self.tell_all_shards(&PeerMessage::Interest { room: room_id, interested: false });
            self.forget_remote_tracks(room_id);
        }
        if self.rooms.get(&room_id).is_some_and(Room::is_empty) {
            self.rooms.remove(&room_id);
        }
    }

    /// Tells control of connections that changed.
    pub(super) fn report_statuses(&mut self) {
        for connection in self.connections.values_mut() {
            if std::mem::take(&mut connection.status_changed) {
                let numbers = connection.sections.iter().filter_map(|section| section.track);
                let tracks = numbers.filter_map(|number| self.tracks.get(&number)).map(|track| PublishedTrack {
                    track: track.number,
                    source: track.source,
                    muted: track.muted,
                });
                self.events.push_back(ShardEvent::Status(ParticipantStatus {
                    participant_id: connection.participant_id,
                    room: connection.room,
                    state: connection.state,
                    tracks: tracks.collect(),
                }));
            }
        }
    }
}
