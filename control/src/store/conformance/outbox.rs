use sqlx::Connection as _;

use super::database::Database;
use super::people::{NOW_MS, audit, enter, room, say, user};

on_every_database!(orders_wait_until_they_are_applied, events_wait_until_they_are_told);

async fn orders_wait_until_they_are_applied(database: Database) {
    let store = database.open().await;
    for name in ["one", "two", "three"] {
        let room_id = room(&*store, name, None).await.id;
        store.delete_room(room_id, &audit()).await.unwrap();
    }
    let ids = async |after, limit| {
        let orders = store.orders(after, limit).await.unwrap();
        orders.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let all = ids(0, 10).await;
    assert!(all.len() == 3 && all.is_sorted(), "{all:?}");
    assert_eq!(ids(all[0], 1).await, all[1..2]);
    store.orders_applied(all[1], NOW_MS).await.unwrap();
    assert_eq!(ids(0, 10).await, all[2..]);
    assert_eq!(store.outbox_depth().await.unwrap(), 1);
    store.delete_delivered(NOW_MS).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM outbox").await, 3, "kept for a while");
    store.delete_delivered(NOW_MS + 1).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM outbox").await, 1);
}

async fn events_wait_until_they_are_told(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    for key in ["1", "2", "3"] {
        say(&*store, talk.id, ann, key, key).await;
    }
    let ids = async || store.events(10).await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>();
    let all = ids().await;
    assert!(all.len() == 3 && all.is_sorted(), "{all:?}");
    assert_eq!(store.events(2).await.unwrap().len(), 2);
    store.events_told(&[all[0], all[2]], NOW_MS).await.unwrap();
    assert_eq!(ids().await, [all[1]]);
    store.events_told(&[], NOW_MS).await.unwrap();
    store.events_told(&[all[1]], NOW_MS).await.unwrap();
    store.delete_delivered(NOW_MS + 1).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM outbox").await, 0);
}

/// Where many write at once, an event of another room may come late with a smaller id.
#[tokio::test]
async fn an_event_that_is_committed_late_is_told_all_the_same() {
    let database = Database::postgres().await;
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    enter(&*store, talk.id, ann).await;
    let Database::Postgres(server) = &database else { unreachable!() };
    let mut connection = server.connect().await;
    let mut slow = connection.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await.unwrap();
    sqlx::query("INSERT INTO outbox (workspace_id, topic, payload, created_at) VALUES ($1, 'gateway', '{}', 1)")
        .bind(uuid::Uuid::now_v7())
        .execute(&mut *slow)
        .await
        .unwrap();
    say(&*store, talk.id, ann, "fast", "k").await;
    let first = store.events(10).await.unwrap();
    assert_eq!(first.len(), 1);
    store.events_told(&[first[0].id], NOW_MS).await.unwrap();
    slow.commit().await.unwrap();
    let late = store.events(10).await.unwrap();
    assert!(late.len() == 1 && late[0].id < first[0].id, "{late:?}");
}
