use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::socket::{Attachment, Message};
use boltorezka_proto::{AttachmentId, FileName, RoomId, UserId};

use super::chat_changes::{change, changed};
use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, enter, message, room, text, user};
use super::workspaces::made;
use crate::store::{Added, Change, NewAttachment, NewMessage, SendOutcome, Space, Store};

on_every_database!(
    a_file_is_sent_once_by_who_uploaded_it,
    of_two_who_send_a_file_one_does,
    whatever_goes_leaves_its_file_to_be_removed,
    space_is_bounded_for_those_who_race,
    a_file_is_of_one_workspace,
);

const NO_BOUND: Space = Space { of_user: u64::MAX, of_room: u64::MAX };

fn file(size_bytes: u64) -> Attachment {
    let name = FileName::new("notes.txt").unwrap();
    Attachment { id: AttachmentId::generate(), name, media_type: "text/plain".to_owned(), size_bytes }
}

async fn add(store: &dyn Store, room_id: RoomId, uploader_id: UserId, attachment: &Attachment, space: Space) -> Added {
    store.add_attachment(NewAttachment { attachment, room_id, uploader_id, space, now_ms: NOW_MS }).await.unwrap()
}

pub async fn added(store: &dyn Store, room_id: RoomId, uploader_id: UserId) -> Attachment {
    let attachment = file(10);
    assert_eq!(add(store, room_id, uploader_id, &attachment, NO_BOUND).await, Added::Done);
    attachment
}

async fn send(store: &dyn Store, room_id: RoomId, sender_id: UserId, files: &[AttachmentId], key: &str) -> SendOutcome {
    let here = text("here");
    store.send_message(NewMessage { attachments: files, ..message(room_id, sender_id, &here, key) }).await.unwrap()
}

async fn sent(store: &dyn Store, room_id: RoomId, sender_id: UserId, files: &[AttachmentId], key: &str) -> Message {
    match send(store, room_id, sender_id, files, key).await {
        SendOutcome::Stored(message) => message,
        other => panic!("{other:?}"),
    }
}

async fn a_file_is_sent_once_by_who_uploaded_it(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    for (room_id, user_id) in [(talk, ann), (talk, bob), (other, ann)] {
        enter(&*store, room_id, user_id).await;
    }
    let (one, two, elsewhere) =
        (added(&*store, talk, ann).await, added(&*store, talk, ann).await, added(&*store, other, ann).await);
    assert!(!store.attachment(one.id).await.unwrap().unwrap().is_sent);
    let refused = async |user_id, files: &[AttachmentId]| {
        matches!(send(&*store, talk, user_id, files, "refused").await, SendOutcome::NoAttachment)
    };
    assert!(refused(bob, &[one.id]).await, "it is Ann's");
    assert!(refused(ann, &[one.id, elsewhere.id]).await, "it is of another room");
    assert!(refused(ann, &[AttachmentId::generate()]).await, "it is not there");
    let files = [two.id, one.id];
    let message = sent(&*store, talk, ann, &files, "k").await;
    assert_eq!(message.attachments, [two.clone(), one.clone()], "in the order that was asked for");
    assert!(refused(ann, &[one.id]).await, "it is sent");
    assert!(store.attachment(one.id).await.unwrap().unwrap().is_sent);
    // The key knows what was asked for, also when the message is not what it was.
    assert!(matches!(send(&*store, talk, ann, &files, "k").await, SendOutcome::Duplicate(now) if now == message));
    assert!(matches!(send(&*store, talk, ann, &[one.id, two.id], "k").await, SendOutcome::Conflict));
    assert!(matches!(send(&*store, talk, ann, &[], "k").await, SendOutcome::Conflict));
    let next = text("changed");
    let edited = changed(&*store, change(&message, talk, ann, Change::Edit { text: &next, mentions: &[] })).await;
    assert_eq!(edited.attachments, message.attachments);
    assert!(matches!(send(&*store, talk, ann, &files, "k").await, SendOutcome::Duplicate(_)));
    assert_eq!(store.messages(talk, None, 1).await.unwrap()[0].message, edited);
    let exported = store.written_by(ann, None, 10).await.unwrap();
    assert_eq!(exported[0].attachments, message.attachments);
    let deleted = changed(&*store, change(&message, talk, ann, Change::Delete { audit: audit() })).await;
    assert!(deleted.attachments.is_empty());
    assert!(matches!(send(&*store, talk, ann, &files, "k").await, SendOutcome::Duplicate(_)));
}

async fn of_two_who_send_a_file_one_does(database: Database) {
    let stores = [database.open().await, database.open().await];
    let ann = user(&*stores[0], "Ann").await;
    let talk = room(&*stores[0], "talk", None).await.id;
    enter(&*stores[0], talk, ann).await;
    for round in 0..6 {
        let file = added(&*stores[0], talk, ann).await;
        let sending = (0..4).map(|number| {
            let (store, id) = (stores[number % 2].clone(), file.id);
            // One of them drops it instead, as the sweep does.
            async move {
                if number == 3 {
                    store.drop_unsent_attachments(NOW_MS + 1).await.unwrap();
                    return false;
                }
                matches!(send(&*store, talk, ann, &[id], &format!("{round} {number}")).await, SendOutcome::Stored(_))
            }
        });
        let stored = at_once(sending).await.into_iter().filter(|stored| *stored).count();
        let there = stores[0].attachment(file.id).await.unwrap();
        assert_eq!(stored, usize::from(there.is_some()), "sent, or dropped");
        assert!(there.is_none_or(|there| there.is_sent));
    }
}

async fn whatever_goes_leaves_its_file_to_be_removed(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (talk, other) = (room(&*store, "talk", None).await.id, room(&*store, "other", None).await.id);
    for (room_id, user_id) in [(talk, ann), (talk, bob), (other, bob)] {
        enter(&*store, room_id, user_id).await;
    }
    let removed = async || {
        let ids = store.removed_files(100).await.unwrap();
        store.forget_removed_files(&ids).await.unwrap();
        ids
    };
    let deleted = added(&*store, talk, ann).await;
    let message = sent(&*store, talk, ann, &[deleted.id], "1").await;
    assert!(removed().await.is_empty());
    changed(&*store, change(&message, talk, ann, Change::Delete { audit: audit() })).await;
    assert_eq!(removed().await, [deleted.id], "of a deleted message");
    assert!(store.attachment(deleted.id).await.unwrap().is_none());
    assert!(removed().await.is_empty(), "once");

    let (unsent, in_message) = (added(&*store, talk, ann).await, added(&*store, talk, ann).await);
    sent(&*store, talk, ann, &[in_message.id], "2").await;
    store.drop_unsent_attachments(NOW_MS).await.unwrap();
    assert!(removed().await.is_empty(), "its time has not come");
    store.drop_unsent_attachments(NOW_MS + 1).await.unwrap();
    assert_eq!(removed().await, [unsent.id], "of no message");

    database.execute("DELETE FROM messages WHERE idempotency_key = '2'").await;
    assert_eq!(removed().await, [in_message.id], "of a message that is gone for good");

    let (of_room, of_bob) = (added(&*store, other, bob).await, added(&*store, talk, bob).await);
    sent(&*store, other, bob, &[of_room.id], "3").await;
    let left = sent(&*store, talk, bob, &[of_bob.id], "4").await;
    let among = store.attachments_among(&[of_room.id, of_bob.id, unsent.id]).await.unwrap();
    assert_eq!(among, [of_room.id, of_bob.id].into());
    assert!(store.delete_room(other, &audit()).await.unwrap());
    assert_eq!(removed().await, [of_room.id], "of a deleted room");

    store.plan_erasure(bob, NOW_MS, NOW_MS).await.unwrap();
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    assert_eq!(removed().await, [of_bob.id], "of an erased account");
    let now = &store.messages(talk, None, 1).await.unwrap()[0].message;
    assert_eq!((now.id, now.attachments.len(), now.said()), (left.id, 0, "here"));
}

async fn space_is_bounded_for_those_who_race(database: Database) {
    let stores = [database.open().await, database.open().await];
    let (ann, bob) = (user(&*stores[0], "Ann").await, user(&*stores[0], "Bob").await);
    let talk = room(&*stores[0], "talk", None).await.id;
    let upload = |by: Vec<UserId>, space| {
        let stores = stores.clone();
        async move {
            let tries = by.into_iter().enumerate().map(|(number, user_id)| {
                let store = stores[number % 2].clone();
                async move { add(&*store, talk, user_id, &file(10), space).await }
            });
            at_once(tries).await
        }
    };
    let outcomes = upload(vec![ann; 8], Space { of_user: 35, of_room: u64::MAX }).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Added::Done).count(), 3, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Added::Done | Added::UserFull)));
    let outcomes = upload([ann, bob].repeat(4), Space { of_user: u64::MAX, of_room: 60 }).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Added::Done).count(), 3, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Added::Done | Added::RoomFull)));
    assert_eq!(stores[0].space_taken(ann, talk).await.unwrap().of_room, 60);
    // Who lost the right meanwhile adds nothing.
    stores[0].set_member(talk, ann, RoomRole::Listener, &audit()).await.unwrap();
    assert_eq!(add(&*stores[0], talk, ann, &file(1), NO_BOUND).await, Added::Forbidden);
    assert_eq!(add(&*stores[0], talk, UserId::generate(), &file(1), NO_BOUND).await, Added::Forbidden);
}

async fn a_file_is_of_one_workspace(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let acme = made(&*store, "acme", ann).await;
    let talk = room(&*acme, "talk", None).await.id;
    assert_eq!(add(&*store, talk, ann, &file(1), NO_BOUND).await, Added::Forbidden, "the room is of another");
    let file = added(&*acme, talk, ann).await;
    assert!(store.attachment(file.id).await.unwrap().is_none());
    assert_eq!(acme.attachment(file.id).await.unwrap().unwrap().attachment, file);
}
