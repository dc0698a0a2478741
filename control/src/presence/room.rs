//! The live state of one room. Pure: no clock, no database.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use boltorezka_proto::admission::{ConnectionState, ParticipantStatus};
use boltorezka_proto::call::TrackSource;
use boltorezka_proto::rest::{CallState, Participant, RoomRole};
use boltorezka_proto::socket::{PresenceUpdate, RoomJoined, ServerMessage};
use boltorezka_proto::{ParticipantId, RoomSlug, SessionId, UserId};
use serde_json::value::RawValue;

use super::lobby::Lobby;
use crate::permissions::{Action, Grants, Who};
use crate::store::Standing;
use crate::ws::{SocketHandle, frame, presence_frame, raw};

/// Which socket carries a participant's call, and since which admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallOwner {
    /// The socket.
    pub socket: SessionId,
    /// The admission: later ones have greater numbers.
    pub admission: u64,
}

/// A participant and what is only true now.
#[derive(Clone, Debug)]
pub struct Seat {
    /// As others see it.
    pub view: Participant,
    /// Whether the media node may still serve it.
    pub on_node: bool,
    /// What its custom roles give it here.
    grants: Grants,
    /// Whether only it is told of itself.
    pub hidden: bool,
    /// Offers that the node has not answered yet.
    pub offers: u32,
    /// Who is told when the call ends.
    pub call_owner: Option<CallOwner>,
    /// Since when it has no socket.
    pub alone_since_ms: Option<i64>,
    /// `view` as it is sent: everybody who enters a room of a thousand gets a thousand of them.
    written: OnceCell<Box<RawValue>>,
}

impl Seat {
    /// What it is here, as one that asks for something. Nobody who is banned is inside.
    pub fn standing(&self, who: Who) -> Standing {
        Standing { role: self.view.role, grants: self.grants, ..who.standing() }
    }

    fn written(&self) -> &RawValue {
        self.written.get_or_init(|| raw(&self.view))
    }
}

struct Attached {
    socket: SocketHandle,
    participant_id: ParticipantId,
    /// It was given no update yet: the first one holds everything.
    fresh: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Joined,
    Changed,
    Left,
}

/// The live state of one room.
pub struct RoomState {
    slug: RoomSlug,
    seq: u64,
    seats: BTreeMap<ParticipantId, Seat>,
    sockets: HashMap<SessionId, Attached>,
    changes: BTreeMap<ParticipantId, Change>,
    /// Who waits to be let in.
    pub lobby: Lobby,
}

impl RoomState {
    /// A room that nobody is in.
    pub fn new(slug: RoomSlug) -> Self {
        Self {
            slug,
            seq: 0,
            seats: BTreeMap::new(),
            sockets: HashMap::new(),
            changes: BTreeMap::new(),
            lobby: Lobby::default(),
        }
    }

    /// Its name in addresses.
    pub fn slug(&self) -> &RoomSlug {
        &self.slug
    }

    /// Everybody, by order of ids.
    pub fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.values()
    }

    /// One participant.
    pub fn seat(&self, participant_id: ParticipantId) -> Option<&Seat> {
        self.seats.get(&participant_id)
    }

    /// The participant that a socket is attached to.
    pub fn participant_of(&self, socket: SessionId) -> Option<ParticipantId> {
        self.sockets.get(&socket).map(|attached| attached.participant_id)
    }

    /// The participant of a user.
    pub fn participant_of_user(&self, user_id: UserId) -> Option<ParticipantId> {
        self.seats.values().find(|seat| seat.view.user_id == user_id).map(|seat| seat.view.participant_id)
    }

    /// Whether a socket of a user is in the room.
    pub fn has_socket_of(&self, user_id: UserId) -> bool {
        self.sockets.values().any(|attached| attached.socket.user_id() == user_id)
    }

    /// Whether nobody is here and nothing waits to be told.
    pub fn is_idle(&self) -> bool {
        self.seats.is_empty() && self.sockets.is_empty() && self.changes.is_empty() && self.lobby.is_idle()
    }

    /// Takes a participant in, or takes over its name and role when it is there.
    pub fn enter(&mut self, view: Participant, on_node: bool, hidden: bool, now_ms: i64) {
        let participant_id = view.participant_id;
        if let Some(seat) = self.seats.get_mut(&participant_id) {
            if seat.hidden != hidden {
                // First the change that others are told, then nothing more of it.
                seat.hidden = false;
                self.note(participant_id, if hidden { Change::Left } else { Change::Joined });
            }
            let Some(seat) = self.seats.get_mut(&participant_id) else { return };
            seat.hidden = hidden;
            if seat.view.display_name != view.display_name || seat.view.role != view.role {
                self.lobby.touch();
                seat.view.display_name = view.display_name;
                seat.view.role = view.role;
                self.note(participant_id, Change::Changed);
            }
            return;
        }
        let seat = Seat {
            view,
            on_node,
            grants: Grants::NONE,
            hidden,
            offers: 0,
            call_owner: None,
            alone_since_ms: Some(now_ms),
            written: OnceCell::new(),
        };
        self.seats.insert(participant_id, seat);
        self.note(participant_id, Change::Joined);
    }

    /// Lets a socket see the room, as a participant that is in it. Returns the payload of its `ack`.
    pub fn attach(
        &mut self,
        socket: SocketHandle,
        participant_id: ParticipantId,
        chat_seq: Option<u64>,
    ) -> Box<RawValue> {
        if let Some(seat) = self.seats.get_mut(&participant_id) {
            seat.alone_since_ms = None;
        }
        self.sockets.insert(socket.id(), Attached { socket, participant_id, fresh: true });
        self.joined(participant_id, chat_seq)
    }

    /// The room as of now, for the `ack` of somebody who is in it: a [`RoomJoined`].
    pub fn joined(&self, participant_id: ParticipantId, chat_seq: Option<u64>) -> Box<RawValue> {
        raw(&RoomJoined {
            room: self.slug.clone(),
            participant_id,
            participants: self.seen_by(Some(participant_id)),
            seq: self.seq,
            chat_seq,
        })
    }

    /// Everybody whom others may see, and `viewer` itself.
    fn seen_by(&self, viewer: Option<ParticipantId>) -> Vec<&RawValue> {
        let is_seen = |seat: &&Seat| !seat.hidden || Some(seat.view.participant_id) == viewer;
        self.seats.values().filter(is_seen).map(Seat::written).collect()
    }

    /// Ends what a socket sees. Returns its participant, and whether another socket of it is left.
    pub fn detach(&mut self, socket: SessionId, now_ms: i64) -> Option<(ParticipantId, bool)> {
        let participant_id = self.sockets.remove(&socket)?.participant_id;
        let others = self.sockets.values().any(|attached| attached.participant_id == participant_id);
        if let Some(seat) = self.seats.get_mut(&participant_id).filter(|_| !others) {
            seat.alone_since_ms = Some(now_ms);
        }
        Some((participant_id, others))
    }

    /// Takes a participant out with its sockets, which are returned.
    pub fn remove(&mut self, participant_id: ParticipantId) -> Vec<SocketHandle> {
        if let Some(seat) = self.seats.remove(&participant_id)
            && !seat.hidden
        {
            self.note(participant_id, Change::Left);
        }
        let sockets = self.sockets.extract_if(|_, attached| attached.participant_id == participant_id);
        sockets.map(|(_, attached)| attached.socket).collect()
    }

    /// Gives a participant that stays a new id, without a call.
    pub fn rename(&mut self, old: ParticipantId, new: ParticipantId) {
        if old == new {
            return;
        }
        let Some(mut seat) = self.seats.remove(&old) else { return };
        if !seat.hidden {
            self.note(old, Change::Left);
        }
        seat.view = Participant { participant_id: new, call: CallState::None, publishing: Vec::new(), ..seat.view };
        seat.on_node = false;
        seat.call_owner = None;
        self.seats.insert(new, seat);
        self.note(new, Change::Joined);
        for attached in self.sockets.values_mut().filter(|attached| attached.participant_id == old) {
            attached.participant_id = new;
        }
    }

    /// Changes a role, and what custom roles give.
    pub fn set_role(&mut self, participant_id: ParticipantId, role: RoomRole, grants: Grants) {
        let Some(seat) = self.seats.get_mut(&participant_id) else { return };
        if (seat.view.role, seat.grants) == (role, grants) {
            return;
        }
        seat.grants = grants;
        let is_seen = seat.view.role != role;
        seat.view.role = role;
        self.lobby.touch();
        if is_seen {
            self.note(participant_id, Change::Changed);
        }
    }

    /// An offer is on its way to the node.
    pub fn offer_begins(&mut self, participant_id: ParticipantId) {
        if let Some(seat) = self.seats.get_mut(&participant_id) {
            seat.offers += 1;
        }
    }

    /// The node did not take an offer.
    pub fn offer_failed(&mut self, participant_id: ParticipantId) {
        if let Some(seat) = self.seats.get_mut(&participant_id) {
            seat.offers = seat.offers.saturating_sub(1);
        }
    }

    /// The node took an offer: makes `owner` the socket that carries the call, unless a later admission did. Returns
    /// another socket that did before.
    pub fn offer_answered(&mut self, participant_id: ParticipantId, owner: CallOwner) -> Option<SocketHandle> {
        let seat = self.seats.get_mut(&participant_id)?;
        seat.offers = seat.offers.saturating_sub(1);
        seat.on_node = true;
        let before = seat.call_owner;
        if before.is_some_and(|before| before.admission > owner.admission) {
            return None;
        }
        seat.call_owner = Some(owner);
        let replaced = before.filter(|before| before.socket != owner.socket)?;
        self.sockets.get(&replaced.socket).map(|attached| attached.socket.clone())
    }

    /// Takes over what the media node says of a participant.
    pub fn set_status(&mut self, status: &ParticipantStatus) {
        let Some(seat) = self.seats.get_mut(&status.participant_id) else { return };
        seat.on_node = true;
        let call = match status.state {
            ConnectionState::Connecting => CallState::None,
            ConnectionState::Connected => CallState::Connected,
            ConnectionState::Suspended => CallState::Suspended,
        };
        let mut publishing: Vec<TrackSource> =
            status.tracks.iter().filter(|track| !track.muted).map(|track| track.source).collect();
        publishing.sort_unstable();
        publishing.dedup();
        if seat.view.call != call || seat.view.publishing != publishing {
            seat.view.call = call;
            seat.view.publishing = publishing;
            self.note(status.participant_id, Change::Changed);
        }
    }

    /// A participant's call is over. Returns who is to be told: the socket that carried it, or every socket of the
    /// participant when that is not known since a restart; nobody when there was no call.
    pub fn end_call(&mut self, participant_id: ParticipantId) -> Vec<SocketHandle> {
        let Some(seat) = self.seats.get_mut(&participant_id).filter(|seat| seat.on_node) else { return Vec::new() };
        seat.on_node = false;
        let owner = seat.call_owner.take();
        if seat.view.call != CallState::None || !seat.view.publishing.is_empty() {
            seat.view.call = CallState::None;
            seat.view.publishing.clear();
            self.note(participant_id, Change::Changed);
        }
        let of_call = |attached: &&Attached| match owner {
            Some(owner) => attached.socket.id() == owner.socket,
            None => attached.participant_id == participant_id,
        };
        self.sockets.values().filter(of_call).map(|attached| attached.socket.clone()).collect()
    }

    /// Tells every socket in the room. Returns how many queues took it, and how many were full.
    pub fn tell(&self, message: &ServerMessage) -> (usize, usize) {
        let frame = frame(message);
        let queued = self.sockets.values().filter(|attached| attached.socket.send(frame.clone())).count();
        (queued, self.sockets.len() - queued)
    }

    /// Tells every socket in the room but those of `user_id`.
    pub fn tell_others(&self, user_id: UserId, message: &ServerMessage) {
        let frame = frame(message);
        for attached in self.sockets.values().filter(|attached| attached.socket.user_id() != user_id) {
            attached.socket.send(frame.clone());
        }
    }

    /// Tells the sockets what changed since the last time: numbered, and everything to those that are new.
    pub fn flush(&mut self) {
        self.tell_lobby();
        let changes = std::mem::take(&mut self.changes);
        if !changes.is_empty() {
            self.seq += 1;
            let delta = presence_frame(self.delta(&changes));
            for attached in self.sockets.values().filter(|attached| !attached.fresh) {
                attached.socket.send(delta.clone());
            }
        }
        if self.sockets.values().any(|attached| attached.fresh) {
            let snapshot = |viewer| {
                presence_frame(PresenceUpdate {
                    room: self.slug.clone(),
                    seq: self.seq,
                    snapshot: true,
                    joined: self.seen_by(viewer),
                    left: Vec::new(),
                    changed: Vec::new(),
                })
            };
            let for_all = snapshot(None);
            for attached in self.sockets.values().filter(|attached| attached.fresh) {
                let hidden = self.seats.get(&attached.participant_id).is_some_and(|seat| seat.hidden);
                let own = hidden.then(|| snapshot(Some(attached.participant_id)));
                attached.socket.send(own.unwrap_or_else(|| for_all.clone()));
            }
            self.sockets.values_mut().for_each(|attached| attached.fresh = false);
        }
    }

    /// Tells those who moderate who waits: when that changed, and when they have just come in.
    fn tell_lobby(&mut self) {
        if !self.lobby.is_worth_telling() {
            return;
        }
        let is_changed = self.lobby.take_change();
        if !is_changed && self.sockets.values().all(|attached| !attached.fresh) {
            return;
        }
        let list = ServerMessage::LobbyUpdate { room: self.slug.clone(), waiting: self.lobby.waiting() };
        let list = frame(&list);
        for attached in self.sockets.values().filter(|attached| is_changed || attached.fresh) {
            let Some(seat) = self.seats.get(&attached.participant_id) else { continue };
            let who = attached.socket.who();
            if Action::ListWaiting.check(who, Some(seat.standing(who))).is_ok() {
                attached.socket.send(list.clone());
            }
        }
    }

    fn delta(&self, changes: &BTreeMap<ParticipantId, Change>) -> PresenceUpdate<&RawValue> {
        let views = |wanted: Change| {
            let ids = changes.iter().filter(move |(_, change)| **change == wanted).map(|(id, _)| id);
            ids.filter_map(|id| self.seats.get(id)).map(Seat::written).collect()
        };
        let left = changes.iter().filter(|(_, change)| **change == Change::Left).map(|(id, _)| *id).collect();
        PresenceUpdate {
            room: self.slug.clone(),
            seq: self.seq,
            snapshot: false,
            joined: views(Change::Joined),
            left,
            changed: views(Change::Changed),
        }
    }

    /// Remembers a change for the next flush. Who came and then changed, came.
    fn note(&mut self, participant_id: ParticipantId, change: Change) {
        if let Some(seat) = self.seats.get_mut(&participant_id) {
            seat.written.take();
            if seat.hidden {
                return;
            }
        }
        let noted = self.changes.entry(participant_id).or_insert(change);
        if *noted != Change::Joined || change == Change::Left {
            *noted = change;
        }
    }
}

#[cfg(test)]
mod tests;
