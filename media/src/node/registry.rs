//! What a node decides: who goes to which shard, who may stay, when control's orders have taken effect.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use boltorezka_proto::admission::{
    Admitted, ConnectionState, ControlMessage, MediaMessage, NodeLoad, ParticipantStatus, VERSION,
};
use boltorezka_proto::call::EndReason;
use boltorezka_proto::{ErrorCode, ParticipantId, RoomId};

use super::inspections::Inspections;
use crate::router::Revoked;
use crate::router::placement::{ShardLoad, place};
use crate::shard::{Counters, Offer, ShardCommand, ShardEvent};

/// The participants of a node. Pure: messages go in, commands and messages come out.
#[derive(Debug)]
pub struct Registry {
    epoch: u64,
    shard_count: usize,
    participants: HashMap<ParticipantId, Entry>,
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
    /// A node of `shard_count` shards without participants.
    pub fn new(epoch: u64, shard_count: usize) -> Self {
        Self {
            epoch,
            shard_count,
            participants: HashMap::new(),
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
            epoch: self.epoch,
            rev: self.applied_rev,
            participants: self.participants.values().map(|entry| entry.status.clone()).collect(),
        }
    }

    /// Carries out what control says.
    pub fn handle_control(&mut self, message: ControlMessage, output: &mut Output) {
        match message {
            ControlMessage::Snapshot { rev, admitted } => {
                self.take_snapshot(&admitted, output);
                self.barrier(rev, output);
            }
            ControlMessage::Admit { request_id, admitted, offer } => self.admit(request_id, admitted, offer, output),
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
                self.revoke_where(|status| status.room == room, reason, output);
                self.barrier(rev, output);
            }
            ControlMessage::Inspect { request_id, room } => {
                self.inspections.ask(self.link, request_id, room, self.shard_count, output);
            }
            ControlMessage::Drain { .. } => self.is_draining = true,
        }
    }

    /// Notes what a shard says.
    pub fn handle_shard(&mut self, shard: u8, event: ShardEvent, output: &mut Output) {
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
                    self.participants.remove(&request.participant_id);
                }
                if request.link == self.link {
                    output.messages.push(MediaMessage::Refused { request_id: request.request_id, code, message });
                }
            }
            // It came about while its revocation was on the way to the shard.
            ShardEvent::Status(status) if self.revoked.contains(status.participant_id) => {}
            ShardEvent::Status(status) => {
                let entry = Entry { shard: usize::from(shard), status: status.clone() };
                self.participants.insert(status.participant_id, entry);
                output.messages.push(MediaMessage::Participant(status));
            }
            ShardEvent::Left { participant_id, room, reason } => {
                self.participants.remove(&participant_id);
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
                self.counters.insert(shard, counters);
            }
        }
    }

    /// Ends everybody on the node.
    pub fn end_all(&mut self, reason: EndReason, output: &mut Output) {
        self.revoke_where(|_| true, reason, output);
    }

    /// The counters of all shards together.
    pub fn load(&self) -> NodeLoad {
        let mut load = NodeLoad::default();
        for counters in self.counters.values() {
            load.packets_received += counters.packets_received;
            load.packets_relayed += counters.packets_relayed;
            load.packets_relay_received += counters.packets_relay_received;
            load.packets_routed += counters.packets_routed;
            load.packets_offered += counters.packets_offered;
            load.packets_forwarded += counters.packets_forwarded;
            load.packets_resent += counters.packets_resent;
            load.datagrams_generated += counters.datagrams_generated;
            load.datagrams_sent += counters.datagrams_sent;
            load.messages_sent += counters.messages_sent;
            load.bytes_received += counters.bytes_received;
            load.bytes_sent += counters.bytes_sent;
            load.connections += counters.connections;
            load.connections_failed += counters.connections_failed;
            load.tcp_connections += counters.tcp_connections;
            for (reason, count) in &counters.tcp_closed {
                *load.tcp_closed.entry((*reason).to_owned()).or_default() += count;
            }
            for (reason, count) in &counters.packets_dropped {
                *load.packets_dropped.entry((*reason).to_owned()).or_default() += count;
            }
            for (budget, count) in &counters.budget_exhausted {
                *load.budget_exhausted.entry((*budget).to_owned()).or_default() += count;
            }
        }
        load
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

    fn admit(&mut self, request_id: u64, admitted: Admitted, offer: String, output: &mut Output) {
        let participant_id = admitted.participant_id;
        let refusal = if !self.has_snapshot {
            Some((ErrorCode::MediaUnavailable, "the media node waits for a snapshot"))
        } else if self.revoked.contains(participant_id) {
            Some((ErrorCode::Forbidden, "the right to be in this call has ended"))
        } else if self.is_draining && !self.participants.contains_key(&participant_id) {
            Some((ErrorCode::MediaUnavailable, "the media node is being emptied; try again in a moment"))
        } else {
            None
        };
        let known = self.participants.get(&participant_id).map(|entry| entry.shard);
        let (Some(shard), None) = (known.or_else(|| self.place(admitted.room)), refusal) else {
            let (code, message) = refusal.unwrap_or((ErrorCode::MediaUnavailable, "the media node has no shards"));
            return output.messages.push(MediaMessage::Refused { request_id, code, message: message.to_owned() });
        };
        let offer = match Offer::read(&offer) {
            Ok(offer) => Box::new(offer),
            Err(error) => {
                let (code, message) = (ErrorCode::UnacceptableOffer, error.to_string());
                return output.messages.push(MediaMessage::Refused { request_id, code, message });
            }
        };
        if known.is_none() {
            // Counted at once, so that joins at the same time spread as they should.
            let (room, state) = (admitted.room, ConnectionState::Connecting);
            let status = ParticipantStatus { participant_id, room, state, tracks: Vec::new() };
            self.participants.insert(participant_id, Entry { shard, status });
        }
        self.next_request += 1;
        let request = Request { link: self.link, request_id, participant_id, is_new: known.is_none() };
        self.requests.insert(self.next_request, request);
        output.commands.push((shard, ShardCommand::Admit { request_id: self.next_request, admitted, offer }));
    }

    fn place(&self, room: RoomId) -> Option<usize> {
        let mut loads = vec![ShardLoad::default(); self.shard_count];
        for entry in self.participants.values() {
            if let Some(load) = loads.get_mut(entry.shard) {
                load.connections += 1;
                load.room_connections += usize::from(entry.status.room == room);
            }
        }
        place(&loads)
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

#[cfg(test)]
mod tests {
    use boltorezka_proto::call::MediaPermissions;

    use super::*;

    fn admitted() -> Admitted {
        Admitted {
            participant_id: ParticipantId::generate(),
            room: RoomId::generate(),
            permissions: MediaPermissions::ALL,
        }
    }

    fn control(registry: &mut Registry, message: ControlMessage) -> Output {
        let mut output = Output::default();
        registry.handle_control(message, &mut output);
        output
    }

    fn shard(registry: &mut Registry, shard: u8, event: ShardEvent) -> Vec<MediaMessage> {
        let mut output = Output::default();
        registry.handle_shard(shard, event, &mut output);
        output.messages
    }

    fn ready() -> Registry {
        let mut registry = Registry::new(1, 2);
        registry.control_connected();
        control(&mut registry, ControlMessage::Snapshot { rev: 1, admitted: vec![] });
        for shard_index in 0..2 {
            shard(&mut registry, shard_index, ShardEvent::Applied { rev: 1 });
        }
        registry
    }

    fn admit(admitted: &Admitted) -> ControlMessage {
        let offer = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".into();
        ControlMessage::Admit { request_id: 7, admitted: admitted.clone(), offer }
    }

    #[test]
    fn nobody_is_taken_before_a_snapshot() {
        let mut registry = Registry::new(1, 1);
        registry.control_connected();
        let output = control(&mut registry, admit(&admitted()));
        assert!(matches!(&output.messages[..], [MediaMessage::Refused { request_id: 7, .. }]));
        assert!(output.commands.is_empty() && registry.is_empty());
    }

    #[test]
    fn a_revocation_wins_over_an_admission_on_its_way() {
        let mut registry = ready();
        let late = admitted();
        let revoke = ControlMessage::Revoke { rev: 2, participant_id: late.participant_id, reason: EndReason::Kicked };
        control(&mut registry, revoke);
        registry.control_connected();
        control(&mut registry, ControlMessage::Snapshot { rev: 2, admitted: vec![late.clone()] });
        let output = control(&mut registry, admit(&late));
        assert!(matches!(&output.messages[..], [MediaMessage::Refused { code: ErrorCode::Forbidden, .. }]));
    }

    #[test]
    fn who_the_snapshot_lacks_is_ended_before_it_counts_as_applied() {
        let mut registry = ready();
        let (stays, goes) = (admitted(), admitted());
        for admitted in [&stays, &goes] {
            control(&mut registry, admit(admitted));
        }
        registry.control_connected();
        let output = control(&mut registry, ControlMessage::Snapshot { rev: 5, admitted: vec![stays.clone()] });
        let revoked: Vec<_> = output
            .commands
            .iter()
            .filter_map(|(_, command)| match command {
                ShardCommand::Revoke { participant_id, .. } => Some(*participant_id),
                _ => None,
            })
            .collect();
        assert_eq!(revoked, [goes.participant_id; 2], "both shards are told");
        assert!(shard(&mut registry, 0, ShardEvent::Applied { rev: 2 }).is_empty(), "one shard is not all");
        assert_eq!(shard(&mut registry, 1, ShardEvent::Applied { rev: 2 }), [MediaMessage::Applied { rev: 5 }]);
    }

    #[test]
    fn an_answer_for_an_earlier_control_goes_nowhere() {
        let mut registry = ready();
        let output = control(&mut registry, admit(&admitted()));
        let Some((shard_index, ShardCommand::Admit { request_id, .. })) = output.commands.first() else {
            panic!("no admit: {output:?}");
        };
        let (shard_index, request_id) = (u8::try_from(*shard_index).unwrap(), *request_id);
        registry.control_connected();
        assert!(shard(&mut registry, shard_index, ShardEvent::Answer { request_id, sdp: "v=0".into() }).is_empty());
    }

    #[test]
    fn a_refused_newcomer_leaves_no_trace() {
        let mut registry = ready();
        control(&mut registry, admit(&admitted()));
        assert!(!registry.is_empty());
        let refused = ShardEvent::Refused { request_id: 1, code: ErrorCode::UnacceptableOffer, message: "no".into() };
        assert_eq!(shard(&mut registry, 0, refused).len(), 1);
        assert!(registry.is_empty());
    }

    #[test]
    fn a_revocation_that_crosses_a_rejoin_still_ends_it() {
        let mut registry = ready();
        let who = admitted();
        let (participant_id, room) = (who.participant_id, who.room);
        let output = control(&mut registry, admit(&who));
        let Some((shard_index, _)) = output.commands.first() else { panic!("no admit: {output:?}") };
        let shard_index = u8::try_from(*shard_index).unwrap();
        control(&mut registry, admit(&who));
        // The shard let the participant go before it saw the second admission.
        shard(&mut registry, shard_index, ShardEvent::Left { participant_id, room, reason: EndReason::Timeout });
        let revoke = ControlMessage::Revoke { rev: 2, participant_id, reason: EndReason::Banned };
        let output = control(&mut registry, revoke);
        let reaches = |(to, command): &(usize, ShardCommand)| {
            *to == usize::from(shard_index) && matches!(command, ShardCommand::Revoke { .. })
        };
        assert!(output.commands.iter().any(reaches), "{output:?}");
        let status = ParticipantStatus { participant_id, room, state: ConnectionState::Connecting, tracks: vec![] };
        assert!(shard(&mut registry, shard_index, ShardEvent::Status(status)).is_empty());
        assert!(registry.is_empty());
    }

    #[test]
    fn a_refusal_for_an_earlier_control_still_frees_the_seat() {
        let mut registry = ready();
        control(&mut registry, admit(&admitted()));
        registry.control_connected();
        let refused = ShardEvent::Refused { request_id: 1, code: ErrorCode::Invalid, message: "no".into() };
        assert!(shard(&mut registry, 0, refused).is_empty());
        assert!(registry.is_empty());
    }

    #[test]
    fn counters_of_shards_are_summed_and_replaced() {
        let mut registry = ready();
        let counters = |received| ShardEvent::Counters(Counters { packets_received: received, ..Counters::default() });
        shard(&mut registry, 0, counters(5));
        shard(&mut registry, 1, counters(2));
        shard(&mut registry, 0, counters(9));
        assert_eq!(registry.load().packets_received, 11);
    }
}
