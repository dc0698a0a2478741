//! Operators' questions: each goes to every shard, and is answered when all have.

use std::collections::{HashMap, HashSet};

use boltorezka_proto::ErrorCode;
use boltorezka_proto::RoomId;
use boltorezka_proto::admission::MediaMessage;
use boltorezka_proto::inspection::MediaInspection;

use super::registry::Output;
use crate::shard::ShardCommand;

/// Questions that are on their way to shards. An answer takes a shard some hundred microseconds at a full node, and a person
/// asks one at a time.
const ON_THE_WAY_MAX: usize = 4;

/// The questions that are on their way.
#[derive(Debug, Default)]
pub struct Inspections {
    pending: HashMap<u64, Pending>,
    last: u64,
}

#[derive(Debug)]
struct Pending {
    link: u64,
    request_id: u64,
    waiting: HashSet<u8>,
    found: MediaInspection,
}

impl Inspections {
    /// Asks all shards; refused when too many questions are on their way.
    pub fn ask(&mut self, link: u64, request_id: u64, room: Option<RoomId>, shards: usize, output: &mut Output) {
        // What an earlier link asked is nobody's any more.
        self.pending.retain(|_, pending| pending.link == link);
        if self.pending.len() >= ON_THE_WAY_MAX {
            let message = "too many inspections are on their way; ask again in a moment".to_owned();
            let code = ErrorCode::RateLimited;
            return output.messages.push(MediaMessage::Refused { request_id, code, message });
        }
        self.last += 1;
        let waiting = (0..shards).filter_map(|shard| u8::try_from(shard).ok()).collect();
        let pending = Pending { link, request_id, waiting, found: MediaInspection::default() };
        self.pending.insert(self.last, pending);
        let command = |shard| (shard, ShardCommand::Inspect { request_id: self.last, room });
        output.commands.extend((0..shards).map(command));
    }

    /// A shard answered.
    pub fn answer(&mut self, shard: u8, request_id: u64, found: MediaInspection, output: &mut Output) {
        let Some(pending) = self.pending.get_mut(&request_id) else { return };
        if pending.waiting.remove(&shard) {
            pending.found.add(found);
        }
        if pending.waiting.is_empty()
            && let Some(Pending { request_id, found, .. }) = self.pending.remove(&request_id)
        {
            output.messages.push(MediaMessage::Inspection { request_id, inspection: found });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_when_all_shards_have_and_few_are_open() {
        let mut inspections = Inspections::default();
        let mut output = Output::default();
        for request_id in 10..15 {
            inspections.ask(1, request_id, None, 2, &mut output);
        }
        assert_eq!(output.commands.len(), 8);
        assert!(matches!(output.messages[..], [MediaMessage::Refused { request_id: 14, .. }]));
        output.messages.clear();
        let ids: Vec<u64> = (1..=4).collect();
        inspections.answer(0, ids[0], MediaInspection { truncated: true, ..Default::default() }, &mut output);
        inspections.answer(0, ids[0], MediaInspection::default(), &mut output);
        assert!(output.messages.is_empty());
        inspections.answer(1, ids[0], MediaInspection::default(), &mut output);
        let [MediaMessage::Inspection { request_id: 10, inspection }] = &output.messages[..] else {
            panic!("{output:?}")
        };
        assert!(inspection.truncated);
        inspections.ask(2, 20, None, 2, &mut output);
        inspections.answer(0, ids[1], MediaInspection::default(), &mut output);
        inspections.answer(1, ids[1], MediaInspection::default(), &mut output);
        assert_eq!(output.messages.len(), 1, "what an earlier link asked is not answered");
    }
}
