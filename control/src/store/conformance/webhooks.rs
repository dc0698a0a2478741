use boltorezka_proto::call::EndReason;
use boltorezka_proto::webhooks::{WebhookBody, WebhookEvent, WebhookEventType};

use super::database::{Database, at_once};
use super::people::{NOW_MS, audit, enter, room, say, user};
use crate::store::{DeliveryCounts, DueDelivery, FailedDelivery, NewWebhook, Store};

on_every_database!(
    events_wait_for_those_who_are_told_of_them,
    a_message_is_an_event_once,
    a_delivery_is_taken_by_one,
    a_slow_one_leaves_room_for_others,
    what_fails_is_tried_again_and_ends,
    who_fails_lastingly_is_switched_off_and_can_be_replayed,
    there_are_no_more_than_allowed,
);

const LEASE_MS: i64 = 60_000;

fn new(url: &str, events: &[WebhookEventType]) -> NewWebhook {
    NewWebhook { url: url.to_owned(), events: events.to_vec(), secret: [7; 32] }
}

async fn take(store: &dyn Store, now_ms: i64) -> Vec<DueDelivery> {
    store.take_due_deliveries(now_ms, now_ms + LEASE_MS, 100, 100).await.unwrap()
}

fn event(delivery: &DueDelivery) -> WebhookEvent {
    serde_json::from_str::<WebhookBody>(&delivery.body).unwrap().event
}

async fn events_wait_for_those_who_are_told_of_them(database: Database) {
    let store = database.open().await;
    room(&*store, "before", None).await;
    let all = store.create_webhook(&new("https://a.example/", &WebhookEventType::ALL), None, &audit()).await.unwrap();
    let all = all.unwrap();
    let left = new("https://b.example/", &[WebhookEventType::ParticipantLeft]);
    let left = store.create_webhook(&left, None, &audit()).await.unwrap().unwrap();
    assert_eq!((all.events.len(), left.events.as_slice()), (6, [WebhookEventType::ParticipantLeft].as_slice()));

    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let first = enter(&*store, talk.id, ann).await.participant_id;
    enter(&*store, talk.id, ann).await;
    store.leave(first, EndReason::Left, NOW_MS).await.unwrap();
    assert!(!store.leave(first, EndReason::Left, NOW_MS).await.unwrap());
    let second = enter(&*store, talk.id, ann).await.participant_id;
    store.expel(talk.id, second, EndReason::Kicked, &audit()).await.unwrap().unwrap();
    store.update_room(talk.id, &Default::default(), &audit()).await.unwrap().unwrap();
    store.delete_room(talk.id, &audit()).await.unwrap();

    let due = take(&*store, NOW_MS).await;
    let told = |id| due.iter().filter(move |delivery| delivery.webhook_id == id).map(event).collect::<Vec<_>>();
    let kinds: Vec<_> = told(all.id).iter().map(WebhookEvent::kind).collect();
    use WebhookEventType::{ParticipantJoined, ParticipantLeft, RoomCreated, RoomDeleted, RoomUpdated};
    let expected =
        [RoomCreated, ParticipantJoined, ParticipantLeft, ParticipantJoined, ParticipantLeft, RoomUpdated, RoomDeleted];
    assert_eq!(kinds, expected, "in order, since ids are");
    let reasons: Vec<_> = told(left.id)
        .into_iter()
        .map(|event| match event {
            WebhookEvent::ParticipantLeft { participant_id, reason, user_id, .. } => (participant_id, reason, user_id),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons, [(first, EndReason::Left, ann), (second, EndReason::Kicked, ann)]);
    assert!(due.iter().all(|delivery| delivery.secret == [7; 32] && delivery.attempt == 1));
    assert!(store.delete_webhook(all.id, &audit()).await.unwrap());
    assert!(!store.delete_webhook(all.id, &audit()).await.unwrap());
    assert_eq!(database.count("SELECT count(*) FROM webhook_deliveries").await, 2);
}

/// Also when the mark that it was told is written twice.
async fn a_message_is_an_event_once(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    say(&*store, talk.id, ann, "before", "0").await;
    let told: Vec<u64> = store.events(10).await.unwrap().into_iter().map(|row| row.id).collect();
    store.events_told(&told, NOW_MS).await.unwrap();
    let webhook = new("https://a.example/", &[WebhookEventType::MessageNew]);
    store.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap();
    say(&*store, talk.id, ann, "hello", "1").await;
    let told: Vec<u64> = store.events(10).await.unwrap().into_iter().map(|row| row.id).collect();
    store.events_told(&told, NOW_MS).await.unwrap();
    store.events_told(&told, NOW_MS).await.unwrap();
    let due = take(&*store, NOW_MS).await;
    let stored = store.messages(talk.id, None, 1).await.unwrap().remove(0).message;
    assert_eq!((due.len(), due[0].event_id.0), (1, stored.id.0));
    assert_eq!(event(&due[0]), WebhookEvent::MessageNew { message: stored });
}

async fn a_delivery_is_taken_by_one(database: Database) {
    let stores = [database.open().await, database.open().await];
    let webhook = new("https://a.example/", &[WebhookEventType::RoomCreated]);
    stores[0].create_webhook(&webhook, None, &audit()).await.unwrap().unwrap();
    for n in 0..40 {
        room(&*stores[0], &format!("room-{n}"), None).await;
    }
    let takers = (0..8).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.take_due_deliveries(NOW_MS, NOW_MS + LEASE_MS, 100, 10).await.unwrap() }
    });
    let mut taken: Vec<_> = at_once(takers).await.into_iter().flatten().map(|delivery| delivery.event_id).collect();
    taken.extend(take(&*stores[0], NOW_MS).await.into_iter().map(|delivery| delivery.event_id));
    taken.sort();
    let all = taken.len();
    taken.dedup();
    assert_eq!((all, taken.len()), (40, 40));
    assert_eq!(take(&*stores[1], NOW_MS + LEASE_MS - 1).await.len(), 0, "somebody has them");
    let again = take(&*stores[1], NOW_MS + LEASE_MS).await;
    assert!(again.len() == 40 && again.iter().all(|delivery| delivery.attempt == 2), "whoever had them is gone");
}

async fn a_slow_one_leaves_room_for_others(database: Database) {
    let store = database.open().await;
    for url in ["https://a.example/", "https://b.example/"] {
        let webhook = new(url, &[WebhookEventType::RoomCreated]);
        store.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap();
    }
    for n in 0..10 {
        room(&*store, &format!("room-{n}"), None).await;
    }
    let due = store.take_due_deliveries(NOW_MS, NOW_MS + LEASE_MS, 3, 100).await.unwrap();
    let of = |url| due.iter().filter(|delivery| delivery.url == url).count();
    assert_eq!((of("https://a.example/"), of("https://b.example/")), (3, 3));
}

async fn what_fails_is_tried_again_and_ends(database: Database) {
    let store = database.open().await;
    let webhook = new("https://a.example/", &[WebhookEventType::RoomCreated]);
    let id = store.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap().id;
    room(&*store, "talk", None).await;
    let due = take(&*store, NOW_MS).await.remove(0);
    let failed = |next_attempt_at_ms| FailedDelivery { error: "500".to_owned(), next_attempt_at_ms, disables: false };
    store.delivery_failed(&due, &failed(Some(NOW_MS + 5)), NOW_MS).await.unwrap();
    assert_eq!(store.webhooks().await.unwrap()[0].failing_since_ms, Some(NOW_MS));
    assert!(take(&*store, NOW_MS + 4).await.is_empty());
    let again = take(&*store, NOW_MS + 5).await.remove(0);
    assert_eq!((again.attempt, again.event_id), (2, due.event_id));
    store.delivery_failed(&again, &failed(None), NOW_MS + 6).await.unwrap();
    assert!(take(&*store, NOW_MS + 1_000_000_000).await.is_empty());
    assert_eq!(store.webhooks().await.unwrap()[0].failing_since_ms, Some(NOW_MS), "since the first");
    assert_eq!(store.delivery_counts().await.unwrap(), DeliveryCounts { waiting: 0, dead: 1 });
    let dead = store.deliveries(id, None, 10).await.unwrap().unwrap();
    let [letter] = dead.as_slice() else { panic!("{dead:?}") };
    assert_eq!((letter.attempts, letter.last_error.as_deref(), letter.next_attempt_at), (2, Some("500"), None));
    assert_eq!(store.deliveries(id, Some(letter.event_id), 10).await.unwrap().unwrap().len(), 0);

    store.replay_webhook(id, &audit()).await.unwrap().unwrap();
    let replayed = take(&*store, NOW_MS).await.remove(0);
    assert_eq!((replayed.attempt, replayed.event_id), (1, due.event_id));
    store.delivered(&replayed).await.unwrap();
    assert_eq!(store.webhooks().await.unwrap()[0].failing_since_ms, None);
    assert_eq!(store.delivery_counts().await.unwrap(), DeliveryCounts::default());
}

async fn who_fails_lastingly_is_switched_off_and_can_be_replayed(database: Database) {
    let store = database.open().await;
    let webhook = new("https://a.example/", &[WebhookEventType::RoomCreated]);
    let id = store.create_webhook(&webhook, None, &audit()).await.unwrap().unwrap().id;
    room(&*store, "one", None).await;
    room(&*store, "two", None).await;
    let due = take(&*store, NOW_MS).await;
    let failed = FailedDelivery { error: "500".to_owned(), next_attempt_at_ms: Some(NOW_MS + 9), disables: false };
    store.delivery_failed(&due[0], &failed, NOW_MS).await.unwrap();
    let tidy = async |now_ms, failing_before_ms, waiting_max| {
        store.tidy_webhooks(now_ms, failing_before_ms, waiting_max, NOW_MS - 1).await.unwrap()
    };
    assert!(tidy(NOW_MS + 1, NOW_MS, 2).await.is_empty());
    assert_eq!(tidy(NOW_MS + 2, NOW_MS + 1, 2).await, [id]);
    assert_eq!(store.webhooks().await.unwrap()[0].disabled_at_ms, Some(NOW_MS + 2));
    room(&*store, "three", None).await;
    assert!(take(&*store, NOW_MS + LEASE_MS).await.is_empty());
    assert_eq!(store.delivery_counts().await.unwrap(), DeliveryCounts { waiting: 0, dead: 2 }, "nothing is added");
    assert!(store.replay_webhook(id, &audit()).await.unwrap().unwrap().disabled_at_ms.is_none());
    assert_eq!(take(&*store, NOW_MS + LEASE_MS).await.len(), 2);
    assert_eq!(tidy(NOW_MS + 3, NOW_MS, 1).await, [id], "too much waits");
    store.tidy_webhooks(NOW_MS + 4, NOW_MS, 9, NOW_MS + 1).await.unwrap();
    assert_eq!(store.delivery_counts().await.unwrap(), DeliveryCounts::default(), "old letters go");
}

async fn there_are_no_more_than_allowed(database: Database) {
    let store = database.open().await;
    let webhook = new("https://a.example/", &[WebhookEventType::RoomCreated]);
    assert!(store.create_webhook(&webhook, Some(1), &audit()).await.unwrap().is_some());
    assert!(store.create_webhook(&webhook, Some(1), &audit()).await.unwrap().is_none());
    assert!(store.create_webhook(&webhook, Some(2), &audit()).await.unwrap().is_some());
}
