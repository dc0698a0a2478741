//! Data messages: from a sender to those who are to receive them, here and on other shards.

use std::sync::Arc;
use std::time::Instant;

use boltorezka_proto::ParticipantId;
use boltorezka_proto::data::{self, DataFrom, DataKind, DataRefusal};

use super::data::DataMessage;
use super::messages::PeerMessage;
use super::{ConnectionKey, ShardCore};

impl ShardCore {
    /// A client sent a data message. One that is not allowed is refused, and reaches nobody.
    pub(super) fn take_data(&mut self, now: Instant, key: ConnectionKey, kind: DataKind, message: &[u8]) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let checked = if !connection.permissions.may_send_data() {
            self.counters.drop("data_forbidden");
            Err((DataRefusal::Forbidden, "you may not send data here".to_owned()))
        } else if !connection.data.may_send(now, message.len()) {
            self.counters.drop("data_rate");
            Err((DataRefusal::TooFast, "too many data messages; send fewer, or put several into one".to_owned()))
        } else {
            data::read_sent(kind, message).map_err(|error| {
                self.counters.drop("data_malformed");
                (error.refusal(), error.to_string())
            })
        };
        let (header, payload) = match checked {
            Ok(checked) => checked,
            Err((reason, text)) => {
                connection.data.refuse(kind, reason, text);
                return self.mark_dirty(key);
            }
        };
        let from = connection.participant_id;
        let contents = data::write(&DataFrom::Message { from, topic: header.topic }, payload);
        let message = DataMessage {
            room: connection.room,
            from,
            to: header.to.map(Arc::from),
            kind,
            contents: Some(Arc::from(contents)),
        };
        self.tell_interested(message.room, &PeerMessage::Data(message.clone()));
        self.deliver(&message);
    }

    /// Takes a data message of another shard.
    pub(super) fn take_relayed_data(&mut self, message: &DataMessage) {
        if !self.revoked.contains(message.from) {
            self.deliver(message);
        }
    }

    /// Queues a message for those on this shard who are to receive it.
    fn deliver(&mut self, message: &DataMessage) {
        let Some(room) = self.rooms.get(&message.room) else { return };
        let is_named = |who: ParticipantId| message.to.as_ref().is_none_or(|to| to.contains(&who));
        for &key in &room.members {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let who = connection.participant_id;
            if who == message.from || !connection.permissions.subscribe || !is_named(who) {
                continue;
            }
            if let Some(reason) = connection.data.push(message) {
                self.counters.drop(reason);
            }
            if !std::mem::replace(&mut connection.is_dirty, true) {
                self.dirty.push(key);
            }
        }
    }

    /// Nothing of a revoked participant's messages is sent any more.
    pub(super) fn forget_data(&mut self, from: ParticipantId) {
        for connection in self.connections.values_mut() {
            connection.data.forget(from);
        }
    }
}
