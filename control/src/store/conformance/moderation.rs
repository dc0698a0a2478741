use boltorezka_proto::call::{EndReason, TrackSource};
use boltorezka_proto::rest::RoomRole;
use boltorezka_proto::{ParticipantId, RoomId, UserId};

use super::database::Database;
use super::people::{NOW_MS, audit, enter, room, say, user};
use crate::calls::MediaOrder;
use crate::store::{OutboxRow, Removed};

on_every_database!(
    who_is_expelled_is_out_of_the_call_too,
    a_mute_outlasts_coming_back,
    a_role_in_a_room_is_given_and_taken,
    a_room_goes_with_all_that_is_in_it,
);

fn order(row: &OutboxRow) -> MediaOrder {
    serde_json::from_str(&row.payload).unwrap()
}

async fn who_is_expelled_is_out_of_the_call_too(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    for reason in [EndReason::Kicked, EndReason::Banned] {
        let participant_id = enter(&*store, talk.id, ann).await.participant_id;
        store.admit(talk.id, ann, None).await.unwrap();
        let elsewhere = store.expel(RoomId::generate(), participant_id, reason, &audit()).await.unwrap();
        assert_eq!(elsewhere, None);
        let removed = store.expel(talk.id, participant_id, reason, &audit()).await.unwrap();
        assert_eq!(removed, Some(Removed { participant_id, user_id: ann }));
        assert_eq!(store.expel(talk.id, participant_id, reason, &audit()).await.unwrap(), None);
        let orders = store.orders(0, 10).await.unwrap();
        assert_eq!(order(orders.last().unwrap()), MediaOrder::Revoke { participant_id, reason });
    }
    assert!(store.standing(talk.id, ann).await.unwrap().unwrap().banned);
    assert_eq!(database.count("SELECT count(*) FROM audit WHERE action LIKE 'rooms.participant.%'").await, 2);
}

async fn a_mute_outlasts_coming_back(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    store.admit(talk.id, ann, None).await.unwrap();
    let mute = async |seat, muted| store.mute(talk.id, seat, TrackSource::Microphone, muted, &audit()).await.unwrap();
    let permitted = mute(seat, true).await.unwrap();
    assert!(!permitted.permissions.microphone && permitted.permissions.camera);
    let orders = store.orders(0, 10).await.unwrap();
    let MediaOrder::SetPermissions { permissions, .. } = order(&orders[0]) else { panic!("{orders:?}") };
    assert_eq!(permissions, permitted.permissions);
    store.leave(seat, EndReason::Left, NOW_MS).await.unwrap();
    assert_eq!(mute(seat, true).await, None, "not in the room");
    let seat = enter(&*store, talk.id, ann).await.participant_id;
    let admitted = store.admit(talk.id, ann, None).await.unwrap();
    assert!(matches!(admitted, crate::store::Admission::Admitted(told) if !told.permissions.microphone));
    assert!(mute(seat, false).await.unwrap().permissions.microphone);
    assert_eq!(mute(ParticipantId::generate(), false).await, None);
}

async fn a_role_in_a_room_is_given_and_taken(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    store.admit(talk.id, ann, None).await.unwrap();
    let member = store.set_member(talk.id, ann, RoomRole::Listener, &audit()).await.unwrap().unwrap();
    assert_eq!((member.user_id, member.role), (ann, RoomRole::Listener));
    let orders = store.orders(0, 10).await.unwrap();
    assert!(matches!(order(&orders[0]), MediaOrder::SetPermissions { permissions, .. } if !permissions.microphone));
    assert!(store.set_member(talk.id, UserId::generate(), RoomRole::Member, &audit()).await.unwrap().is_none());
    assert!(store.set_member(RoomId::generate(), ann, RoomRole::Member, &audit()).await.unwrap().is_none());
    assert!(store.delete_member(talk.id, ann, &audit()).await.unwrap());
    assert!(!store.delete_member(talk.id, ann, &audit()).await.unwrap());
    let orders = store.orders(orders[0].id, 10).await.unwrap();
    assert!(matches!(order(&orders[0]), MediaOrder::SetPermissions { permissions, .. } if permissions.microphone));
}

async fn a_room_goes_with_all_that_is_in_it(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    say(&*store, talk.id, ann, "hello", "k").await;
    assert!(store.delete_room(talk.id, &audit()).await.unwrap());
    assert!(!store.delete_room(talk.id, &audit()).await.unwrap());
    let orders = store.orders(0, 10).await.unwrap();
    assert_eq!(order(&orders[0]), MediaOrder::CloseRoom { room: talk.id, reason: EndReason::RoomDeleted });
    for rows in ["SELECT count(*) FROM participants", "SELECT count(*) FROM messages", "SELECT count(*) FROM rooms"] {
        assert_eq!(database.count(rows).await, 0, "{rows}");
    }
}
