use boltorezka_proto::UserId;

use super::database::Database;
use super::people::{ALL, NOW_MS, room, user};
use crate::auth::hash_token;
use crate::store::{Grant, Store};

on_every_database!(
    a_session_lives_until_it_expires,
    a_session_takes_its_tickets_along,
    a_ticket_opens_once,
    what_expired_goes
);

fn grant(store: &dyn Store, user_id: UserId, expires_at_ms: i64) -> Grant {
    let workspace_id = store.workspace_id();
    Grant { workspace_id, user_id, session: None, room_id: None, permissions: ALL, expires_at_ms }
}

async fn a_session_lives_until_it_expires(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let hash = hash_token("s");
    store.create_session(hash, ann, NOW_MS, NOW_MS + 10).await.unwrap();
    let (record, expires_at_ms) = store.session(hash, NOW_MS).await.unwrap().unwrap();
    assert_eq!((record.user.id, expires_at_ms), (ann, NOW_MS + 10));
    assert!(store.session(hash, NOW_MS + 10).await.unwrap().is_none());
    store.extend_session(hash, NOW_MS + 20).await.unwrap();
    assert!(store.session(hash, NOW_MS + 10).await.unwrap().is_some());
    assert!(store.session(hash_token("other"), NOW_MS).await.unwrap().is_none());
}

async fn a_session_takes_its_tickets_along(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let hash = hash_token("s");
    store.create_session(hash, ann, NOW_MS, NOW_MS + 10).await.unwrap();
    let of_session = Grant { session: Some(hash), ..grant(&*store, ann, NOW_MS + 10) };
    store.create_ticket(hash_token("t"), &of_session).await.unwrap();
    store.create_ticket(hash_token("u"), &grant(&*store, ann, NOW_MS + 10)).await.unwrap();
    store.delete_session(hash).await.unwrap();
    assert!(store.session(hash, NOW_MS).await.unwrap().is_none());
    assert!(store.take_ticket(hash_token("t"), NOW_MS).await.unwrap().is_none());
    assert!(store.take_ticket(hash_token("u"), NOW_MS).await.unwrap().is_some());
}

async fn a_ticket_opens_once(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let full = Grant { room_id: Some(talk.id), session: Some(hash_token("s")), ..grant(&*store, ann, NOW_MS + 10) };
    store.create_ticket(hash_token("t"), &full).await.unwrap();
    let taken = store.take_ticket(hash_token("t"), NOW_MS).await.unwrap().unwrap();
    assert_eq!((taken.user_id, taken.room_id, taken.session), (ann, full.room_id, full.session));
    assert_eq!((taken.permissions, taken.expires_at_ms), (ALL, NOW_MS + 10));
    assert!(store.take_ticket(hash_token("t"), NOW_MS).await.unwrap().is_none());
    store.create_ticket(hash_token("late"), &grant(&*store, ann, NOW_MS)).await.unwrap();
    assert!(store.take_ticket(hash_token("late"), NOW_MS).await.unwrap().is_none());
}

async fn what_expired_goes(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    for (token, expires_at_ms) in [("over", NOW_MS), ("lives", NOW_MS + 1)] {
        store.create_session(hash_token(token), ann, NOW_MS, expires_at_ms).await.unwrap();
        store.create_ticket(hash_token(token), &grant(&*store, ann, expires_at_ms)).await.unwrap();
    }
    store.delete_expired(NOW_MS).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM tickets").await, 1);
}
