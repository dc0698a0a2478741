//! What is wrong with a run, if anything.

use std::collections::{HashMap, HashSet};

use boltorezka_proto::rest::Room;
use boltorezka_proto::socket::Message;
use boltorezka_proto::{MessageId, MessageText, RoomSlug, Timestamp, UserId};
use boltorezka_sdk::Client;

use super::member::{Record, text};

/// So many are counted, and no more: `docs/protocol.md`.
const UNREAD_MAX: usize = 100;

/// Everything that is wrong, in words. `history` is what was stored, oldest first; each member has sent `messages`.
pub fn faults(history: &[Message], records: &[Record], messages: usize) -> Vec<String> {
    let mut faults = stored_once(history, records, messages);
    let places: HashMap<MessageId, usize> =
        history.iter().enumerate().map(|(place, message)| (message.id, place)).collect();
    for record in records {
        let name = record.number;
        faults.extend(record.oddities.iter().map(|oddity| format!("{name}: {oddity}")));
        faults.extend(acked_as_stored(history, record, messages, &places));
        let stored: Vec<MessageId> = history.iter().map(|message| message.id).collect();
        if record.seen != stored {
            let first = record.seen.iter().zip(&stored).position(|(seen, stored)| seen != stored);
            faults.push(format!(
                "{name}: saw {} of {} messages; the first that differs is {first:?}",
                record.seen.len(),
                stored.len()
            ));
        }
        for (number, told) in record.connections.iter().enumerate() {
            faults.extend(told_in_order(told, &places).map(|fault| format!("{name}, socket {number}: {fault}")));
        }
    }
    faults
}

/// What the list of rooms says of what somebody has not read, other than its messages do.
pub fn miscounted(history: &[Message], user_id: UserId, room: Option<&Room>) -> Option<String> {
    let Some(room) = room else { return Some("the room is not listed".to_owned()) };
    let read_seq = room.read_seq.unwrap_or_default();
    let unread = history.iter().filter(|message| message.seq > read_seq && message.sender_id != user_id).count();
    let told = (room.last_seq, room.unread_count);
    let counted = (history.last().map(|message| message.seq), u32::try_from(unread.min(UNREAD_MAX)).ok());
    (told != counted).then(|| format!("the list of rooms says {told:?}, the messages {counted:?}"))
}

/// Each message of each member is there once, and a member's messages are in the order in which it sent them.
fn stored_once(history: &[Message], records: &[Record], messages: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let mut found = HashSet::new();
    for message in history {
        if !found.insert(message.said()) {
            faults.push(format!("{} is stored twice", message.said()));
        }
    }
    for record in records {
        let sent: Vec<String> = (0..messages).map(|message| text(record.number, message)).collect();
        let prefix = format!("{}-", record.number);
        let mut seen = HashSet::new();
        let stored = history.iter().map(|message| message.said());
        let stored: Vec<&str> = stored.filter(|text| text.starts_with(&prefix) && seen.insert(*text)).collect();
        let missing = sent.iter().filter(|text| !found.contains(text.as_str())).count();
        if missing > 0 {
            faults.push(format!("{missing} messages of {} are not stored", record.number));
        } else if stored != sent {
            faults.push(format!("the messages of {} are stored in another order than sent", record.number));
        }
    }
    faults
}

/// Each of the member's messages was acked, under the id that it is stored by.
fn acked_as_stored(
    history: &[Message],
    record: &Record,
    messages: usize,
    places: &HashMap<MessageId, usize>,
) -> Vec<String> {
    let wrong = |message: usize| {
        let text = text(record.number, message);
        let Some(id) = record.acked.get(&message) else { return Some(format!("{text} was never acked")) };
        let stored = places.get(id).and_then(|place| history.get(*place));
        let is_same = stored.is_some_and(|stored| stored.said() == text);
        (!is_same).then(|| format!("{text} was acked as {id}, which is not it"))
    };
    (0..messages).filter_map(wrong).collect()
}

/// What is wrong with what one socket was told: from its first message on, each that was stored comes, once, in order.
fn told_in_order(told: &[MessageId], places: &HashMap<MessageId, usize>) -> Option<String> {
    let told: Vec<Option<usize>> = told.iter().map(|id| places.get(id).copied()).collect();
    let wrong = told.windows(2).find(|pair| match pair {
        [Some(one), Some(next)] => *next != one + 1,
        _ => true,
    });
    let unknown = told.iter().any(Option::is_none);
    wrong
        .map(|pair| format!("was told the message at {:?} after that at {:?}", pair[1], pair[0]))
        .or_else(|| unknown.then(|| "was told a message that is not stored".to_owned()))
}

/// Two members who sent two messages each, and all went well.
fn good_run() -> (Vec<Message>, Vec<Record>) {
    let texts = ["0-0", "1-0", "1-1", "0-1"];
    let message = |text: &str| Message {
        id: MessageId::generate(),
        room: RoomSlug::new("faults").unwrap(),
        sender_id: UserId::generate(),
        sender_name: "Ann".into(),
        seq: 0,
        changed_seq: None,
        attachments: Vec::new(),
        text: Some(MessageText::new(text).unwrap()),
        reply_to: None,
        mentions: Vec::new(),
        reactions: Vec::new(),
        created_at: Timestamp::from_unix_ms(0),
        edited_at: None,
        deleted_at: None,
        pinned_at: None,
    };
    let history = texts.map(message);
    let ids: Vec<MessageId> = history.iter().map(|message| message.id).collect();
    let record = |number: usize, own: [usize; 2]| {
        let client = Client::with_join_token("http://127.0.0.1:1", "none").unwrap();
        let mut record = Record::new(number, client, RoomSlug::new("faults").unwrap());
        record.seen.clone_from(&ids);
        record.connections = vec![ids[..2].to_vec(), vec![], ids[1..].to_vec()];
        record.acked = own.into_iter().map(|place| ids[place]).enumerate().collect();
        record
    };
    (history.into(), vec![record(0, [0, 3]), record(1, [1, 2])])
}

#[test]
fn each_fault_is_seen() {
    type Spoil = fn(&mut Vec<Message>, &mut Vec<Record>);
    let cases: [(&str, Spoil); 11] = [
        ("stored twice", |history, _| history.push(Message { id: MessageId::generate(), ..history[0].clone() })),
        ("1 messages of 1 are not stored", |history, _| {
            let _ = history.remove(1);
        }),
        ("another order than sent", |history, _| history.swap(1, 2)),
        ("never acked", |_, records| {
            let _ = records[0].acked.remove(&1);
        }),
        ("which is not it", |history, records| {
            let _ = records[0].acked.insert(1, history[0].id);
        }),
        ("saw 3 of 4", |_, records| {
            let _ = records[1].seen.pop();
        }),
        ("differs is Some(2)", |_, records| records[1].seen.swap(2, 3)),
        ("at Some(3) after that at Some(1)", |_, records| {
            let _ = records[0].connections[2].remove(1);
        }),
        ("at Some(2) after that at Some(2)", |_, records| {
            let again = records[0].connections[2][1];
            records[0].connections[2].insert(1, again);
        }),
        ("not stored", |_, records| records[0].connections[1].push(MessageId::generate())),
        ("a nack", |_, records| records[0].oddities.push("a nack".into())),
    ];
    let (history, records) = good_run();
    assert_eq!(faults(&history, &records, 2), Vec::<String>::new());
    for (expected, spoil) in cases {
        let (mut history, mut records) = good_run();
        spoil(&mut history, &mut records);
        let found = faults(&history, &records, 2);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}: {found:#?}");
    }
}
