use boltorezka_proto::UserId;

use super::database::Database;
use super::people::{ALL, NOW_MS, new_session, room, session, user};
use crate::auth::hash_token;
use crate::store::{Grant, NewSession, Store};

on_every_database!(
    a_session_lives_until_it_expires,
    a_token_is_replaced_once,
    sessions_are_listed_and_ended_by_their_account_alone,
    a_new_password_ends_what_the_old_one_began,
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
    let details = |session: NewSession| NewSession {
        address: Some("192.0.2.1".to_owned()),
        user_agent: Some("Browser".to_owned()),
        ..session
    };
    let id = store.create_session(&details(new_session("s", ann, NOW_MS + 10))).await.unwrap().unwrap();
    let (record, session, _) = store.session(hash, NOW_MS).await.unwrap().unwrap();
    assert_eq!((record.user.id, session.id, session.expires_at_ms), (ann, id, NOW_MS + 10));
    assert_eq!((session.created_at_ms, session.seen_at_ms, session.token_at_ms), (NOW_MS, NOW_MS, NOW_MS));
    assert_eq!((session.address.as_deref(), session.user_agent.as_deref()), (Some("192.0.2.1"), Some("Browser")));
    assert!(!session.is_previous && !session.has_previous);
    assert!(store.session(hash, NOW_MS + 10).await.unwrap().is_none());
    store.touch_session(id, NOW_MS + 5, NOW_MS + 20).await.unwrap();
    let (_, session, _) = store.session(hash, NOW_MS + 10).await.unwrap().unwrap();
    assert_eq!((session.seen_at_ms, session.expires_at_ms), (NOW_MS + 5, NOW_MS + 20));
    assert!(store.session(hash_token("other"), NOW_MS).await.unwrap().is_none());
}

/// The old token is good until the new one was seen, and a moment longer.
async fn a_token_is_replaced_once(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let id = session(&*store, "old", ann).await;
    let (old, new) = (hash_token("old"), hash_token("new"));
    assert!(store.rotate_token(id, NOW_MS, old, new, NOW_MS + 5).await.unwrap());
    assert!(!store.rotate_token(id, NOW_MS, old, hash_token("newer"), NOW_MS + 6).await.unwrap(), "once");
    let read = async |hash, now_ms| store.session(hash, now_ms).await.unwrap().map(|(_, session, _)| session);
    let shown = read(old, NOW_MS + 900).await.unwrap();
    assert!((shown.id, shown.is_previous, shown.has_previous) == (id, true, true));
    let shown = read(new, NOW_MS + 6).await.unwrap();
    assert!((shown.token_at_ms, shown.is_previous, shown.has_previous) == (NOW_MS + 5, false, true));
    store.retire_token(id, NOW_MS + 100).await.unwrap();
    store.retire_token(id, NOW_MS + 500).await.unwrap();
    assert!(read(old, NOW_MS + 99).await.is_some());
    assert!(read(old, NOW_MS + 100).await.is_none(), "the first word counts");
    assert!(!read(new, NOW_MS + 100).await.unwrap().has_previous);
}

async fn sessions_are_listed_and_ended_by_their_account_alone(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let (a, b, c) =
        (session(&*store, "a", ann).await, session(&*store, "b", ann).await, session(&*store, "c", ann).await);
    let of_bob = session(&*store, "bob", bob).await;
    store.touch_session(a, NOW_MS + 9, NOW_MS + 1000).await.unwrap();
    let ids = async |user_id| {
        let sessions = store.sessions(user_id, NOW_MS).await.unwrap();
        sessions.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(ann).await, [a, c, b]);
    assert!(store.sessions(ann, NOW_MS + 1000).await.unwrap().is_empty(), "expired");
    assert!(!store.delete_session(ann, of_bob).await.unwrap());
    assert!(store.delete_session(ann, b).await.unwrap());
    assert!(!store.delete_session(ann, b).await.unwrap());
    assert_eq!(store.delete_other_sessions(ann, c).await.unwrap(), 1);
    assert_eq!((ids(ann).await, ids(bob).await), (vec![c], vec![of_bob]));
}

async fn a_new_password_ends_what_the_old_one_began(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let (kept, ended) = (session(&*store, "kept", ann).await, session(&*store, "ended", ann).await);
    assert!(!store.change_password(ann, 7, "new hash", Some(kept)).await.unwrap(), "of other credentials");
    assert!(store.change_password(ann, 0, "new hash", Some(kept)).await.unwrap());
    let (record, session, _) = store.session(hash_token("kept"), NOW_MS).await.unwrap().unwrap();
    assert_eq!((record.password_hash.as_deref(), record.credentials_rev), (Some("new hash"), 1));
    assert_eq!(session.token_at_ms, 0, "and its token is to be replaced");
    assert!(store.session(hash_token("ended"), NOW_MS).await.unwrap().is_none());
    assert!(!store.delete_session(ann, ended).await.unwrap());
    // Who proved to know the old password, and was slow.
    assert!(store.create_session(&new_session("late", ann, NOW_MS + 10)).await.unwrap().is_none());
    assert!(!store.change_password(ann, 0, "hers", None).await.unwrap());
}

async fn a_session_takes_its_tickets_along(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let id = session(&*store, "s", ann).await;
    let of_session = Grant { session: Some(id), ..grant(&*store, ann, NOW_MS + 10) };
    assert!(store.grant_holds(&of_session).await.unwrap());
    assert!(store.create_ticket(hash_token("t"), &of_session).await.unwrap());
    assert!(store.create_ticket(hash_token("u"), &grant(&*store, ann, NOW_MS + 10)).await.unwrap());
    assert!(store.delete_session(ann, id).await.unwrap());
    assert!(store.session(hash_token("s"), NOW_MS).await.unwrap().is_none());
    assert!(store.take_ticket(hash_token("t"), NOW_MS).await.unwrap().is_none());
    assert!(store.take_ticket(hash_token("u"), NOW_MS).await.unwrap().is_some());
    assert!(!store.create_ticket(hash_token("v"), &of_session).await.unwrap(), "it has ended");
    assert!(!store.grant_holds(&of_session).await.unwrap());
    assert!(store.grant_holds(&grant(&*store, ann, NOW_MS + 10)).await.unwrap());
}

async fn a_ticket_opens_once(database: Database) {
    let store = database.open().await;
    let ann = user(&*store, "Ann").await;
    let talk = room(&*store, "talk", None).await;
    let session = session(&*store, "s", ann).await;
    let full = Grant { room_id: Some(talk.id), session: Some(session), ..grant(&*store, ann, NOW_MS + 10) };
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
        store.create_session(&new_session(token, ann, expires_at_ms)).await.unwrap().unwrap();
        store.create_ticket(hash_token(token), &grant(&*store, ann, expires_at_ms)).await.unwrap();
    }
    store.delete_expired(NOW_MS).await.unwrap();
    assert_eq!(database.count("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(database.count("SELECT count(*) FROM tickets").await, 1);
}
