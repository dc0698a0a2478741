use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::{RoomId, UserId};

use super::chat_changes::{change, changed};
use super::database::{Database, at_once};
use super::people::{NOW_MS, enter, message, room, text, user};
use super::room_settings::set;
use crate::events::GatewayEvent;
use crate::store::{Change, DeltaRequest, NewMessage, SendOutcome, Store, Unread};

on_every_database!(
    what_is_expired_is_erased_in_batches,
    a_client_that_comes_back_drops_what_was_erased,
    unread_counts_are_those_of_what_is_left,
    keys_are_known_for_a_day,
    nothing_is_lost_that_is_said_meanwhile,
);

const DAY_MS: i64 = 24 * 3_600_000;

async fn say_at(store: &dyn Store, room_id: RoomId, who: UserId, key: &str, now_ms: i64) -> SendOutcome {
    let hello = text("hello");
    store.send_message(NewMessage { now_ms, ..message(room_id, who, &hello, key) }).await.unwrap()
}

async fn keep_for(store: &dyn Store, room_id: RoomId, days: u32) {
    set(store, room_id, RoomSettingsChange { retention_days: Some(days), ..Default::default() }).await;
}

/// A room with ten messages, one each hour.
async fn ten(store: &dyn Store) -> (RoomId, UserId) {
    let ann = user(store, "Ann").await;
    let talk = room(store, "talk", None).await.id;
    enter(store, talk, ann).await;
    for hour in 0..10 {
        say_at(store, talk, ann, &hour.to_string(), NOW_MS + hour * 3_600_000).await;
    }
    (talk, ann)
}

async fn places(store: &dyn Store, room_id: RoomId) -> Vec<i64> {
    store.messages(room_id, None, 100).await.unwrap().iter().rev().map(|record| record.seq).collect()
}

async fn what_is_expired_is_erased_in_batches(database: Database) {
    let store = database.open().await;
    let (talk, _) = ten(&*store).await;
    let other = room(&*store, "other", None).await.id;
    let at_ms = NOW_MS + DAY_MS + 6 * 3_600_000;
    assert_eq!(store.rooms_with_retention().await.unwrap(), []);
    assert_eq!(store.erase_expired(talk, 4, at_ms).await.unwrap(), 0, "it keeps everything");
    keep_for(&*store, talk, 1).await;
    assert_eq!(store.rooms_with_retention().await.unwrap(), [(store.workspace_id(), talk)]);
    assert_eq!(store.erase_expired(talk, 4, at_ms).await.unwrap(), 4);
    assert_eq!(places(&*store, talk).await, [5, 6, 7, 8, 9, 10]);
    assert_eq!(store.erase_expired(talk, 4, at_ms).await.unwrap(), 3);
    assert_eq!(store.erase_expired(talk, 4, at_ms).await.unwrap(), 0);
    assert_eq!(places(&*store, talk).await, [8, 9, 10]);
    let trimmed: Vec<u64> = store
        .events(100)
        .await
        .unwrap()
        .iter()
        .filter_map(|row| match serde_json::from_str(&row.payload).unwrap() {
            GatewayEvent::HistoryTrimmed { room_id, first_seq } if room_id == talk => Some(first_seq),
            _ => None,
        })
        .collect();
    assert_eq!(trimmed, [5, 8]);
    assert_eq!(store.erase_expired(other, 4, at_ms).await.unwrap(), 0);
    assert_eq!(store.erase_expired(RoomId::generate(), 4, at_ms).await.unwrap(), 0);
}

async fn a_client_that_comes_back_drops_what_was_erased(database: Database) {
    let store = database.open().await;
    let (talk, ann) = ten(&*store).await;
    let newest = store.messages(talk, None, 1).await.unwrap().remove(0).message;
    let what = text("changed");
    changed(&*store, change(&newest, talk, ann, Change::Edit { text: &what, mentions: &[] })).await;
    keep_for(&*store, talk, 1).await;
    store.erase_expired(talk, 100, NOW_MS + DAY_MS + 8 * 3_600_000).await.unwrap();
    for (after, found) in [(Some(2), vec![10]), (Some(10), vec![10]), (Some(11), vec![]), (None, vec![10])] {
        let request = DeltaRequest { room_id: talk, after, limit: 100, behind_max: 1_000 };
        let delta = store.chat_after(request).await.unwrap().unwrap();
        let seqs: Vec<u64> = delta.messages.iter().map(|message| message.seq).collect();
        assert_eq!((seqs, delta.first_seq, delta.seq, delta.has_more), (found, 10, 11, false), "{after:?}");
    }
    // Numbers go on where they were.
    let SendOutcome::Stored(next) = say_at(&*store, talk, ann, "next", NOW_MS).await else { panic!("not stored") };
    assert_eq!(next.seq, 12);
}

async fn unread_counts_are_those_of_what_is_left(database: Database) {
    let store = database.open().await;
    let (talk, ann) = ten(&*store).await;
    let bob = user(&*store, "Bob").await;
    let hello = text("hello");
    let mentions = [bob];
    for (key, now_ms) in [("old", NOW_MS), ("new", NOW_MS + DAY_MS)] {
        let mention = NewMessage { mentions: &mentions, now_ms, ..message(talk, ann, &hello, key) };
        assert!(matches!(store.send_message(mention).await.unwrap(), SendOutcome::Stored(_)));
    }
    let unread = async || store.unread(bob, &[talk]).await.unwrap()[&talk];
    assert_eq!(unread().await, Unread { last_seq: 12, read_seq: 0, unread_count: 12, mention_count: 2 });
    keep_for(&*store, talk, 1).await;
    store.erase_expired(talk, 100, NOW_MS + DAY_MS + 10 * 3_600_000).await.unwrap();
    assert_eq!(unread().await, Unread { last_seq: 12, read_seq: 0, unread_count: 1, mention_count: 1 });
    assert_eq!(database.count("SELECT count(*) FROM message_mentions").await, 1);
}

async fn keys_are_known_for_a_day(database: Database) {
    let store = database.open().await;
    let (talk, ann) = ten(&*store).await;
    keep_for(&*store, talk, 1).await;
    assert_eq!(store.erase_expired(talk, 100, NOW_MS + DAY_MS - 1).await.unwrap(), 0);
    let again = say_at(&*store, talk, ann, "0", NOW_MS + DAY_MS - 1).await;
    assert!(matches!(again, SendOutcome::Duplicate(_)), "{again:?}");
    assert_eq!(store.erase_expired(talk, 100, NOW_MS + DAY_MS).await.unwrap(), 1);
}

/// Writers and two who erase at once, over two instances.
async fn nothing_is_lost_that_is_said_meanwhile(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (talk, ann) = ten(&*stores[0]).await;
    keep_for(&*stores[0], talk, 1).await;
    let tasks = (0..40_usize).map(|n| {
        let store = stores[n % 2].clone();
        async move {
            if n % 4 == 0 {
                store.erase_expired(talk, 3, NOW_MS + 2 * DAY_MS).await.unwrap()
            } else {
                say_at(&*store, talk, ann, &format!("k{n}"), NOW_MS + 2 * DAY_MS).await;
                0
            }
        }
    });
    let erased: u32 = at_once(tasks).await.into_iter().sum();
    assert_eq!(erased, 10, "each once");
    assert_eq!(places(&*stores[0], talk).await, (11..=40).collect::<Vec<_>>());
}
