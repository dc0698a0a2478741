//! What a node decides: who goes to which shard, who may stay, when control's orders have taken effect.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use boltorezka_proto::admission::{
    Admitted, ConnectionState, ControlMessage, MediaMessage, NodeLoad, ParticipantStatus, VERSION,
};
use boltorezka_proto::call::EndReason;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId};

use super::inspections::Inspections;
use super::load::{self, busy_ratio};
use super::taps::{OpenTaps, TapError};
use crate::router::Revoked;
use crate::router::placement::{NoPlace, Placement};
use crate::shard::{Counters, Offer, ResumeKey, ShardCommand, ShardEvent, TapLink};

/// The participants of a node. Pure: messages go in, commands and messages come out.
#[derive(Debug)]
pub struct Registry {
    resume: ResumeKey,
    shard_count: usize,
    participants: HashMap<ParticipantId, Entry>,
    placement: Placement,
    joins_refused: BTreeMap<&'static str, u64>,
    revoked: Revoked,
    /// Requests that wait for a shard's answer, under numbers of our own: control may start anew with its own.
    requests: HashMap<u64, Request>,
    next_request: u64,
    barriers: VecDeque<Barrier>,
    next_barrier: u64,
    /// Counts control's connections: answers for an earlier one go nowhere.
    link: u64,
    has_snapshot: bool,
    is_draining: bool,
    applied_rev: u64,
    counters: BTreeMap<u8, Counters>,
    inspections: Inspections,
    taps: OpenTaps,
}

/// What comes out.
#[derive(Debug, Default)]
pub struct Output {
    /// For shards, in order.
    pub commands: Vec<(usize, ShardCommand)>,
    /// For control, in order.
    pub messages: Vec<MediaMessage>,
}

#[derive(Debug)]
struct Entry {
    shard: usize,
    status: ParticipantStatus,
}

/// Something for a shard.
type Order = (usize, ShardCommand);

/// Why nothing was changed.
#[derive(Debug)]
struct Refusal {
    code: ErrorCode,
    message: String,
}

impl Refusal {
    fn of(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

#[derive(Debug)]
struct Request {
    link: u64,
    request_id: u64,
    participant_id: ParticipantId,
    is_new: bool,
}

#[derive(Debug)]
struct Barrier {
    id: u64,
    rev: u64,
    waiting: HashSet<u8>,
}

impl Registry {
    /// A node of `shard_count` shards without participants, each of which takes so many. Its run is that of `resume`.
    pub fn new(resume: ResumeKey, shard_count: usize, connections_per_shard_max: usize) -> Self {
        Self {
            resume,
            shard_count,
            participants: HashMap::new(),
            placement: Placement::new(shard_count, connections_per_shard_max),
            joins_refused: BTreeMap::new(),
            revoked: Revoked::default(),
            requests: HashMap::new(),
            next_request: 0,
            barriers: VecDeque::new(),
            next_barrier: 0,
            link: 0,
            has_snapshot: false,
            is_draining: false,
            applied_rev: 0,
            counters: BTreeMap::new(),
            inspections: Inspections::default(),
            taps: OpenTaps::default(),
        }
    }

    /// Whether a drain is over: nobody new is taken, and nobody is left.
    pub fn is_drained(&self) -> bool {
        self.is_draining && self.participants.is_empty()
    }

    /// Whether nobody is on the node.
    pub fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// A new connection of control. What it says is all that counts from here on.
    pub fn control_connected(&mut self) -> MediaMessage {
        self.link += 1;
        self.has_snapshot = false;
        MediaMessage::Hello {
            version: VERSION,
            pid: std::process::id(),
            epoch: self.resume.epoch(),
            rev: self.applied_rev,
            participants: self.participants.values().map(|entry| entry.status.clone()).collect(),
        }
    }

    /// Carries out what control says.
    pub fn handle_control(&mut self, now: Instant, message: ControlMessage, output: &mut Output) {
        match message {
            ControlMessage::Snapshot { rev, admitted } => {
                self.take_snapshot(&admitted, output);
                self.barrier(rev, output);
            }
            ControlMessage::Admit { request_id, admitted, offer } => {
                self.admit(now, request_id, admitted, &offer, output);
            }
            ControlMessage::Resume { request_id, token, offer } => self.resume(request_id, &token, &offer, output),
            ControlMessage::Revoke { rev, participant_id, reason } => {
                self.revoke(participant_id, reason, output);
                self.barrier(rev, output);
            }
            ControlMessage::SetPermissions { rev, participant_id, permissions } => {
                let command = || ShardCommand::SetPermissions { participant_id, permissions };
                self.send(participant_id, command, output);
                self.barrier(rev, output);
            }
            ControlMessage::CloseRoom { rev, room, reason } => {
                self.taps.close(room, self.shard_count, output);
                self.revoke_where(|status| status.room == room, reason, output);
                self.barrier(rev, output);
            }
            ControlMessage::Inspect { request_id, room } => {
                self.inspections.ask(self.link, request_id, room, self.shard_count, output);
            }
            ControlMessage::Drain { deadline_ms } => self.drain(Some(deadline_ms), output),
            ControlMessage::Undrain {} => self.drain(None, output),
        }
    }

    /// Notes what a shard says.
    pub fn handle_shard(&mut self, now: Instant, shard: u8, event: ShardEvent, output: &mut Output) {
        match event {
            ShardEvent::Answer { request_id, sdp } => {
                if let Some(Request { link, request_id, .. }) = self.requests.remove(&request_id)
                    && link == self.link
                {
                    output.messages.push(MediaMessage::Answer { request_id, sdp });
                }
            }
            ShardEvent::Refused { request_id, code, message } => {
                let Some(request) = self.requests.remove(&request_id) else { return };
                let waits_again = self.requests.values().any(|other| other.participant_id == request.participant_id);
                if request.is_new && !waits_again {
                    self.remove(now, request.participant_id);
                }
                if request.link == self.link {
                    output.messages.push(MediaMessage::Refused { request_id: request.request_id, code, message });
                }
            }
            // It came about while its revocation was on the way to the shard.
            ShardEvent::Status(status) if self.revoked.contains(status.participant_id) => {}
            ShardEvent::Status(status) => {
                self.insert(now, usize::from(shard), status.clone());
                output.messages.push(MediaMessage::Participant(status));
            }
            ShardEvent::Left { participant_id, room, reason } => {
                self.remove(now, participant_id);
                output.messages.push(MediaMessage::Left { participant_id, room, reason });
            }
            ShardEvent::Speaking { room, participant_ids } => {
                output.messages.push(MediaMessage::Speaking { room, participant_ids });
            }
            ShardEvent::Inspected { request_id, inspection } => {
                self.inspections.answer(shard, request_id, *inspection, output);
            }
            ShardEvent::Applied { rev: id } => self.pass_barrier(shard, id, output),
            ShardEvent::Counters(counters) => {
                let ratio = busy_ratio(self.counters.get(&shard), &counters);
                self.placement.report(now, usize::from(shard), ratio);
                self.counters.insert(shard, counters);
            }
        }
    }

    /// Opens a tap on all shards.
    ///
    /// # Errors
    /// [`TapError::TooMany`].
    pub fn open_tap(&mut self, link: &TapLink, output: &mut Output) -> Result<(), TapError> {
        self.taps.open(link, self.shard_count, output)
    }

    /// Ends everybody on the node.
    pub fn end_all(&mut self, reason: EndReason, output: &mut Output) {
        self.revoke_where(|_| true, reason, output);
    }

    /// The counters of all shards together, and how the node does.
    pub fn load(&self) -> NodeLoad {
        NodeLoad {
            shards: self.shard_count as u64,
            shards_overloaded: self.placement.overloaded_count() as u64,
            joins_refused: self.joins_refused.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
            draining: self.is_draining,
            ..load::sum(self.counters.values())
        }
    }

    fn take_snapshot(&mut self, admitted: &[Admitted], output: &mut Output) {
        let kept: HashSet<_> = admitted.iter().map(|admitted| admitted.participant_id).collect();
        self.revoke_where(|status| !kept.contains(&status.participant_id), EndReason::Revoked, output);
        for Admitted { participant_id, permissions, .. } in admitted {
            if let Some(entry) = self.participants.get(participant_id) {
                let command =
                    ShardCommand::SetPermissions { participant_id: *participant_id, permissions: *permissions };
                output.commands.push((entry.shard, command));
            }
        }
        self.has_snapshot = true;
    }

    fn admit(&mut self, now: Instant, request_id: u64, admitted: Admitted, offer: &str, output: &mut Output) {
        let outcome = self.try_admit(now, request_id, admitted, offer);
        self.answer_or_command(request_id, outcome, output);
    }

    fn try_admit(&mut self, now: Instant, request_id: u64, admitted: Admitted, offer: &str) -> Result<Order, Refusal> {
        let Admitted { participant_id, room, .. } = admitted;
        self.may_be_here(participant_id)?;
        let known = self.participants.get(&participant_id).map(|entry| entry.shard);
        let shard = match known {
            Some(shard) => shard,
            None => self.place(now, room)?,
        };
        let offer = read(offer)?;
        if known.is_none() {
            // Counted at once, so that joins at the same time spread as they should.
            let state = ConnectionState::Connecting;
            self.insert(now, shard, ParticipantStatus { participant_id, room, state, tracks: Vec::new() });
        }
        let request_id = self.request(request_id, participant_id, known.is_none());
        Ok((shard, ShardCommand::Admit { request_id, admitted, offer }))
    }

    /// What control knows of the participant does not count: the token says it all, and whom we have revoked.
    fn resume(&mut self, request_id: u64, token: &str, offer: &str, output: &mut Output) {
        let outcome = self.try_resume(request_id, token, offer);
        self.answer_or_command(request_id, outcome, output);
    }

    fn try_resume(&mut self, request_id: u64, token: &str, offer: &str) -> Result<Order, Refusal> {
        let grant = self.resume.open(token).map_err(|error| Refusal::of(error.code(), error.to_string()))?;
        self.may_be_here(grant.participant_id)?;
        let entry = self.participants.get(&grant.participant_id);
        let shard = entry.filter(|entry| entry.shard == usize::from(grant.shard) && entry.status.room == grant.room);
        let shard = shard.ok_or_else(|| Refusal::of(ErrorCode::NotFound, "the call has ended; join again"))?.shard;
        let offer = read(offer)?;
        let request_id = self.request(request_id, grant.participant_id, false);
        Ok((shard, ShardCommand::Resume { request_id, grant, offer }))
    }

    fn may_be_here(&self, participant_id: ParticipantId) -> Result<(), Refusal> {
        if !self.has_snapshot {
            Err(Refusal::of(ErrorCode::MediaUnavailable, "the media node waits for a snapshot"))
        } else if self.revoked.contains(participant_id) {
            Err(Refusal::of(ErrorCode::Forbidden, "the right to be in this call has ended"))
        } else {
            Ok(())
        }
    }

    /// The shard for somebody new.
    fn place(&mut self, now: Instant, room: RoomId) -> Result<usize, Refusal> {
        let place = match self.is_draining {
            true => {
                Err(("draining", ErrorCode::MediaUnavailable, "the media node is being emptied; try again in a moment"))
            }
            false => self.placement.place(now, room).map_err(|why| match why {
                NoPlace::Full => ("full", ErrorCode::MediaUnavailable, "the media node is full; try again later"),
                NoPlace::Overloaded => {
                    ("overloaded", ErrorCode::Overloaded, "the media node has as much to do as it can; try again soon")
                }
            }),
        };
        place.map_err(|(reason, code, message)| {
            *self.joins_refused.entry(reason).or_default() += 1;
            Refusal::of(code, message)
        })
    }

    fn answer_or_command(&self, request_id: u64, outcome: Result<Order, Refusal>, output: &mut Output) {
        match outcome {
            Ok(order) => output.commands.push(order),
            Err(Refusal { code, message }) => {
                output.messages.push(MediaMessage::Refused { request_id, code, message });
            }
        }
    }

    /// Notes a request that a shard is to answer; gives its number there.
    fn request(&mut self, request_id: u64, participant_id: ParticipantId, is_new: bool) -> u64 {
        self.next_request += 1;
        self.requests.insert(self.next_request, Request { link: self.link, request_id, participant_id, is_new });
        self.next_request
    }

    fn insert(&mut self, now: Instant, shard: usize, status: ParticipantStatus) {
        let room = status.room;
        let before = self.participants.insert(status.participant_id, Entry { shard, status });
        if before.as_ref().is_none_or(|before| (before.shard, before.status.room) != (shard, room)) {
            self.placement.enter(now, room, shard);
            before.into_iter().for_each(|before| self.placement.leave(now, before.status.room, before.shard));
        }
    }

    fn remove(&mut self, now: Instant, participant_id: ParticipantId) {
        if let Some(Entry { shard, status }) = self.participants.remove(&participant_id) {
            self.placement.leave(now, status.room, shard);
        }
    }

    /// Takes nobody new, or (without a time) does so again; everybody is told.
    fn drain(&mut self, deadline_ms: Option<u64>, output: &mut Output) {
        self.is_draining = deadline_ms.is_some();
        let deadline = deadline_ms.map(Duration::from_millis);
        output.commands.extend((0..self.shard_count).map(|shard| (shard, ShardCommand::Drain { deadline })));
    }

    fn revoke(&mut self, participant_id: ParticipantId, reason: EndReason, output: &mut Output) {
        self.revoked.insert(participant_id);
        // Every shard is told: others may hold packets of it that are still on their way.
        let shards = 0..self.shard_count;
        output.commands.extend(shards.map(|shard| (shard, ShardCommand::Revoke { participant_id, reason })));
    }

    /// Sends a command to a participant's shard; to all where that is not known, since it may just be coming or going.
    fn send(&self, participant_id: ParticipantId, command: impl Fn() -> ShardCommand, output: &mut Output) {
        match self.participants.get(&participant_id) {
            Some(entry) => output.commands.push((entry.shard, command())),
            None => output.commands.extend((0..self.shard_count).map(|shard| (shard, command()))),
        }
    }

    fn revoke_where(&mut self, is_to_go: impl Fn(&ParticipantStatus) -> bool, reason: EndReason, output: &mut Output) {
        let statuses = self.participants.values().map(|entry| &entry.status);
        let ids: Vec<_> = statuses.filter(|status| is_to_go(status)).map(|status| status.participant_id).collect();
        for participant_id in ids {
            self.revoke(participant_id, reason, output);
        }
    }

    fn barrier(&mut self, rev: u64, output: &mut Output) {
        self.next_barrier += 1;
        let id = self.next_barrier;
        let shards = 0..self.shard_count;
        output.commands.extend(shards.clone().map(|shard| (shard, ShardCommand::Barrier { rev: id })));
        let waiting = shards.filter_map(|shard| u8::try_from(shard).ok()).collect();
        self.barriers.push_back(Barrier { id, rev, waiting });
    }

    fn pass_barrier(&mut self, shard: u8, id: u64, output: &mut Output) {
        for barrier in self.barriers.iter_mut().filter(|barrier| barrier.id <= id) {
            barrier.waiting.remove(&shard);
        }
        let mut passed = None;
        while self.barriers.front().is_some_and(|barrier| barrier.waiting.is_empty()) {
            passed = self.barriers.pop_front().map(|barrier| barrier.rev);
        }
        if let Some(rev) = passed {
            self.applied_rev = rev;
            output.messages.push(MediaMessage::Applied { rev });
        }
    }
}

fn read(offer: &str) -> Result<Box<Offer>, Refusal> {
    let read = Offer::read(offer).map_err(|error| Refusal::of(ErrorCode::UnacceptableOffer, error.to_string()));
    read.map(Box::new)
}

#[cfg(test)]
mod tests;
