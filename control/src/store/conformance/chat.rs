use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::{MessageId, RoomId};

use super::database::Database;
use super::people::{audit, enter, message, room, say, text, user};
use crate::events::GatewayEvent;
use crate::store::{NewMessage, SendOutcome};

on_every_database!(a_key_is_one_message, who_may_not_speak, history_comes_in_pages);

async fn a_key_is_one_message(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (talk, other) = (room(&*store, "talk", None).await, room(&*store, "other", None).await);
    enter(&*store, talk.id, ann).await;
    enter(&*store, other.id, ann).await;
    let (hello, bye) = (text("hello"), text("bye"));
    let send = async |message| store.send_message(message).await.unwrap();
    let SendOutcome::Stored(first) = send(message(talk.id, ann, &hello, "k")).await else { panic!("not stored") };
    assert_eq!((first.text.clone(), first.sender_id, first.sender_name.as_str()), (Some(hello.clone()), ann, "Ann"));
    let again = send(message(talk.id, ann, &hello, "k")).await;
    assert!(matches!(again, SendOutcome::Duplicate(stored) if stored.id == first.id));
    assert!(matches!(send(message(talk.id, ann, &bye, "k")).await, SendOutcome::Conflict));
    assert!(matches!(send(message(other.id, ann, &hello, "k")).await, SendOutcome::Conflict));
    let answer = NewMessage { reply_to: Some(first.id), ..message(talk.id, ann, &hello, "k") };
    assert!(matches!(send(answer).await, SendOutcome::Conflict));
    // What was not stored took no number.
    say(&*store, talk.id, ann, "next", "l").await;
    assert_eq!(store.messages(talk.id, None, 10).await.unwrap()[0].seq, 2);
    let events = store.events(10).await.unwrap();
    assert_eq!(events.len(), 2, "one for each message");
    let event = serde_json::from_str(&events[0].payload).unwrap();
    let GatewayEvent::MessageNew { room_id, message } = event else { panic!("{event:?}") };
    assert_eq!((room_id, message), (talk.id, first));
}

async fn who_may_not_speak(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let hello = text("hello");
    let send = async |message| store.send_message(message).await.unwrap();
    assert!(matches!(send(message(RoomId::generate(), ann, &hello, "k")).await, SendOutcome::NotJoined));
    assert!(matches!(send(message(talk.id, ann, &hello, "k")).await, SendOutcome::NotJoined));
    enter(&*store, talk.id, ann).await;
    let answer = NewMessage { reply_to: Some(MessageId::generate()), ..message(talk.id, ann, &hello, "k") };
    assert!(matches!(send(answer).await, SendOutcome::NoReplyTarget));
    store.set_member(talk.id, ann, RoomRole::Listener, &audit()).await.unwrap();
    assert!(matches!(send(message(talk.id, ann, &hello, "k")).await, SendOutcome::Forbidden));
    assert_eq!(database.count("SELECT count(*) FROM messages").await, 0);
    store.set_member(talk.id, ann, RoomRole::Member, &audit()).await.unwrap();
    assert!(matches!(send(message(talk.id, ann, &hello, "k")).await, SendOutcome::Stored(_)), "refused keys are free");
    assert_eq!(store.messages(talk.id, None, 10).await.unwrap()[0].seq, 1, "nor did they take a number");
}

async fn history_comes_in_pages(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    for key in ["1", "2", "3"] {
        say(&*store, talk.id, ann, key, key).await;
    }
    let page = async |before, limit| {
        let records = store.messages(talk.id, before, limit).await.unwrap();
        records.into_iter().map(|record| (record.seq, record.message.text.unwrap().to_string())).collect::<Vec<_>>()
    };
    let said = |seq: i64| (seq, seq.to_string());
    assert_eq!(page(None, 2).await, [said(3), said(2)]);
    assert_eq!(page(Some(2), 2).await, [said(1)]);
}
