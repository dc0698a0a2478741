//! Many at once, over two instances on one database.

use std::sync::Arc;

use boltorezka_proto::call::{EndReason, TrackSource};
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::{RoomId, UserId};
use sqlx::Connection as _;
use tokio::sync::Barrier;

use super::database::{Database, at_once};
use super::people::{NOW_MS, account, audit, enter, entry, message, room, say, text, user};
use crate::auth::hash_token;
use crate::calls::PermissionBits;
use crate::store::write::retried;
use crate::store::{Admission, Grant, Join, SendOutcome, SetupOutcome, Store, StoreError};

on_every_database!(
    one_key_is_one_message,
    one_key_in_two_rooms_is_one_message,
    numbers_of_a_room_have_no_gap,
    seats_are_exact,
    seats_in_calls_are_exact,
    one_becomes_the_first_super_admin,
    one_gets_the_address,
    one_takes_the_ticket,
    no_order_is_committed_behind_one_that_was_read,
    rights_are_those_of_the_last_change,
    a_role_does_not_lift_a_mute_that_comes_with_it,
    a_lost_role_does_not_enter_another_call,
    a_stay_ends_once,
);

const TOLD_IN_TALK: &str =
    "SELECT p.permissions FROM participants p JOIN rooms r ON r.id = p.room_id WHERE r.slug = 'talk'";

type Instances = [Arc<dyn Store>; 2];

async fn instances(database: &Database) -> Instances {
    [database.open().await, database.open().await]
}

async fn people(store: &dyn Store, count: usize) -> Vec<UserId> {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(user(store, &format!("User{n}")).await);
    }
    people
}

async fn send(store: Arc<dyn Store>, room_id: RoomId, sender_id: UserId, key: String) -> SendOutcome {
    store.send_message(message(room_id, sender_id, &text("hello"), &key)).await.unwrap()
}

async fn one_key_is_one_message(database: Database) {
    let stores = instances(&database).await;
    let ann = user(&*stores[0], "Ann").await;
    let talk = room(&*stores[0], "talk", None).await.id;
    enter(&*stores[0], talk, ann).await;
    let outcomes = at_once((0..50).map(|n| send(stores[n % 2].clone(), talk, ann, "k".to_owned()))).await;
    let (mut stored, mut ids) = (0, Vec::new());
    for outcome in outcomes {
        match outcome {
            SendOutcome::Stored(message) => {
                stored += 1;
                ids.push(message.id);
            }
            SendOutcome::Duplicate(message) => ids.push(message.id),
            other => panic!("{other:?}"),
        }
    }
    ids.dedup();
    assert_eq!((stored, ids.len()), (1, 1));
    assert_eq!(database.count("SELECT count(*) FROM messages").await, 1);
    assert_eq!(stores[0].events(10).await.unwrap().len(), 1);
    // And once more behind a restart.
    drop(stores);
    let stores = instances(&database).await;
    let again = at_once((0..50).map(|n| send(stores[n % 2].clone(), talk, ann, "k".to_owned()))).await;
    let is_it = |outcome: &SendOutcome| matches!(outcome, SendOutcome::Duplicate(message) if message.id == ids[0]);
    assert!(again.iter().all(is_it), "{again:?}");
    assert_eq!(database.count("SELECT count(*) FROM messages").await, 1);
}

/// No room's lock helps here: the unique key does, and whoever loses is told what the winner stored.
async fn one_key_in_two_rooms_is_one_message(database: Database) {
    let stores = instances(&database).await;
    let ann = user(&*stores[0], "Ann").await;
    let rooms = [room(&*stores[0], "one", None).await.id, room(&*stores[0], "two", None).await.id];
    for room_id in rooms {
        enter(&*stores[0], room_id, ann).await;
    }
    for key in 0..20 {
        let outcomes = at_once((0..2).map(|n| send(stores[n].clone(), rooms[n], ann, key.to_string()))).await;
        let stored = outcomes.iter().filter(|outcome| matches!(outcome, SendOutcome::Stored(_))).count();
        let conflicts = outcomes.iter().filter(|outcome| matches!(outcome, SendOutcome::Conflict)).count();
        assert_eq!((stored, conflicts), (1, 1), "{outcomes:?}");
    }
    assert_eq!(database.count("SELECT count(*) FROM messages").await, 20);
}

async fn numbers_of_a_room_have_no_gap(database: Database) {
    let stores = instances(&database).await;
    let people = people(&*stores[0], 4).await;
    let talk = room(&*stores[0], "talk", None).await.id;
    for who in &people {
        enter(&*stores[0], talk, *who).await;
    }
    // Some of them twice with one key: a duplicate takes no number.
    let sends = (0..240).map(|n| send(stores[n % 2].clone(), talk, people[n % 4], (n / 4 % 50).to_string()));
    at_once(sends).await;
    let mut history = stores[0].messages(talk, None, 1000).await.unwrap();
    history.reverse();
    assert_eq!(history.iter().map(|record| record.seq).collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>());
    let told = stores[0].events(1000).await.unwrap();
    assert_eq!(told.len(), 200);
    for (event, record) in told.iter().zip(&history) {
        assert!(event.payload.contains(&record.message.id.to_string()), "events are in the order of numbers");
    }
}

async fn seats_are_exact(database: Database) {
    let stores = instances(&database).await;
    let people = people(&*stores[0], 200).await;
    let talk = room(&*stores[0], "talk", Some(50)).await.id;
    let joins = people.into_iter().enumerate().map(|(n, who)| {
        let store = stores[n % 2].clone();
        async move { store.join(entry(talk, who)).await.unwrap() }
    });
    let outcomes = at_once(joins).await;
    let inside = outcomes.iter().filter(|outcome| matches!(outcome, Join::In(_))).count();
    let full = outcomes.iter().filter(|outcome| matches!(outcome, Join::Full { capacity: 50 })).count();
    assert_eq!((inside, full), (50, 150));
    assert_eq!(stores[0].participants().await.unwrap().len(), 50);
}

/// People in rooms of their own, so that no room's lock helps.
async fn in_rooms(store: &dyn Store, count: usize) -> Vec<(RoomId, UserId)> {
    let mut seats = Vec::new();
    for (n, who) in people(store, count).await.into_iter().enumerate() {
        let room_id = room(store, &format!("room-{n}"), None).await.id;
        enter(store, room_id, who).await;
        seats.push((room_id, who));
    }
    seats
}

async fn seats_in_calls_are_exact(database: Database) {
    let stores = instances(&database).await;
    let seats = in_rooms(&*stores[0], 60).await;
    for (round, of_round) in seats.chunks(4).enumerate() {
        let max = u32::try_from(round).unwrap() + 1;
        let admissions = of_round.iter().copied().enumerate().map(|(n, (room_id, who))| {
            let store = stores[n % 2].clone();
            async move { store.admit(room_id, who, Some(max)).await.unwrap() }
        });
        let outcomes = at_once(admissions).await;
        let admitted = outcomes.iter().filter(|outcome| matches!(outcome, Admission::Admitted(_))).count();
        assert_eq!(admitted, 1, "round {round}: {outcomes:?}");
    }
}

async fn one_becomes_the_first_super_admin(database: Database) {
    let stores = instances(&database).await;
    let tries = (0..16).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.set_up(&account(&format!("Owner{n}")), &audit()).await.unwrap() }
    });
    let done = at_once(tries).await.into_iter().filter(|outcome| matches!(outcome, SetupOutcome::Done(_))).count();
    assert_eq!(done, 1);
    assert_eq!(database.count("SELECT count(*) FROM users WHERE role = 'super_admin'").await, 1);
}

async fn one_gets_the_address(database: Database) {
    let stores = instances(&database).await;
    let tries = (0..16).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.register(&account("Ann"), NOW_MS).await.unwrap() }
    });
    assert_eq!(at_once(tries).await.into_iter().flatten().count(), 1);
}

async fn one_takes_the_ticket(database: Database) {
    let stores = instances(&database).await;
    let ann = user(&*stores[0], "Ann").await;
    let grant = Grant {
        workspace_id: stores[0].workspace_id(),
        user_id: ann,
        session: None,
        room_id: None,
        permissions: super::people::ALL,
        expires_at_ms: NOW_MS + 1,
    };
    stores[0].create_ticket(hash_token("t"), &grant).await.unwrap();
    let tries = (0..16).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.take_ticket(hash_token("t"), NOW_MS).await.unwrap() }
    });
    assert_eq!(at_once(tries).await.into_iter().flatten().count(), 1);
}

/// The link reads on from the last order that it has sent, and the node confirms all up to one.
async fn no_order_is_committed_behind_one_that_was_read(database: Database) {
    const PEOPLE: usize = 120;
    let stores = instances(&database).await;
    let mut leaving = Vec::new();
    for (n, (room_id, who)) in in_rooms(&*stores[0], PEOPLE).await.into_iter().enumerate() {
        let Admission::Admitted(told) = stores[0].admit(room_id, who, None).await.unwrap() else { panic!("refused") };
        let store = stores[n % 2].clone();
        leaving
            .push(async move { store.leave(told.participant_id, EndReason::Left, NOW_MS).await.map(|_| ()).unwrap() });
    }
    let reader = stores[0].clone();
    let reading = tokio::spawn(async move {
        let (mut after, mut read) = (0, 0);
        while read < PEOPLE {
            let orders = reader.orders(after, 256).await.unwrap();
            read += orders.len();
            after = orders.last().map_or(after, |last| last.id);
        }
    });
    at_once(leaving).await;
    tokio::time::timeout(std::time::Duration::from_secs(5), reading).await.expect("an order was skipped").unwrap();
}

/// Whatever comes together: in the end the node was told the rights that hold.
async fn rights_are_those_of_the_last_change(database: Database) {
    let stores = instances(&database).await;
    for round in 0..25 {
        let ann = user(&*stores[0], &format!("User{round}")).await;
        let talk = room(&*stores[0], &format!("room-{round}"), None).await.id;
        let seat = enter(&*stores[0], talk, ann).await.participant_id;
        stores[0].admit(talk, ann, None).await.unwrap();
        stores[0].set_role(ann, Role::Admin, &audit()).await.unwrap();
        let tasks = (0..4).map(|task| {
            let store = stores[task % 2].clone();
            async move {
                match task {
                    0 => drop(store.mute(talk, seat, TrackSource::Microphone, true, &audit()).await.unwrap()),
                    1 => drop(store.set_role(ann, Role::User, &audit()).await.unwrap()),
                    2 => drop(store.set_member(talk, ann, RoomRole::Listener, &audit()).await.unwrap()),
                    // Out of the room and back in a call, as a page that is loaded again.
                    _ => {
                        store.leave(seat, EndReason::Left, NOW_MS).await.unwrap();
                        enter(&*store, talk, ann).await;
                        store.admit(talk, ann, None).await.unwrap();
                    }
                }
            }
        });
        at_once(tasks).await;
        let told = database.count("SELECT permissions FROM participants ORDER BY id DESC LIMIT 1").await;
        let Admission::Admitted(now) = stores[0].admit(talk, ann, None).await.unwrap() else { panic!("refused") };
        assert_eq!(PermissionBits(told), PermissionBits::from(now.permissions), "round {round}");
        assert!(!now.permissions.camera, "a listener");
    }
}

/// A server role and a mute hold no lock in common but the stay itself.
async fn a_role_does_not_lift_a_mute_that_comes_with_it(database: Database) {
    let stores = instances(&database).await;
    let talk = room(&*stores[0], "talk", None).await.id;
    for round in 0..40 {
        let ann = user(&*stores[0], &format!("User{round}")).await;
        stores[0].set_member(talk, ann, RoomRole::Listener, &audit()).await.unwrap();
        let seat = enter(&*stores[0], talk, ann).await.participant_id;
        stores[0].admit(talk, ann, None).await.unwrap();
        let tasks = (0..2).map(|task| {
            let store = stores[task].clone();
            async move {
                match task {
                    0 => drop(store.mute(talk, seat, TrackSource::Microphone, true, &audit()).await.unwrap()),
                    _ => drop(store.set_role(ann, Role::Admin, &audit()).await.unwrap()),
                }
            }
        });
        at_once(tasks).await;
        let orders = stores[0].orders(0, 1000).await.unwrap();
        let last = &orders.iter().rfind(|order| order.payload.contains(&seat.to_string())).unwrap().payload;
        let is_right = last.contains("\"microphone\":false") && last.contains("\"camera\":true");
        assert!(is_right, "round {round}: {last}");
    }
}

/// While a role is taken in many rooms, its owner enters the call of one more.
async fn a_lost_role_does_not_enter_another_call(database: Database) {
    let stores = instances(&database).await;
    let ann = user(&*stores[0], "Ann").await;
    let talk = room(&*stores[0], "talk", None).await.id;
    stores[0].set_member(talk, ann, RoomRole::Listener, &audit()).await.unwrap();
    for n in 0..12 {
        let room_id = room(&*stores[0], &format!("room-{n}"), None).await.id;
        stores[0].set_member(room_id, ann, RoomRole::Listener, &audit()).await.unwrap();
        enter(&*stores[0], room_id, ann).await;
        stores[0].admit(room_id, ann, None).await.unwrap();
    }
    for round in 0..20 {
        stores[0].set_role(ann, Role::Admin, &audit()).await.unwrap();
        let tasks = (0..2).map(|task| {
            let store = stores[task].clone();
            async move {
                match task {
                    0 => drop(store.set_role(ann, Role::User, &audit()).await.unwrap()),
                    _ => {
                        enter(&*store, talk, ann).await;
                        store.admit(talk, ann, None).await.unwrap();
                    }
                }
            }
        });
        at_once(tasks).await;
        let told = database.count(TOLD_IN_TALK).await;
        let Admission::Admitted(now) = stores[0].admit(talk, ann, None).await.unwrap() else { panic!("refused") };
        assert_eq!(PermissionBits(told), PermissionBits::from(now.permissions), "round {round}");
        stores[0].leave(now.participant_id, EndReason::Left, NOW_MS).await.unwrap();
    }
}

/// Of two who end a stay in their ways, one finds it.
async fn a_stay_ends_once(database: Database) {
    let stores = instances(&database).await;
    for (round, (room_id, who)) in in_rooms(&*stores[0], 40).await.into_iter().enumerate() {
        let Admission::Admitted(told) = stores[0].admit(room_id, who, None).await.unwrap() else { panic!("refused") };
        let ends = (0..2).map(|task| {
            let store = stores[task].clone();
            async move {
                match task {
                    0 => store.leave(told.participant_id, EndReason::Left, NOW_MS).await.unwrap(),
                    _ => store.leave_call(told.participant_id, NOW_MS).await.unwrap().is_some(),
                }
            }
        });
        let found = at_once(ends).await;
        assert_eq!(found.iter().filter(|found| **found).count(), 1, "round {round}: {found:?}");
    }
}

/// Two who lock the same rows the other way round: the database ends one of them, which then gets through.
#[tokio::test]
async fn a_write_that_the_database_ended_is_run_again() {
    let database = Database::postgres().await;
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await.id;
    enter(&*store, talk, ann).await;
    say(&*store, talk, ann, "hello", "k").await;
    let Database::Postgres(server) = &database else { unreachable!() };
    let (both, attempts) = (Barrier::new(2), std::sync::atomic::AtomicU32::new(0));
    let touch = async |statements: [&'static str; 2]| {
        let mut first = true;
        retried(|| {
            let meets = std::mem::take(&mut first);
            let (both, attempts) = (&both, &attempts);
            async move {
                attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let mut connection = server.connect().await;
                let mut tx = connection.begin().await?;
                sqlx::query(statements[0]).execute(&mut *tx).await?;
                if meets {
                    both.wait().await;
                }
                sqlx::query(statements[1]).execute(&mut *tx).await?;
                Ok::<_, StoreError>(tx.commit().await?)
            }
        })
        .await
    };
    let (of_room, of_user) = ("UPDATE rooms SET created_at = 1", "UPDATE users SET created_at = 1");
    let outcomes = tokio::join!(touch([of_room, of_user]), touch([of_user, of_room]));
    assert!(matches!(outcomes, (Ok(()), Ok(()))), "{outcomes:?}");
    assert!(attempts.load(std::sync::atomic::Ordering::Relaxed) > 2, "nobody lost");
}
