use boltorezka_proto::direct::RING_MS;
use boltorezka_proto::{PushSubscriptionId, RoomId, UserId};
use uuid::Uuid;

use super::database::{Database, at_once};
use super::direct::direct;
use super::people::{NOW_MS, audit, enter, message, new_session, room, say, text, user};
use super::workspaces::made;
use crate::push::BrowserKeys;
use crate::store::{DuePush, NewPushSubscription, PushAbout, PushContent, SendOutcome, Store};

on_every_database!(
    a_browser_belongs_to_a_session,
    an_endpoint_moves_to_who_uses_the_browser_now,
    the_oldest_browser_makes_room,
    what_is_new_waits_once_for_a_browser_and_a_room,
    a_push_is_taken_by_one,
    what_comes_while_it_is_sent_is_pushed_after_it,
    what_fails_is_tried_again_and_given_up,
    only_what_is_not_read_and_not_deleted_is_pushed,
    a_call_is_pushed_while_it_rings_and_when_it_was_missed,
    who_wants_none_is_not_pushed_to,
);

const DAY_MS: i64 = 24 * 3_600_000;
const LEASE_MS: i64 = 30_000;

fn subscription(user_id: UserId, session_id: Uuid, endpoint: &str) -> NewPushSubscription {
    let keys = BrowserKeys { p256dh: vec![4; 65], auth: vec![1; 16] };
    let endpoint = format!("https://push.example/{endpoint}");
    NewPushSubscription { user_id, session_id, endpoint, keys, now_ms: NOW_MS }
}

async fn session(store: &dyn Store, user_id: UserId) -> Uuid {
    let session = new_session(&Uuid::now_v7().to_string(), user_id, NOW_MS + 2 * DAY_MS);
    store.create_session(&session).await.unwrap().unwrap()
}

/// A session of an account, and its browser.
pub async fn browser(store: &dyn Store, user_id: UserId, endpoint: &str) -> (Uuid, PushSubscriptionId) {
    let session = session(store, user_id).await;
    let made = store.subscribe_push(&subscription(user_id, session, endpoint), None).await.unwrap().unwrap();
    (session, made.id)
}

async fn take(store: &dyn Store, now_ms: i64) -> Vec<DuePush> {
    store.take_due_pushes(now_ms, now_ms + LEASE_MS, 100, 100).await.unwrap()
}

/// Says something that mentions somebody.
async fn mention(
    store: &dyn Store,
    room_id: RoomId,
    by: UserId,
    whom: UserId,
    what: &str,
) -> boltorezka_proto::socket::Message {
    let (said, key, mentions) = (text(what), Uuid::now_v7().to_string(), [whom]);
    let new = crate::store::NewMessage { mentions: &mentions, ..message(room_id, by, &said, &key) };
    match store.send_message(new).await.unwrap() {
        SendOutcome::Stored(message) => message,
        other => panic!("{other:?}"),
    }
}

/// The text that a push would have.
async fn pushed(store: &dyn Store, push: &DuePush, user_id: UserId) -> Option<String> {
    match store.push_content(push, user_id, NOW_MS).await.unwrap() {
        Some(PushContent::Message { text, .. }) => Some(text),
        None => None,
        other => panic!("{other:?}"),
    }
}

async fn two_in_a_room(store: &dyn Store) -> (UserId, UserId, RoomId) {
    let (ann, bob) = (user(store, "Ann").await, user(store, "Bob").await);
    let talk = room(store, "talk", None).await.id;
    enter(store, talk, ann).await;
    enter(store, talk, bob).await;
    (ann, bob, talk)
}

async fn a_browser_belongs_to_a_session(database: Database) {
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    let (first, kept) = browser(&*store, bob, "one").await;
    // Again, with other keys: it is the same.
    let again = NewPushSubscription {
        keys: BrowserKeys { p256dh: vec![4; 65], auth: vec![9; 16] },
        ..subscription(bob, first, "one")
    };
    assert_eq!(store.subscribe_push(&again, None).await.unwrap().unwrap().id, kept);
    assert_eq!(store.push_target(kept, NOW_MS).await.unwrap().unwrap().keys.auth, [9; 16]);
    mention(&*store, talk, ann, bob, "hello").await;
    assert_eq!(store.push_count().await.unwrap(), 1);
    // Another endpoint of the session is another browser, which is not pushed what was for the one before.
    let moved = store.subscribe_push(&subscription(bob, first, "two"), None).await.unwrap().unwrap();
    assert_ne!(moved.id, kept);
    assert_eq!(store.push_count().await.unwrap(), 0);
    assert_eq!(store.push_subscriptions(bob).await.unwrap().len(), 1);
    assert!(store.push_target(moved.id, NOW_MS + 2 * DAY_MS).await.unwrap().is_none(), "the session has expired");
    assert!(!store.unsubscribe_push(ann, moved.id).await.unwrap(), "it is not hers");
    mention(&*store, talk, ann, bob, "hello").await;
    assert!(store.delete_session(bob, first).await.unwrap());
    assert!(store.push_subscriptions(bob).await.unwrap().is_empty());
    assert_eq!(store.push_count().await.unwrap(), 0);
    assert!(store.subscribe_push(&subscription(bob, first, "two"), None).await.unwrap().is_none(), "it has ended");
    let of_bob = session(&*store, bob).await;
    assert!(store.subscribe_push(&subscription(ann, of_bob, "two"), None).await.unwrap().is_none(), "it is not hers");
    // A password, a block and the end of an account end sessions.
    let (_, id) = browser(&*store, bob, "three").await;
    assert!(store.change_password(bob, 0, "another", None).await.unwrap());
    assert!(store.push_target(id, NOW_MS).await.unwrap().is_none());
    browser(&*store, ann, "four").await;
    store.plan_erasure(ann, NOW_MS, NOW_MS).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM push_subscriptions").await, 0);
}

async fn an_endpoint_moves_to_who_uses_the_browser_now(database: Database) {
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    let (_, of_bob) = browser(&*store, bob, "shared").await;
    mention(&*store, talk, ann, bob, "for Bob").await;
    let under_way = take(&*store, NOW_MS).await.remove(0);
    let (_, of_ann) = browser(&*store, ann, "shared").await;
    assert!(store.push_subscriptions(bob).await.unwrap().is_empty());
    assert_eq!(store.push_subscriptions(ann).await.unwrap().len(), 1);
    assert_eq!(store.push_count().await.unwrap(), 0, "she gets nothing of his");
    assert!(store.push_target(of_bob, NOW_MS).await.unwrap().is_none());
    // What the push service says of his is not about hers.
    store.push_gone(of_bob, "https://push.example/shared").await.unwrap();
    store.push_again(&under_way, NOW_MS, true).await.unwrap();
    assert!(store.push_target(of_ann, NOW_MS).await.unwrap().is_some());
    store.push_gone(of_ann, "https://push.example/another").await.unwrap();
    assert!(store.push_target(of_ann, NOW_MS).await.unwrap().is_some(), "it has another endpoint by now");
    store.push_gone(of_ann, "https://push.example/shared").await.unwrap();
    assert!(store.push_target(of_ann, NOW_MS).await.unwrap().is_none());
    // Two who take it at once: one of them has it.
    let (a, b) = (session(&*store, ann).await, session(&*store, bob).await);
    let takers = [(ann, a), (bob, b)].map(|(who, session)| {
        let store = store.clone();
        async move { store.subscribe_push(&subscription(who, session, "shared"), None).await.unwrap().is_some() }
    });
    assert_eq!(at_once(takers.into_iter()).await, [true, true]);
    assert_eq!(database.count("SELECT count(*) FROM push_subscriptions").await, 1);
}

async fn the_oldest_browser_makes_room(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let mut made = Vec::new();
    for n in 0..4 {
        let session = session(&*store, ann).await;
        let new = subscription(ann, session, &n.to_string());
        made.push(store.subscribe_push(&new, Some(3)).await.unwrap().unwrap().id);
    }
    let left: Vec<_> = store.push_subscriptions(ann).await.unwrap().into_iter().map(|record| record.id).collect();
    assert_eq!(left, made[1..]);
    // Of one that is there, nobody has to go.
    let oldest = store.push_subscriptions(ann).await.unwrap().remove(0);
    let again = subscription(ann, oldest.session_id, "1");
    assert_eq!(store.subscribe_push(&again, Some(3)).await.unwrap().unwrap().id, oldest.id);
    assert_eq!(store.push_subscriptions(ann).await.unwrap().len(), 3);
}

async fn what_is_new_waits_once_for_a_browser_and_a_room(database: Database) {
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    mention(&*store, talk, ann, bob, "nobody is pushed to").await;
    let (_, one) = browser(&*store, bob, "one").await;
    let (_, two) = browser(&*store, bob, "two").await;
    say(&*store, talk, ann, "for nobody", "k").await;
    assert_eq!(store.push_count().await.unwrap(), 0);
    mention(&*store, talk, ann, bob, "first").await;
    mention(&*store, talk, ann, bob, "second").await;
    let due = take(&*store, NOW_MS).await;
    let mut told: Vec<_> = due.iter().map(|push| push.subscription_id).collect();
    told.sort();
    assert_eq!(told, [one, two]);
    for push in &due {
        assert_eq!((push.room_id, push.about, push.attempt), (talk, PushAbout::Message, 1));
        assert_eq!(pushed(&*store, push, bob).await.as_deref(), Some("second"));
    }
    // In another workspace it is that one's.
    let acme = made(&*store, "acme", ann).await;
    super::workspaces::take_in(&*acme, bob, boltorezka_proto::workspaces::WorkspaceRole::Member).await;
    let there = room(&*acme, "talk", None).await.id;
    enter(&*acme, there, ann).await;
    mention(&*acme, there, ann, bob, "in acme").await;
    let due = take(&*store, NOW_MS).await;
    assert!(due.len() == 2 && due.iter().all(|push| push.workspace_id == acme.workspace_id()), "{due:?}");
    assert_eq!(pushed(&*acme, &due[0], bob).await.as_deref(), Some("in acme"));
    assert_eq!(pushed(&*store, &due[0], bob).await, None, "a store sees its own");
}

async fn a_push_is_taken_by_one(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (ann, bob, _) = two_in_a_room(&*stores[0]).await;
    browser(&*stores[0], bob, "one").await;
    for n in 0..20 {
        let talk = room(&*stores[0], &format!("room-{n}"), None).await.id;
        enter(&*stores[0], talk, ann).await;
        mention(&*stores[0], talk, ann, bob, "hello").await;
    }
    assert_eq!(stores[0].take_due_pushes(NOW_MS, NOW_MS + LEASE_MS, 3, 100).await.unwrap().len(), 3, "of an account");
    let takers = (0..6).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.take_due_pushes(NOW_MS, NOW_MS + LEASE_MS, 100, 5).await.unwrap() }
    });
    let mut taken: Vec<_> = at_once(takers).await.into_iter().flatten().map(|push| push.room_id).collect();
    taken.extend(take(&*stores[0], NOW_MS).await.into_iter().map(|push| push.room_id));
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 17);
    assert!(take(&*stores[1], NOW_MS + LEASE_MS - 1).await.is_empty(), "somebody has them");
    let again = take(&*stores[1], NOW_MS + LEASE_MS).await;
    assert!(again.len() == 20 && again.iter().all(|push| push.attempt == 2), "whoever had them is gone");
}

async fn what_comes_while_it_is_sent_is_pushed_after_it(database: Database) {
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    browser(&*store, bob, "one").await;
    mention(&*store, talk, ann, bob, "first").await;
    let first = take(&*store, NOW_MS).await.remove(0);
    mention(&*store, talk, ann, bob, "second").await;
    assert!(take(&*store, NOW_MS).await.is_empty(), "it is under way");
    store.push_done(&first, NOW_MS).await.unwrap();
    let second = take(&*store, NOW_MS).await.remove(0);
    assert_eq!((second.attempt, second.first_event_id == first.first_event_id), (1, false));
    assert_eq!(pushed(&*store, &second, bob).await.as_deref(), Some("second"));
    store.push_done(&second, NOW_MS).await.unwrap();
    assert_eq!(store.push_count().await.unwrap(), 0);
}

async fn what_fails_is_tried_again_and_given_up(database: Database) {
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    browser(&*store, bob, "one").await;
    mention(&*store, talk, ann, bob, "hello").await;
    let push = take(&*store, NOW_MS).await.remove(0);
    store.push_again(&push, NOW_MS + 5_000, true).await.unwrap();
    mention(&*store, talk, ann, bob, "again").await;
    assert!(take(&*store, NOW_MS + 4_999).await.is_empty(), "also when more comes");
    let again = take(&*store, NOW_MS + 5_000).await.remove(0);
    assert_eq!(again.attempt, 2);
    store.push_again(&again, NOW_MS + 6_000, false).await.unwrap();
    let looked = take(&*store, NOW_MS + 6_000).await.remove(0);
    assert_eq!(looked.attempt, 2, "it was not tried");
    store.push_again(&looked, NOW_MS + 6_000, true).await.unwrap();
    assert!(take(&*store, NOW_MS + DAY_MS).await.is_empty(), "it is too old");
    store.drop_expired_pushes(NOW_MS + DAY_MS - 1).await.unwrap();
    assert_eq!(store.push_count().await.unwrap(), 1);
    store.drop_expired_pushes(NOW_MS + DAY_MS).await.unwrap();
    assert_eq!(store.push_count().await.unwrap(), 0);
}

async fn only_what_is_not_read_and_not_deleted_is_pushed(database: Database) {
    use super::chat_changes::{change, changed};
    use crate::store::{Change, MessageChange};
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    browser(&*store, bob, "one").await;
    mention(&*store, talk, ann, bob, "old").await;
    store.push_done(&take(&*store, NOW_MS).await.remove(0), NOW_MS).await.unwrap();
    mention(&*store, talk, ann, bob, "kept").await;
    let deleted = mention(&*store, talk, ann, bob, "deleted").await;
    let push = take(&*store, NOW_MS).await.remove(0);
    assert_eq!(pushed(&*store, &push, bob).await.as_deref(), Some("deleted"));
    let key = Uuid::now_v7().to_string();
    let delete = change(&deleted, talk, ann, Change::Delete { audit: audit() });
    changed(&*store, MessageChange { idempotency_key: Some(&key), ..delete }).await;
    assert_eq!(pushed(&*store, &push, bob).await.as_deref(), Some("kept"), "what was before it is not read yet");
    assert_eq!(pushed(&*store, &push, ann).await, None, "it is not hers");
    store.mark_read(talk, bob, deleted.seq - 1).await.unwrap();
    assert_eq!(pushed(&*store, &push, bob).await, None, "read in the room");
    let last = mention(&*store, talk, ann, bob, "last").await;
    assert_eq!(pushed(&*store, &push, bob).await.as_deref(), Some("last"));
    let inbox = store.notifications(bob, None, 1).await.unwrap();
    assert_eq!(inbox[0].notification.message.as_ref().unwrap().id, last.id);
    store.read_notifications(bob, inbox[0].notification.id, NOW_MS).await.unwrap();
    assert_eq!(pushed(&*store, &push, bob).await, None, "read in the inbox");
}

async fn a_call_is_pushed_while_it_rings_and_when_it_was_missed(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let place = direct(&*store, ann, bob).await.room_id;
    browser(&*store, bob, "one").await;
    browser(&*store, ann, "two").await;
    enter(&*store, place, ann).await;
    store.admit(place, ann, None).await.unwrap();
    store.call_joined(place, ann, NOW_MS).await.unwrap();
    let [push] = take(&*store, NOW_MS).await.try_into().unwrap();
    assert_eq!(push.about, PushAbout::Call);
    let content = async |now_ms| store.push_content(&push, bob, now_ms).await.unwrap();
    match content(NOW_MS).await {
        Some(PushContent::Ringing { caller_name, began_at_ms, .. }) => {
            assert_eq!((caller_name.as_str(), began_at_ms), ("Ann", NOW_MS));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(content(NOW_MS + RING_MS).await, None);
    store.push_again(&push, NOW_MS, true).await.unwrap();
    store.end_rings(NOW_MS + RING_MS).await.unwrap();
    // The same row goes on: a notification takes the place of the other.
    let [push] = take(&*store, NOW_MS + RING_MS).await.try_into().unwrap();
    let content = store.push_content(&push, bob, NOW_MS + RING_MS).await.unwrap();
    assert!(matches!(content, Some(PushContent::MissedCall { .. })), "{content:?}");
    store.read_direct(place, bob, 0, NOW_MS).await.unwrap();
    assert_eq!(store.push_content(&push, bob, NOW_MS + RING_MS).await.unwrap(), None);
}

async fn who_wants_none_is_not_pushed_to(database: Database) {
    let store = database.open().await;
    let (ann, bob, talk) = two_in_a_room(&*store).await;
    let (_, id) = browser(&*store, bob, "one").await;
    assert!(store.wants_push(bob).await.unwrap());
    mention(&*store, talk, ann, bob, "hello").await;
    store.want_push(bob, false, NOW_MS).await.unwrap();
    assert_eq!((store.wants_push(bob).await.unwrap(), store.push_count().await.unwrap()), (false, 0));
    assert!(store.push_target(id, NOW_MS).await.unwrap().is_none());
    mention(&*store, talk, ann, bob, "hello").await;
    assert_eq!(store.push_count().await.unwrap(), 0);
    store.want_push(bob, true, NOW_MS).await.unwrap();
    mention(&*store, talk, ann, bob, "hello").await;
    assert_eq!(store.push_count().await.unwrap(), 1);
}
