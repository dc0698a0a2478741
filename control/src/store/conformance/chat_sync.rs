use std::collections::BTreeMap;
use std::sync::Arc;

use boltorezka_proto::socket::{ChatDelta, Message};
use boltorezka_proto::{MessageId, ReactionEmoji, RoomId, UserId};

use super::chat_changes::{change, changed, said};
use super::database::{Database, at_once};
use super::people::{audit, enter, room, text, user};
use crate::store::{Change, DeltaRequest, Store};

on_every_database!(
    a_delta_is_what_changed_once_each,
    who_is_too_far_behind_starts_anew,
    nothing_is_missed_while_others_write,
    a_pointer_never_goes_back,
    unread_is_what_others_said_since,
);

async fn delta(store: &dyn Store, room_id: RoomId, after: Option<u64>, limit: u32) -> ChatDelta {
    store.chat_after(DeltaRequest { room_id, after, limit, behind_max: 1_000 }).await.unwrap().unwrap()
}

fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

async fn a_delta_is_what_changed_once_each(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (talk, other) = (room(&*store, "talk", None).await, room(&*store, "other", None).await);
    for room in [&talk, &other] {
        enter(&*store, room.id, ann).await;
    }
    let one = said(&*store, talk.id, ann, "one", "1").await;
    said(&*store, other.id, ann, "elsewhere", "2").await;
    let two = said(&*store, talk.id, ann, "two", "3").await;
    for what in ["a", "b"] {
        let what = text(what);
        changed(&*store, change(&one, talk.id, ann, Change::Edit { text: &what, mentions: &[] })).await;
    }
    let three = said(&*store, talk.id, ann, "three", "4").await;
    let all = delta(&*store, talk.id, Some(0), 10).await;
    assert_eq!((all.snapshot, all.seq, all.has_more), (false, 5, false));
    assert_eq!(ids(&all.messages), [two.id, one.id, three.id]);
    assert_eq!((all.messages[1].said(), all.messages[1].number()), ("b", 4));
    // In pages the same.
    let page = delta(&*store, talk.id, Some(0), 2).await;
    assert_eq!((ids(&page.messages), page.seq, page.has_more), (vec![two.id, one.id], 4, true));
    let page = delta(&*store, talk.id, Some(page.seq), 2).await;
    assert_eq!((ids(&page.messages), page.seq, page.has_more), (vec![three.id], 5, false));
    let nothing = delta(&*store, talk.id, Some(5), 2).await;
    assert_eq!((nothing.messages, nothing.seq, nothing.snapshot), (vec![], 5, false));
    let request = DeltaRequest { room_id: RoomId::generate(), after: None, limit: 1, behind_max: 1 };
    assert!(store.chat_after(request).await.unwrap().is_none());
}

async fn who_is_too_far_behind_starts_anew(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let mut sent = Vec::new();
    for number in 0..6 {
        sent.push(said(&*store, talk.id, ann, "x", &number.to_string()).await.id);
    }
    // None at all, a number that was never given, and one further back than is kept up with.
    for after in [None, Some(7), Some(u64::MAX), Some(1)] {
        let request = DeltaRequest { room_id: talk.id, after, limit: 3, behind_max: 4 };
        let snapshot = store.chat_after(request).await.unwrap().unwrap();
        assert!(snapshot.snapshot, "{after:?}");
        assert_eq!((ids(&snapshot.messages), snapshot.seq), (sent[3..].to_vec(), 6));
        let before = snapshot.next_cursor.unwrap().parse().unwrap();
        let older = store.messages(talk.id, Some(before), 10).await.unwrap();
        assert_eq!(older.iter().rev().map(|record| record.message.id).collect::<Vec<_>>(), sent[..3]);
    }
    let request = DeltaRequest { room_id: talk.id, after: Some(2), limit: 9, behind_max: 4 };
    let exactly = store.chat_after(request).await.unwrap().unwrap();
    assert_eq!((exactly.snapshot, exactly.messages.len()), (false, 4));
}

/// Whoever asks again and again while others send, edit, react and delete ends with what the database has.
async fn nothing_is_missed_while_others_write(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await.id;
    let mut people = Vec::new();
    for who in ["Ann", "Bob", "Cid"] {
        let user_id = user(&*store, who).await;
        enter(&*store, talk, user_id).await;
        people.push(user_id);
    }
    let writer = |store: Arc<dyn Store>, user_id: UserId| async move {
        let mut own: Vec<Message> = Vec::new();
        for number in 0..40_usize {
            let changes = own.get(number % 7).cloned();
            match (number % 4, changes) {
                (1, Some(message)) => {
                    let what = text(&format!("edited {number}"));
                    let edit = Change::Edit { text: &what, mentions: &[] };
                    store.change_message(change(&message, talk, user_id, edit)).await.unwrap();
                }
                (2, Some(message)) => {
                    let emoji = ReactionEmoji::new("👍").unwrap();
                    let react = Change::React { emoji: &emoji, on: number % 8 == 2 };
                    store.change_message(change(&message, talk, user_id, react)).await.unwrap();
                }
                (3, Some(message)) if number % 12 == 3 => {
                    let delete = Change::Delete { audit: audit() };
                    store.change_message(change(&message, talk, user_id, delete)).await.unwrap();
                }
                _ => own.push(said(&*store, talk, user_id, &number.to_string(), &format!("k{number}")).await),
            }
        }
        None
    };
    let reader = |store: Arc<dyn Store>, limit: u32| async move {
        let (mut known, mut after) = (BTreeMap::new(), 0);
        let mut idle = 0;
        while idle < 50 {
            let page = delta(&*store, talk, Some(after), limit).await;
            assert!(!page.snapshot && page.seq >= after);
            idle = if page.messages.is_empty() { idle + 1 } else { 0 };
            for message in page.messages {
                assert!(message.number() > after, "told before");
                known.insert(message.id, message);
            }
            after = page.seq;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Some(known)
    };
    type Task = std::pin::Pin<Box<dyn Future<Output = Option<BTreeMap<MessageId, Message>>> + Send>>;
    let writers = people.iter().map(|&user_id| Box::pin(writer(store.clone(), user_id)) as Task);
    let readers = [1, 3, 100].map(|limit| Box::pin(reader(store.clone(), limit)) as Task);
    let read = at_once(writers.chain(readers).collect::<Vec<_>>()).await;
    let stored = store.messages(talk, None, 1_000).await.unwrap();
    let stored: BTreeMap<_, _> = stored.into_iter().map(|record| (record.message.id, record.message)).collect();
    for known in read.into_iter().flatten() {
        assert_eq!(known, stored);
    }
}

async fn a_pointer_never_goes_back(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    for number in 0..20 {
        said(&*store, talk, ann, "x", &number.to_string()).await;
    }
    let moves = (0..20).map(|seq| {
        let store = store.clone();
        async move { store.mark_read(talk, ann, seq).await.unwrap().unwrap() >= seq }
    });
    assert!(at_once(moves).await.into_iter().all(|kept| kept));
    assert_eq!(store.mark_read(talk, ann, 3).await.unwrap(), Some(19));
    assert_eq!(store.mark_read(talk, ann, u64::MAX).await.unwrap(), Some(20), "not beyond what there is");
    assert!(store.mark_read(RoomId::generate(), ann, 1).await.unwrap().is_none());
}

async fn unread_is_what_others_said_since(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (talk, quiet) = (room(&*store, "talk", None).await.id, room(&*store, "quiet", None).await.id);
    for user_id in [ann, bob] {
        enter(&*store, talk, user_id).await;
    }
    for number in 0..4 {
        said(&*store, talk, ann, "x", &number.to_string()).await;
    }
    said(&*store, talk, bob, "own", "1").await;
    store.mark_read(talk, bob, 1).await.unwrap();
    let unread = store.unread(bob, &[talk, quiet, RoomId::generate()]).await.unwrap();
    assert_eq!(unread.len(), 2);
    let of_talk = unread[&talk];
    assert_eq!((of_talk.last_seq, of_talk.read_seq, of_talk.unread_count), (5, 1, 3));
    assert_eq!(unread[&quiet], Default::default());
    for number in 0..110 {
        said(&*store, talk, ann, "many", &format!("m{number}")).await;
    }
    assert_eq!(store.unread(bob, &[talk]).await.unwrap()[&talk].unread_count, 100, "nobody counts further");
}
