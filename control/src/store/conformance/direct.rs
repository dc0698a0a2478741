use boltorezka_proto::direct::DirectState;
use boltorezka_proto::notifications::NotificationKind;
use boltorezka_proto::rest::{Role, RoomKind, RoomRole};
use boltorezka_proto::webhooks::WebhookEventType;
use boltorezka_proto::workspaces::WorkspaceRole;
use boltorezka_proto::{ReactionEmoji, RoomId, UserId};

use super::chat_changes::{change, changed, said};
use super::database::{Database, at_once};
use super::people::{NOW_MS, api_key, audit, enter, entry, message, name, say, text, user};
use super::workspaces::{made, take_in};
use crate::store::{
    Actor, Admission, Audit, Begun, Change, ChangeOutcome, ChangeRefusal, DirectRecord, DirectRefusal, Join,
    NewMessage, NewWebhook, SendOutcome, Standing, Store,
};

on_every_database!(
    two_have_one_room_however_many_ask,
    it_is_there_for_its_two_alone,
    who_is_refused_writes_reacts_and_calls_no_more,
    who_has_gone_is_not_written_to,
    each_message_is_in_the_inbox_once_until_it_is_read,
    they_are_listed_newest_first,
    they_are_kept_as_long_as_the_server_says,
    webhooks_and_admins_are_told_nothing,
);

/// The direct room of two.
pub async fn direct(store: &dyn Store, by: UserId, with: UserId) -> DirectRecord {
    match store.begin_direct(by, with, None, NOW_MS).await.unwrap() {
        Begun::New(record) | Begun::There(record) => record,
        other => panic!("{other:?}"),
    }
}

async fn send(store: &dyn Store, room_id: RoomId, sender_id: UserId, key: &str) -> SendOutcome {
    store.send_message(message(room_id, sender_id, &text("hello"), key)).await.unwrap()
}

fn by(user_id: UserId) -> Audit {
    Audit { actor: Actor::User(user_id), ..audit() }
}

async fn two_have_one_room_however_many_ask(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let asking = (0..12).map(|number| {
        let store = store.clone();
        let (by, with) = if number % 2 == 0 { (ann, bob) } else { (bob, ann) };
        async move { store.begin_direct(by, with, None, NOW_MS).await.unwrap() }
    });
    let begun = at_once(asking).await;
    let mut ids = Vec::new();
    let mut made_here = 0;
    for outcome in begun {
        match outcome {
            Begun::New(record) => {
                made_here += 1;
                ids.push(record.room_id);
            }
            Begun::There(record) => ids.push(record.room_id),
            other => panic!("{other:?}"),
        }
    }
    ids.dedup();
    assert_eq!((ids.len(), made_here), (1, 1));
    assert_eq!(database.count("SELECT count(*) FROM rooms").await, 1);
    // In another workspace they have another one.
    let acme = made(&*store, "acme", ann).await;
    assert_eq!(acme.begin_direct(ann, bob, None, NOW_MS).await.unwrap(), Begun::NoPerson);
    take_in(&*acme, bob, WorkspaceRole::Member).await;
    assert_ne!(direct(&*acme, ann, bob).await.room_id, ids[0]);
    // Nobody writes to oneself, to an identity of an API key, or to nobody.
    let key = api_key(&*store, "key").await;
    let visitor = store.external_user(key.id, "visitor", &name("Visitor"), NOW_MS).await.unwrap().unwrap().user.id;
    for with in [ann, visitor, UserId::generate()] {
        assert_eq!(store.begin_direct(ann, with, None, NOW_MS).await.unwrap(), Begun::NoPerson);
    }
    // Those that one began are counted, and those that are there are found all the same.
    assert_eq!(store.begin_direct(cid, ann, Some(0), NOW_MS).await.unwrap(), Begun::TooMany);
    let tries = [ann, bob].map(|with| {
        let store = store.clone();
        async move { store.begin_direct(cid, with, Some(1), NOW_MS).await.unwrap() }
    });
    let outcomes = at_once(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Begun::New(_))).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Begun::TooMany).count(), 1, "{outcomes:?}");
    let by_ann = store.begin_direct(ann, cid, Some(100), NOW_MS).await.unwrap();
    assert!(matches!(by_ann, Begun::New(_) | Begun::There(_)));
}

async fn it_is_there_for_its_two_alone(database: Database) {
    let store = database.open().await;
    let (ann, bob, admin) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Admin").await);
    store.set_role(admin, Role::Admin, &audit()).await.unwrap().unwrap();
    let room = direct(&*store, ann, admin).await;
    let stranger = bob;
    assert_eq!(store.standing(room.room_id, stranger).await.unwrap(), None);
    assert!(matches!(store.join(entry(room.room_id, stranger)).await.unwrap(), Join::NoRoom));
    assert_eq!(store.direct_room(room.room_id, stranger).await.unwrap(), None);
    // An admin is a member there, and no more.
    for one in [ann, admin] {
        let standing: Standing = store.standing(room.room_id, one).await.unwrap().unwrap();
        assert_eq!(standing.role, RoomRole::Member);
        assert_eq!(enter(&*store, room.room_id, one).await.role, RoomRole::Member);
    }
    let of_ann = said(&*store, room.room_id, ann, "hello", "1").await;
    let deletion = change(&of_ann, room.room_id, admin, Change::Delete { audit: by(admin) });
    let refused = store.change_message(deletion).await.unwrap();
    assert!(matches!(refused, ChangeOutcome::Refused(ChangeRefusal::NotSender)), "{refused:?}");
    // And of the direct rooms of others, an admin sees nothing.
    let other = direct(&*store, ann, bob).await;
    assert_eq!(store.standing(other.room_id, admin).await.unwrap(), None);
    assert!(matches!(store.join(entry(other.room_id, admin)).await.unwrap(), Join::NoRoom));
    for who in [Some(ann), Some(admin), None] {
        assert!(store.rooms(who, None, 10).await.unwrap().is_empty(), "they are listed apart");
    }
    assert_eq!(store.room_count().await.unwrap(), 0);
    let record = store.room(&other.room).await.unwrap().unwrap();
    assert_eq!((record.kind, record.slug.looks_direct()), (RoomKind::Direct, true));
    // Nobody who is not one of the two is mentioned there.
    enter(&*store, other.room_id, ann).await;
    let hello = text("hello");
    let mentioning = NewMessage { mentions: &[admin], ..message(other.room_id, ann, &hello, "m") };
    assert!(matches!(store.send_message(mentioning).await.unwrap(), SendOutcome::NoMentioned));
    let beta = made(&*store, "beta", bob).await;
    assert_eq!(beta.direct_room(other.room_id, bob).await.unwrap(), None, "it is of another workspace");
    assert!(beta.direct_rooms(bob, None, 10).await.unwrap().is_empty());
}

async fn who_is_refused_writes_reacts_and_calls_no_more(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let acme = made(&*store, "acme", ann).await;
    take_in(&*acme, bob, WorkspaceRole::Member).await;
    let room = direct(&*store, ann, bob).await;
    for one in [ann, bob] {
        enter(&*store, room.room_id, one).await;
    }
    let of_bob = said(&*store, room.room_id, bob, "hello", "1").await;
    for _ in 0..2 {
        assert_eq!(store.set_block(ann, bob, true, NOW_MS).await.unwrap(), Some(Some(room.room_id)));
    }
    for nobody in [ann, UserId::generate()] {
        assert_eq!(store.set_block(ann, nobody, true, NOW_MS).await.unwrap(), None);
    }
    let states = [(ann, DirectState::Refusing), (bob, DirectState::Refused)];
    for (one, state) in states {
        assert_eq!(store.direct_room(room.room_id, one).await.unwrap().unwrap().state, state);
        let refusal = DirectRefusal::of(state).unwrap();
        let sent = send(&*store, room.room_id, one, "2").await;
        assert!(matches!(sent, SendOutcome::Direct(why) if why == refusal), "{sent:?}");
        let emoji = ReactionEmoji::new("+").unwrap();
        let reaction = change(&of_bob, room.room_id, one, Change::React { emoji: &emoji, on: true });
        let reacted = store.change_message(reaction).await.unwrap();
        assert!(matches!(reacted, ChangeOutcome::Refused(ChangeRefusal::Direct(why)) if why == refusal), "{reacted:?}");
        let admitted = store.admit(room.room_id, one, None).await.unwrap();
        assert!(matches!(admitted, Admission::Direct(why) if why == refusal), "{admitted:?}");
    }
    let next = text("worse");
    let edit = change(&of_bob, room.room_id, bob, Change::Edit { text: &next, mentions: &[] });
    let edited = store.change_message(edit).await.unwrap();
    assert!(matches!(edited, ChangeOutcome::Refused(ChangeRefusal::Direct(DirectRefusal::Refused))), "{edited:?}");
    // What was sent before gets its answer again, and can be read and taken back.
    assert!(matches!(
        store.send_message(message(room.room_id, bob, &text("hello"), "1")).await.unwrap(),
        SendOutcome::Duplicate(_)
    ));
    assert_eq!(store.messages(room.room_id, None, 10).await.unwrap().len(), 1);
    changed(&*store, change(&of_bob, room.room_id, bob, Change::Delete { audit: by(bob) })).await;
    let blocked = store.blocks(ann, None, 10).await.unwrap();
    assert_eq!(blocked.iter().map(|blocked| blocked.user_id).collect::<Vec<_>>(), [bob]);
    assert!(store.blocks(ann, Some(bob), 10).await.unwrap().is_empty());
    assert_eq!(store.blocked_by(ann).await.unwrap(), [bob]);
    // In another workspace she refused nothing.
    assert!(acme.blocks(ann, None, 10).await.unwrap().is_empty());
    let there = direct(&*acme, bob, ann).await;
    enter(&*acme, there.room_id, bob).await;
    assert!(matches!(send(&*acme, there.room_id, bob, "there").await, SendOutcome::Stored(_)));
    assert_eq!(store.set_block(ann, bob, false, NOW_MS).await.unwrap(), Some(Some(room.room_id)));
    assert_eq!(store.set_block(ann, bob, false, NOW_MS).await.unwrap(), None);
    assert!(matches!(send(&*store, room.room_id, bob, "3").await, SendOutcome::Stored(_)));
    // Who is refused begins nothing new, and whoever is begun with is found.
    let cid = user(&*store, "Cid").await;
    assert_eq!(store.set_block(cid, bob, true, NOW_MS).await.unwrap(), Some(None));
    assert_eq!(store.begin_direct(bob, cid, None, NOW_MS).await.unwrap(), Begun::Refused(DirectRefusal::Refused));
    assert_eq!(store.begin_direct(cid, bob, None, NOW_MS).await.unwrap(), Begun::Refused(DirectRefusal::Refusing));
}

async fn who_has_gone_is_not_written_to(database: Database) {
    let store = database.open().await;
    let (ann, bob, cid) = (user(&*store, "Ann").await, user(&*store, "Bob").await, user(&*store, "Cid").await);
    let acme = made(&*store, "acme", ann).await;
    take_in(&*acme, bob, WorkspaceRole::Member).await;
    let in_acme = direct(&*acme, ann, bob).await;
    for one in [ann, bob] {
        enter(&*acme, in_acme.room_id, one).await;
    }
    say(&*acme, in_acme.room_id, bob, "I go", "1").await;
    acme.remove_workspace_member(bob, WorkspaceRole::Owner, &audit()).await.unwrap();
    let gone = send(&*acme, in_acme.room_id, ann, "2").await;
    assert!(matches!(gone, SendOutcome::Direct(DirectRefusal::Gone)), "{gone:?}");
    assert_eq!(acme.messages(in_acme.room_id, None, 10).await.unwrap().len(), 1, "what was said stays");
    assert_eq!(acme.standing(in_acme.room_id, bob).await.unwrap(), None, "who left sees nothing");
    assert!(matches!(acme.begin_direct(ann, bob, None, NOW_MS).await.unwrap(), Begun::There(_)));
    take_in(&*acme, bob, WorkspaceRole::Guest).await;
    enter(&*acme, in_acme.room_id, bob).await;
    for one in [ann, bob] {
        let sent = send(&*acme, in_acme.room_id, one, "3").await;
        assert!(matches!(sent, SendOutcome::Stored(_)), "back, and as a guest too: {sent:?}");
    }
    let room = direct(&*store, ann, cid).await;
    enter(&*store, room.room_id, ann).await;
    store.block(cid, Role::SuperAdmin, &audit()).await.unwrap();
    let blocked = send(&*store, room.room_id, ann, "4").await;
    assert!(matches!(blocked, SendOutcome::Direct(DirectRefusal::Gone)), "{blocked:?}");
    store.unblock(cid, Role::SuperAdmin, &audit()).await.unwrap();
    say(&*store, room.room_id, ann, "welcome back", "5").await;
    store.set_block(cid, ann, true, NOW_MS).await.unwrap();
    store.plan_erasure(cid, NOW_MS, NOW_MS).await.unwrap();
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    let record = store.direct_room(room.room_id, ann).await.unwrap().unwrap();
    assert_eq!((record.state, record.other_name.as_str()), (DirectState::Gone, "deleted account"));
    assert_eq!(database.count("SELECT count(*) FROM user_blocks").await, 0);
    assert_eq!(store.messages(room.room_id, None, 10).await.unwrap().len(), 1);
    // When the second one is erased too, nobody is left to read it.
    store.plan_erasure(ann, NOW_MS, NOW_MS).await.unwrap();
    assert!(store.erase_one(NOW_MS).await.unwrap().is_some());
    assert!(store.room(&room.room).await.unwrap().is_none());
    assert!(acme.room(&in_acme.room).await.unwrap().is_some());
}

async fn each_message_is_in_the_inbox_once_until_it_is_read(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let room = direct(&*store, ann, bob).await.room_id;
    let talk = super::people::room(&*store, "talk", None).await.id;
    for place in [room, talk] {
        enter(&*store, place, ann).await;
        enter(&*store, place, bob).await;
    }
    let first = said(&*store, room, bob, "first", "1").await;
    let hello = text("second");
    // It mentions and answers her, and is one entry all the same.
    let answer = NewMessage { mentions: &[ann], reply_to: Some(first.id), ..message(room, bob, &hello, "2") };
    assert!(matches!(store.send_message(answer).await.unwrap(), SendOutcome::Stored(_)));
    let mention = NewMessage { mentions: &[ann], ..message(talk, bob, &hello, "3") };
    assert!(matches!(store.send_message(mention).await.unwrap(), SendOutcome::Stored(_)));
    let kinds = |records: Vec<crate::store::NotificationRecord>| {
        records.iter().map(|record| record.notification.kind).collect::<Vec<_>>()
    };
    let inbox = store.notifications(ann, None, 10).await.unwrap();
    assert_eq!(kinds(inbox), [NotificationKind::Mention, NotificationKind::Direct, NotificationKind::Direct]);
    assert!(store.notifications(bob, None, 10).await.unwrap().is_empty(), "nobody is told of oneself");
    assert_eq!(store.unread_notifications(ann).await.unwrap(), 3);
    store.read_direct(room, ann, 1, NOW_MS).await.unwrap();
    assert_eq!(store.unread_notifications(ann).await.unwrap(), 2, "up to the first");
    store.read_direct(talk, ann, 9, NOW_MS).await.unwrap();
    store.read_direct(room, bob, 9, NOW_MS).await.unwrap();
    assert_eq!(store.unread_notifications(ann).await.unwrap(), 2, "no direct room, and nobody else's");
    store.read_direct(room, ann, 2, NOW_MS).await.unwrap();
    assert_eq!(store.unread_notifications(ann).await.unwrap(), 1);
}

async fn they_are_listed_newest_first(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let mut rooms = Vec::new();
    for number in 0..4 {
        let other = user(&*store, &format!("Other{number}")).await;
        let Begun::New(record) = store.begin_direct(ann, other, None, NOW_MS + number).await.unwrap() else { panic!() };
        rooms.push(record.room_id);
    }
    enter(&*store, rooms[0], ann).await;
    let hello = text("hello");
    let late = NewMessage { now_ms: NOW_MS + 100, ..message(rooms[0], ann, &hello, "1") };
    assert!(matches!(store.send_message(late).await.unwrap(), SendOutcome::Stored(_)));
    let all = store.direct_rooms(ann, None, 10).await.unwrap();
    let ids: Vec<RoomId> = all.iter().map(|record| record.room_id).collect();
    assert_eq!(ids, [rooms[0], rooms[3], rooms[2], rooms[1]]);
    assert_eq!((all[0].other_name.as_str(), all[0].last_at_ms), ("Other0", NOW_MS + 100));
    let first = store.direct_rooms(ann, None, 2).await.unwrap();
    let rest = store.direct_rooms(ann, Some((first[1].last_at_ms, first[1].room_id)), 10).await.unwrap();
    assert_eq!([first, rest].concat(), all);
}

async fn they_are_kept_as_long_as_the_server_says(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (place, talk) = (direct(&*store, ann, bob).await, super::people::room(&*store, "talk", None).await.id);
    for room_id in [place.room_id, talk] {
        enter(&*store, room_id, ann).await;
        say(&*store, room_id, ann, "hello", &room_id.to_string()).await;
    }
    let days = async || store.room(&place.room).await.unwrap().unwrap().settings.retention_days;
    assert_eq!(days().await, None);
    store.keep_direct(7).await.unwrap();
    assert_eq!(days().await, Some(7));
    assert_eq!(
        store.rooms_with_retention().await.unwrap(),
        [(store.workspace_id(), place.room_id)],
        "and no other room"
    );
    let later_ms = NOW_MS + 7 * 24 * 3_600_000;
    assert_eq!(store.erase_expired(place.room_id, 10, later_ms - 1).await.unwrap(), 0);
    assert_eq!(store.erase_expired(place.room_id, 10, later_ms).await.unwrap(), 1);
    assert!(store.notifications(bob, None, 10).await.unwrap().is_empty(), "what is gone is in no inbox");
    store.keep_direct(0).await.unwrap();
    assert_eq!(days().await, None);
}

async fn webhooks_and_admins_are_told_nothing(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let webhook =
        NewWebhook { url: "https://a.example/".to_owned(), events: WebhookEventType::ALL.to_vec(), secret: [7; 32] };
    store.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap();
    let room = direct(&*store, ann, bob).await.room_id;
    let seat = enter(&*store, room, ann).await.participant_id;
    say(&*store, room, ann, "between us", "1").await;
    let told: Vec<u64> = store.events(100).await.unwrap().iter().map(|row| row.id).collect();
    store.events_told(&told, NOW_MS).await.unwrap();
    assert!(store.all_rooms(None, 10).await.unwrap().is_empty());
    assert!(store.all_participants(None, 10).await.unwrap().is_empty());
    store.leave(seat, boltorezka_proto::call::EndReason::Left, NOW_MS).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM webhook_deliveries").await, 0);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.%'").await, 0);
    // Of another room they are told.
    let talk = super::people::room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    assert_eq!(database.count("SELECT count(*) FROM webhook_deliveries").await, 2);
}
