use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::socket::{Message, REACTIONS_MAX};
use boltorezka_proto::{MessageId, ReactionEmoji, RoomId, UserId};

use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, enter, message, room, text, user};
use crate::events::GatewayEvent;
use crate::store::{Change, ChangeOutcome, ChangeRefusal, DeltaRequest, MessageChange, NewMessage, SendOutcome, Store};

on_every_database!(
    each_change_takes_a_number_and_is_told,
    a_key_is_one_change,
    what_was_deleted_leaves_its_place_and_its_key,
    who_may_change_what,
    reactions_are_counted_exactly,
    pins_are_bounded,
    mentions_follow_the_text,
);

pub async fn said(store: &dyn Store, room_id: RoomId, sender_id: UserId, what: &str, key: &str) -> Message {
    match store.send_message(message(room_id, sender_id, &text(what), key)).await.unwrap() {
        SendOutcome::Stored(message) => message,
        other => panic!("{other:?}"),
    }
}

pub fn change<'a>(of: &Message, room_id: RoomId, actor_id: UserId, change: Change<'a>) -> MessageChange<'a> {
    MessageChange { room_id, message_id: of.id, actor_id, change, idempotency_key: None, now_ms: NOW_MS + 5 }
}

pub async fn changed(store: &dyn Store, change: MessageChange<'_>) -> Message {
    match store.change_message(change).await.unwrap() {
        ChangeOutcome::Changed(message) => message,
        other => panic!("{other:?}"),
    }
}

async fn unchanged(store: &dyn Store, change: MessageChange<'_>) -> Message {
    match store.change_message(change).await.unwrap() {
        ChangeOutcome::Unchanged(message) => message,
        other => panic!("{other:?}"),
    }
}

async fn refused(store: &dyn Store, change: MessageChange<'_>) -> ChangeRefusal {
    match store.change_message(change).await.unwrap() {
        ChangeOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn delete<'a>() -> Change<'a> {
    Change::Delete { audit: audit() }
}

fn emoji(text: &str) -> ReactionEmoji {
    ReactionEmoji::new(text).unwrap()
}

async fn each_change_takes_a_number_and_is_told(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let (one, two) = (said(&*store, talk.id, ann, "one", "1").await, said(&*store, talk.id, ann, "two", "2").await);
    assert_eq!((one.seq, two.seq, one.number()), (1, 2, 1));
    let next = text("three");
    let edited = changed(&*store, change(&one, talk.id, ann, Change::Edit { text: &next, mentions: &[] })).await;
    assert_eq!((edited.seq, edited.changed_seq, edited.said()), (1, Some(3), "three"));
    assert_eq!(edited.edited_at.unwrap().unix_ms(), NOW_MS + 5);
    let thumb = emoji("👍");
    let reacted = changed(&*store, change(&two, talk.id, ann, Change::React { emoji: &thumb, on: true })).await;
    assert_eq!((reacted.number(), reacted.reactions[0].count), (4, 1));
    let deleted = changed(&*store, change(&two, talk.id, ann, delete())).await;
    assert_eq!((deleted.seq, deleted.number(), deleted.text, deleted.reactions), (2, 5, None, vec![]));
    // What changes nothing takes no number and is not told.
    unchanged(&*store, change(&one, talk.id, ann, Change::Edit { text: &next, mentions: &[] })).await;
    unchanged(&*store, change(&two, talk.id, ann, delete())).await;
    assert_eq!(said(&*store, talk.id, ann, "four", "4").await.seq, 6);
    let numbers: Vec<u64> = store
        .events(20)
        .await
        .unwrap()
        .iter()
        .map(|row| match serde_json::from_str(&row.payload).unwrap() {
            GatewayEvent::MessageNew { message, .. } | GatewayEvent::MessageChanged { message, .. } => message.number(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
}

async fn a_key_is_one_change(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let one = said(&*store, talk.id, ann, "one", "1").await;
    let (a, b) = (text("a"), text("b"));
    let edit = |text, key| MessageChange {
        idempotency_key: Some(key),
        ..change(&one, talk.id, ann, Change::Edit { text, mentions: &[] })
    };
    changed(&*store, edit(&a, "k")).await;
    changed(&*store, edit(&b, "l")).await;
    // A late repetition does not bring the old text back.
    assert_eq!(unchanged(&*store, edit(&a, "k")).await.said(), "b");
    assert_eq!(refused(&*store, edit(&b, "k")).await, ChangeRefusal::Conflict);
    unchanged(&*store, edit(&b, "m")).await;
    changed(&*store, edit(&a, "n")).await;
    assert_eq!(unchanged(&*store, edit(&b, "m")).await.said(), "a");
    // Nor do many at once make more than one.
    let tries = (0..16).map(|_| {
        let (store, one, talk) = (store.clone(), one.clone(), talk.id);
        async move {
            let thumb = emoji("👍");
            let on = MessageChange {
                idempotency_key: Some("react"),
                ..change(&one, talk, ann, Change::React { emoji: &thumb, on: true })
            };
            matches!(store.change_message(on).await.unwrap(), ChangeOutcome::Changed(_))
        }
    });
    assert_eq!(at_once(tries).await.into_iter().filter(|changed| *changed).count(), 1);
    store.forget_chat_keys(NOW_MS + 6).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM chat_keys").await, 0);
}

async fn what_was_deleted_leaves_its_place_and_its_key(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let one = said(&*store, talk.id, ann, "secret words", "1").await;
    let edited = text("other words");
    changed(&*store, change(&one, talk.id, ann, Change::Edit { text: &edited, mentions: &[] })).await;
    let (hello, other) = (text("secret words"), text("other words"));
    let again = async |text| store.send_message(message(talk.id, ann, text, "1")).await.unwrap();
    assert!(matches!(again(&hello).await, SendOutcome::Duplicate(now) if now.said() == "other words"));
    assert!(matches!(again(&other).await, SendOutcome::Conflict), "it was sent as something else");
    changed(&*store, change(&one, talk.id, ann, delete())).await;
    assert!(matches!(again(&hello).await, SendOutcome::Duplicate(now) if now.deleted_at.is_some()));
    assert!(matches!(again(&other).await, SendOutcome::Conflict));
    let history = store.messages(talk.id, None, 10).await.unwrap();
    assert_eq!((history.len(), history[0].message.id, history[0].message.said()), (1, one.id, ""));
    assert_eq!(database.count("SELECT count(*) FROM messages WHERE text LIKE '%words%'").await, 0);
    for gone in [Change::Edit { text: &hello, mentions: &[] }, Change::React { emoji: &emoji("x"), on: true }] {
        assert_eq!(refused(&*store, change(&one, talk.id, ann, gone)).await, ChangeRefusal::NoMessage);
    }
}

async fn who_may_change_what(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let (talk, other) = (room(&*store, "talk", None).await, room(&*store, "other", None).await);
    enter(&*store, talk.id, ann).await;
    let one = said(&*store, talk.id, ann, "one", "1").await;
    let next = text("two");
    let edit = || Change::Edit { text: &next, mentions: &[] };
    assert_eq!(refused(&*store, change(&one, talk.id, bob, edit())).await, ChangeRefusal::NotJoined);
    enter(&*store, talk.id, bob).await;
    enter(&*store, other.id, bob).await;
    assert_eq!(refused(&*store, change(&one, talk.id, bob, edit())).await, ChangeRefusal::NotSender);
    assert_eq!(refused(&*store, change(&one, other.id, bob, edit())).await, ChangeRefusal::NoMessage);
    let nobody = MessageChange { message_id: MessageId::generate(), ..change(&one, talk.id, bob, delete()) };
    assert_eq!(refused(&*store, nobody).await, ChangeRefusal::NoMessage);
    assert_eq!(refused(&*store, change(&one, talk.id, bob, delete())).await, ChangeRefusal::NotSender);
    let pin = || Change::Pin { on: true, pins_max: None };
    assert_eq!(refused(&*store, change(&one, talk.id, bob, pin())).await, ChangeRefusal::Forbidden);
    for moderator in [ann, bob] {
        store.set_member(talk.id, moderator, RoomRole::Moderator, &audit()).await.unwrap();
    }
    // Nobody is moderated by an equal, nor edits for somebody else.
    assert_eq!(refused(&*store, change(&one, talk.id, bob, delete())).await, ChangeRefusal::NotOutranked);
    store.set_member(talk.id, bob, RoomRole::Owner, &audit()).await.unwrap();
    assert_eq!(refused(&*store, change(&one, talk.id, bob, edit())).await, ChangeRefusal::NotSender);
    changed(&*store, change(&one, talk.id, bob, delete())).await;
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action = 'chat.message.moderate'").await, 1);
    store.set_member(talk.id, cid, RoomRole::Listener, &audit()).await.unwrap();
    enter(&*store, talk.id, cid).await;
    let thumb = emoji("👍");
    let react = Change::React { emoji: &thumb, on: true };
    assert_eq!(refused(&*store, change(&one, talk.id, cid, react)).await, ChangeRefusal::Forbidden);
}

async fn reactions_are_counted_exactly(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await;
    let mut people = Vec::new();
    for who in ["Ann", "Bob", "Cid", "Dan"] {
        let user_id = user(&*store, who).await;
        enter(&*store, talk.id, user_id).await;
        people.push(user_id);
    }
    let one = said(&*store, talk.id, people[0], "one", "1").await;
    let all =
        people.iter().flat_map(|&user_id| (0..12).map(move |number| (user_id, number))).map(|(user_id, number)| {
            let (store, one, talk) = (store.clone(), one.clone(), talk.id);
            async move {
                let emoji = emoji(["a", "b", "c"][number % 3]);
                let react = Change::React { emoji: &emoji, on: number % 4 != 3 };
                store.change_message(change(&one, talk, user_id, react)).await.unwrap();
            }
        });
    at_once(all).await;
    let message = store.messages(talk.id, None, 1).await.unwrap().remove(0).message;
    let counted: u32 = message.reactions.iter().map(|reaction| reaction.count).sum();
    let named: usize = message.reactions.iter().map(|reaction| reaction.user_ids.len()).sum();
    let rows = database.count("SELECT count(*) FROM message_reactions").await;
    assert_eq!((i64::from(counted), named as i64), (rows, rows));
    assert!(message.reactions.iter().all(|reaction| reaction.count > 0));
    // Kinds are bounded; one that is there already takes more people.
    for number in message.reactions.len()..REACTIONS_MAX {
        let emoji = emoji(&format!("e{number}"));
        changed(&*store, change(&one, talk.id, people[0], Change::React { emoji: &emoji, on: true })).await;
    }
    let (new, known) = (emoji("new"), emoji("e19"));
    let react = |emoji| Change::React { emoji, on: true };
    assert_eq!(refused(&*store, change(&one, talk.id, people[1], react(&new))).await, ChangeRefusal::TooManyReactions);
    changed(&*store, change(&one, talk.id, people[1], react(&known))).await;
    let back = Change::React { emoji: &known, on: false };
    let message = changed(&*store, change(&one, talk.id, people[0], back)).await;
    assert_eq!(message.reactions.last().unwrap().user_ids, [people[1]]);
}

async fn pins_are_bounded(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    store.set_member(talk.id, ann, RoomRole::Moderator, &audit()).await.unwrap();
    enter(&*store, talk.id, ann).await;
    let mut messages = Vec::new();
    for number in 0..8 {
        messages.push(said(&*store, talk.id, ann, "x", &number.to_string()).await);
    }
    let pin = |on| Change::Pin { on, pins_max: Some(3) };
    let all = messages.iter().cloned().map(|message| {
        let (store, talk) = (store.clone(), talk.id);
        async move {
            let outcome = store.change_message(change(&message, talk, ann, pin(true))).await.unwrap();
            matches!(outcome, ChangeOutcome::Changed(_))
        }
    });
    assert_eq!(at_once(all).await.into_iter().filter(|pinned| *pinned).count(), 3);
    let pins = store.pins(talk.id, 10).await.unwrap();
    assert_eq!(pins.len(), 3);
    assert!(pins.iter().all(|pin| pin.pinned_at.is_some()));
    changed(&*store, change(&pins[0], talk.id, ann, delete())).await;
    changed(&*store, change(&pins[1], talk.id, ann, pin(false))).await;
    assert_eq!(store.pins(talk.id, 10).await.unwrap().len(), 1, "what is deleted is not pinned");
}

async fn mentions_follow_the_text(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let hello = text("hello");
    let both = [bob, cid];
    let new = NewMessage { mentions: &both, ..message(talk.id, ann, &hello, "1") };
    let SendOutcome::Stored(one) = store.send_message(new).await.unwrap() else { panic!("not stored") };
    assert_eq!(one.mentions, both);
    assert!(matches!(store.send_message(new).await.unwrap(), SendOutcome::Duplicate(now) if now == one));
    let none = message(talk.id, ann, &hello, "1");
    assert!(matches!(store.send_message(none).await.unwrap(), SendOutcome::Conflict));
    let unread = async |user_id| store.unread(user_id, &[talk.id]).await.unwrap()[&talk.id];
    assert_eq!((unread(bob).await.unread_count, unread(bob).await.mention_count), (1, 1));
    assert_eq!((unread(ann).await.unread_count, unread(ann).await.mention_count), (0, 0));
    changed(&*store, change(&one, talk.id, ann, Change::Edit { text: &hello, mentions: &[bob] })).await;
    assert_eq!((unread(bob).await.mention_count, unread(cid).await.mention_count), (1, 0));
    let nobody = [UserId::generate()];
    let edit = Change::Edit { text: &hello, mentions: &nobody };
    assert_eq!(refused(&*store, change(&one, talk.id, ann, edit)).await, ChangeRefusal::NoMentioned);
    let new = NewMessage { mentions: &nobody, ..message(talk.id, ann, &hello, "2") };
    assert!(matches!(store.send_message(new).await.unwrap(), SendOutcome::NoMentioned));
    changed(&*store, change(&one, talk.id, ann, delete())).await;
    assert_eq!((unread(bob).await.unread_count, unread(bob).await.mention_count), (0, 0));
    let request = DeltaRequest { room_id: talk.id, after: Some(0), limit: 10, behind_max: 10 };
    assert_eq!(store.chat_after(request).await.unwrap().unwrap().messages.len(), 1);
}
