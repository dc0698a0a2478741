use boltorezka_proto::call::EndReason;
use boltorezka_proto::rest::{Role, RoomRole};
use boltorezka_proto::{ParticipantId, RoomId};

use super::database::Database;
use super::people::{ALL, NOW_MS, audit, enter, entry, room, user};
use crate::auth::hash_token;
use crate::calls::PermissionBits;
use crate::store::{Admission, Join, JoinRequest, NewWhipSession, Store};
use crate::whip::Kind;

on_every_database!(
    a_seat_is_taken_and_given_back,
    who_is_refused_and_why,
    leaving_a_call_gives_a_new_id,
    a_call_takes_rights_and_a_seat,
    a_new_ticket_changes_rights_in_the_call,
    the_node_and_the_database_agree,
);

/// Rights in the order in which the node gets them.
async fn admitted(store: &dyn Store, room_id: RoomId, user_id: boltorezka_proto::UserId) -> ParticipantId {
    match store.admit(room_id, user_id, None).await.unwrap() {
        Admission::Admitted(admitted) => admitted.participant_id,
        other => panic!("{other:?}"),
    }
}

async fn a_seat_is_taken_and_given_back(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", Some(1)).await;
    let seat = enter(&*store, talk.id, ann).await;
    assert_eq!((seat.user_id, seat.role, seat.admitted, seat.hidden), (ann, RoomRole::Member, false, false));
    assert_eq!(enter(&*store, talk.id, ann).await.participant_id, seat.participant_id, "in already");
    assert!(matches!(store.join(entry(talk.id, bob)).await.unwrap(), Join::Full { capacity: 1 }));
    assert_eq!(store.participants().await.unwrap().len(), 1);
    assert!(store.leave(seat.participant_id, EndReason::Left, NOW_MS).await.unwrap());
    assert!(!store.leave(seat.participant_id, EndReason::Left, NOW_MS).await.unwrap());
    assert!(store.orders(0, 10).await.unwrap().is_empty(), "nobody was in a call");
    enter(&*store, talk.id, bob).await;
}

async fn who_is_refused_and_why(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await;
    let join = async |request| store.join(request).await.unwrap();
    assert!(matches!(join(entry(RoomId::generate(), ann)).await, Join::NoRoom));
    let elsewhere = JoinRequest { only_room: Some(RoomId::generate()), ..entry(talk.id, ann) };
    assert!(matches!(join(elsewhere).await, Join::NoRoom));
    let seat = enter(&*store, talk.id, bob).await.participant_id;
    store.expel(talk.id, seat, boltorezka_proto::call::EndReason::Banned, &audit()).await.unwrap();
    assert!(matches!(join(entry(talk.id, bob)).await, Join::Banned));
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    let token_hash = hash_token("w");
    let session = NewWhipSession { token_hash, participant_id: seat, kind: Kind::Whip, offer: "o", now_ms: NOW_MS };
    assert!(store.put_whip_session(&session).await.unwrap());
    assert!(matches!(join(entry(talk.id, ann)).await, Join::Carried(Kind::Whip)));
    let same = JoinRequest { whip: Some(Kind::Whip), ..entry(talk.id, ann) };
    assert!(matches!(join(same).await, Join::In(_)));
}

async fn leaving_a_call_gives_a_new_id(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    let same = store.leave_call(seat, NOW_MS).await.unwrap().unwrap();
    assert_eq!(same.participant_id, seat, "was in no call");
    admitted(&*store, talk.id, ann).await;
    let renewed = store.leave_call(seat, NOW_MS).await.unwrap().unwrap();
    assert!(renewed.participant_id != seat && !renewed.admitted);
    let orders = store.orders(0, 10).await.unwrap();
    assert!(orders.len() == 1 && orders[0].payload.contains(&seat.to_string()), "{orders:?}");
    assert!(store.leave_call(seat, NOW_MS).await.unwrap().is_none());
    admitted(&*store, talk.id, ann).await;
    assert!(store.leave(renewed.participant_id, EndReason::Left, NOW_MS).await.unwrap());
    assert_eq!(store.orders(orders[0].id, 10).await.unwrap().len(), 1);
}

async fn a_call_takes_rights_and_a_seat(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let talk = room(&*store, "talk", None).await;
    let admit = async |who, max| store.admit(talk.id, who, max).await.unwrap();
    assert!(matches!(admit(ann, None).await, Admission::NotJoined));
    let nothing = JoinRequest { token_permissions: PermissionBits(0), ..entry(talk.id, ann) };
    store.join(nothing).await.unwrap();
    assert!(matches!(admit(ann, None).await, Admission::Nothing));
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    enter(&*store, talk.id, bob).await;
    assert!(matches!(admit(ann, Some(1)).await, Admission::Admitted(told) if told.permissions.microphone));
    assert!(matches!(admit(ann, Some(1)).await, Admission::Admitted(_)), "has its seat");
    assert!(matches!(admit(bob, Some(1)).await, Admission::Full));
    store.unadmit(seat).await.unwrap();
    assert!(matches!(admit(bob, Some(1)).await, Admission::Admitted(_)));
}

async fn a_new_ticket_changes_rights_in_the_call(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    admitted(&*store, talk.id, ann).await;
    enter(&*store, talk.id, ann).await;
    assert!(store.orders(0, 10).await.unwrap().is_empty(), "nothing changed");
    store.join(JoinRequest { token_permissions: PermissionBits(1), ..entry(talk.id, ann) }).await.unwrap();
    let orders = store.orders(0, 10).await.unwrap();
    assert!(orders.len() == 1 && orders[0].payload.contains("\"microphone\":false"), "{orders:?}");
    store.set_role(ann, Role::Admin, &audit()).await.unwrap();
    assert_eq!(store.orders(orders[0].id, 10).await.unwrap().len(), 0, "an owner by a ticket that allows nothing");
}

async fn the_node_and_the_database_agree(database: Database) {
    let store = database.open().await;
    let talk = room(&*store, "talk", None).await;
    let mut seats = Vec::new();
    for who in ["Ann", "Bob", "Cid"] {
        let user_id = user(&*store, who).await;
        enter(&*store, talk.id, user_id).await;
        seats.push(admitted(&*store, talk.id, user_id).await);
    }
    let (kept, rev, lost) = store.reconcile(&[seats[0], seats[1]]).await.unwrap();
    assert_eq!(kept.iter().map(|admitted| admitted.participant_id).collect::<Vec<_>>(), seats[..2]);
    assert_eq!((rev, lost), (0, vec![seats[2]]));
    assert_eq!(PermissionBits::from(kept[0].permissions), ALL);
    store.leave(seats[0], EndReason::Left, NOW_MS).await.unwrap();
    let (kept, rev, lost) = store.reconcile(&[seats[0], seats[1]]).await.unwrap();
    assert_eq!((kept.len(), lost.len()), (1, 0));
    assert_eq!(rev, store.orders(0, 10).await.unwrap()[0].id);
    // The revision does not go back when what was delivered is deleted.
    store.orders_applied(rev, NOW_MS).await.unwrap();
    store.delete_delivered(NOW_MS + 1).await.unwrap();
    assert_eq!(store.reconcile(&[]).await.unwrap().1, rev);
}
