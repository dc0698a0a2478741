use boltorezka_proto::notifications::{Notification, NotificationKind};
use boltorezka_proto::rooms::RoomSettingsChange;
use boltorezka_proto::socket::Message;
use boltorezka_proto::{MessageId, RoomId, UserId};

use super::chat_changes::{change, changed};
use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, enter, message, room, text, user};
use super::room_settings::set;
use super::workspaces::made;
use crate::events::GatewayEvent;
use crate::store::{Change, NewMessage, SendOutcome, Store};

on_every_database!(
    mentions_and_answers_are_told_once,
    they_follow_the_message,
    they_are_read_up_to_one,
    what_is_too_old_or_of_an_erased_account_goes,
);

async fn tell(
    store: &dyn Store,
    room_id: RoomId,
    sender_id: UserId,
    reply_to: Option<MessageId>,
    mentions: &[UserId],
    key: &str,
) -> Message {
    let hello = text("hello");
    let new = NewMessage { reply_to, mentions, ..message(room_id, sender_id, &hello, key) };
    match store.send_message(new).await.unwrap() {
        SendOutcome::Stored(message) | SendOutcome::Duplicate(message) => message,
        other => panic!("{other:?}"),
    }
}

async fn inbox(store: &dyn Store, user_id: UserId) -> Vec<Notification> {
    let records = store.notifications(user_id, None, 100).await.unwrap();
    records.into_iter().map(|record| record.notification).collect()
}

async fn mentions_and_answers_are_told_once(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let talk = room(&*store, "talk", None).await.id;
    for user_id in [ann, bob, cid] {
        enter(&*store, talk, user_id).await;
    }
    let first = tell(&*store, talk, ann, None, &[], "1").await;
    let answer = tell(&*store, talk, bob, Some(first.id), &[bob, cid], "2").await;
    tell(&*store, talk, bob, Some(first.id), &[bob, cid], "2").await;
    // Who is mentioned and answered is told once; nobody is told of oneself.
    let both = tell(&*store, talk, cid, Some(first.id), &[ann], "3").await;
    tell(&*store, talk, ann, Some(first.id), &[ann], "4").await;
    let kinds = |inbox: Vec<Notification>| {
        inbox.into_iter().map(|notification| (notification.kind, notification.message.unwrap().id)).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(inbox(&*store, ann).await),
        [(NotificationKind::Mention, both.id), (NotificationKind::Reply, answer.id)]
    );
    assert_eq!(kinds(inbox(&*store, cid).await), [(NotificationKind::Mention, answer.id)]);
    assert!(inbox(&*store, bob).await.is_empty());
    let told: Vec<(UserId, u32)> = store
        .events(100)
        .await
        .unwrap()
        .iter()
        .filter_map(|row| match serde_json::from_str(&row.payload).unwrap() {
            GatewayEvent::NotificationNew { user_id, unread_count, .. } => Some((user_id, unread_count)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(cid, 1), (ann, 1), (ann, 2)]);
    // Of many at once nothing is lost.
    let answering = (0..6).map(|number| {
        let store = store.clone();
        async move { tell(&*store, talk, bob, Some(first.id), &[], &format!("at once {number}")).await }
    });
    at_once(answering).await;
    assert_eq!(store.unread_notifications(ann).await.unwrap(), 8);
}

async fn they_follow_the_message(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    let said = tell(&*store, talk, ann, None, &[bob], "1").await;
    let next = text("changed");
    let edit = Change::Edit { text: &next, mentions: &[cid] };
    changed(&*store, change(&said, talk, ann, edit.clone())).await;
    assert!(inbox(&*store, bob).await.is_empty(), "it mentions Bob no more");
    let of_cid = inbox(&*store, cid).await;
    let message = of_cid[0].message.as_ref().unwrap();
    assert_eq!((of_cid.len(), message.said(), message.changed_seq), (1, "changed", Some(2)));
    // An edit that mentions the same notifies nobody anew.
    let last = text("changed again");
    changed(&*store, change(&said, talk, ann, Change::Edit { text: &last, mentions: &[cid] })).await;
    let again = inbox(&*store, cid).await;
    assert_eq!((again[0].id, again[0].message.as_ref().unwrap().said()), (of_cid[0].id, "changed again"));
    changed(&*store, change(&said, talk, ann, Change::Delete { audit: audit() })).await;
    assert!(inbox(&*store, cid).await.is_empty());
    assert_eq!(store.unread_notifications(cid).await.unwrap(), 0);
    tell(&*store, talk, ann, None, &[cid], "2").await;
    assert!(store.delete_room(talk, &audit()).await.unwrap());
    assert!(inbox(&*store, cid).await.is_empty(), "its room is gone");
}

async fn they_are_read_up_to_one(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", bob).await;
    let (talk, of_acme) = (room(&*store, "talk", None).await.id, room(&*acme, "talk", None).await.id);
    enter(&*store, talk, ann).await;
    enter(&*acme, of_acme, bob).await;
    for number in 0..5 {
        tell(&*store, talk, ann, None, &[bob], &number.to_string()).await;
    }
    let all = inbox(&*store, bob).await;
    assert!(all.is_sorted_by(|newer, older| newer.id > older.id));
    let page = store.notifications(bob, Some(all[1].id), 2).await.unwrap();
    assert_eq!(page.iter().map(|record| record.notification.id).collect::<Vec<_>>(), [all[2].id, all[3].id]);
    store.read_notifications(bob, all[2].id, NOW_MS + 9).await.unwrap();
    assert_eq!(store.unread_notifications(bob).await.unwrap(), 2);
    let read: Vec<bool> = inbox(&*store, bob).await.iter().map(|notification| notification.read_at.is_some()).collect();
    assert_eq!(read, [false, false, true, true, true]);
    store.read_notifications(ann, all[0].id, NOW_MS).await.unwrap();
    acme.read_notifications(bob, all[0].id, NOW_MS).await.unwrap();
    assert_eq!(store.unread_notifications(bob).await.unwrap(), 2, "nobody else's, and of no other workspace");
    assert!(inbox(&*acme, bob).await.is_empty());
    assert_eq!(acme.unread_notifications(bob).await.unwrap(), 0);
    let hidden = |hidden| RoomSettingsChange { hidden: Some(hidden), ..Default::default() };
    set(&*store, talk, hidden(true)).await;
    assert_eq!(store.unread_notifications(bob).await.unwrap(), 0, "the room is hidden from him");
    set(&*store, talk, hidden(false)).await;
    assert_eq!(store.unread_notifications(bob).await.unwrap(), 2);
}

async fn what_is_too_old_or_of_an_erased_account_goes(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    enter(&*store, talk, bob).await;
    let of_bob = tell(&*store, talk, bob, None, &[ann], "1").await;
    tell(&*store, talk, ann, None, &[bob], "1").await;
    store.drop_old_notifications(NOW_MS).await.unwrap();
    assert_eq!(inbox(&*store, ann).await.len(), 1, "its time has not come");
    store.plan_erasure(bob, NOW_MS, NOW_MS).await.unwrap();
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    assert!(inbox(&*store, bob).await.is_empty());
    tell(&*store, talk, ann, Some(of_bob.id), &[], "2").await;
    assert!(inbox(&*store, bob).await.is_empty(), "who is gone is told of nothing");
    store.drop_old_notifications(NOW_MS + 1).await.unwrap();
    assert!(inbox(&*store, ann).await.is_empty());
}
