//! What of a room's chat is known, so that each change is told once, in order, over breaks of the socket too.

use std::collections::HashSet;

use boltorezka_proto::MessageId;
use boltorezka_proto::socket::{ChatDelta, Message};

/// One joined room.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Everything up to this number was told. None: the server numbers nothing.
    seq: Option<u64>,
    /// An answer to `sync.resume` is awaited.
    resuming: Option<Resuming>,
}

#[derive(Debug, Default)]
struct Resuming {
    /// Everything up to here was told when it began.
    from: u64,
    /// The greatest number that came beside the answer.
    beside: u64,
    /// New messages of the pages so far: a later page may have them again, changed.
    new: HashSet<MessageId>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell it.
    Tell,
    /// It was told, or comes again with the answer that is awaited.
    Skip,
    /// Ask for what follows this number.
    Resume(u64),
}

impl Following {
    /// From the number that `room.join` named.
    pub(super) fn new(seq: Option<u64>) -> Self {
        Self { seq, resuming: None }
    }

    /// The room was joined again. `Resume` when the client knows where it was.
    pub(super) fn rejoined(&mut self, seq: Option<u64>) -> Step {
        self.resuming = None;
        match self.seq.zip(seq) {
            Some((known, _)) => self.ask(known),
            None => {
                self.seq = seq;
                Step::Skip
            }
        }
    }

    /// A change was told by the server.
    pub(super) fn told(&mut self, number: u64) -> Step {
        let Some(seq) = self.seq.filter(|_| number > 0) else { return Step::Tell };
        if let Some(resuming) = &mut self.resuming {
            resuming.beside = number.max(resuming.beside);
            return Step::Skip;
        }
        match number.checked_sub(seq) {
            None | Some(0) => Step::Skip,
            Some(1) => {
                self.seq = Some(number);
                Step::Tell
            }
            Some(_) => {
                self.resuming = Some(Resuming { from: seq, beside: number, ..Resuming::default() });
                Step::Resume(seq)
            }
        }
    }

    /// The answer to `sync.resume` came. What of it was not told is told; then `Resume` when more is to be asked for.
    pub(super) fn resumed(&mut self, delta: &ChatDelta) -> Step {
        let Some(resuming) = self.resuming.take() else { return Step::Skip };
        self.seq = Some(delta.seq);
        if delta.has_more {
            self.resuming = Some(resuming);
            return Step::Resume(delta.seq);
        }
        // Of a number that the server takes back (its database is an older one) nothing is waited for.
        if !delta.messages.is_empty() && resuming.beside > delta.seq {
            return self.ask(delta.seq);
        }
        Step::Skip
    }

    /// Whether a message of an answer is a new one, and no change of one that was told before.
    pub(super) fn is_new(&mut self, message: &Message) -> bool {
        let Some(resuming) = &mut self.resuming else { return false };
        message.seq > resuming.from && resuming.new.insert(message.id)
    }

    /// The request was refused: the next change shows what is missing.
    pub(super) fn resume_failed(&mut self) {
        self.resuming = None;
    }

    fn ask(&mut self, seq: u64) -> Step {
        self.resuming = Some(Resuming { from: seq, ..Resuming::default() });
        Step::Resume(seq)
    }
}

#[cfg(test)]
mod tests {
    use boltorezka_proto::RoomSlug;

    use super::*;

    fn delta(seq: u64, has_more: bool) -> ChatDelta {
        let room = RoomSlug::new("talk").unwrap();
        let text = r#"{"id":"01a200b9-1137-75fe-ad00-7fa809aa0bb9","room":"talk","seq":1,"senderId":"01a200b8-ec4c-7022-be3f-e7b4373388d5",
            "senderName":"Ann","text":"Hello","createdAt":"2026-11-22T00:47:38.294Z"}"#;
        let messages = vec![serde_json::from_str(text).unwrap()];
        ChatDelta { room, snapshot: false, messages, seq, has_more, first_seq: 0, next_cursor: None }
    }

    #[test]
    fn what_comes_in_order_is_told_once() {
        let mut room = Following::new(Some(4));
        assert_eq!(
            [5, 6, 6, 3, 7].map(|number| room.told(number)),
            [Step::Tell, Step::Tell, Step::Skip, Step::Skip, Step::Tell]
        );
    }

    #[test]
    fn after_a_break_it_asks_until_there_is_no_more() {
        let mut room = Following::new(Some(4));
        assert_eq!(room.rejoined(Some(90)), Step::Resume(4));
        assert_eq!(room.told(91), Step::Skip);
        assert_eq!(room.resumed(&delta(60, true)), Step::Resume(60));
        assert_eq!(room.resumed(&delta(91, false)), Step::Skip);
        assert_eq!([91, 92].map(|number| room.told(number)), [Step::Skip, Step::Tell]);
    }

    #[test]
    fn a_message_is_new_once_whatever_page_it_is_in() {
        let mut room = Following::new(Some(0));
        room.rejoined(Some(90));
        let page = delta(60, true);
        assert!(room.is_new(&page.messages[0]));
        room.resumed(&page);
        assert!(!room.is_new(&page.messages[0]), "changed meanwhile");
        let mut room = Following::new(Some(1));
        room.rejoined(Some(90));
        assert!(!room.is_new(&page.messages[0]), "told before the break");
    }

    #[test]
    fn what_came_beside_an_answer_is_asked_for() {
        let mut room = Following::new(Some(4));
        assert_eq!(room.told(6), Step::Resume(4));
        assert_eq!([7, 8].map(|number| room.told(number)), [Step::Skip, Step::Skip]);
        assert_eq!(room.resumed(&delta(7, false)), Step::Resume(7));
        assert_eq!(room.resumed(&delta(8, false)), Step::Skip);
        assert_eq!(room.told(9), Step::Tell);
    }

    #[test]
    fn a_server_that_numbers_nothing_is_followed_as_it_tells() {
        let mut room = Following::new(None);
        assert_eq!(room.told(0), Step::Tell);
        assert_eq!(room.rejoined(None), Step::Skip);
        assert_eq!(room.told(0), Step::Tell);
        // It was updated meanwhile.
        assert_eq!(room.rejoined(Some(7)), Step::Skip);
        assert_eq!(room.told(9), Step::Resume(7));
        room.resume_failed();
        assert_eq!(room.told(10), Step::Resume(7));
    }
}
