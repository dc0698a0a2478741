use boltorezka_proto::direct::{RING_MS, RingEnd};
use boltorezka_proto::notifications::NotificationKind;
use boltorezka_proto::{RoomId, UserId};

use super::database::{Database, at_once};
use super::direct::direct;
use super::people::{NOW_MS, enter, room, user};
use crate::events::GatewayEvent;
use crate::store::{Admission, Store};

on_every_database!(who_does_not_come_has_missed_a_call, who_comes_or_declines_has_missed_none, a_call_is_missed_once,);

/// Comes to the call of a room.
async fn call(store: &dyn Store, room_id: RoomId, user_id: UserId, now_ms: i64) {
    enter(store, room_id, user_id).await;
    let admission = store.admit(room_id, user_id, None).await.unwrap();
    assert!(matches!(admission, Admission::Admitted(_)), "{admission:?}");
    store.call_joined(room_id, user_id, now_ms).await.unwrap();
}

async fn hang_up(store: &dyn Store, room_id: RoomId, user_id: UserId) {
    let seat = enter(store, room_id, user_id).await.participant_id;
    store.leave_call(seat, NOW_MS).await.unwrap().unwrap();
}

/// How those that rang have ended, as the sockets are told.
async fn ends(store: &dyn Store) -> Vec<RingEnd> {
    let rows = store.events(1000).await.unwrap();
    let end = |payload: &str| match serde_json::from_str(payload).unwrap() {
        GatewayEvent::CallRingEnded { reason, .. } => Some(reason),
        _ => None,
    };
    rows.iter().filter_map(|row| end(&row.payload)).collect()
}

async fn missed(store: &dyn Store, user_id: UserId) -> Vec<(UserId, i64)> {
    let inbox = store.notifications(user_id, None, 100).await.unwrap();
    let calls = inbox.iter().filter(|record| record.notification.kind == NotificationKind::MissedCall);
    calls
        .map(|record| {
            let call = record.notification.call.as_ref().unwrap();
            (call.caller_id, record.notification.created_at.unix_ms())
        })
        .collect()
}

async fn who_does_not_come_has_missed_a_call(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let place = direct(&*store, ann, bob).await;
    call(&*store, place.room_id, ann, NOW_MS).await;
    let ringing = store.direct_room(place.room_id, bob).await.unwrap().unwrap().ringing.unwrap();
    assert_eq!((ringing.caller_id, ringing.caller_name.as_str()), (ann, "Ann"));
    assert_eq!(ringing.ends_at.unix_ms(), NOW_MS + RING_MS);
    // It rings on while she is in the call, for a minute.
    assert_eq!(store.end_rings(NOW_MS + RING_MS - 1).await.unwrap(), 0);
    assert!(missed(&*store, bob).await.is_empty());
    assert_eq!(store.end_rings(NOW_MS + RING_MS).await.unwrap(), 1);
    assert_eq!(missed(&*store, bob).await, [(ann, NOW_MS)]);
    assert_eq!(store.unread_notifications(bob).await.unwrap(), 1);
    assert!(missed(&*store, ann).await.is_empty());
    assert!(store.direct_room(place.room_id, bob).await.unwrap().unwrap().ringing.is_none());
    // Or until she has gone.
    hang_up(&*store, place.room_id, ann).await;
    call(&*store, place.room_id, ann, NOW_MS + 200_000).await;
    hang_up(&*store, place.room_id, ann).await;
    assert_eq!(store.end_rings(NOW_MS + 200_001).await.unwrap(), 1);
    assert_eq!(missed(&*store, bob).await, [(ann, NOW_MS + 200_000), (ann, NOW_MS)]);
    assert_eq!(ends(&*store).await, [RingEnd::Missed, RingEnd::Missed]);
    store.read_direct(place.room_id, bob, 0, NOW_MS).await.unwrap();
    assert_eq!(store.unread_notifications(bob).await.unwrap(), 0, "read with the room");
    // In other rooms nothing rings.
    let talk = room(&*store, "talk", None).await.id;
    call(&*store, talk, ann, NOW_MS).await;
    assert_eq!(database.count("SELECT count(*) FROM direct_calls").await, 0);
    assert_eq!(store.end_rings(NOW_MS + RING_MS).await.unwrap(), 0);
}

async fn who_comes_or_declines_has_missed_none(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let place = direct(&*store, ann, bob).await.room_id;
    call(&*store, place, ann, NOW_MS).await;
    call(&*store, place, bob, NOW_MS + 10).await;
    assert_eq!(ends(&*store).await, [RingEnd::Answered]);
    // Of a call of two nobody who goes and comes again rings.
    hang_up(&*store, place, ann).await;
    call(&*store, place, ann, NOW_MS + 20).await;
    assert_eq!(database.count("SELECT count(*) FROM direct_calls").await, 0);
    hang_up(&*store, place, ann).await;
    hang_up(&*store, place, bob).await;
    call(&*store, place, bob, NOW_MS + 30).await;
    assert!(!store.decline_call(place, bob, NOW_MS + 40).await.unwrap(), "it is his own call");
    assert!(store.decline_call(place, ann, NOW_MS + 40).await.unwrap());
    assert!(!store.decline_call(place, ann, NOW_MS + 40).await.unwrap());
    assert_eq!(ends(&*store).await, [RingEnd::Answered, RingEnd::Declined]);
    // Who came, and was not told of when the server ended.
    hang_up(&*store, place, bob).await;
    call(&*store, place, bob, NOW_MS + 50).await;
    enter(&*store, place, ann).await;
    store.admit(place, ann, None).await.unwrap();
    assert_eq!(store.end_rings(NOW_MS + 60).await.unwrap(), 1);
    assert_eq!(ends(&*store).await, [RingEnd::Answered, RingEnd::Declined, RingEnd::Answered]);
    for one in [ann, bob] {
        assert!(missed(&*store, one).await.is_empty());
    }
}

async fn a_call_is_missed_once(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let place = direct(&*store, ann, bob).await.room_id;
    // Who comes twice while it rings rings once.
    call(&*store, place, ann, NOW_MS).await;
    call(&*store, place, ann, NOW_MS + 5).await;
    assert_eq!(database.count("SELECT count(*) FROM outbox WHERE payload LIKE '%callRinging%'").await, 1);
    // Several who look at once, as a server that comes back beside one that goes, end it once.
    hang_up(&*store, place, ann).await;
    let looking = (0..6).map(|_| {
        let store = store.clone();
        async move { store.end_rings(NOW_MS + 10).await.unwrap() }
    });
    assert_eq!(at_once(looking).await.iter().sum::<u32>(), 1);
    assert_eq!(missed(&*store, bob).await, [(ann, NOW_MS)]);
    assert_eq!(database.count("SELECT count(*) FROM outbox WHERE payload LIKE '%notificationNew%'").await, 1);
    // Again within the minute is the same call to whom it is told; after it, another.
    for (at_ms, entries) in [(NOW_MS + 59_999, 1), (NOW_MS + 60_000, 2)] {
        call(&*store, place, ann, at_ms).await;
        hang_up(&*store, place, ann).await;
        assert_eq!(store.end_rings(at_ms + 1).await.unwrap(), 1);
        assert_eq!(missed(&*store, bob).await.len(), entries, "{at_ms}");
    }
    // Of the other one's calls she has an entry of her own.
    call(&*store, place, bob, NOW_MS + 60_001).await;
    hang_up(&*store, place, bob).await;
    store.end_rings(NOW_MS + 60_002).await.unwrap();
    assert_eq!(missed(&*store, ann).await, [(bob, NOW_MS + 60_001)]);
}
